// Quotients rounded to integers, and remainders: exact for reals and integers.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

template <class T>
bool identical(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

// Python's %: exact, with the sign of b.
template <class T>
T exact_remainder(T a, T b) {
  const T rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(T(0), b);
  return (rest < 0) == (b < 0) ? rest : rest + b;
}

// a = q b + r exactly, for the q of an exact r: q b is a - r, which no rounding may hide.
template <class T>
void check_quotient(T a, T b, T quotient) {
  CAPTURE(a);
  CAPTURE(b);
  CAPTURE(quotient);
  const T rest = std::fmod(a, b);
  const T truncated = quotient + (rest != 0 && (rest < 0) != (b < 0) ? T(1) : T(0));
  CHECK(std::floor(quotient) == quotient);
  CHECK(std::fma(-truncated, b, a) == rest);
}

// Pairs whose quotient is an exact integer of T, among them many multiples and near multiples.
template <class T>
void fill_pairs(std::vector<T>& a, std::vector<T>& b) {
  std::mt19937_64 generator(11);
  const auto unit = [&] { return static_cast<double>(generator() >> 11) * 0x1p-53; };
  for (int i = 0; i < 40000; ++i) {
    const auto divisor = static_cast<T>((unit() - 0.5) * std::exp2(40 * unit() - 20));
    const double bits = sizeof(T) == 4 ? 22 : 51;
    const auto whole = static_cast<T>(std::floor(std::exp2(bits * unit())));
    T dividend = static_cast<T>(whole * divisor);
    if (i % 4 == 1) dividend = std::nextafter(dividend, T(0));
    if (i % 4 == 2) dividend = std::nextafter(dividend, static_cast<T>(2 * dividend));
    if (i % 4 == 3) dividend = static_cast<T>(-whole * divisor + divisor * static_cast<T>(unit()));
    a.push_back(dividend);
    b.push_back(divisor);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("division: floor_divide, remainder and fmod of reals are exact", T, float, double) {
  std::vector<T> a, b;
  fill_pairs(a, b);
  const auto n = static_cast<Index>(a.size());
  const Tensor x = Tensor::from(a, {n}), y = Tensor::from(b, {n});
  const Tensor quotient = floor_divide(x, y).value(), rest = remainder(x, y).value(),
               part = fmod(x, y).value();
  for (std::size_t i = 0; i < a.size(); ++i) {
    check_quotient(a[i], b[i], quotient.data<T>()[i]);
    if (!identical(rest.data<T>()[i], exact_remainder(a[i], b[i])))
      CHECK_MESSAGE(false, a[i], " % ", b[i], " gave ", rest.data<T>()[i]);
    if (!identical(part.data<T>()[i], std::fmod(a[i], b[i])))
      CHECK_MESSAGE(false, "fmod(", a[i], ", ", b[i], ") gave ", part.data<T>()[i]);
  }
}

TEST_CASE("division: the same element alone, in a row and by a number") {
  CHECK(floor_divide(scalar(1.0, float64), 0.1).item() == 9);
  CHECK(floor_divide(full({200}, 1.0, float64), 0.1).value().at({199}) == 9);
  CHECK(floor_divide(1.0, full({3}, 0.1, float64)).value().at({2}) == 9);
  CHECK(remainder(scalar(1.0, float64), 0.1).item() == std::fmod(1.0, 0.1));
}

TEST_CASE("division: zeros, infinities and the smallest numbers") {
  const auto of = [](auto f, double a, double b) { return f(scalar(a, float64), scalar(b, float64)).item(); };
  const auto rest = [&](double a, double b) {
    return of([](const Variable& x, const Variable& y) { return x % y; }, a, b);
  };
  const auto quotient = [&](double a, double b) {
    return of([](const Variable& x, const Variable& y) { return floor_divide(x, y); }, a, b);
  };
  CHECK(identical(rest(-1, 1), 0.0));
  CHECK(identical(rest(1, -1), -0.0));
  CHECK(identical(rest(-0.0, 1), 0.0));
  CHECK(rest(1e-200, -1e-190) == -1e-190 + 1e-200);
  CHECK(rest(1e-250, -1e-190) == -1e-190);
  CHECK(rest(-1e-200, 1e-190) == 1e-190 - 1e-200);
  CHECK(rest(-1, inf) == inf);
  CHECK(rest(1, inf) == 1);
  CHECK(std::isnan(rest(inf, 1)));
  CHECK(std::isnan(rest(1, 0)));
  CHECK(std::isnan(rest(NAN, 1)));
  CHECK(rest(1e308, 3e-308) == exact_remainder(1e308, 3e-308));
  CHECK(quotient(1, 0) == inf);
  CHECK(quotient(-1, 0) == -inf);
  CHECK(std::isnan(quotient(0, 0)));
  CHECK(quotient(inf, 2) == inf);
  CHECK(quotient(-1, inf) == -1);
  CHECK(identical(quotient(1, inf), 0.0));
  CHECK(identical(quotient(0, -3), -0.0));
  CHECK(quotient(-1e-300, 1e300) == -1);
  CHECK(identical(quotient(1e-300, 1e300), 0.0));
  CHECK(quotient(0x1.fffffffffffffp52, 1) == 0x1.fffffffffffffp52);
  CHECK(quotient(0x1p60, 3) == 384307168202282325.0);
  CHECK(quotient(5e-324, 5e-324) == 1);
  CHECK(quotient(-1.5e-323, 1e-323) == -2);
  CHECK(quotient(0x1.fffffffffffffp52, 0x1.0000000000001p0) == 9007199254740989.0);
}

TEST_CASE("division: slopes by the divisor are the exact quotients") {
  const auto slopes = [](auto f, double a, double b, bool recorded) {
    const Variable x = leaf(full({3}, a, float64)), y = leaf(full({3}, b, float64));
    const auto g = grad({sum(f(x, y))}, {x, y}, {.create_graph = recorded});
    return std::pair{g[0].value().at({1}), g[1].value().at({1})};
  };
  const auto part = [](const Variable& x, const Variable& y) { return fmod(x, y); };
  const auto rest = [](const Variable& x, const Variable& y) { return remainder(x, y); };
  for (const bool recorded : {false, true}) {
    CHECK(slopes(part, 1, 0.1, recorded) == std::pair{1.0, -9.0});
    CHECK(slopes(part, -1, 0.1, recorded) == std::pair{1.0, 9.0});
    CHECK(slopes(part, 1, -0.1, recorded) == std::pair{1.0, 9.0});
    CHECK(slopes(part, -1, -0.1, recorded) == std::pair{1.0, -9.0});
    CHECK(slopes(rest, 1, 0.1, recorded) == std::pair{1.0, -9.0});
    CHECK(slopes(rest, -1, 0.1, recorded) == std::pair{1.0, 10.0});
    CHECK(slopes(rest, 0.75, 0.5, recorded) == std::pair{1.0, -1.0});
  }
  // By map's arithmetic as well.
  const Variable x = leaf(Tensor({1.0}, float64)), y = leaf(Tensor({0.1}, float64));
  const auto mapped = map(
      "test_division", [](auto a, auto b) { return floor_divide(a, b) + remainder(a, b) + fmod(a, b); }, x,
      y);
  CHECK(mapped.item() == 9 + 2 * std::fmod(1.0, 0.1));
  CHECK(grad(sum(mapped), y).item() == -18);
}

TEST_CASE("floor_divide requires no gradient") {
  const Variable x = leaf(Tensor({7.0, -7.0}, float64));
  CHECK_FALSE(floor_divide(x, 2.0).requires_grad());
  CHECK_FALSE(floor_divide(3.0, x).requires_grad());
}

TEST_CASE_TEMPLATE("division: integers are exact over the whole range", T, std::int64_t, std::uint8_t) {
  std::mt19937_64 generator(3);
  std::vector<T> a, b;
  for (int i = 0; i < 20000; ++i) {
    const auto draw = [&] {
      return static_cast<T>(static_cast<std::int64_t>(generator()) >> (generator() % 60));
    };
    a.push_back(draw());
    T divisor = draw();
    b.push_back(divisor == 0 ? T(1) : divisor);
  }
  const auto n = static_cast<Index>(a.size());
  const Tensor x = Tensor::from(a, {n}), y = Tensor::from(b, {n});
  const Tensor quotient = floor_divide(x, y).value(), rest = remainder(x, y).value(),
               part = fmod(x, y).value();
  for (std::size_t i = 0; i < a.size(); ++i) {
    // Wider than T: q b + r has no overflow.
    const auto p = static_cast<__int128>(a[i]), d = static_cast<__int128>(b[i]);
    const auto q = static_cast<__int128>(quotient.data<T>()[i]), r = static_cast<__int128>(rest.data<T>()[i]);
    const bool exact = q * d + r == p && (r == 0 || (r < 0) == (d < 0)) &&
                       (r < 0 ? -r : r) < (d < 0 ? -d : d) &&
                       static_cast<__int128>(part.data<T>()[i]) == p % d;
    if (!exact) CHECK_MESSAGE(false, a[i], " by ", b[i]);
  }
  CHECK(remainder(Tensor({-7}, int64), 2).item<Index>() == 1);
}
