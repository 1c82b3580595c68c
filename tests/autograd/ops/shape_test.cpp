// Shape operations beyond their rows in the case table: element types, sharing, Python's slices, errors.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace xgrad;
using test::leaf, test::message_of, test::contains;

namespace {

Tensor counting(const Shape& shape, DType dtype = float64) {
  return arange(0, shape.count(), 1, int64).to(dtype).reshape(shape);
}

constexpr Index huge = std::numeric_limits<Index>::max(), tiny = std::numeric_limits<Index>::min();

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("shape: every element type keeps its type") {
    for (const DType dtype : {float32, float64, int64, uint8, boolean}) {
      const Tensor x = counting({2, 3}, int64).to(dtype);
      CAPTURE(to_string(dtype));
      const auto same = [&](const Variable& actual, const Tensor& expected) {
        return bitwise_equal(actual.value(), expected.to(dtype));
      };
      CHECK(same(reshape(x, {3, 2}), Tensor({{0, 1}, {2, 3}, {4, 5}})));
      CHECK(same(transpose(x), Tensor({{0, 3}, {1, 4}, {2, 5}})));
      CHECK(same(broadcast_to(reshape(x, {2, 1, 3}), {2, 2, 3}),
                 Tensor({{{0, 1, 2}, {0, 1, 2}}, {{3, 4, 5}, {3, 4, 5}}})));
      CHECK(same(concat({x, x}, 1), Tensor({{0, 1, 2, 0, 1, 2}, {3, 4, 5, 3, 4, 5}})));
      CHECK(same(stack(unbind(x, 1), 0), Tensor({{0, 3}, {1, 4}, {2, 5}})));
      CHECK(same(split(x, {1, 2}, 1)[1], Tensor({{1, 2}, {4, 5}})));
      CHECK(same(slice(x, 1, {{}, {}, -2}), Tensor({{2, 0}, {5, 3}})));
      CHECK(same(slice_scatter(x, {2, 5}, 1, {1, 4}), Tensor({{0, 0, 1, 2, 0}, {0, 3, 4, 5, 0}})));
      CHECK(same(pad(x, {{0, 1}, {1, 0}}, {.value = 1}), Tensor({{1, 0, 1, 2}, {1, 3, 4, 5}, {1, 1, 1, 1}})));
      CHECK(same(pad(x, {{1, 0}, {0, 1}}, {PadMode::reflect}),
                 Tensor({{3, 4, 5, 4}, {0, 1, 2, 1}, {3, 4, 5, 4}})));
      CHECK(same(flip(x, 0), Tensor({{3, 4, 5}, {0, 1, 2}})));
      CHECK(same(roll(x, 1, 1), Tensor({{2, 0, 1}, {5, 3, 4}})));
      CHECK(same(tile(x, {1, 2}), Tensor({{0, 1, 2, 0, 1, 2}, {3, 4, 5, 3, 4, 5}})));
      CHECK(same(repeat(x, 2, 0), Tensor({{0, 1, 2}, {0, 1, 2}, {3, 4, 5}, {3, 4, 5}})));
      CHECK(same(diag(x, 1), Tensor{1, 5}));
      CHECK(same(diag(diag(x)), Tensor({{0, 0}, {0, 4}})));
      CHECK(same(tril(x), Tensor({{0, 0, 0}, {3, 4, 0}})));
      CHECK(same(triu(x), Tensor({{0, 1, 2}, {0, 4, 5}})));
    }
  }

  TEST_CASE("shape: what stays a block of memory is not copied") {
    const Variable x(counting({4, 3, 2}));
    const auto shared = [&](const Variable& y) { return y.value().shares_storage_with(x.value()); };
    CHECK(shared(reshape(x, {6, 4})));
    CHECK(shared(flatten(x)));
    CHECK(shared(unsqueeze(x, 1)));
    CHECK(shared(slice(x, 0, {1, 3})));
    CHECK(shared(slice(unsqueeze(x, 0), 1, {1, 3})));
    CHECK(shared(split(x, 2)[1]));
    CHECK(shared(unbind(x)[3]));
    CHECK(shared(permute(unsqueeze(x, 1), {1, 0, 2, 3})));
    CHECK_FALSE(shared(slice(x, 1, {0, 2})));
    CHECK_FALSE(shared(slice(x, 0, {{}, {}, 2})));
    CHECK_FALSE(shared(transpose(x)));
    CHECK_FALSE(shared(tril(x)));
  }

