// The vectorised functions against extended precision: error in units in the last place, special values,
// in-place use, and independence of position.
#include "../goldens/vmath.hpp"

#include <doctest/doctest.h>

#include <xgrad/tensor/error.hpp>
#include <xgrad/vmath/gelu.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace xgrad;
using Real = long double;
static_assert(std::numeric_limits<Real>::digits > std::numeric_limits<double>::digits,
              "no exact reference here");

template <class T>
using Unary = void (*)(const T*, T*, Index);
template <class T>
using Binary = void (*)(const T*, const T*, T*, Index);
template <class T>
using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// What the error is measured in: units in the last place of the value, or of max(1, |value|).
enum class Scale { value, one };

struct UnaryCase {
  const char* name;
  Unary<float> of_float;
  Unary<double> of_double;
  Real (*exact)(Real);
  Real limit = 4;
  Scale scale = Scale::value;
};

struct BinaryCase {
  const char* name;
  Binary<float> of_float;
  Binary<double> of_double;
  Real (*exact)(Real, Real);
  Real limit = 4;
};

Real extended_lgamma(Real x) {
  int sign = 0;
  return ::lgammal_r(x, &sign);
}

/// f(x), or its limits at the infinities.
template <class F>
Real limited(Real x, Real low, Real high, F f) {
  return std::isinf(x) ? (x < 0 ? low : high) : f(x);
}

Real normal_cdf(Real x) { return std::erfc(-x * (std::numbers::sqrt2_v<Real> / 2)) / 2; }

Real exact_gelu_slope(Real x) {
  if (std::isinf(x)) return x > 0 ? 1 : 0;
  constexpr Real factor = std::numbers::inv_sqrtpi_v<Real> * std::numbers::sqrt2_v<Real> / 2;
  return normal_cdf(x) + x * (std::exp(-x * x / 2) * factor);
}

template <class T>
void gelu_slope(const T* x, T* out, Index n) {
  const std::vector<T> ones(static_cast<std::size_t>(n), T(1));
  vmath::gelu_gradient(x, ones.data(), out, n);
}

constexpr Real gelu_factor = std::numbers::sqrt2_v<Real> * std::numbers::inv_sqrtpi_v<Real>;

/// 1 / (1 + exp(-2 u)) for u = gelu_factor (x + 0.044715 x^3).
Real gelu_sigmoid(Real x) {
  const Real u = gelu_factor * (x + Real(0.044715L) * x * x * x);
  return u > 0 ? 1 / (1 + std::exp(-2 * u)) : std::exp(2 * u) / (1 + std::exp(2 * u));
}

Real exact_gelu_tanh_slope(Real x) {
  if (std::isinf(x)) return x > 0 ? 1 : 0;
  const Real s = gelu_sigmoid(x);
  return s + x * s * gelu_sigmoid(-x) * 2 * gelu_factor * (1 + 3 * Real(0.044715L) * x * x);
}

template <class T>
void gelu_tanh_slope(const T* x, T* out, Index n) {
  const std::vector<T> ones(static_cast<std::size_t>(n), T(1));
  vmath::gelu_tanh_gradient(x, ones.data(), out, n);
}

Real exact_sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real exact_tanh_slope(Real x) {
  const Real e = std::exp(-2 * std::fabs(x));
  return 4 * e / ((1 + e) * (1 + e));
}
Real exact_silu_slope(Real x) {
  return limited(x, 0, 1, [](Real v) { return exact_sigmoid(v) * (1 + v * exact_sigmoid(-v)); });
}
/// tanh(log(1 + exp(x))) = n / (n + 2) for n = exp(x) (exp(x) + 2).
Real mish_gate(Real x) {
  if (x > 50) return 1;
  const Real n = std::exp(x) * (std::exp(x) + 2);
  return n / (n + 2);
}
Real exact_mish_slope(Real x) {
  return limited(x, 0, 1, [](Real v) {
    const Real rest = v > 50 ? 0 : 2 / (std::exp(v) * (std::exp(v) + 2) + 2);
    return mish_gate(v) + v * rest * (1 + mish_gate(v)) * exact_sigmoid(v);
  });
}

