// Every row of the case table, and the table's own tools.
#include "support/cases.hpp"

#include <xgrad/tensor/compare.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace xgrad;

TEST_SUITE("autograd") {
  TEST_CASE("case table: every row") {
    REQUIRE_FALSE(test::all_cases().empty());
    for (const test::Case& row : test::all_cases()) test::check_case(row);
  }

  TEST_CASE("case table: spread values keep their distance") {
    Tensor values = test::spread({30, 30}, -2, 3, 7);
    std::vector<double> sorted(values.span<double>().begin(), values.span<double>().end());
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted.front() >= -2);
    CHECK(sorted.back() < 3);
    for (std::size_t i = 1; i < sorted.size(); ++i) CHECK(sorted[i] - sorted[i - 1] >= 5e-3);
    CHECK(bitwise_equal(values, test::spread({30, 30}, -2, 3, 7)));
    CHECK_FALSE(bitwise_equal(values, test::spread({30, 30}, -2, 3, 8)));
    CHECK_THROWS(test::spread({1000}, 0, 1));
  }

  TEST_CASE("case table: the elementwise reference broadcasts") {
    const auto minus = test::elementwise([](double a, double b) { return a - b; });
    CHECK(allclose(minus({Tensor({{1.0}, {2.0}}, float64), Tensor({10.0, 20.0, 30.0}, float64)}),
                   Tensor({{-9.0, -19.0, -29.0}, {-8.0, -18.0, -28.0}}, float64)));
    CHECK(minus({Tensor::uninitialized({0, 3}, float64), Tensor({1.0}, float64)}).shape() == Shape{0, 3});
  }
}
