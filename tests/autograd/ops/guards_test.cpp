// Guards written with where(): each one on both of its sides, with the mixed second derivatives in both
// orders.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

using Binary = Variable (*)(const Operand&, const Operand&);

struct Derivatives {
  double a, b;    // first
  double ab, ba;  // d/db of d/da, and the other order
};

Derivatives derivatives(Binary f, double at_a, double at_b) {
  const Variable a = leaf(scalar(at_a, float64)), b = leaf(scalar(at_b, float64));
  const auto first = grad({f(a, b)}, {a, b}, {.create_graph = true});
  const auto second = [](const Variable& slope, const Variable& x) {
    if (!slope.requires_grad()) return 0.0;
    const Variable g = grad(slope, x, {.retain_graph = true, .allow_unused = true});
    return g.defined() ? g.item() : 0.0;
  };
  return {first[0].item(), first[1].item(), second(first[0], b), second(first[1], a)};
}

// Gradients of a plain run are the recorded ones, which are differentiated once more.
void check_smooth(const std::function<Variable(const Variable&)>& f, const Tensor& x) {
  CHECK(gradcheck(f, x));
  CHECK(gradgradcheck(f, x));
}

}  // namespace

TEST_CASE("guards: xlogy where x = 0 is as smooth as elsewhere while log y is finite") {
  for (const double x : {0.0, -0.0, 2.0}) {
    const Derivatives d = derivatives(xlogy, x, 3);
    CHECK(d.a == doctest::Approx(std::log(3.0)));
    CHECK(d.b == doctest::Approx(x / 3));
    CHECK(d.ab == doctest::Approx(1.0 / 3));
    CHECK(d.ba == doctest::Approx(1.0 / 3));
  }
  for (const double y : {0.0, -1.0, inf}) {
    const Derivatives d = derivatives(xlogy, 0, y);
    CHECK(xlogy(scalar(0.0, float64), scalar(y, float64)).item() == 0);
    CHECK(d.a == 0);
    CHECK(d.b == 0);
    CHECK(d.ab == 0);
    CHECK(d.ba == 0);
  }
  CHECK(derivatives(xlogy, 0, 5e-324).b == 0);
  CHECK(std::isnan(derivatives(xlogy, 0, std::nan("")).a));
  CHECK(gradgradcheck([](const Variable& a, const Variable& b) { return xlogy(a, b); },
                      Tensor({0.0, 1.5, -2.0}, float64), Tensor({0.7, 0.4, 3.0}, float64)));
}

TEST_CASE("guards: pow where the exponent is 0, and where the base is") {
  for (const double b : {0.0, -0.0}) {
    const Derivatives d = derivatives(pow, 2, b);
    CHECK(d.a == 0);
    CHECK(d.b == doctest::Approx(std::log(2.0)));
    CHECK(d.ab == doctest::Approx(0.5));
    CHECK(d.ba == doctest::Approx(0.5));
  }
  const Derivatives elsewhere = derivatives(pow, 2, 3);
  CHECK(elsewhere.ab == doctest::Approx(4 * (1 + 3 * std::log(2.0))));
  CHECK(elsewhere.ba == doctest::Approx(elsewhere.ab));
  // At a base of 0: where the unguarded product is 0 times infinity.
  CHECK(derivatives(pow, 0, 0).a == 0);
  CHECK(derivatives(pow, 0, 0).b == 0);
  const Derivatives cube = derivatives(pow, 0, 3);
  CHECK(cube.a == 0);
  CHECK(cube.b == 0);
  CHECK(cube.ab == 0);
  CHECK(cube.ba == 0);
  CHECK(derivatives(pow, 0, -1).a == -inf);
  CHECK(derivatives(pow, inf, -1).b == 0);
  CHECK(derivatives(pow, std::nan(""), 0).a == 0);
  CHECK(gradgradcheck([](const Variable& a, const Variable& b) { return pow(a, b); },
                      Tensor({2.0, 0.5, 3.0}, float64), Tensor({0.0, 0.0, 1.0}, float64)));
}

TEST_CASE("guards: hypot and atan2 beside the origin and far from it") {
  CHECK(derivatives(hypot, 0, 0).ab == 0);
  CHECK(derivatives(hypot, 0, 2).b == 1);
  CHECK(derivatives(hypot, 3, 4).ab == doctest::Approx(-12.0 / 125));
  CHECK(derivatives(hypot, 3, 4).ba == doctest::Approx(-12.0 / 125));
  CHECK(derivatives(atan2, 3, 4).ab == doctest::Approx(-7.0 / 625));
  CHECK(derivatives(atan2, 3, 4).ba == doctest::Approx(-7.0 / 625));
  CHECK(derivatives(atan2, 1, inf).a == 0);
}