/// x - tanh(x) = x q / (1 + q) by the continued fraction of tanh, whose terms are all positive.
Real exact_tanhshrink(Real x) {
  if (std::fabs(x) > 2) return x - std::tanh(x);
  Real q = 0;
  for (int odd = 61; odd >= 3; odd -= 2) q = x * x / (odd + q);
  return x * q / (1 + q);
}

#define UNARY(name) #name, vmath::name, vmath::name, [](Real x) -> Real { return std::name(x); }
const UnaryCase unary_cases[] = {
    {UNARY(exp)},
    {UNARY(exp2)},
    {UNARY(expm1)},
    {UNARY(log)},
    {UNARY(log2)},
    {UNARY(log10)},
    {UNARY(log1p)},
    {UNARY(sqrt), 0.5},
    {UNARY(cbrt)},
    {UNARY(sin)},
    {UNARY(cos)},
    {UNARY(tan)},
    {UNARY(asin)},
    {UNARY(acos)},
    {UNARY(atan)},
    {UNARY(sinh)},
    {UNARY(cosh)},
    {UNARY(tanh)},
    {UNARY(asinh)},
    {UNARY(acosh)},
    {UNARY(atanh)},
    {UNARY(erf)},
    {UNARY(erfc), 16},
    {UNARY(floor), 0},
    {UNARY(ceil), 0},
    {UNARY(trunc), 0},
    {"round", vmath::round, vmath::round, [](Real x) -> Real { return std::nearbyint(x); }, 0},
    {"lgamma", vmath::lgamma, vmath::lgamma, extended_lgamma, 16, Scale::one},
    {"sigmoid", vmath::sigmoid, vmath::sigmoid, [](Real x) { return 1 / (1 + std::exp(-x)); }},
    {"sigmoid'", vmath::sigmoid_slope, vmath::sigmoid_slope,
     [](Real x) { return exact_tanh_slope(x / 2) / 4; }, 16},
    {"tanh'", vmath::tanh_slope, vmath::tanh_slope, exact_tanh_slope, 16},
    {"erf'", vmath::erf_slope, vmath::erf_slope,
     [](Real x) { return 2 * std::numbers::inv_sqrtpi_v<Real> * std::exp(-x * x); }, 16},
    {"tanhshrink", vmath::tanhshrink, vmath::tanhshrink, exact_tanhshrink, 16},
    {"tanhshrink'", vmath::tanhshrink_slope, vmath::tanhshrink_slope,
     [](Real x) { return std::tanh(x) * std::tanh(x); }, 16},
    {"silu", vmath::silu, vmath::silu,
     [](Real x) { return limited(x, -0.0L, x, [](Real v) { return v * exact_sigmoid(v); }); }, 32},
    {"mish", vmath::mish, vmath::mish,
     [](Real x) { return limited(x, -0.0L, x, [](Real v) { return v * mish_gate(v); }); }, 32},
    {"silu'", vmath::silu_slope, vmath::silu_slope, exact_silu_slope, 16, Scale::one},
    {"mish'", vmath::mish_slope, vmath::mish_slope, exact_mish_slope, 16, Scale::one},
    {"gelu", vmath::gelu, vmath::gelu,
     [](Real x) { return limited(x, -0.0L, x, [](Real v) { return v * normal_cdf(v); }); }, 32},
    {"gelu'", gelu_slope<float>, gelu_slope<double>, exact_gelu_slope, 16, Scale::one},
    {"gelu tanh", vmath::gelu_tanh, vmath::gelu_tanh,
     [](Real x) { return limited(x, -0.0L, x, [](Real v) { return v * gelu_sigmoid(v); }); }, 16, Scale::one},
    {"gelu tanh'", gelu_tanh_slope<float>, gelu_tanh_slope<double>, exact_gelu_tanh_slope, 16, Scale::one},
};
#undef UNARY

