// Numbers that meet tensors of another type: compared exactly, bounds of integers, and no number that wraps.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

// All six comparisons of a and b, both ways, given the sign of a - b; NaN as 2.
template <class A, class B>
void check_comparisons(const A& a, const B& b, int order) {
  const auto truth = [](const Variable& v) { return all(v).item<bool>() ? true : any(v).item<bool>(); };
  const bool ordered = order != 2;
  CHECK(truth(a == b) == (order == 0));
  CHECK(truth(a != b) == (order != 0));
  CHECK(truth(a < b) == (order == -1));
  CHECK(truth(a <= b) == (ordered && order <= 0));
  CHECK(truth(a > b) == (order == 1));
  CHECK(truth(a >= b) == (ordered && order >= 0));
  CHECK(truth(b == a) == (order == 0));
  CHECK(truth(b != a) == (order != 0));
  CHECK(truth(b > a) == (order == -1));
  CHECK(truth(b >= a) == (ordered && order <= 0));
  CHECK(truth(b < a) == (order == 1));
  CHECK(truth(b <= a) == (ordered && order >= 0));
}

// An integer against a real, as tensors of one and of three elements, scalars and numbers.
void check_integer_and_real(std::int64_t a, double b, int order) {
  CAPTURE(a);
  CAPTURE(b);
  const int turned = order == 2 ? 2 : -order;
  const Variable scalar_a(scalar(a, int64)), list_a(full({3}, a, int64));
  const Variable scalar_b(scalar(b, float64)), list_b(full({3}, b, float64));
  check_comparisons(scalar_a, b, order);
  check_comparisons(list_a, b, order);
  check_comparisons(scalar_b, a, turned);
  check_comparisons(list_b, a, turned);
  check_comparisons(scalar_a, scalar_b, order);
  check_comparisons(list_a, list_b, order);
  check_comparisons(list_a, scalar_b, order);
  check_comparisons(scalar_a, list_b, order);
  if (static_cast<double>(static_cast<float>(b)) == b) {
    check_comparisons(list_a, Variable(full({3}, b, float32)), order);
    check_comparisons(Variable(full({3}, b, float32)), a, turned);
  }
}

}  // namespace

TEST_CASE("comparisons: integers and reals are compared exactly") {
  check_integer_and_real(16777217, 16777216.0, 1);
  check_integer_and_real(16777216, 16777216.0, 0);
  check_integer_and_real(-16777217, -16777216.0, -1);
  check_integer_and_real((Index{1} << 53) + 1, 0x1p53, 1);
  check_integer_and_real(3, 3.0000001, -1);
  check_integer_and_real(3, 2.5, 1);
  check_integer_and_real(-3, -2.5, -1);
  check_integer_and_real(-2, -2.5, 1);
  check_integer_and_real(0, -0.0, 0);
  check_integer_and_real(0, 5e-324, -1);
  check_integer_and_real(most, 0x1p63, -1);
  check_integer_and_real(most, 1e300, -1);
  check_integer_and_real(least, -0x1p63, 0);
  check_integer_and_real(least, -0x1.0000000000001p63, 1);
  check_integer_and_real(least, -inf, 1);
  check_integer_and_real(most, inf, -1);
  check_integer_and_real(1, std::nan(""), 2);
}

TEST_CASE("comparisons: a number outside the tensor's type has an answer") {
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{200}}) {
    const Variable bytes(full(shape, 255, uint8)), longs(full(shape, most, int64));
    check_comparisons(bytes, -1, 1);
    check_comparisons(bytes, 300, -1);
    check_comparisons(bytes, 255, 0);
    check_comparisons(bytes, -0.5, 1);
    check_comparisons(bytes, 254.99999999, 1);
    check_comparisons(bytes, 1e300, -1);
    check_comparisons(bytes, Variable(scalar(300, int64)), -1);
    check_comparisons(bytes, Variable(full({1}, -1, int64)), 1);
    check_comparisons(longs, huge, -1);
    check_comparisons(bytes, huge, -1);
    check_comparisons(Variable(full(shape, true, boolean)), 2, -1);
    check_comparisons(Variable(full(shape, true, boolean)), 0.5, 1);
  }
  CHECK((Variable(Tensor({1, 200, 7}, uint8)) > -1).value().at<bool>({1}));
  CHECK_FALSE((Variable(Tensor({1, 200, 7}, uint8)) == 263).value().at<bool>({2}));
}

