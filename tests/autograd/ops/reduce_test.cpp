// Reductions, scans and softmax where the case table does not reach: ties, zeros, the ends of the range,
// dtypes, errors.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace {

using namespace xgrad;
using test::leaf, test::message_of, test::contains;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Variable leaf(std::initializer_list<Nested> values) { return test::leaf(Tensor(values, float64)); }

GradOptions recorded(bool create_graph = true) {
  GradOptions options;
  options.create_graph = create_graph;
  return options;
}

// d(sum f)/dx at x.
template <class F>
Tensor gradient_of(F f, const Tensor& x, bool create_graph = false) {
  const Variable v = leaf(x);
  const Variable y = sum(f(v));
  return grad(y, v, recorded(create_graph)).value();
}

// Equality up to rounding, NaN equal to NaN.
CheckResult same(const Tensor& actual, std::initializer_list<Nested> expected) {
  return allclose(actual, Tensor(expected, actual.dtype()), {.rtol = 1e-12, .atol = 1e-15});
}

Tensor number(double value, DType dtype = float64) { return scalar(value, dtype); }

// Uneven values of shape (2, 3, 4).
Tensor test_input() { return sin(linspace(0, 40, 24, float64)).value().reshape({2, 3, 4}); }
Tensor other_input() { return cos(linspace(3, 60, 24, float64)).value().reshape({2, 3, 4}); }

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("reductions: errors name the place, the operation and what is legal") {
    const Variable x(zeros({2, 3}, float64));
    const std::string range = message_of<IndexError>([&] { sum(x, 2); });
    CHECK(contains(range, "reduce_test.cpp:" + std::to_string(__LINE__ - 1) + ": sum: "));
    CHECK(contains(range, "-2 to 1"));
    CHECK(contains(message_of<ValueError>([&] { mean(x, {0, -2}); }), "mean: axis -2 is given twice"));
    CHECK(contains(message_of<IndexError>([&] { xgrad::max(x, -3); }), "max: axis -3"));
    CHECK(contains(message_of<IndexError>([&] { softmax(x, 5); }), "softmax: axis 5"));
    CHECK(contains(message_of<IndexError>([&] { cumsum(1.0, 1); }), "cumsum: axis 1"));
    const std::string shapes = message_of<ShapeError>([&] { sum_to(x, {2}); });
    CHECK(contains(shapes, "reduce_test.cpp:" + std::to_string(__LINE__ - 1) + ": sum_to: "));
    CHECK(contains(shapes, "(2,)"));
    CHECK(contains(shapes, "(2, 3)"));
    const std::string factors = message_of<ShapeError>([&] { recurrence(x, zeros({2, 2}, float64), 0); });
    CHECK(contains(factors, "recurrence: "));
    CHECK(contains(factors, "(2, 3)"));
    CHECK(contains(factors, "(2, 2)"));
    CHECK(contains(message_of<ValueError>([&] { norm(x, {}, {.p = not_a_number}); }), "norm: "));
    CHECK_THROWS_AS(sum(Variable()), GraphError);
    CHECK_THROWS_AS(xgrad::max(Variable(), 0), GraphError);
    CHECK(sum(x).item() == 0);
  }

  TEST_CASE("reductions: extremes of nothing throw, sums and products of nothing do not") {
    const Variable none(zeros({0, 3}, float64));
    for (auto f : {amax, amin}) {
      CHECK(contains(message_of<ValueError>([&] { f(none, 0, {}); }), "(0, 3)"));
      CHECK_THROWS_AS(f(none, {}, {}), ValueError);
    }
    CHECK_THROWS_AS(xgrad::max(none, 0), ValueError);
    CHECK_THROWS_AS(xgrad::min(none, 0), ValueError);
    CHECK_THROWS_AS(argmax(none, 0), ValueError);
    CHECK(contains(message_of<ValueError>([&] { argmin(none); }), "argmin: "));
    CHECK(amax(none, 1).shape() == Shape{0});
    CHECK(argmax(none, 1).shape() == Shape{0});
    CHECK(same(sum(none, 0).value(), {0.0, 0.0, 0.0}));
    CHECK(same(prod(none, 0).value(), {1.0, 1.0, 1.0}));
    CHECK(same(mean(none, 0).value(), {not_a_number, not_a_number, not_a_number}));
    CHECK(same(logsumexp(none, 0).value(), {-inf, -inf, -inf}));
    CHECK(xgrad::all(none).item<bool>());
    CHECK_FALSE(xgrad::any(none).item<bool>());
  }

  TEST_CASE("mean over an empty batch is NaN with zero gradients") {
    const Variable rows(zeros({0, 3}, float64)), weight = leaf({1.0, 2.0, 3.0});
    const Variable loss = mean(rows * weight);
    CHECK(std::isnan(loss.item()));
    CHECK(same(grad(loss, weight).value(), {0.0, 0.0, 0.0}));
    const Variable total = sum(rows * weight);
    CHECK(total.item() == 0);
    CHECK(same(grad(total, weight).value(), {0.0, 0.0, 0.0}));
  }

  TEST_CASE("reductions: dtypes") {
    const Variable bits(Tensor({{true, false}, {true, true}}, boolean)), bytes(Tensor({200, 100}, uint8)),
        integers(Tensor({3, -4, 5})), reals(ones({2}, float32));
    CHECK(sum(bits).dtype() == int64);
    CHECK(sum(bits).item<Index>() == 3);
    CHECK(sum(bytes).item<Index>() == 300);
    CHECK(prod(bytes).item<Index>() == 20000);
    CHECK(prod(integers).item<Index>() == -60);
    CHECK(cumsum(bytes, 0).dtype() == int64);
    CHECK(bitwise_equal(cumprod(integers, 0).value(), Tensor({3, -12, -60})));
    CHECK(bitwise_equal(cumsum(integers, 0, {.reverse = true}).value(), Tensor({4, 1, 5})));
    CHECK(amax(integers).dtype() == int64);
    CHECK(amin(integers).item<Index>() == -4);
    CHECK(amax(bits).dtype() == boolean);
    CHECK(xgrad::max(bytes, 0).values.item<std::uint8_t>() == 200);
    CHECK(argmin(integers).item<Index>() == 1);
    CHECK(sum_to(bits, {2}).dtype() == int64);
    CHECK(sum_to(bits, {2, 2}).dtype() == int64);
    CHECK(count_nonzero(bits).item<Index>() == 3);
    for (const Variable& result :
         {mean(integers), var(integers), stddev(integers), norm(integers), logsumexp(integers),
          softmax(integers, 0), log_softmax(integers, 0), recurrence(2, integers, 0), mean(bits)})
      CHECK(result.dtype() == float32);
    CHECK(mean(integers).item() == doctest::Approx(4.0 / 3));
    CHECK(mean(reals).dtype() == float32);
    CHECK(sum(3.0).shape() == Shape{});
  }

  TEST_CASE("amax and amin share the gradient of ties evenly") {
    const Tensor x({{3.0, 1.0, 3.0}, {2.0, 2.0, 2.0}}, float64);
    const auto rows_largest = [](auto& v) { return amax(v, 1); };
    CHECK(same(gradient_of(rows_largest, x), {{0.5, 0.0, 0.5}, {1.0 / 3, 1.0 / 3, 1.0 / 3}}));
    CHECK(same(gradient_of([](auto& v) { return amin(v, 1); }, x),
               {{0.0, 1.0, 0.0}, {1.0 / 3, 1.0 / 3, 1.0 / 3}}));
    CHECK(same(gradient_of([](auto& v) { return amax(v); }, x), {{0.5, 0.0, 0.5}, {0.0, 0.0, 0.0}}));
    const Tensor broken({1.0, not_a_number, 5.0}, float64);
    CHECK(std::isnan(amax(broken).item()));
    CHECK(same(gradient_of([](auto& v) { return amax(v); }, broken), {0.0, 1.0, 0.0}));
  }

  TEST_CASE("max and min with index give all to the first of ties") {
    const Variable x = leaf({{3.0, 1.0, 3.0}, {2.0, 2.0, 2.0}});
    const ValueAndIndex largest = xgrad::max(x, 1), smallest = xgrad::min(x, -1, {.keepdims = true});
    CHECK(bitwise_equal(largest.indices.value(), Tensor({0, 0})));
    CHECK(bitwise_equal(smallest.indices.value(), Tensor({{1}, {0}})));
    CHECK_FALSE(largest.indices.requires_grad());
    CHECK(same(grad(sum(largest.values), x).value(), {{1.0, 0.0, 0.0}, {1.0, 0.0, 0.0}}));
    CHECK(same(grad(sum(smallest.values), x).value(), {{0.0, 1.0, 0.0}, {1.0, 0.0, 0.0}}));
    CHECK_FALSE(argmax(x).requires_grad());
    CHECK(argmax(x).shape() == Shape{});
    CHECK(argmax(x, 0, {.keepdims = true}).shape() == Shape{1, 3});
    const Variable broken(Tensor({1.0, not_a_number, not_a_number}, float64));
    CHECK(argmax(broken).item<Index>() == 1);
    CHECK(std::isnan(xgrad::min(broken, 0).values.item()));
  }

  TEST_CASE("prod: exact derivatives among zeros") {
    const auto product = [](auto& v) { return prod(v); };
    CHECK(same(gradient_of(product, Tensor({2.0, 0.0, 3.0}, float64)), {0.0, 6.0, 0.0}));
    CHECK(same(gradient_of(product, Tensor({2.0, 0.0, 0.0, 3.0}, float64)), {0.0, 0.0, 0.0, 0.0}));
    // Neither division nor the whole product takes part: one infinite factor spoils no other gradient.
    CHECK(same(gradient_of(product, Tensor({1e200, 1e200, 1e-200}, float64)), {1.0, 1.0, inf}));

    // abcd at b = c = 0: d/db = acd, whose gradient is (cd, 0, ad, ac), whose sum has (c + d, 0, a + d, a +
    // c).
    const Variable x = leaf({2.0, 0.0, 0.0, 5.0});
    const Variable first = grad(prod(x), x, recorded());
    const Variable second = grad(sum(first * Tensor({0.0, 1.0, 0.0, 0.0}, float64)), x, recorded());
    CHECK(same(second.value(), {0.0, 0.0, 10.0, 0.0}));
    CHECK(same(grad(sum(second), x).value(), {5.0, 0.0, 7.0, 2.0}));
  }

  TEST_CASE("cumprod: exact derivatives among zeros") {
    const auto running = [](auto& v) { return cumprod(v, 0); };
    // y = (a, ab, abc) at (2, 0, 3): d/da = 1 + b + bc, d/db = a + ac, d/dc = ab.
    CHECK(same(gradient_of(running, Tensor({2.0, 0.0, 3.0}, float64)), {1.0, 8.0, 0.0}));
    CHECK(same(gradient_of(running, Tensor({0.0, 0.0, 3.0}, float64)), {1.0, 0.0, 0.0}));
    const Variable x = leaf({2.0, 0.0, 3.0});
    const Variable first = grad(sum(cumprod(x, 0)), x, recorded());
    // d/db of the above: (1 + c, 0, a).
    CHECK(same(grad(sum(first * Tensor({0.0, 1.0, 0.0}, float64)), x).value(), {4.0, 0.0, 2.0}));
  }

  TEST_CASE("scans: reverse runs from the end") {
    const Variable x(Tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}, float64));
    CHECK(same(cumsum(x, 1, {.reverse = true}).value(), {{6.0, 5.0, 3.0}, {15.0, 11.0, 6.0}}));
    CHECK(same(cumprod(x, 0, {.reverse = true}).value(), {{4.0, 10.0, 18.0}, {4.0, 5.0, 6.0}}));
    // Discounted returns.
    CHECK(same(recurrence(0.5, x, 1, {.reverse = true}).value(), {{2.75, 3.5, 3.0}, {8.0, 8.0, 6.0}}));
    // The factor before the first term is not read.
    CHECK(same(recurrence(Tensor({inf, 2.0}, float64), Tensor({1.0, 1.0}, float64), 0).value(), {1.0, 3.0}));
  }

  TEST_CASE("variance is stable and its derivative is, too") {
    const Tensor x({1e8 + 4, 1e8 + 7, 1e8 + 13, 1e8 + 16}, float64);
    CHECK(var(x).item() == doctest::Approx(30).epsilon(1e-12));
    CHECK(same(gradient_of([](auto& v) { return var(v); }, x), {-4.0, -2.0, 2.0, 4.0}));
    CHECK(stddev(x, {}, {.correction = 0}).item() == doctest::Approx(std::sqrt(22.5)));
    // The squares leave float32, the deviation does not; nor does the mean, whose sum does.
    const Tensor wide({3e38, -3e38, 3e38, -3e38}, float32);
    CHECK(stddev(wide, {}, {.correction = 0}).item() == doctest::Approx(3e38));
    CHECK(mean(Tensor({3e38, 3e38}, float32)).item() == doctest::Approx(3e38));
    const Tensor narrow({1e-30, -1e-30}, float32);
    CHECK(stddev(narrow, {}, {.correction = 0}).item() == doctest::Approx(1e-30));
    CHECK(allclose(gradient_of([](auto& v) { return stddev(v, {}, {.correction = 0}); }, narrow),
                   Tensor({0.5, -0.5}, float32)));
  }

  TEST_CASE("std of constant data has gradient 0, var of too few elements is not finite") {
    const Tensor same_numbers({2.0, 2.0, 2.0}, float64);
    const auto deviation = [](auto& v) { return stddev(v); };
    CHECK(same(gradient_of(deviation, same_numbers), {0.0, 0.0, 0.0}));
    CHECK(same(gradient_of(deviation, same_numbers, true), {0.0, 0.0, 0.0}));
    CHECK(std::isnan(var(Tensor({2.0}, float64)).item()));
    CHECK(std::isnan(stddev(Tensor({2.0}, float64)).item()));
    CHECK(var(Tensor({2.0, 4.0}, float64), {}, {.correction = 3}).item() == inf);
  }

  TEST_CASE("var and std of nothing are NaN, and nothing where nothing remains") {
    for (const DType dtype : {float32, float64})
      for (const bool deviation : {false, true}) {
        const auto spread = [&](const Variable& x, const Axes& axes) {
          return deviation ? stddev(x, axes) : var(x, axes);
        };
        for (const auto& [shape, axis] : {std::pair{Shape{0, 3}, 0}, std::pair{Shape{3, 0}, 1}}) {
          const Variable x = leaf(zeros(shape, dtype));
          CHECK(bitwise_equal(isnan(spread(x, axis)).value(), ones({3}, boolean)));
          CHECK(grad(sum(spread(x, axis)), x).shape() == shape);
          CHECK(std::isnan(spread(x, {}).item()));
          const Variable none = spread(x, 1 - axis);
          CHECK(none.shape() == Shape{0});
          CHECK(grad(sum(none), x).shape() == shape);
        }
      }
  }

  TEST_CASE("norm'(0) = 0 for every p") {
    for (double p : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.0, inf, -inf}) {
      CAPTURE(p);
      const auto length = [p](auto& v) { return norm(v, {}, {.p = p}); };
      CHECK(same(gradient_of(length, zeros({3}, float64)), {0.0, 0.0, 0.0}));
      CHECK(same(gradient_of(length, zeros({3}, float64), true), {0.0, 0.0, 0.0}));
      CHECK(gradient_of(length, zeros({0}, float64)).shape() == Shape{0});
      const Variable x = leaf({0.0, 0.0});
      const Variable first = grad(norm(x, {}, {.p = p}), x, recorded());
      if (first.requires_grad()) {
        GradOptions options;
        options.allow_unused = true;
        const Variable second = grad(std::vector{sum(first)}, std::vector{x}, options)[0];
        if (second.defined()) CHECK(same(second.value(), {0.0, 0.0}));
      }
    }
  }

  TEST_CASE("norm: single zeros, ties") {
    const Tensor x({3.0, 0.0, -4.0, 4.0}, float64);
    const auto slope = [&](double p) {
      return gradient_of([p](auto& v) { return norm(v, {}, {.p = p}); }, x);
    };
    CHECK(same(slope(0), {0.0, 0.0, 0.0, 0.0}));
    CHECK(same(slope(1), {1.0, 0.0, -1.0, 1.0}));
    CHECK(same(slope(inf), {0.0, 0.0, -0.5, 0.5}));
    CHECK(same(slope(-inf), {0.0, 0.0, 0.0, 0.0}));
    CHECK(slope(0.5).at({1}) == 0);
    CHECK(slope(0.5).at({0}) > 0);
    CHECK(slope(1.5).at({1}) == 0);
    const double length = std::sqrt(41.0);
    CHECK(same(slope(2), {3 / length, 0.0, -4 / length, 4 / length}));
    CHECK(norm(x, {}, {.p = 0}).item() == 3);
    CHECK(std::isnan(norm(Tensor({1.0, not_a_number}, float64), {}, {.p = inf}).item()));
  }

  TEST_CASE("norm neither overflows nor underflows, its gradient neither") {
    for (double scale : {1e300, 1e-300}) {
      const Tensor x({3 * scale, -4 * scale}, float64);
      CAPTURE(scale);
      CHECK(norm(x).item() == doctest::Approx(5 * scale).epsilon(1e-14));
      CHECK(same(gradient_of([](auto& v) { return norm(v); }, x), {0.6, -0.8}));
      const double third = std::pow(91.0, 1.0 / 3);
      CHECK(norm(x, {}, {.p = 3}).item() == doctest::Approx(third * scale).epsilon(1e-13));
      CHECK(same(gradient_of([](auto& v) { return norm(v, {}, {.p = 3}); }, x),
                 {9 / (third * third), -16 / (third * third)}));
    }
  }

  TEST_CASE("logsumexp at the ends of the range") {
    const auto lse = [](auto& v) { return logsumexp(v, -1); };
    const Tensor x({{1000.0, 1000.0}, {-1000.0, -1000.0}, {-inf, -inf}, {-inf, 2.0}}, float64);
    const double log2 = std::log(2.0);
    CHECK(same(logsumexp(x, 1).value(), {1000 + log2, -1000 + log2, -inf, 2.0}));
    for (bool create_graph : {false, true})
      CHECK(same(gradient_of(lse, x, create_graph), {{0.5, 0.5}, {0.5, 0.5}, {0.0, 0.0}, {0.0, 1.0}}));
    CHECK(logsumexp(Tensor({1.0, inf}, float64)).item() == inf);
    CHECK(logsumexp(number(-inf)).item() == -inf);
  }

  TEST_CASE("softmax and log_softmax at the ends of the range") {
    const Tensor x({{1000.0, 0.0, -1000.0}, {-inf, 3.0, 3.0}}, float64);
    CHECK(same(softmax(x, 1).value(), {{1.0, 0.0, 0.0}, {0.0, 0.5, 0.5}}));
    CHECK(same(log_softmax(x, 1).value(), {{0.0, -1000.0, -2000.0}, {-inf, -std::log(2.0), -std::log(2.0)}}));
    const Tensor wide({3e38, -3e38}, float32);
    CHECK(bitwise_equal(softmax(wide, 0).value(), Tensor({1.0, 0.0}, float32)));
    const auto second_of = [](auto& v) { return slice(log_softmax(v, 1), 1, {.begin = 1, .end = 2}); };
    CHECK(same(gradient_of(second_of, x), {{-1.0, 1.0, 0.0}, {0.0, 0.5, -0.5}}));
  }

  TEST_CASE("softmax: fused and composed rules agree") {
    const Tensor x = test_input(), weight = other_input();
    for (Index axis : {0, 1, 2}) {
      CAPTURE(axis);
      const auto weighted = [&](auto& v) { return softmax(v, axis) * weight; };
      const auto weighted_log = [&](auto& v) { return log_softmax(v, axis) * weight; };
      const Tolerance tight{.rtol = 1e-12, .atol = 1e-13};
      CHECK(allclose(gradient_of(weighted, x, false), gradient_of(weighted, x, true), tight));
      CHECK(allclose(gradient_of(weighted_log, x, false), gradient_of(weighted_log, x, true), tight));
    }
  }

  TEST_CASE("sum_to and broadcast_to are adjoint") {
    const Variable x(test_input());
    for (const Shape& shape :
         {Shape{}, Shape{4}, Shape{3, 1}, Shape{2, 1, 4}, Shape{1, 1, 1}, Shape{2, 3, 4}}) {
      const Variable y = leaf(linspace(1, 2, shape.count(), float64).reshape(shape));
      CHECK(sum(sum_to(x, shape) * y).item() ==
            doctest::Approx(sum(x * broadcast_to(y, x.shape())).item()).epsilon(1e-13));
      CHECK(allclose(grad(sum(x * broadcast_to(y, x.shape())), y).value(), sum_to(x, shape).value()));
    }
  }

  TEST_CASE("operations along one axis take a scalar as one element") {
    const Variable x = leaf(number(0.7));
    CHECK(softmax(x, 0).item() == 1);
    CHECK(log_softmax(x, -1).item() == 0);
    CHECK(xgrad::max(x, 0).values.shape() == Shape{});
    CHECK(xgrad::max(x, 0, {.keepdims = true}).indices.shape() == Shape{});
    CHECK(argmin(x, -1).item<Index>() == 0);
    CHECK(grad(cumprod(x, -1, {.reverse = true}), x).item() == 1);
    CHECK(grad(xgrad::min(x, 0).values, x).item() == 1);
  }

  TEST_CASE("long sums keep their precision in float32") {
    const Variable tenths(full({1 << 20}, 0.1, float32));
    CHECK(sum(tenths).item() == doctest::Approx(0.1 * (1 << 20)).epsilon(1e-6));
    CHECK(mean(tenths).item() == doctest::Approx(0.1).epsilon(1e-6));
    CHECK(cumsum(tenths, 0).value().at({(1 << 20) - 1}) == doctest::Approx(0.1 * (1 << 20)).epsilon(1e-6));
  }
}