#define BINARY(name) #name, vmath::name, vmath::name, [](Real x, Real y) -> Real { return std::name(x, y); }
const BinaryCase binary_cases[] = {{BINARY(pow)}, {BINARY(atan2)}, {BINARY(hypot)}, {BINARY(fmod), 0}};
/// Their own exact tests are beside the operations; here, that an element depends on its own inputs alone.
const BinaryCase division_cases[] = {{"floor_divide", vmath::floor_divide, vmath::floor_divide,
                                      [](Real x, Real y) { return std::floor(x / y); }},
                                     {"remainder", vmath::remainder, vmath::remainder,
                                      [](Real x, Real y) { return x - std::floor(x / y) * y; }}};
#undef BINARY

/// Values where functions change formula, overflow or are exceptional.
template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  const T tiny = Limits::denorm_min(), least = Limits::min(), most = Limits::max(), eps = Limits::epsilon();
  std::vector<T> values;
  for (T x : {T(0),
              tiny,
              3 * tiny,
              least - tiny,
              least,
              4 * least,
              eps,
              T(0.1),
              T(0.25),
              T(0.5),
              T(0.9),
              T(1),
              1 - eps / 2,
              1 + eps,
              T(1.5),
              T(2),
              T(2.5),
              T(3),
              T(3.5),
              T(4),
              T(20),
              T(27),
              T(28),
              1 / eps,
              2 / eps,
              T(0x1p52),
              T(0x1p53),
              T(0x1p62),
              T(0x1p80),
              std::sqrt(most),
              std::sqrt(least),
              most / 2,
              most,
              Limits::infinity()}) {
    values.push_back(x);
    values.push_back(-x);
  }
  values.push_back(Limits::quiet_NaN());
  return values;
}

/// Special values, all magnitudes from the bit patterns, and an even cover of ranges where functions live.
template <class T>
std::vector<T> samples(int dense) {
  std::vector<T> values = special_values<T>();
  const auto last = std::bit_cast<Word<T>>(std::numeric_limits<T>::infinity());
  const auto stride = static_cast<Word<T>>(last / static_cast<Word<T>>(dense) | 1);
  for (Word<T> bits = 1; bits < last - stride; bits += stride) {
    values.push_back(std::bit_cast<T>(bits));
    values.push_back(-std::bit_cast<T>(bits));
  }
  for (T bound : {T(1.25), T(12), T(120), T(1200), T(1e5), T(3e6)})
    for (int i = 0; i < dense; ++i) values.push_back(bound * (T(2 * i + 1) / static_cast<T>(dense) - 1));
  // Around the multiples of pi/4, where sines and cosines change formula or vanish, and around one.
  for (int i = 1; i < dense; ++i) {
    values.push_back(static_cast<T>(i * (std::numbers::pi_v<Real> / 4)));
    values.push_back(1 + static_cast<T>(i - dense / 2) * std::numeric_limits<T>::epsilon());
  }
  return values;
}

