// Logarithms and the inverse hyperbolic functions, which are logarithms.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

template <class T>
Simd<T> log2_kernel(const Simd<T>& x) {
  const auto [exponent, f] = split_binary(x);
  const Simd<T> value = f - log_rest<T>(f, Simd<T>(T(0)));
  return log_special(fused(value, Simd<T>(Format<T>::log2_e), exponent), x);
}

template <class T>
Simd<T> log10_kernel(const Simd<T>& x) {
  using F = Format<T>;
  const auto [exponent, f] = split_binary(x);
  const Simd<T> value = (f - log_rest<T>(f, Simd<T>(T(0)))) * Simd<T>(F::log10_e);
  const Simd<T> low = fused(exponent, Simd<T>(F::log10_2_low), value);
  return log_special(fused(exponent, Simd<T>(F::log10_2_high), low), x);
}

/// Beyond this x^2 + 1 = x^2 and log(2 x) is the inverse hyperbolic sine and cosine.
template <class T>
inline constexpr T huge = sizeof(T) == 4 ? T(0x1p30) : T(0x1p60);

/// log(1 + x), or log(2 x) where `large`.
template <class T>
Simd<T> log1p_or_twice(const Simd<T>& x, const SimdMask<T>& large) {
  const Simd<T> ln2(T(0x1.62e42fefa39efp-1)), zero(T(0));
  return log1p_kernel(x) + xsimd::select(large, ln2, zero);
}

template <class T>
Simd<T> asinh_kernel(const Simd<T>& x) {
  const Simd<T> one(T(1)), a = xsimd::abs(x), square = a * a;
  const auto large = a > Simd<T>(huge<T>);
  const Simd<T> m = a + square / (one + xsimd::sqrt(one + square));
  return with_sign(log1p_or_twice(xsimd::select(large, a, m), large), x);
}

template <class T>
Simd<T> acosh_kernel(const Simd<T>& x) {
  const Simd<T> above = x - Simd<T>(T(1));
  const auto large = x > Simd<T>(huge<T>);
  const Simd<T> m = above + xsimd::sqrt(above * (above + Simd<T>(T(2))));
  const Simd<T> value = log1p_or_twice(xsimd::select(large, x, m), large);
  return xsimd::select(x < Simd<T>(T(1)), Simd<T>(not_a_number<T>), value);
}

template <class T>
Simd<T> atanh_kernel(const Simd<T>& x) {
  const Simd<T> a = xsimd::abs(x);
  const Simd<T> value = Simd<T>(T(0.5)) * log1p_kernel((a + a) / (Simd<T>(T(1)) - a));
  return with_sign(value, x);
}

}  // namespace

void log(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return log_kernel(v); });
}
void log(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return log_kernel(v); });
}
void log2(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return log2_kernel(v); });
}
void log2(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return log2_kernel(v); });
}
void log10(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return log10_kernel(v); });
}
void log10(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return log10_kernel(v); });
}
void log1p(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return log1p_kernel(v); });
}
void log1p(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return log1p_kernel(v); });
}
void asinh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return asinh_kernel(v); });
}
void asinh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return asinh_kernel(v); });
}
void acosh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return acosh_kernel(v); });
}
void acosh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return acosh_kernel(v); });
}
void atanh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return atanh_kernel(v); });
}
void atanh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return atanh_kernel(v); });
}

}  // namespace xgrad::vmath
