// The comparison that other tests rely on: it must be able to say no.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <sstream>

namespace {

using namespace xgrad;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

bool close(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {}) {
  return static_cast<bool>(allclose(actual, expected, tolerance));
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("allclose: tolerances") {
    const Tensor expected({1.0, 100.0}, float64);
    CHECK(close(expected, expected, {.rtol = 0, .atol = 0}));
    CHECK(close(Tensor({1.001, 100.1}, float64), expected, {.rtol = 1.01e-3, .atol = 0}));
    CHECK_FALSE(close(Tensor({1.001, 100.1}, float64), expected, {.rtol = 0.99e-3, .atol = 0}));
    CHECK(close(Tensor({1.05, 100.05}, float64), expected, {.rtol = 0, .atol = 0.051}));
    CHECK_FALSE(close(Tensor({1.05, 100.05}, float64), expected, {.rtol = 0, .atol = 0.049}));
    // The tolerance is relative to the expected value, not to the actual one.
    CHECK(close(scalar(0.0, float64), scalar(1.0, float64), {.rtol = 1, .atol = 0}));
    CHECK_FALSE(close(scalar(1.0, float64), scalar(0.0, float64), {.rtol = 1, .atol = 0}));
    CHECK_FALSE(close(scalar(1.5), scalar(1.0), {.rtol = not_a_number}));
  }

  TEST_CASE("allclose: values that are not finite") {
    CHECK(close(Tensor{not_a_number, inf, -inf}, Tensor{not_a_number, inf, -inf}));
    CHECK_FALSE(close(Tensor{not_a_number}, Tensor{not_a_number}, {.equal_nan = false}));
    CHECK_FALSE(close(Tensor{not_a_number}, Tensor{1.0}));
    CHECK_FALSE(close(Tensor{1.0}, Tensor{not_a_number}));
    CHECK_FALSE(close(Tensor{inf}, Tensor{-inf}));
    CHECK_FALSE(close(Tensor{1.0}, Tensor{inf}));
    CHECK_FALSE(close(Tensor{inf}, Tensor{1.0}));
    CHECK(close(Tensor{-0.0}, Tensor{0.0}, {.rtol = 0, .atol = 0}));
  }

  TEST_CASE("allclose: integers and bools") {
    constexpr Index big = (Index{1} << 60) + 1;
    CHECK(close(Tensor{big}, Tensor{big}, {.rtol = 0, .atol = 0}));
    CHECK_FALSE(close(Tensor{big}, Tensor{big - 1}, {.rtol = 0, .atol = 0}));
    CHECK(close(Tensor{big}, Tensor{big - 1}, {.rtol = 0, .atol = 1}));
    CHECK_FALSE(close(Tensor{std::numeric_limits<Index>::min()}, Tensor{std::numeric_limits<Index>::max()}));
    CHECK_FALSE(close(Tensor({0}, uint8), Tensor({255}, uint8)));
    CHECK(close(Tensor{true, false}, Tensor{true, false}));
    CHECK_FALSE(close(Tensor{true, false}, Tensor{true, true}));
  }

  TEST_CASE("allclose: different kinds are not close, and nothing throws") {
    CHECK(allclose(Tensor{1.0}, Tensor{1}).text == "actual is float32 (1,), expected is int64 (1,)");
    CHECK_FALSE(close(Tensor{1.0}, Tensor{{1.0}}));
    CHECK_FALSE(close(Tensor{1.0}, Tensor()));
    CHECK_FALSE(close(Tensor(), Tensor{1.0}));
    CHECK_FALSE(close(Tensor(), Tensor()));
    CHECK(close(zeros({0, 3}), zeros({0, 3})));
    CHECK_FALSE(close(zeros({0, 3}), zeros({3, 0})));
  }

  TEST_CASE("allclose: names the worst element") {
    const Tensor expected({{1, 2, 3}, {4, 5, 6}}, float64);
    const Tensor actual({{1, 2.5, 3}, {4, 5, 8}}, float64);
    const CheckResult result = allclose(actual, expected, {.rtol = 0, .atol = 0.25});
    CHECK_FALSE(result.passed);
    CHECK(result.text ==
          "2 of 6 elements differ, worst at (1, 2): actual 8, expected 6, difference 2, allowed 0.25");
    std::ostringstream stream;
    stream << result << '|' << allclose(expected, expected);
    CHECK(stream.str() == result.text + "|passed");
  }

  TEST_CASE("allclose: names an element that is off by little") {
    CHECK(allclose(Tensor{1.0, 2.5}, Tensor{1.0, 2.0}).text.find("worst at (1,)") != std::string::npos);
  }
  TEST_CASE("allclose: a NaN is worse than any number, wherever it is") {
    CHECK(allclose(Tensor{not_a_number, 100.0}, Tensor{1.0, 1.0}).text.find("worst at (0,): actual nan") !=
          std::string::npos);
    CHECK(allclose(Tensor{100.0, not_a_number}, Tensor{1.0, 1.0}).text.find("worst at (1,): actual nan") !=
          std::string::npos);
    CHECK(allclose(Tensor{true}, Tensor{false}).text.find("actual true, expected false") !=
          std::string::npos);
  }

  TEST_CASE("bitwise_equal") {
    CHECK(bitwise_equal(Tensor{1.0, 2.0}, Tensor{1.0, 2.0}));
    CHECK_FALSE(bitwise_equal(Tensor{1.0, 2.0}, Tensor{1.0, 2.0000002}));
    CHECK(bitwise_equal(Tensor{not_a_number}, Tensor{not_a_number}));
    CHECK_FALSE(bitwise_equal(Tensor{0.0}, Tensor{-0.0}));
    CHECK_FALSE(bitwise_equal(Tensor{1.0, 2.0}, Tensor{{1.0, 2.0}}));
    CHECK_FALSE(bitwise_equal(Tensor({1}, int64), Tensor({1}, float64)));
    CHECK(bitwise_equal(zeros({0}), zeros({0})));
    CHECK(bitwise_equal(Tensor(), Tensor()));
    CHECK_FALSE(bitwise_equal(Tensor(), zeros({0})));
    const Tensor rows = arange(6).reshape({3, 2}).rows(1, 2);
    CHECK(bitwise_equal(rows, Tensor{{2, 3}}));
  }
}
