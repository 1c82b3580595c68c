// The error function and its complement: minimax polynomials near zero and of scaled tails away from it.
#include <xgrad/tensor/vmath.hpp>
#include <xgrad/tensor/vmath_kernels.hpp>
#include <xgrad/tensor/vmath_loop.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// erf(x) for |x| <= 0.9 (float) or 1 (double).
template <class T>
Batch<T> erf_near(const Batch<T>& x) {
  return fused(x, polynomial(x * x, Table<T>::erf), x);
}

/// exp(-a^2) for 0 <= a <= 28. The square is rounded in its last bits, so exp(-high^2) is multiplied by a
/// series in what is left, below 3e-5; high has 26 bits.
Batch<double> exp_minus_square(const Batch<double>& a) {
  using B = Batch<double>;
  const B high = from_bits<double>(bits_of(a) & Bits<double>(~((std::uint64_t{1} << 27) - 1)));
  const B left = (a - high) * (a + high);
  const B series = fused(left, fused(left, B(-1.0 / 6), B(0.5)), B(-1.0));
  const B main = exp_kernel(-(high * high));
  return fused(main * left, series, main);
}

/// erfc(a) for a >= 1, with the substitution of Shepherd and Laframboise (1981) for exp(a^2) erfc(a).
Batch<double> erfc_far(const Batch<double>& a) {
  using B = Batch<double>;
  const B bounded = xsimd::select(a > B(28.0), B(28.0), a);
  const B t = (bounded - B(4.0)) / (bounded + B(4.0));
  const B scaled = polynomial(t, Table<double>::erfcx) / fused(bounded, B(2.0), B(1.0));
  return exp_minus_square(bounded) * scaled;
}

Batch<double> erfc_kernel(const Batch<double>& x) {
  using B = Batch<double>;
  const B one(1.0), a = xsimd::abs(x), far = erfc_far(a);
  const B tail = xsimd::select(x < B(0.0), B(2.0) - far, far);
  return xsimd::select(a < one, one - erf_near(x), tail);
}

Batch<double> erf_kernel(const Batch<double>& x) {
  using B = Batch<double>;
  const B one(1.0), a = xsimd::abs(x);
  return xsimd::select(a < one, erf_near(x), with_sign(one - erfc_far(a), x));
}

/// 1 - exp(log(erfc(a))) away from zero; from 4 on it rounds to 1.
Batch<float> erf_kernel(const Batch<float>& x) {
  using B = Batch<float>;
  const B one(1.0f), four(4.0f), a = xsimd::abs(x), bounded = xsimd::select(a > four, four, a);
  const B far = -expm1_bounded(polynomial(bounded, Table<float>::log_erfc));
  return xsimd::select(a < B(0.9f), erf_near(x), with_sign(far, x));
}

}  // namespace

void erf(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return erf_kernel(v); });
}
void erf(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return erf_kernel(v); });
}
void erfc(const float* x, float* out, Index n) { map_widened<erfc>(x, out, n); }
void erfc(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return erfc_kernel(v); });
}

}  // namespace xgrad::vmath