TEST_CASE("guards: remainders, extrema and clamp on each side") {
  for (const double a : {5.0, -5.0}) {
    CHECK(derivatives(remainder, a, 3).b == -std::floor(a / 3));
    CHECK(derivatives(fmod, a, 3).b == -std::trunc(a / 3));
    CHECK(derivatives(remainder, a, 3).ab == 0);
    CHECK(derivatives(remainder, a, 3).ba == 0);
  }
  CHECK(derivatives(maximum, 1, 2).b == 1);
  CHECK(derivatives(maximum, 2, 1).b == 0);
  CHECK(derivatives(maximum, 2, 2).b == 0.5);
  CHECK(derivatives(minimum, 1, 2).b == 0);
  CHECK(derivatives(minimum, 2, 1).b == 1);
  check_smooth([](const Variable& x) { return square(clamp(x, -1, 1)); }, Tensor({-2.0, 0.5, 2.0}, float64));
  check_smooth([](const Variable& x) { return square(hardtanh(x)); }, Tensor({-2.0, 0.5, 2.0}, float64));
  check_smooth([](const Variable& x) { return square(relu6(x)); }, Tensor({-2.0, 0.5, 7.0}, float64));
  check_smooth([](const Variable& x) { return square(amax(x, {0})); }, Tensor({1.0, 3.0, 2.0}, float64));
}

TEST_CASE("guards: piecewise activations on each side of every bound") {
  const Tensor x({-7.0, -3.5, -1.5, -0.7, -0.2, 0.2, 0.7, 1.5, 3.5, 7.0}, float64);
  check_smooth([](const Variable& v) { return square(relu(v)); }, x);
  check_smooth([](const Variable& v) { return square(leaky_relu(v, 0.3)); }, x);
  check_smooth([](const Variable& v) { return square(leaky_relu(v, 0)); }, x);
  check_smooth([](const Variable& v) { return square(elu(v, 0.8)); }, x);
  check_smooth([](const Variable& v) { return square(selu(v)); }, x);
  check_smooth([](const Variable& v) { return square(celu(v, 0.8)); }, x);
  check_smooth([](const Variable& v) { return square(hardsigmoid(v)); }, x);
  check_smooth([](const Variable& v) { return square(hardswish(v)); }, x);
  check_smooth([](const Variable& v) { return square(softshrink(v)); }, x);
  check_smooth([](const Variable& v) { return square(hardshrink(v)); }, x);
  check_smooth([](const Variable& v) { return square(threshold(v, 1, 2)); }, x);
}

TEST_CASE("guards: reductions over rows with and without a derivative") {
  // norm: a row of zeros has gradient zero in every order, and leaves its neighbour alone.
  const Tensor rows({{0.0, 0.0, 0.0}, {1.0, -2.0, 0.5}}, float64);
  for (const double p : {1.5, 2.0, 3.0}) {
    CAPTURE(p);
    const Variable x = leaf(rows);
    const Variable g = grad(sum(norm(x, {1}, {.p = p})), x, {.create_graph = true});
    CHECK(all(equal(g.value().rows(0, 1), 0.0)).item<bool>());
    const Variable second = grad(sum(square(g)), x);
    CHECK(all(equal(second.value().rows(0, 1), 0.0)).item<bool>());
    CHECK(all(isfinite(second)).item<bool>());
    check_smooth([p](const Variable& v) { return norm(v, {1}, {.p = p}); }, rows.rows(1, 2));
  }
  // std: the same for a row of equal numbers.
  const Tensor equal_row({{0.5, 0.5, 0.5}, {1.0, -2.0, 0.5}}, float64);
  const Variable y = leaf(equal_row);
  const Variable slope = grad(sum(stddev(y, {1})), y, {.create_graph = true});
  CHECK(all(equal(slope.value().rows(0, 1), 0.0)).item<bool>());
  CHECK(all(isfinite(grad(sum(square(slope)), y))).item<bool>());
  check_smooth([](const Variable& v) { return stddev(v, {1}); }, equal_row.rows(1, 2));
  // logsumexp: of nothing but minus infinity.
  const Variable z = leaf(Tensor({{-inf, -inf}, {0.5, -1.0}}, float64));
  const Variable weights = grad(sum(logsumexp(z, {1})), z, {.create_graph = true});
  CHECK(all(equal(weights.value().rows(0, 1), 0.0)).item<bool>());
  CHECK(all(isfinite(grad(sum(square(weights)), z))).item<bool>());
  check_smooth([](const Variable& v) { return logsumexp(v, {1}); }, Tensor({{0.5, -1.0}}, float64));
}
