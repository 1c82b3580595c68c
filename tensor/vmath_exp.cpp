// Exponentials and hyperbolic functions: reduction by multiples of log(2), then a minimax polynomial.
#include <xgrad/tensor/vmath.hpp>
#include <xgrad/tensor/vmath_kernels.hpp>
#include <xgrad/tensor/vmath_loop.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

template <class T>
Batch<T> exp2_kernel(const Batch<T>& x) {
  using F = Format<T>;
  constexpr T largest = sizeof(T) == 4 ? T(129) : T(1025), smallest = sizeof(T) == 4 ? T(-151) : T(-1076);
  constexpr T subnormal = sizeof(T) == 4 ? T(-123) : T(-1019);
  const Batch<T> bounded = at_least(at_most(x, largest), smallest);
  const Batch<T> shifted = bounded + Batch<T>(F::rounder);
  const Batch<T> rest = (bounded - (shifted - Batch<T>(F::rounder))) * Batch<T>(T(0x1.62e42fefa39efp-1));
  return scale_exp<T>(expm1_reduced(rest), shifted, x < Batch<T>(subnormal), T(1));
}

template <class T>
Batch<T> expm1_kernel(const Batch<T>& x) {
  constexpr T largest = sizeof(T) == 4 ? T(89) : T(710), smallest = T(-50);
  const auto [shifted, count, rest] = reduce_ln2(at_least(at_most(x, largest), smallest));
  // Half of the result first: the largest ones need 2^1024.
  const Batch<T> half = power_of_two<T>(shifted - Batch<T>(T(1)));
  const Batch<T> value = fused(expm1_reduced(rest), half, half - Batch<T>(T(0.5))) * Batch<T>(T(2));
  return xsimd::select(xsimd::abs(x) < Batch<T>(T(4) * std::numeric_limits<T>::min()), x, value);
}

template <class T>
Batch<T> sinh_kernel(const Batch<T>& x) {
  const Batch<T> one(T(1)), half(T(0.5)), a = xsimd::abs(x);
  const Batch<T> m = expm1_bounded(xsimd::select(a < one, a, one));
  const Batch<T> h = exp_kernel(a, T(0.5));
  const Batch<T> value = xsimd::select(a < one, half * (m + m / (m + one)), h - Batch<T>(T(0.25)) / h);
  return with_sign(value, x);
}

template <class T>
Batch<T> cosh_kernel(const Batch<T>& x) {
  const Batch<T> h = exp_kernel(xsimd::abs(x), T(0.5));
  return h + Batch<T>(T(0.25)) / h;
}

}  // namespace

void exp(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return exp_kernel(v); });
}
void exp(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return exp_kernel(v); });
}
void exp2(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return exp2_kernel(v); });
}
void exp2(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return exp2_kernel(v); });
}
void expm1(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return expm1_kernel(v); });
}
void expm1(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return expm1_kernel(v); });
}
void sinh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return sinh_kernel(v); });
}
void sinh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return sinh_kernel(v); });
}
void cosh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return cosh_kernel(v); });
}
void cosh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return cosh_kernel(v); });
}
void tanh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return tanh_kernel(v); });
}
void tanh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return tanh_kernel(v); });
}
void sigmoid(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return sigmoid_kernel(v); });
}
void sigmoid(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return sigmoid_kernel(v); });
}

}  // namespace xgrad::vmath