  TEST_CASE("shape: writing to a result leaves its source alone") {
    const Variable x(counting({4, 2}));
    for (Variable y : {reshape(x, {8}), slice(x, 0, {1, 3}), split(x, 2)[0], unbind(x)[2]})
      for (double& element : y.mutable_span<double>()) element = -1;
    CHECK(bitwise_equal(x.value(), counting({4, 2})));
  }

  TEST_CASE("slice: Python's rules for every begin, end and step") {
    constexpr Index size = 5;
    const Variable x(counting({size}));
    std::vector<std::optional<Index>> bounds{{}, huge, tiny};
    for (Index i = -8; i <= 8; ++i) bounds.push_back(i);
    for (const Index step :
         {Index{1}, Index{2}, Index{3}, Index{7}, huge, Index{-1}, Index{-2}, Index{-7}, tiny})
      for (const auto& begin : bounds)
        for (const auto& end : bounds) {
          // Walks from the first position inside, as the definition says.
          const auto wrapped = [&](Index i) { return i < 0 ? i + size : i; };
          std::vector<double> expected;
          Index next = step > 0 ? std::max<Index>(begin ? wrapped(*begin) : 0, 0)
                                : std::min<Index>(begin ? wrapped(*begin) : size, size - 1);
          while (next >= 0 && next < size) {
            if (end && (step > 0 ? next >= wrapped(*end) : next <= wrapped(*end))) break;
            expected.push_back(static_cast<double>(next));
            if (__builtin_add_overflow(next, step, &next)) break;
          }
          const Tensor actual = slice(x, 0, {begin, end, step}).value();
          const auto count = static_cast<Index>(expected.size());
          if (!bitwise_equal(actual, Tensor::from(expected, {count}))) {
            CAPTURE(begin.value_or(-99));
            CAPTURE(end.value_or(-99));
            CAPTURE(step);
            CHECK(to_string(actual) == to_string(Tensor::from(expected, {count})));
          }
        }
  }

  TEST_CASE("shape: unused outputs contribute zeros and count once") {
    const Variable x = leaf(counting({2, 3}));
    const auto pieces = split(x, {1, 2}, 1);
    const auto rows = unbind(x);
    (sum(pieces[1]) * 2 + sum(rows[0])).backward();
    CHECK(bitwise_equal(x.grad().value(), Tensor({{1.0, 3.0, 3.0}, {0.0, 2.0, 2.0}}, float64)));
  }

  TEST_CASE("shape: parts of concat and stack get their own gradients, in their own type") {
    const Variable a = leaf(counting({2}, float32)), b = leaf(counting({2}));
    const Variable joined = concat({a, a, b});
    CHECK(joined.dtype() == float64);
    sum(joined * Variable(counting({6}))).backward();
    CHECK(bitwise_equal(a.grad().value(), Tensor({2.0, 4.0}, float32)));
    CHECK(bitwise_equal(b.grad().value(), Tensor({4.0, 5.0}, float64)));
    CHECK(stack({Variable(Tensor{true, false}), Variable(Tensor{2, 3})}).dtype() == int64);
  }

  TEST_CASE("shape: numbers are operands") {
    CHECK(reshape(3, {1}).dtype() == int64);
    CHECK(broadcast_to(1.5, {2, 2}).shape() == Shape{2, 2});
    CHECK(tile(2, {3}).value().at({1}) == 2);
  }

  TEST_CASE("shape: names on the tape") {
    const Variable x = leaf(counting({2, 2}));
    CHECK(std::string(transpose(x).operation()) == "permute");
    CHECK(std::string(flatten(x).operation()) == "reshape");
    CHECK(std::string(split(x, 1)[0].operation()) == "split");
    CHECK(std::string(tril(x).operation()) == "tril");
  }

  TEST_CASE("shape: lists that are empty or split nothing") {
    CHECK(unbind(zeros({0, 2})).empty());
    CHECK(split(zeros({0, 2}), std::vector<Index>{}).empty());
    CHECK(split(zeros({0, 2}), 3).size() == 1);
    CHECK(split(zeros({5}), 5).size() == 1);
    CHECK(chunk(zeros({5}), 4).size() == 3);
    CHECK(chunk(zeros({2}), 4).size() == 2);
    CHECK(chunk(zeros({0}), 4).size() == 1);
    CHECK(meshgrid({}).empty());
  }

