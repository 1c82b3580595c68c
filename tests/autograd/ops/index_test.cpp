// Indexing and ordering beyond their rows in the case table: element types, sharing, ties, NaN, errors.
#include "goldens/index.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace xgrad;
using test::leaf, test::message_of, test::contains;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("index: what NumPy selects, for every element type") {
    for (const goldens::Selected& golden : goldens::index()) {
      INFO(golden.name);
      const Tensor x = arange(golden.from.count()).reshape(golden.from);
      const Tensor expected = Tensor::from(golden.positions, golden.shape);
      for (const DType dtype : {float32, float64, int64, uint8, boolean}) {
        CHECK(bitwise_equal(index(x.to(dtype), golden.items).value(), expected.to(dtype)));
        const Variable put = index_put(x.to(dtype), golden.items, ones({}, dtype));
        CHECK(put.dtype() == dtype);
        CHECK(bitwise_equal(index(put, golden.items).value(), ones(golden.shape, dtype)));
      }
    }
  }

  TEST_CASE("index: items are written as they are in NumPy") {
    const Variable x(arange(24).reshape({2, 3, 4}));
    CHECK(index(x, {1, 2, -1}).item<Index>() == 23);
    CHECK(index(x, {0, Slice{1, {}}}).shape() == Shape{2, 4});
    CHECK(index(x, {ellipsis, newaxis, 0}).shape() == Shape{2, 3, 1});
    CHECK(index(x, {Slice{}, Tensor{0, 2}}).shape() == Shape{2, 2, 4});
    CHECK(bitwise_equal(index(x, {Tensor{true, false}, 0}).value(), Tensor({{0, 1, 2, 3}})));
    CHECK(bitwise_equal(index(x, {1, Tensor({2, 0}, uint8), 0}).value(), Tensor{20, 12}));
  }

  TEST_CASE("index: a block is not copied, and puts leave their source alone") {
    const Variable x(arange(24).reshape({2, 3, 4}));
    CHECK(index(x, {1}).value().shares_storage_with(x.value()));
    CHECK(index(x, {1, Slice{0, 2}}).value().shares_storage_with(x.value()));
    CHECK(index(x, {newaxis, ellipsis}).value().shares_storage_with(x.value()));
    CHECK_FALSE(index(x, {Slice{}, 1}).value().shares_storage_with(x.value()));
    const Tensor before = arange(24).reshape({2, 3, 4});
    index_put(x, {1}, 0);
    index_add(x, {Tensor{0, 1}, Slice{}, Tensor{2, 3}}, 5);
    scatter(x, 0, zeros({1, 3, 4}, int64), -1);
    scatter_add(x, 0, zeros({1, 3, 4}, int64), -1);
    CHECK(bitwise_equal(x.value(), before));
  }

  TEST_CASE("index: repeated indices accumulate; in puts the last one counts") {
    const Variable x = leaf(Tensor({1.0, 2.0, 3.0}, float64));
    const Variable source = leaf(Tensor({10.0, 20.0, 30.0, 40.0}, float64));
    const Tensor repeated{0, 2, 0, 2};
    sum(index(x, {repeated})).backward();
    CHECK(bitwise_equal(x.grad().value(), Tensor({2.0, 0.0, 2.0}, float64)));

    for (const bool by_scatter : {false, true}) {
      const Variable put = by_scatter ? scatter(x, 0, repeated, source) : index_put(x, {repeated}, source);
      CHECK(bitwise_equal(put.value(), Tensor({30.0, 2.0, 40.0}, float64)));
      GradOptions options;
      options.seeds = {Variable(Tensor({1.0, inf, 3.0}, float64))};
      const auto gradients = grad({put}, {x, source}, options);
      CHECK(bitwise_equal(gradients[0].value(), Tensor({0.0, inf, 0.0}, float64)));
      CHECK(bitwise_equal(gradients[1].value(), Tensor({0.0, 0.0, 1.0, 3.0}, float64)));
    }
  }

  TEST_CASE("index: values keep the type of what they are put into") {
    const Variable x(zeros({2}, float32));
    CHECK(index_put(x, {0}, 3).dtype() == float32);
    CHECK(index_put(x, {Slice{0, 1}}, Tensor{3}).dtype() == float32);
    CHECK(index_put(x, {0}, scalar(3.5, float64)).dtype() == float32);
    CHECK(contains(message_of<DTypeError>([&] { index_put(x, {Slice{}}, zeros({2}, float64)); }),
                   {"index_test.cpp:", "index_put: ", "float64", "float32", "cast"}));
    CHECK_THROWS_AS(index_put(Tensor{1, 2}, {0}, 0.5), DTypeError);
    CHECK_THROWS_AS(scatter(Tensor{1, 2}, 0, Tensor{0}, Tensor{0.5}), DTypeError);
    CHECK_THROWS_AS(masked_fill(Tensor{1, 2}, Tensor{true, false}, 0.5), DTypeError);
    CHECK(masked_fill(x, Tensor{true, false}, 2).dtype() == float32);
    CHECK_THROWS_AS(index_add(Tensor{true, false}, {0}, true), DTypeError);
  }

  TEST_CASE("index: errors name index, axis, size and shapes") {
    const Variable x(zeros({2, 3}));
    CHECK(contains(message_of<IndexError>([&] {
                     index(x, {0, 3});
                   }),
                   {"index_test.cpp:", "index: ", "index 3", "axis 1", "size 3"}));
    CHECK(contains(message_of<IndexError>([&] { index(x, {-3}); }), {"index -3", "axis 0", "size 2"}));
    CHECK(contains(message_of<IndexError>([&] {
                     index(x, {Slice{}, Tensor{0, -4}});
                   }),
                   {"index -4", "axis 1", "size 3"}));
    CHECK(contains(message_of<IndexError>([&] {
                     index(x, {2, Tensor{0}});
                   }),
                   {"index 2", "axis 0", "size 2"}));
    CHECK(contains(message_of<IndexError>([&] { index(x, {0, 0, 0}); }), {"3 axes", "(2, 3)"}));
    CHECK_THROWS_AS(index(x, {ellipsis, ellipsis}), IndexError);
    CHECK_THROWS_AS(index(scalar(1), {0}), IndexError);
    CHECK_THROWS_AS(index(zeros({0}), {0}), IndexError);
    CHECK_THROWS_AS(index(x, {Tensor{0.5}}), DTypeError);
    CHECK_THROWS_AS(index(x, {Slice{0, 1, 0}}), ValueError);
    CHECK(contains(message_of<ShapeError>([&] {
                     index(x, {Tensor{true, false, true}});
                   }),
                   {"mask", "(3,)", "(2, 3)"}));
    CHECK(contains(message_of<ShapeError>([&] {
                     index(x, {Tensor{0, 1}, Tensor{0, 1, 2}});
                   }),
                   {"(2,)", "(3,)"}));
    CHECK_THROWS_AS(index(zeros({1, 1, 1, 1, 1, 1, 1, 1}), {newaxis}), ShapeError);
    CHECK(contains(message_of<ShapeError>([&] { index_put(x, {0}, zeros({2})); }),
                   {"index_put: ", "(2,)", "(3,)", "selection"}));
    CHECK_THROWS_AS(index_add(x, {0}, zeros({1, 3})), ShapeError);
    CHECK_THROWS_AS(index(Variable(), {0}), GraphError);
    CHECK_THROWS_AS(index(x, {Variable()}), GraphError);
  }

  TEST_CASE("gather, scatter, index_select: errors") {
    const Variable x(zeros({2, 3}));
    CHECK(contains(message_of<IndexError>([&] {
                     gather(x, 1, Tensor({{0}, {3}}));
                   }),
                   {"index_test.cpp:", "gather: ", "index 3", "axis 1", "size 3"}));
    CHECK(contains(message_of<ShapeError>([&] {
                     gather(x, 1, zeros({3, 1}, int64));
                   }),
                   {"(2, 3)", "(3, 1)"}));
    CHECK_THROWS_AS(gather(x, 1, Tensor{0}), ShapeError);
    CHECK_THROWS_AS(gather(x, 2, zeros({2, 3}, int64)), IndexError);
    CHECK_THROWS_AS(gather(x, 0, zeros({2, 3}, float32)), DTypeError);
    CHECK_THROWS_AS(gather(x, 0, Variable()), GraphError);
    CHECK_THROWS_AS(scatter(x, 0, zeros({3, 4}, int64), 1), ShapeError);
    CHECK(contains(message_of<ShapeError>([&] {
                     scatter_add(x, 0, zeros({1, 3}, int64), zeros({2}));
                   }),
                   {"scatter_add: ", "(2,)", "(1, 3)"}));
    CHECK(contains(message_of<IndexError>([&] { index_select(x, -1, Tensor{5}); }),
                   {"index_select: ", "index 5", "axis 1", "size 3"}));
    CHECK_THROWS_AS(index_select(x, 2, Tensor{0}), IndexError);
    CHECK_THROWS_AS(index_select(x, 0, Tensor{true}), DTypeError);
    CHECK(contains(message_of<ShapeError>([&] {
                     masked_select(x, Tensor{true, false});
                   }),
                   {"(2,)", "(2, 3)"}));
    CHECK_THROWS_AS(masked_select(x, zeros({2, 3})), DTypeError);
    CHECK_THROWS_AS(masked_fill(x, zeros({2, 3}), 1), DTypeError);
    CHECK_THROWS_AS(masked_fill(x, zeros({2}, boolean), 1), ShapeError);
    CHECK_THROWS_AS(masked_fill(x, zeros({2, 3}, boolean), zeros({4, 2, 3})), ShapeError);
  }

  TEST_CASE("masked_fill: what is hidden gets no gradient, whatever it is") {
    const Variable x = leaf(Tensor({not_a_number, 1.0, inf}, float64));
    const Variable y = masked_fill(x, Tensor{true, false, true}, 0);
    CHECK(bitwise_equal(y.value(), Tensor({0.0, 1.0, 0.0}, float64)));
    y.backward(Variable(Tensor({inf, 2.0, not_a_number}, float64)));
    CHECK(bitwise_equal(x.grad().value(), Tensor({0.0, 2.0, 0.0}, float64)));
  }

  TEST_CASE("sort: stable, NaN last when ascending and first when descending") {
    const Tensor x = Tensor({2.0, not_a_number, 1.0, 2.0, -inf, 1.0}, float64);
    const ValueAndIndex up = sort(x), down = sort(x, 0, {.descending = true});
    CHECK(bitwise_equal(up.indices.value(), Tensor{4, 2, 5, 0, 3, 1}));
    CHECK(bitwise_equal(down.indices.value(), Tensor{1, 0, 3, 2, 5, 4}));
    CHECK(allclose(up.values.value(), Tensor({-inf, 1.0, 1.0, 2.0, 2.0, not_a_number}, float64)));
    CHECK(bitwise_equal(argsort(x).value(), up.indices.value()));
    CHECK(bitwise_equal(topk(x, 3).indices.value(), Tensor{1, 0, 3}));
    CHECK(bitwise_equal(topk(x, 3, -1, {.largest = false}).indices.value(), Tensor{4, 2, 5}));
    CHECK(bitwise_equal(sort(Tensor{true, false, true}).values.value(), Tensor{false, true, true}));
    CHECK(bitwise_equal(sort(Tensor{3, -1, 2}).values.value(), Tensor{-1, 2, 3}));
  }

  TEST_CASE("sort and topk: positions take no part in differentiation") {
    const Variable x = leaf(Tensor({2.0, 2.0, 1.0}, float64));
    const ValueAndIndex sorted = sort(x), top = topk(x, 1);
    CHECK(sorted.values.requires_grad());
    CHECK_FALSE(sorted.indices.requires_grad());
    CHECK_FALSE(argsort(x).requires_grad());
    CHECK(sorted.indices.dtype() == int64);
    sum(top.values).backward();
    CHECK(bitwise_equal(x.grad().value(), Tensor({1.0, 0.0, 0.0}, float64)));
    CHECK(topk(scalar(1.5), 0).values.shape() == Shape{0});
    CHECK(topk(zeros({2, 3}), 0).values.shape() == Shape{2, 0});
    CHECK(contains(message_of<ValueError>([&] { topk(x, 4); }), {"topk: ", "[0, 3]", "axis 0", "got 4"}));
    CHECK_THROWS_AS(topk(x, -1), ValueError);
    CHECK_THROWS_AS(sort(x, 1), IndexError);
  }

  TEST_CASE("one_hot: types and errors") {
    for (const DType dtype : {float32, float64, int64, uint8, boolean})
      CHECK(bitwise_equal(one_hot(Tensor{1, 0}, 2, dtype).value(), Tensor({{0, 1}, {1, 0}}).to(dtype)));
    CHECK(one_hot(Tensor({2}, uint8), 3).value().at({0, 2}) == 1);
    CHECK(contains(message_of<IndexError>([&] {
                     one_hot(Tensor{0, 3}, 3);
                   }),
                   {"one_hot: ", "class 3", "3 classes"}));
    CHECK_THROWS_AS(one_hot(Tensor{-1}, 3), IndexError);
    CHECK_THROWS_AS(one_hot(Tensor{0.5}, 3), DTypeError);
    CHECK_THROWS_AS(one_hot(Tensor{0}, -1), ValueError);
    CHECK(one_hot(zeros({0}, int64), 0).shape() == Shape{0, 0});
  }
}
