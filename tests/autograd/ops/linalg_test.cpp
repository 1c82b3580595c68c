// Messages, dtypes and the fused paths of matrix products; values and derivatives are in the case table.
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

namespace {

using namespace xgrad;
using test::message_of, test::contains;

Tensor noise(const Shape& shape, unsigned seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}

std::string here(int line) { return "linalg_test.cpp:" + std::to_string(line) + ": "; }

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("matmul: messages name place, operation and both shapes") {
    const Variable x(zeros({64, 128})), y(zeros({100, 10})), v(zeros({3})), s(zeros({}));
    const auto product = message_of<ShapeError>([&] { matmul(x, y); });
    const std::string place_of_product = here(__LINE__ - 1);
    CHECK(product == place_of_product + "matmul: inner sizes differ: (64, 128) x (100, 10)");
    CHECK(contains(message_of<ShapeError>([&] { matmul(x, y, {.transpose_a = true}); }),
                   "inner sizes differ: (64, 128) transposed x (100, 10)"));
    CHECK(contains(message_of<ShapeError>([&] { matmul(v, y); }), "inner sizes differ: (3,) x (100, 10)"));
    CHECK(contains(message_of<ShapeError>([&] { matmul(s, y); }),
                   "expects vectors or matrices, got () x (100, 10)"));
    CHECK(contains(message_of<ShapeError>([&] { matmul(2.0, y); }), "scale with *"));
    CHECK(contains(message_of<ShapeError>([&] { matmul(v, v, {.transpose_a = true}); }),
                   "cannot be transposed"));
    CHECK(contains(message_of<ShapeError>([&] {
                     matmul(zeros({2, 3, 4}), zeros({5, 4, 3}));
                   }),
                   "(2, 3, 4) x (5, 4, 3)"));
    CHECK_THROWS_AS(matmul(Tensor{{1}, {2}}, Tensor{{1, 2}, {3, 4}}), ShapeError);
    CHECK_THROWS_AS(matmul(Variable(), y), GraphError);
    const auto of_matrix = message_of<ShapeError>([&] { dot(x, v); });
    const std::string place_of_of_matrix = here(__LINE__ - 1);
    CHECK(of_matrix == place_of_of_matrix + "dot: expects vectors, got the shape (64, 128)");
    CHECK(contains(message_of<ShapeError>([&] { dot(v, zeros({4})); }),
                   "dot: inner sizes differ: (3,) x (4,)"));
    CHECK(contains(message_of<ShapeError>([&] { outer(v, y); }), "outer: expects vectors"));
    CHECK(contains(message_of<ShapeError>([&] { linear(x, y); }), "linear: "));
    CHECK(contains(message_of<ShapeError>([&] {
                     linear(x, zeros({10, 128}), Variable(zeros({9})));
                   }),
                   "(9,)"));
  }

  TEST_CASE("matmul: dtypes") {
    const Tensor a = ones({2, 3}), b = ones({3, 2}, float64);
    CHECK(matmul(a, b).dtype() == float64);
    CHECK(matmul(a, Tensor{{1, 2}, {3, 4}, {5, 6}}).dtype() == float32);
    CHECK(matmul(Tensor{{1, 2}}, Tensor{3, 4}).dtype() == int64);
    CHECK(matmul(Tensor({{1, 2}}, uint8), Tensor({3, 4}, uint8)).value().at<std::uint8_t>({0}) == 11);
    // Exact where a float64 would round.
    const Index big = (Index{1} << 60) + 1;
    CHECK(matmul(Tensor{{big, 1}}, Tensor{1, 1}).value().at<Index>({0}) == big + 1);
    CHECK(linear(Tensor{{1, 2}}, Tensor{{3, 4}}).dtype() == float32);
    CHECK(linear(Tensor{{1, 2}}, ones({4, 2}, float64)).dtype() == float64);
  }

