// map: formulas in which one input takes part on both sides of an operator.
#include "support/leaf.hpp"

#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;

namespace {

/// The slope of a formula at 3, of a plain run and of one that is recorded; then the second derivative.
template <class F>
void check(F f, double slope, double curvature) {
  for (const DType dtype : {float32, float64}) {
    const Variable x = leaf(full({1}, 3, dtype));
    CHECK(grad(map("test_formula", f, x), x).item() == slope);
    const Variable recorded = grad(map("test_formula", f, x), x, {.create_graph = true});
    CHECK(recorded.item() == slope);
    CHECK(recorded.requires_grad() == (curvature != 0));
    if (curvature != 0) CHECK(grad(recorded, x).item() == curvature);
  }
}

}  // namespace

TEST_CASE("map: an input on both sides of a sum or a difference") {
  check([](const auto& x) { return x + x; }, 2, 0);
  check([](const auto& x) { return x * x + x; }, 7, 2);
  check([](const auto& x) { return x + x * x; }, 7, 2);
  check([](const auto& x) { return x * x + x * x; }, 12, 4);
  check([](const auto& x) { return x - x * x; }, -5, -2);
  check([](const auto& x) { return x * x - x; }, 5, 2);
  check([](const auto& x) { return x * x * x - x * x; }, 21, 16);
  check([](const auto& x) { return (x + x) * (x + x); }, 24, 8);
  check([](const auto& x) { return x + 1 + x; }, 2, 0);
  check([](const auto& x) { return 2 * x + x; }, 3, 0);
}

TEST_CASE("map: two inputs, each on both sides of a sum") {
  const auto f = [](const auto& x, const auto& y) { return x * y + x + y + y; };
  const Variable x = leaf(full({1}, 3, float64)), y = leaf(full({1}, 5, float64));
  for (const bool create_graph : {false, true}) {
    const auto slopes = grad({map("test_formula", f, x, y)}, {x, y}, {.create_graph = create_graph});
    CHECK(slopes[0].item() == 6);
    CHECK(slopes[1].item() == 5);
    if (create_graph) CHECK(grad(slopes[0], y).item() == 1);
  }
}