TEST_CASE("comparisons: a number takes the type of reals it meets") {
  CHECK(all(Variable(full({3}, 0.1)) == 0.1).item<bool>());
  CHECK(all(Variable(full({3}, 0.1)) <= 0.1).item<bool>());
  CHECK(all(Variable(full({3}, 16777216.0)) < 16777217).item<bool>());
  CHECK(all(Variable(full({3}, 2.0)) == 2).item<bool>());
  CHECK_THROWS_AS(Variable() == 1, GraphError);
  CHECK_THROWS_AS(1 < Variable(), GraphError);
  CHECK_THROWS_AS(Variable() == 1.5, GraphError);
}

TEST_CASE("the reals that int64 has room for end where it does") {
  CHECK(full({1}, -0x1p63, int64).item<Index>() == least);
  CHECK_THROWS_AS(full({1}, -0x1.0000000000001p63, int64), ValueError);
  CHECK(full({1}, 0x1.fffffffffffffp62, int64).item<Index>() == most - 1023);
  CHECK_THROWS_AS(full({1}, 0x1p63, int64), ValueError);
}

TEST_CASE("clamp with one bound, and with bounds that are tensors") {
  const Tensor x({1, 5, 9}, int64), reals{1.0, 5.0, 9.0};
  CHECK(bitwise_equal(clamp(x, {.min = 2.5}).value(), Tensor({3, 5, 9}, int64)));
  CHECK(bitwise_equal(clip(x, {.max = 2.5}).value(), Tensor({1, 2, 2}, int64)));
  CHECK(bitwise_equal(clip(x, 2, 5).value(), Tensor({2, 5, 5}, int64)));
  CHECK(bitwise_equal(clamp(x, Tensor{2, 6, 8}, Tensor{4, 7, 8}).value(), Tensor({2, 6, 8}, int64)));
  CHECK(bitwise_equal(clamp(x, {.min = Tensor{2, 6, 8}}).value(), Tensor({2, 6, 9}, int64)));
  CHECK(bitwise_equal(clamp(x, {.max = Tensor{2, 6, 8}}).value(), Tensor({1, 5, 8}, int64)));
  CHECK(bitwise_equal(clamp(reals, {.min = 2.5}).value(), Tensor{2.5, 5.0, 9.0}));
  // The upper bound has the last word, a NaN counts from every side, and the gradient at a bound is x's.
  CHECK(bitwise_equal(clamp(reals, 7, Tensor{6.0, 8.0, 9.0}).value(), Tensor{6.0, 7.0, 9.0}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor holes({nan, 0.0, 1.0}, float64);
  for (const Variable& y : {clamp(holes, 0, ones({}, float64)), clamp(ones({3}, float64), {.min = holes}),
                            clamp(ones({3}, float64), {.max = holes})}) {
    CHECK(std::isnan(y.at({0})));
    CHECK_FALSE(std::isnan(y.at({1})));
  }
  const Variable v(Tensor({1.0, 2.0, 3.0}, float64), {.requires_grad = true}),
      low(Tensor({1.0, 3.0, 0.0}, float64), {.requires_grad = true}),
      high(Tensor({4.0, 4.0, 2.0}, float64), {.requires_grad = true});
  sum(clamp(v, low, high)).backward();
  CHECK(bitwise_equal(v.grad().value(), Tensor({1.0, 0.0, 0.0}, float64)));
  CHECK(bitwise_equal(low.grad().value(), Tensor({0.0, 1.0, 0.0}, float64)));
  CHECK(bitwise_equal(high.grad().value(), Tensor({0.0, 0.0, 1.0}, float64)));
}

TEST_CASE("clamp of integers: any bounds, and results within them") {
  const auto run = [](const Tensor& x, Scalar low, Scalar high) { return clamp(x, low, high).value(); };
  const Tensor x({1, 5, 9}, int64), bytes({1, 5, 200}, uint8);
  CHECK(bitwise_equal(run(x, 3, inf), Tensor({3, 5, 9}, int64)));
  CHECK(bitwise_equal(run(x, -inf, 4), Tensor({1, 4, 4}, int64)));
  CHECK(bitwise_equal(run(x, -1e300, 1e300), x));
  CHECK(bitwise_equal(run(x, 2.5, 7.5), Tensor({3, 5, 7}, int64)));
  CHECK(bitwise_equal(run(Tensor({-9, -5, -1}, int64), -7.5, -2.5), Tensor({-7, -5, -3}, int64)));
  CHECK(bitwise_equal(run(x, least, most), x));
  CHECK(bitwise_equal(run(x, -inf, -0x1p63), full({3}, least, int64)));
  CHECK_THROWS_AS(run(x, 0x1p63, inf), ValueError);
  const std::int64_t odd = (Index{1} << 53) + 1;
  CHECK(run(Tensor({odd + 2}, int64), 0, odd).template item<Index>() == odd);
  CHECK(run(Tensor({odd - 2}, int64), odd, most).template item<Index>() == odd);
  CHECK(bitwise_equal(run(bytes, -5, 300), bytes));
  CHECK(bitwise_equal(run(bytes, -inf, 7.9), Tensor({1, 5, 7}, uint8)));
  CHECK(bitwise_equal(run(bytes, 1.5, huge), Tensor({2, 5, 200}, uint8)));
  const Tensor truths{true, false};
  CHECK(bitwise_equal(run(truths, -3, 9), truths));
  CHECK(bitwise_equal(run(truths, 0.5, 9), Tensor{true, true}));
  CHECK(bitwise_equal(run(truths, 0, 0.5), Tensor{false, false}));
  // No integer of the type lies between.
  CHECK_THROWS_AS(run(truths, 2, 9), ValueError);
  CHECK_THROWS_AS(run(x, 2.25, 2.75), ValueError);
  CHECK_THROWS_AS(run(x, inf, inf), ValueError);
  CHECK_THROWS_AS(run(bytes, 300, 400), ValueError);
  CHECK_THROWS_AS(run(bytes, -3, -1), ValueError);
  CHECK_THROWS_AS(run(x, 2, 1), ValueError);
  CHECK_THROWS_AS(run(x, odd, odd - 1), ValueError);
  CHECK_THROWS_AS(run(x, std::nan(""), 1), ValueError);
  CHECK_THROWS_AS(run(Tensor{1.0}, 0, std::nan("")), ValueError);
  CHECK(run(Tensor{1.0, 5.0}, 3, inf).at({0}) == 3);
}

TEST_CASE("a finite number that float32 would make infinite throws") {
  constexpr double largest = 0x1.fffffep127, rounds_to_infinity = 0x1.ffffffp127,
                   below = 0x1.fffffefffffffp127;
  CHECK_THROWS_AS(full({1}, 1e300, float32), ValueError);
  CHECK_THROWS_AS(full({1}, -1e300), ValueError);
  CHECK_THROWS_AS(full({1}, rounds_to_infinity), ValueError);
  CHECK_THROWS_AS(scalar(1e300), ValueError);
  CHECK_THROWS_AS((Tensor{1.0, 1e300}), ValueError);
  CHECK_THROWS_AS((Tensor{{-1e39}}), ValueError);
  CHECK_THROWS_AS(arange(0, 1e40, 1e39), ValueError);
  CHECK_THROWS_AS(linspace(0, 1e39, 3), ValueError);

  const Variable floats(ones({2})), doubles(ones({2}, float64));
  CHECK_THROWS_AS(floats * 1e300, ValueError);
  CHECK_THROWS_AS(maximum(floats, -1e300), ValueError);
  CHECK_THROWS_AS(where(floats > 0, floats, 1e300), ValueError);
  CHECK_THROWS_AS(masked_fill(floats, floats > 0, -1e300), ValueError);
  CHECK_THROWS_AS(pad(floats, {{1, 1}}, {.value = 1e39}), ValueError);

  CHECK(full({1}, largest).item() == largest);
  CHECK(full({1}, below).item() == largest);
  CHECK((Tensor{-largest}).item() == -largest);
  CHECK(full({1}, inf).item() == inf);
  CHECK(full({1}, -inf).item() == -inf);
  CHECK(std::isnan(full({1}, std::nan("")).item()));
  CHECK((Tensor{-inf}).item() == -inf);
  CHECK(full({1}, 1e-300).item() == 0);
  CHECK(full({1}, 1e300, float64).item() == 1e300);
  CHECK((doubles * 1e300).value().at({0}) == 1e300);
  CHECK((floats * inf).value().at({0}) == inf);
  CHECK(full({1}, 1e300, boolean).item<bool>());
  // A comparison is exact, and every number is a bound.
  CHECK(bitwise_equal((Variable(Tensor{1.0, inf}) < 1e300).value(), Tensor{true, false}));
  CHECK(bitwise_equal((Variable(Tensor{-inf, 1.0}) == -1e300).value(), Tensor{false, false}));
  CHECK(bitwise_equal(clamp(Variable(Tensor{-largest, 3.0, inf}), -1e300, 1e300).value(),
                      Tensor{-largest, 3.0, inf}));
}

TEST_CASE("numbers that do not fit an integer type throw instead of wrapping") {
  CHECK_THROWS_AS(full({1}, 300, uint8), ValueError);
  CHECK_THROWS_AS(full({1}, -1, uint8), ValueError);
  CHECK_THROWS_AS(full({1}, huge, int64), ValueError);
  CHECK_THROWS_AS(full({1}, huge, uint8), ValueError);
  CHECK_THROWS_AS(full({1}, 1e19, int64), ValueError);
  CHECK_THROWS_AS(full({1}, std::nan(""), int64), ValueError);
  CHECK_THROWS_AS(scalar(256, uint8), ValueError);
  CHECK_THROWS_AS(scalar(huge), ValueError);
  CHECK_THROWS_AS(Tensor({-1}, uint8), ValueError);
  CHECK_THROWS_AS(Tensor({{1, 2}, {3, 256}}, uint8), ValueError);
  CHECK_THROWS_AS(Tensor({huge}, int64), ValueError);
  CHECK_THROWS_AS((Tensor{huge}), ValueError);
  CHECK_THROWS_AS(Tensor({-0x1.0000000000001p63}, int64), ValueError);
  CHECK_THROWS_AS(arange(0, huge), ValueError);
  CHECK_THROWS_AS(arange(250, 260, 1, uint8), ValueError);
  CHECK_THROWS_AS(linspace(0, 300, 4, uint8), ValueError);

  const Variable bytes(ones({2}, uint8)), longs(ones({2}, int64));
  CHECK_THROWS_AS(bytes + 300, ValueError);
  CHECK_THROWS_AS(300 * bytes, ValueError);
  CHECK_THROWS_AS(bytes - -1, ValueError);
  CHECK_THROWS_AS(longs + huge, ValueError);
  CHECK_THROWS_AS(maximum(bytes, 300), ValueError);
  CHECK_THROWS_AS(minimum(-1, bytes), ValueError);
  CHECK_THROWS_AS(floor_divide(bytes, 300), ValueError);
  CHECK_THROWS_AS(where(bytes > 0, bytes, 300), ValueError);
  CHECK_THROWS_AS(where(bytes > 0, -1, bytes), ValueError);
  CHECK_THROWS_AS(masked_fill(bytes, bytes > 0, 256), ValueError);
  CHECK_THROWS_AS(pad(bytes, {{1, 1}}, {.value = -1}), ValueError);
  CHECK_THROWS_AS(pad(bytes, {{1, 1}}, {.value = 256}), ValueError);

  // Numbers that fit.
  CHECK(full({1}, 255, uint8).item<Index>() == 255);
  CHECK(full({1}, most, int64).item<Index>() == most);
  CHECK(full({1}, huge, float64).item() == 0x1p64);
  CHECK((Tensor({huge}, float64)).item() == 0x1p64);
  CHECK((ones({1}, float64) * huge).item() == 0x1p64);
  CHECK(bitwise_equal((bytes + Tensor({255, 254}, uint8)).value(), Tensor({0, 255}, uint8)));
  // Reading saturates; it never wraps.
  CHECK(Tensor({300}, int64).item<std::uint8_t>() == 255);
  CHECK(Tensor({-1}, int64).item<std::uint8_t>() == 0);
  CHECK(Tensor({-1}, int64).item<std::uint64_t>() == 0);
  CHECK(Tensor({most}, int64).item<int>() == std::numeric_limits<int>::max());
}