  TEST_CASE("matmul: gradients agree whether or not a graph is created") {
    struct Row {
      Shape a, b;
      MatmulOptions options;
    };
    const Row rows[] = {{{5, 3, 4}, {4, 2}, {}},
                        {{5, 4, 3}, {4, 2}, {.transpose_a = true}},
                        {{3, 4}, {5, 4, 2}, {}},
                        {{3, 4}, {5, 2, 4}, {.transpose_a = false, .transpose_b = true}},
                        {{4, 3}, {2, 5, 2, 4}, {.transpose_a = true, .transpose_b = true}},
                        {{1, 3, 4}, {5, 4, 2}, {}},
                        {{4}, {5, 4, 2}, {}},
                        {{5, 2, 4}, {4}, {}},
                        {{2, 1, 3, 4}, {5, 4, 2}, {}}};
    for (const Row& row : rows) {
      CAPTURE(to_string(row.a));
      CAPTURE(to_string(row.b));
      const Variable a(noise(row.a, 1), {.requires_grad = true}), b(noise(row.b, 2), {.requires_grad = true});
      const Variable y = matmul(a, b, row.options);
      GradOptions options;
      options.seeds = {Variable(noise(y.shape(), 3))};
      options.retain_graph = true;
      const auto fused = grad({y}, {a, b}, options);
      options.create_graph = true;
      const auto composed = grad({y}, {a, b}, options);
      for (std::size_t i = 0; i < 2; ++i)
        CHECK(allclose(fused[i].value(), composed[i].value(), {.rtol = 1e-12, .atol = 1e-12}));
    }
  }

  TEST_CASE("linear agrees with matmul and add") {
    const Variable x(noise({2, 5, 3}, 1), {.requires_grad = true}),
        w(noise({4, 3}, 2), {.requires_grad = true}), b(noise({4}, 3), {.requires_grad = true});
    const Variable fused = linear(x, w, b), composed = matmul(x, w, {.transpose_b = true}) + b;
    CHECK(allclose(fused.value(), composed.value(), {.rtol = 1e-12, .atol = 1e-12}));
    GradOptions options;
    options.seeds = {Variable(noise(fused.shape(), 4))};
    const auto actual = grad({fused}, {x, w, b}, options), expected = grad({composed}, {x, w, b}, options);
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(allclose(actual[i].value(), expected[i].value(), {.rtol = 1e-12, .atol = 1e-12}));
  }

  TEST_CASE("einsum: malformed formulas and operands that do not fit") {
    const Variable m(zeros({2, 3})), v(zeros({3}));
    const auto text = [&](const char* formula, const std::vector<Variable>& x) {
      return message_of<ValueError>([&] { einsum(formula, x); });
    };
    const auto malformed = message_of<ValueError>([&] { einsum("i-j", {m}); });
    const std::string place_of_malformed = here(__LINE__ - 1);
    CHECK(malformed ==
          place_of_malformed + "einsum: malformed formula \"i-j\": unexpected '-' at position 1");
    CHECK(contains(text("ij->i->j", {m}), "unexpected '-'"));
    CHECK(contains(text("ij->i,j", {m}), "unexpected ','"));
    CHECK(contains(text("i.j", {m}), "unexpected '.'"));
    CHECK(contains(text("...i...", {m}), "appears twice"));
    CHECK(contains(text("i1", {m}), "unexpected '1'"));
    CHECK(contains(text("ij,j", {m}), "2 terms for 1 operands"));
    CHECK(contains(text("ij", {}), "1 terms for 0 operands"));
    CHECK(contains(text("ij->ii", {m}), "label 'i' twice"));
    CHECK(contains(text("ij->k", {m}), "label 'k' is in no input"));
    CHECK(contains(text("...j->j", {m}), "the output has not"));
    CHECK(
        contains(message_of<ShapeError>([&] { einsum("i", {m}); }), "operand 0 of shape (2, 3) has 2 axes"));
    CHECK(contains(message_of<ShapeError>([&] { einsum("ij...k", {m}); }), "its term has 3 labels"));
    CHECK(contains(message_of<ShapeError>([&] {
                     einsum("ij,i", {m, v});
                   }),
                   "label 'i' has size 2 and, in operand 1 of shape (3,), size 3"));
    CHECK_THROWS_AS(einsum("ii", {m}), ShapeError);
    CHECK(contains(message_of<ShapeError>([&] {
                     einsum("...,...", {Variable(zeros({2})), v});
                   }),
                   "do not broadcast"));
    CHECK_THROWS_AS(einsum("i", {Variable()}), GraphError);
  }

  TEST_CASE("einsum: integers stay exact") {
    const Variable a(Tensor{{1, 2}, {3, 4}}), b(Tensor{{5, 6}, {7, 8}});
    CHECK(bitwise_equal(einsum("ij,jk->ik", {a, b}).value(), Tensor{{19, 22}, {43, 50}}));
    CHECK(einsum("ii", {a}).item<Index>() == 5);
    CHECK(bitwise_equal(einsum("ij,ij->j", {a, b}).value(), Tensor{26, 44}));
  }
}
