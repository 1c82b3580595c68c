// Rounding to integers and the remainder.
#include <xgrad/tensor/vmath.hpp>
#include <xgrad/tensor/vmath_kernels.hpp>
#include <xgrad/tensor/vmath_loop.hpp>

#include <cmath>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// To the nearest integer, halves to even: adding 2^mantissa_bits leaves no room for a fraction.
template <class T>
Batch<T> round_kernel(const Batch<T>& x) {
  const Batch<T> offset(T(typename Format<T>::Word(1) << Format<T>::mantissa_bits)), a = xsimd::abs(x);
  return with_sign(xsimd::select(a < offset, (a + offset) - offset, a), x);
}

template <class T>
Batch<T> floor_kernel(const Batch<T>& x) {
  const Batch<T> nearest = round_kernel(x);
  return with_sign(xsimd::select(nearest > x, nearest - Batch<T>(T(1)), nearest), x);
}

template <class T>
Batch<T> ceil_kernel(const Batch<T>& x) {
  const Batch<T> nearest = round_kernel(x);
  return with_sign(xsimd::select(nearest < x, nearest + Batch<T>(T(1)), nearest), x);
}

template <class T>
Batch<T> trunc_kernel(const Batch<T>& x) {
  return with_sign(floor_kernel(xsimd::abs(x)), x);
}

/// Exact: |x| = q |y| + r with q the integer nearest to |x| / |y|; below zero r lacks one |y|.
Batch<double> fmod_kernel(const Batch<double>& x, const Batch<double>& y) {
  using B = Batch<double>;
  const B zero(0.0), offset(0x1p52), a = xsimd::abs(x), b = xsimd::abs(y), ratio = a / b;
  const B quotient = round_kernel(ratio);
  const auto [product, low] = exact_product(quotient, b);
  const B rest = (a - product) - low;
  const B value = with_sign(xsimd::select(rest < zero, rest + b, rest), x);
  // Elsewhere (a zero, an infinity, NaN, a quotient beyond 52 bits, a product out of range) the C library
  // decides.
  const auto easy = (ratio < offset) & (a < B(0x1p900)) & (b > B(0x1p-900)) & (b < B(0x1p900));
  const B hard = xsimd::select(easy, zero, B(1.0));
  return patch_lanes(
      value, hard > zero, [](double v, double w) { return std::fmod(v, w); }, x, y);
}

}  // namespace

void floor(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return floor_kernel(v); });
}
void floor(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return floor_kernel(v); });
}
void ceil(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return ceil_kernel(v); });
}
void ceil(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return ceil_kernel(v); });
}
void round(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return round_kernel(v); });
}
void round(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return round_kernel(v); });
}
void trunc(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return trunc_kernel(v); });
}
void trunc(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return trunc_kernel(v); });
}
void fmod(const float* x, const float* y, float* out, Index n) { map_widened<fmod>(x, y, out, n); }
void fmod(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n, [](const Batch<double>& a, const Batch<double>& b) { return fmod_kernel(a, b); });
}

}  // namespace xgrad::vmath