/// |got - want| in units in the last place of the want that T would have; infinite when one is NaN or of
/// another kind.
template <class T>
Real error_of(T got, Real want, Scale scale) {
  constexpr Real infinite = std::numeric_limits<Real>::infinity();
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : infinite;
  const Real most = std::numeric_limits<T>::max();
  // Just below the overflow a large value and infinity are neighbours.
  const Real next = std::ldexp(Real(1), std::numeric_limits<T>::max_exponent);
  if (std::isinf(want)) return got == static_cast<T>(want) ? 0 : infinite;
  if (want == 0 && scale == Scale::value)
    return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : infinite;
  if (std::abs(want) > next) return std::isinf(got) && std::signbit(got) == std::signbit(want) ? 0 : infinite;
  const Real value = std::isinf(got) ? std::copysign(next, static_cast<Real>(got)) : static_cast<Real>(got);
  const Real size = scale == Scale::one ? std::max(Real(1), std::abs(want)) : std::min(most, std::abs(want));
  int exponent = 0;
  std::frexp(size, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  return std::abs(value - want) / std::ldexp(Real(1), exponent - std::numeric_limits<T>::digits);
}

template <class T>
struct Worst {
  Real error = -1;
  T x = 0, y = 0, got = 0;
  Real want = 0;

  void see(Real seen, T a, T b, T result, Real exact) {
    if (seen > error) *this = {seen, a, b, result, exact};
  }
};

template <class T>
void check_within(const char* name, const Worst<T>& worst, Real limit) {
  CAPTURE(std::string(name));
  CAPTURE(sizeof(T));
  CAPTURE(worst.x);
  CAPTURE(worst.y);
  CAPTURE(worst.got);
  CAPTURE(static_cast<double>(worst.want));
  CHECK(static_cast<double>(worst.error) <= static_cast<double>(limit));
}

template <class T>
void check_unary(const UnaryCase& c, Unary<T> function) {
  const std::vector<T> x = samples<T>(4000);
  std::vector<T> out(x.size());
  function(x.data(), out.data(), static_cast<Index>(x.size()));
  Worst<T> worst;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Real want = c.exact(x[i]);
    worst.see(error_of(out[i], want, c.scale), x[i], T(0), out[i], want);
  }
  check_within(c.name, worst, c.limit);
}

/// All pairs of special values, pairs of every magnitude, and ordinary ones.
template <class T>
void pairs(std::vector<T>& x, std::vector<T>& y) {
  const std::vector<T> special = special_values<T>();
  for (T a : special)
    for (T b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  const std::vector<T> sampled = samples<T>(2000);
  const std::size_t n = sampled.size();
  for (std::size_t i = 0; i < n; ++i) {
    const T a = sampled[i], b = sampled[(i * 7919 + 13) % n], near_one = 1 + a / T(1e7),
            small = std::fmod(b, T(40));
    for (auto [p, q] : {std::pair{a, b},
                        {std::abs(a), small},
                        {near_one, T(1e6) * small},
                        {a, std::nearbyint(small)},
                        {a, a * T(0.7)},
                        {T(1.25) * small, T(i % 50)}}) {
      x.push_back(p);
      y.push_back(q);
    }
  }
}

template <class T>
void check_binary(const BinaryCase& c, Binary<T> function) {
  std::vector<T> x, y;
  pairs(x, y);
  std::vector<T> out(x.size());
  function(x.data(), y.data(), out.data(), static_cast<Index>(x.size()));
  Worst<T> worst;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Real want = c.exact(x[i], y[i]);
    worst.see(error_of(out[i], want, Scale::value), x[i], y[i], out[i], want);
  }
  check_within(c.name, worst, c.limit);
}

/// call(first, n, out) fills out[0, n) from the inputs at first; in_place does so with `out` an input. Every
/// short run from every phase of a vector must repeat, bit by bit, what the whole run gave, and write nowhere
/// else.
template <class T, class Call>
void check_positions(const char* name, Index count, Call call) {
  CAPTURE(std::string(name));
  std::vector<T> whole(static_cast<std::size_t>(count));
  call(0, count, whole.data());
  constexpr Index longest = 40;
  for (Index first = 0; first + longest < count; first += 17)
    for (Index n = 0; n <= longest; n += n < 18 ? 1 : 11) {
      std::vector<T> part(static_cast<std::size_t>(n) + 2, T(77));
      call(first, n, part.data() + 1);
      const bool same =
          std::memcmp(part.data() + 1, whole.data() + first, static_cast<std::size_t>(n) * sizeof(T)) == 0;
      REQUIRE(same);
      REQUIRE(part.front() == T(77));
      REQUIRE(part.back() == T(77));
    }
}

template <class T>
void check_unary_positions(const char* name, Unary<T> function) {
  const std::vector<T> x = samples<T>(150);
  const auto count = static_cast<Index>(x.size());
  check_positions<T>(name, count, [&](Index first, Index n, T* out) { function(x.data() + first, out, n); });
  check_positions<T>(name, count, [&](Index first, Index n, T* out) {
    std::copy_n(x.data() + first, n, out);
    function(out, out, n);
  });
}

