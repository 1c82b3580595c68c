// The logarithm of the gamma function and its derivatives. The rarely used polygamma is scalar, in extended
// precision.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/trig.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <xgrad/tensor/error.hpp>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace xgrad::vmath {
namespace {

using namespace detail;

double lgamma_scalar(double x) {
  // std::lgamma writes a global variable.
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

/// pi / tan(pi x) for |x| <= 1/2.
Simd<double> pi_cotangent(const Simd<double>& x) {
  using B = Simd<double>;
  using F = Format<double>;
  const B a = xsimd::abs(x);
  const auto swapped = a > B(0.25);
  const B turn = xsimd::select(swapped, B(0.5) - a, a);
  const auto [high, low] = exact_product(turn, B(F::pi_high));
  const Pair<double> angle{high, fused(turn, B(F::pi_low), low)};
  const B s = sin_reduced(angle, Table<double>::sin), c = cos_reduced(angle, Table<double>::cos);
  const B value = B(F::pi_high) * xsimd::select(swapped, s, c) / xsimd::select(swapped, c, s);
  return with_sign(value, x);
}

/// digamma(x) for x > 0: psi(x) = psi(x + 10) - sum of 1 / (x + i), and the asymptotic series beyond 10
/// (Abramowitz and Stegun 6.3.6 and 6.3.18).
Simd<double> digamma_positive(const Simd<double>& x) {
  using B = Simd<double>;
  const B one(1.0), zero(0.0), ten(10.0);
  // The sum as derivative / product.
  B product = x, derivative = one;
  for (int i = 1; i < 10; ++i) {
    const B factor = x + B(i);
    derivative = fused(derivative, factor, product);
    product = product * factor;
  }
  const auto small = x < ten;
  const B sum = xsimd::select(small, derivative / product, zero);
  const B t = xsimd::select(small, x + ten, x);
  // Bernoulli numbers B(2k) / 2k.
  constexpr std::array series{1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                              1.0 / 132, -691.0 / 32760, 1.0 / 12};
  const B inverse = one / t, z = inverse * inverse;
  return (log_kernel(t) - fused(z, polynomial(z, series), B(0.5) * inverse)) - sum;
}

Simd<double> digamma_kernel(const Simd<double>& x) {
  using B = Simd<double>;
  const B zero(0.0), one(1.0);
  const auto negative = x < zero;
  const B value = digamma_positive(xsimd::select(negative, one - x, x));
  // Reflection: psi(x) = psi(1 - x) - pi / tan(pi x), with poles at the integers.
  const B a = xsimd::abs(x), offset(0x1p52);
  const B nearest = xsimd::select(a < offset, (a + offset) - offset, a);
  const B fraction = (a - nearest) ^ (x & B(-0.0));
  const B reflected =
      xsimd::select(fraction == zero, B(not_a_number<double>), value - pi_cotangent(fraction));
  return xsimd::select(x == zero, with_sign(B(infinity<double>), x) ^ B(-0.0),
                       xsimd::select(negative, reflected, value));
}

/// The polygamma function of order n. For x > 0 it is (-1)^(n+1) n! zeta(n + 1, x), the Hurwitz zeta function
/// by Euler-Maclaurin summation (DLMF 25.11.5); the reflection (DLMF 5.15.6) serves x < 0.
class Polygamma {
 public:
  explicit Polygamma(int order) : order_(order), sign_(order % 2 == 1 ? 1 : -1) {
    int sign = 0;
    log_factorial_ = ::lgammal_r(order_ + 1.0L, &sign);
  }

  double operator()(double x) {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    if (std::isnan(x)) return x;
    if (x > 0) return static_cast<double>(sign_ * positive(x));
    if (x == 0) return sign_ > 0 ? infinite : std::copysign(infinite, -x);
    const double fraction = x - std::nearbyint(x);
    if (fraction == 0) return sign_ > 0 ? infinite : std::numeric_limits<double>::quiet_NaN();
    if (std::isinf(x)) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(sign_ * cotangent_derivative(fraction) -
                               positive(1 - static_cast<long double>(x)));
  }

 private:
  using Real = long double;

  /// n! zeta(n + 1, x).
  Real positive(Real x) const {
    if (std::isinf(x)) return 0;
    // Everything divided by x^-s: (x / (x + k))^s neither overflows nor loses its relative precision.
    const Real s = order_ + Real(1), start = x;
    const Real end = s + 9;
    Real sum = 0;
    for (; x < end; x += 1) {
      const Real term = power(start / x);
      sum += term;
      if (term < sum * std::numeric_limits<Real>::epsilon() / end) break;
    }
    Real series = x / (s - 1) + Real(0.5);
    Real coefficient = s / x;
    Real next = s + 1;
    for (const Real number : bernoulli) {
      series += number * coefficient;
      coefficient *= next * (next + 1) / (x * x);
      next += 2;
    }
    return std::exp(log_factorial_ - s * std::log(start)) * (sum + power(start / x) * series);
  }

  /// x^(n + 1).
  Real power(Real x) const {
    Real result = 1;
    for (int rest = order_ + 1; rest > 0; rest /= 2, x *= x)
      if (rest % 2 == 1) result *= x;
    return result;
  }

  /// |pi d^n/dx^n cot(pi x)| for |x| <= 1/2, with the sign of its even or odd symmetry: pi^(n+1) Q(cot(pi
  /// x)), where Q starts as the cotangent and each derivative is (1 + c^2) Q'(c).
  Real cotangent_derivative(double x) {
    constexpr Real pi = std::numbers::pi_v<Real>;
    if (coefficients_.empty()) {
      coefficients_ = {0, pi};
      for (int n = 0; n < order_; ++n) {
        std::vector<Real> next(coefficients_.size() + 1);
        for (std::size_t i = 1; i < coefficients_.size(); ++i) {
          const Real slope = pi * static_cast<Real>(i) * coefficients_[i];
          next[i - 1] += slope;
          next[i + 1] += slope;
        }
        coefficients_ = std::move(next);
      }
    }
    const Real a = std::abs(static_cast<Real>(x));
    const Real size = a > Real(0.25) ? std::tan(pi * (Real(0.5) - a)) : 1 / std::tan(pi * a);
    const Real c = std::copysign(size, static_cast<Real>(x));
    Real value = 0;
    for (std::size_t i = coefficients_.size(); i-- > 0;) value = value * c + coefficients_[i];
    return value;
  }

  /// B(2j) / (2j)!.
  static constexpr std::array<Real, 8> bernoulli{1 / 12.0L,          -1 / 720.0L,
                                                 1 / 30240.0L,       -1 / 1209600.0L,
                                                 1 / 47900160.0L,    -691 / 1307674368000.0L,
                                                 1 / 74724249600.0L, -3617 / 10670622842880000.0L};

  int order_;
  int sign_;
  Real log_factorial_ = 0;
  std::vector<Real> coefficients_;
};

template <class T>
void map_polygamma(int order, const T* x, T* out, Index n) {
  // The reflection takes order^2 steps.
  constexpr int most = 10'000;
  if (order < 1 || order > most)
    fail<ValueError>("polygamma: order " + std::to_string(order) +
                         " given, expected at least 1 and at most " + std::to_string(most),
                     "order 0 is digamma");
  Polygamma polygamma_of(order);
  for (Index i = 0; i < n; ++i) out[i] = static_cast<T>(polygamma_of(x[i]));
}

}  // namespace

void lgamma(const float* x, float* out, Index n) {
  std::transform(x, x + n, out, [](float v) { return static_cast<float>(lgamma_scalar(v)); });
}
void lgamma(const double* x, double* out, Index n) { std::transform(x, x + n, out, lgamma_scalar); }

void digamma(const float* x, float* out, Index n) { map_widened<digamma>(x, out, n); }
void digamma(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return digamma_kernel(v); });
}
void polygamma(int order, const float* x, float* out, Index n) { map_polygamma(order, x, out, n); }
void polygamma(int order, const double* x, double* out, Index n) { map_polygamma(order, x, out, n); }

}  // namespace xgrad::vmath