  TEST_CASE("shape: errors name place, operation and shapes") {
    const Variable x(counting({2, 3}));
    CHECK(contains(message_of<ShapeError>([&] {
                     reshape(x, {4, 2});
                   }),
                   {"shape_test.cpp:", "reshape: ", "(2, 3)", "(4, 2)"}));
    CHECK(contains(message_of<ShapeError>([&] { reshape(x, {-1, -1}); }), {"only one size may be -1"}));
    CHECK(contains(message_of<ShapeError>([&] { reshape(x, {-2, 3}); }), {"negative", "(-2, 3)"}));
    CHECK(contains(message_of<ShapeError>([&] { reshape(zeros({0}), {-1, 0}); }), {"(-1, 0)"}));
    CHECK(contains(message_of<ShapeError>([&] {
                     broadcast_to(x, {3, 2});
                   }),
                   {"shape_test.cpp:", "broadcast_to: ", "(2, 3)", "(3, 2)", "sizes must match"}));
    CHECK_THROWS_AS(broadcast_to(x, {3}), ShapeError);
    CHECK_THROWS_AS(broadcast_to(x, {-1, 2, 3}), ShapeError);
    CHECK_THROWS_AS(broadcast_to(1, {huge, huge}), ShapeError);
    CHECK(contains(message_of<ShapeError>([&] { permute(x, {0}); }), {"permute: ", "(2, 3)", "(0,)"}));
    CHECK_THROWS_AS(permute(x, {0, 0}), ValueError);
    CHECK_THROWS_AS(permute(x, {}), ShapeError);
    CHECK(contains(message_of<IndexError>([&] { permute(x, {0, 2}); }), {"axis 2", "-2 to 1"}));
    CHECK(
        contains(message_of<IndexError>([&] { transpose(x, 0, 5); }), {"transpose: ", "axis 5", "-2 to 1"}));
    CHECK(contains(message_of<IndexError>([&] { unsqueeze(x, 3); }), {"unsqueeze: ", "axis 3", "-3 to 2"}));
    CHECK(contains(message_of<IndexError>([&] { flip(zeros({0}), 1); }), {"flip: ", "axis 1", "-1 to 0"}));
    CHECK_THROWS_AS(flip(x, {1, -1}), ValueError);
    CHECK_THROWS_AS(squeeze(x, 2), IndexError);
    CHECK_THROWS_AS(flatten(x, 1, 0), ValueError);
    CHECK_THROWS_AS(flatten(zeros({0, Index{1} << 40, Index{1} << 40}), 1), ShapeError);
    CHECK_THROWS_AS(roll(x, 1, 2), IndexError);
    CHECK(contains(message_of<ValueError>([&] { tile(x, {1, -1}); }), {"tile: ", "-1"}));
    CHECK_THROWS_AS(tile(x, {huge, 1}), ShapeError);
    CHECK_THROWS_AS(repeat(x, huge, 1), ShapeError);
    CHECK_THROWS_AS(repeat(1, 2, 0), IndexError);
    CHECK_THROWS_AS(meshgrid({x}), ShapeError);
    CHECK_THROWS_AS(meshgrid(std::vector<Variable>(9, Variable(zeros({1})))), ShapeError);
  }