template <class T>
void check_binary_positions(const char* name, Binary<T> function) {
  const std::vector<T> x = samples<T>(150), y(x.rbegin(), x.rend());
  const auto count = static_cast<Index>(x.size());
  check_positions<T>(name, count, [&](Index first, Index n, T* out) {
    function(x.data() + first, y.data() + first, out, n);
  });
  check_positions<T>(name, count, [&](Index first, Index n, T* out) {
    std::copy_n(x.data() + first, n, out);
    function(out, y.data() + first, out, n);
  });
  check_positions<T>(name, count, [&](Index first, Index n, T* out) {
    std::copy_n(y.data() + first, n, out);
    function(x.data() + first, out, out, n);
  });
}

template <class T>
T digamma_at(T x) {
  vmath::digamma(&x, &x, 1);
  return x;
}

template <class T>
T polygamma_at(int order, T x) {
  vmath::polygamma(order, &x, &x, 1);
  return x;
}

template <class T>
void check_golden() {
  Worst<T> digamma, polygamma;
  for (const auto& row : test::polygamma_golden) {
    const T x = static_cast<T>(row.x);
    const T got = row.order == 0 ? digamma_at(x) : polygamma_at(row.order, x);
    (row.order == 0 ? digamma : polygamma)
        .see(error_of(got, row.value, Scale::one), x, T(row.order), got, row.value);
  }
  check_within("digamma", digamma, 16);
  check_within("polygamma", polygamma, 4);
}

template <class T>
void check_gamma_poles() {
  const T infinite = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  CHECK(digamma_at(T(0)) == -infinite);
  CHECK(digamma_at(T(-0.0)) == infinite);
  CHECK(digamma_at(infinite) == infinite);
  for (T x : {T(-1), T(-7), T(-0x1p60), -infinite, nan}) CHECK(std::isnan(digamma_at(x)));
  CHECK(polygamma_at(1, T(0)) == infinite);
  CHECK(polygamma_at(1, T(-3)) == infinite);
  CHECK(polygamma_at(2, T(0)) == -infinite);
  CHECK(polygamma_at(2, T(-0.0)) == infinite);
  CHECK(std::isnan(polygamma_at(2, T(-3))));
  CHECK(polygamma_at(3, infinite) == T(0));
  CHECK(std::isnan(polygamma_at(1, nan)));
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("vmath: functions of one argument are exact within the promised units in the last place") {
    for (const UnaryCase& c : unary_cases) {
      check_unary<float>(c, c.of_float);
      check_unary<double>(c, c.of_double);
    }
  }

  TEST_CASE("vmath: functions of two arguments are exact within the promised units in the last place") {
    for (const BinaryCase& c : binary_cases) {
      check_binary<float>(c, c.of_float);
      check_binary<double>(c, c.of_double);
    }
  }

  TEST_CASE("vmath: digamma and polygamma agree with golden values and have their poles") {
    check_golden<float>();
    check_golden<double>();
    check_gamma_poles<float>();
    check_gamma_poles<double>();
    double x = 1;
    CHECK_THROWS_AS(vmath::polygamma(0, &x, &x, 1), ValueError);
    CHECK(x == 1);
  }

  TEST_CASE("vmath: a result depends on its own inputs alone, wherever they lie") {
    for (const UnaryCase& c : unary_cases) {
      check_unary_positions<float>(c.name, c.of_float);
      check_unary_positions<double>(c.name, c.of_double);
    }
    check_unary_positions<float>("digamma", vmath::digamma);
    check_unary_positions<double>("digamma", vmath::digamma);
    check_unary_positions<float>("trigamma",
                                 [](const float* x, float* out, Index n) { vmath::polygamma(1, x, out, n); });
    for (const auto& cases :
         {std::span<const BinaryCase>(binary_cases), std::span<const BinaryCase>(division_cases)})
      for (const BinaryCase& c : cases) {
        check_binary_positions<float>(c.name, c.of_float);
        check_binary_positions<double>(c.name, c.of_double);
      }
  }
}
