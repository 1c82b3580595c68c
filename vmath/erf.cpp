// The error function and its complement: erfc(|x|) is exp(-x^2) times a minimax polynomial, erf(x) near zero
// x times another.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <numbers>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// Where erf leaves its polynomial in x^2, and where exp(-x^2) vanishes.
template <class T>
inline constexpr T near = sizeof(T) == 4 ? T(0.9) : T(1);
template <class T>
inline constexpr T vanishing = sizeof(T) == 4 ? T(10.2225) : T(27.3131);

/// erf(x) for |x| <= near.
template <class T>
Simd<T> erf_near(const Simd<T>& x) {
  return fused(x, polynomial(x * x, Table<T>::erf), x);
}

/// exp(-(high + low)) for 0 <= high <= vanishing^2: the part below the rounding of `high` would show in the
/// result.
template <class T>
inline Simd<T> exp_minus(const Pair<T>& x) {
  const auto [shifted, count, rest] = reduce_ln2<T>(-x.high);
  const SimdMask<T> subnormal = x.high > Simd<T>(-Format<T>::exp_subnormal);
  return scale_exp<T>(expm1_reduced<T>(rest - x.low), shifted, subnormal, T(1));
}

template <class T>
Simd<T> erfc_kernel(const Simd<T>& x) {
  const Simd<T> a = at_most(xsimd::abs(x), vanishing<T>);
  const Simd<T> value = erfc_positive(a, exp_minus(exact_product(a, a)));
  return xsimd::select(x < Simd<T>(T(0)), Simd<T>(T(2)) - value, value);
}

template <class T>
Simd<T> erf_slope_kernel(const Simd<T>& x) {
  const Simd<T> a = at_most(xsimd::abs(x), vanishing<T>);
  return Simd<T>(2 * std::numbers::inv_sqrtpi_v<T>) * exp_minus(exact_product(a, a));
}

Simd<double> erf_kernel(const Simd<double>& x) {
  using B = Simd<double>;
  const B a = at_most(xsimd::abs(x), vanishing<double>);
  const B far = B(1.0) - erfc_positive(a, exp_minus(exact_product(a, a)));
  return xsimd::select(a < B(near<double>), erf_near(x), with_sign(far, x));
}

/// 1 - exp(log(erfc(a))) away from zero; from 4 on it rounds to 1.
Simd<float> erf_kernel(const Simd<float>& x) {
  using B = Simd<float>;
  const B a = xsimd::abs(x);
  const B far = -expm1_bounded(polynomial(at_most(a, 4.0f), Table<float>::log_erfc));
  return xsimd::select(a < B(near<float>), erf_near(x), with_sign(far, x));
}

}  // namespace

void erf(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return erf_kernel(v); });
}
void erf(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return erf_kernel(v); });
}
void erfc(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return erfc_kernel(v); });
}
void erfc(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return erfc_kernel(v); });
}
void erf_slope(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return erf_slope_kernel(v); });
}
void erf_slope(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return erf_slope_kernel(v); });
}

}  // namespace xgrad::vmath