  TEST_CASE("joining and splitting: errors") {
    const Variable x(counting({2, 3}));
    CHECK(contains(message_of<ShapeError>([&] {
                     concat({x, Variable(zeros({2, 3, 1}))});
                   }),
                   {"shape_test.cpp:", "concat: ", "part 1", "(2, 3, 1)", "(2, 3)"}));
    CHECK(contains(message_of<ShapeError>([&] {
                     concat({x, x, Variable(zeros({2, 4}))}, 0);
                   }),
                   {"part 2", "(2, 4)", "other than 0"}));
    CHECK_THROWS_AS(concat({}), ValueError);
    CHECK_THROWS_AS(stack({}), ValueError);
    CHECK_THROWS_AS(concat({Variable(scalar(1))}), IndexError);
    CHECK_THROWS_AS(concat({x, Variable()}), GraphError);
    CHECK_THROWS_AS(concat({x}, 2), IndexError);
    CHECK(contains(message_of<ShapeError>([&] {
                     stack({x, Variable(zeros({3, 2}))});
                   }),
                   {"stack: ", "part 1", "(3, 2)", "(2, 3)"}));
    CHECK_THROWS_AS(stack({x}, 3), IndexError);
    CHECK(contains(message_of<ShapeError>([&] {
                     split(x, {1, 1}, 1);
                   }),
                   {"split: ", "[1, 1]", "axis 1", "(2, 3)"}));
    CHECK_THROWS_AS(split(x, {4, -1}, 1), ShapeError);
    CHECK_THROWS_AS(split(x, {huge, huge, 4}, 1), ShapeError);
    CHECK_THROWS_AS(split(x, 0), ValueError);
    CHECK_THROWS_AS(chunk(x, 0), ValueError);
    CHECK_THROWS_AS(split(1, 1), IndexError);
    CHECK_THROWS_AS(unbind(1), IndexError);
    CHECK_THROWS_AS(slice(x, 0, {0, 1, 0}), ValueError);
    CHECK_THROWS_AS(slice(x, 2, {}), IndexError);
    CHECK(contains(message_of<ShapeError>([&] {
                     slice_scatter(x, {4, 3}, 0, {0, 3});
                   }),
                   {"slice_scatter: ", "(4, 3)", "(3, 3)", "(2, 3)"}));
  }

  TEST_CASE("padding and diagonals: errors") {
    const Variable x(counting({2, 3}));
    CHECK(contains(message_of<ShapeError>([&] {
                     pad(x, {{1, 1}});
                   }),
                   {"shape_test.cpp:", "pad: ", "(2, 3)", "got 1"}));
    CHECK(contains(message_of<ShapeError>([&] { pad(x, {{0, 0}, {-2, -2}}); }), {"axis 1", "(-2, -2)"}));
    CHECK_THROWS_AS(pad(x, {{huge, 0}, {0, 0}}), ShapeError);
    CHECK_THROWS_AS(pad(x, {{tiny, huge}, {0, 0}}), ShapeError);
    CHECK(contains(message_of<ShapeError>([&] {
                     pad(x, {{0, 0}, {0, 3}}, {PadMode::reflect});
                   }),
                   {"reflect", "(0, 3)", "at least 4", "has 3"}));
    CHECK_THROWS_AS(pad(zeros({0}), {{1, 0}}, {PadMode::replicate}), ShapeError);
    CHECK_THROWS_AS(pad(x, {{0, 0}, {-1, 0}}, {PadMode::replicate}), ValueError);
    CHECK_THROWS_AS(pad(Tensor{1, 2}, {{1, 0}}, {.value = 0.5}), ValueError);
    CHECK_THROWS_AS(pad(Tensor{1, 2}, {{1, 0}}, {.value = std::numeric_limits<double>::quiet_NaN()}),
                    ValueError);
    CHECK(contains(message_of<ShapeError>([&] { diag(zeros({2, 2, 2})); }), {"diag: ", "(2, 2, 2)"}));
    CHECK_THROWS_AS(diag(1), ShapeError);
    CHECK_THROWS_AS(diag(zeros({2}), huge), ShapeError);
    CHECK_THROWS_AS(diag(zeros({2}), tiny), ShapeError);
    CHECK(diag(x, huge).shape() == Shape{0});
    CHECK(diag(x, tiny).shape() == Shape{0});
    CHECK(bitwise_equal(tril(x, huge).value(), x.value()));
    CHECK(bitwise_equal(triu(x, tiny).value(), x.value()));
    CHECK(contains(message_of<ShapeError>([&] { tril(zeros({3})); }), {"tril: ", "(3,)"}));
  }

  TEST_CASE("shape: undefined operands throw") {
    const Variable none;
    CHECK_THROWS_AS(reshape(none, {1}), GraphError);
    CHECK_THROWS_AS(flatten(none), GraphError);
    CHECK_THROWS_AS(transpose(none), GraphError);
    CHECK_THROWS_AS(split(none, 1), GraphError);
    CHECK_THROWS_AS(pad(none, {}), GraphError);
    CHECK_THROWS_AS(diag(none), GraphError);
    CHECK_THROWS_AS(meshgrid({none}), GraphError);
  }
}
