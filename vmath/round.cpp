// Rounding to integers, and division with an integer quotient.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <cmath>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// To the nearest integer, halves to even: adding 2^mantissa_bits leaves no room for a fraction.
template <class T>
Simd<T> round_kernel(const Simd<T>& x) {
  const Simd<T> offset(T(typename Format<T>::Word(1) << Format<T>::mantissa_bits)), a = xsimd::abs(x);
  return with_sign(xsimd::select(a < offset, (a + offset) - offset, a), x);
}

template <class T>
Simd<T> floor_kernel(const Simd<T>& x) {
  const Simd<T> nearest = round_kernel(x);
  return with_sign(xsimd::select(nearest > x, nearest - Simd<T>(T(1)), nearest), x);
}

template <class T>
Simd<T> ceil_kernel(const Simd<T>& x) {
  const Simd<T> nearest = round_kernel(x);
  return with_sign(xsimd::select(nearest < x, nearest + Simd<T>(T(1)), nearest), x);
}

template <class T>
Simd<T> trunc_kernel(const Simd<T>& x) {
  return with_sign(floor_kernel(xsimd::abs(x)), x);
}

/// |x| = quotient |y| + rest exactly, 0 <= rest < |y|: first with the integer nearest to |x| / |y|, which is
/// one too many where the rest is below zero.
struct Division {
  Division(const Simd<double>& x, const Simd<double>& y) {
    using B = Simd<double>;
    const B zero(0.0), offset(0x1p52), a = xsimd::abs(x), b = xsimd::abs(y), ratio = a / b;
    const B nearest = round_kernel(ratio);
    const auto [product, low] = exact_product(nearest, b);
    const B difference = (a - product) - low;
    const auto below = difference < zero;
    quotient = xsimd::select(below, nearest - B(1.0), nearest);
    rest = xsimd::select(below, difference + b, difference);
    const auto easy = (ratio < offset) & (a < B(0x1p900)) & (b > B(0x1p-900)) & (b < B(0x1p900));
    hard = xsimd::select(easy, zero, B(1.0)) > zero;
    opposite = with_sign(B(1.0), x ^ y) < zero;
  }
  Simd<double> quotient, rest;
  /// A zero, an infinity, NaN, a quotient beyond 52 bits, a product out of range: the C library decides.
  SimdMask<double> hard;
  SimdMask<double> opposite;
};

Simd<double> fmod_kernel(const Simd<double>& x, const Simd<double>& y) {
  const Division d(x, y);
  return patch_lanes(
      with_sign(d.rest, x), d.hard, [](double v, double w) { return std::fmod(v, w); }, x, y);
}

double remainder_of(double x, double y) {
  const double rest = std::fmod(x, y);
  if (rest == 0) return std::copysign(0.0, y);
  return (rest < 0) == (y < 0) ? rest : rest + y;
}

Simd<double> remainder_kernel(const Simd<double>& x, const Simd<double>& y) {
  using B = Simd<double>;
  const Division d(x, y);
  const B zero(0.0), b = xsimd::abs(y);
  const B value = with_sign(xsimd::select(d.opposite & (d.rest > zero), b - d.rest, d.rest), y);
  return patch_lanes(value, d.hard, remainder_of, x, y);
}

double floor_quotient_of(double x, double y) {
  const double ratio = x / y;
  if (y == 0 || std::isinf(x) || std::isnan(ratio)) return ratio;
  const double rest = std::fmod(x, y);
  const bool lower = rest != 0 && (rest < 0) != (y < 0);
  if (std::isinf(y)) return lower ? -1 : std::copysign(0.0, ratio);
  // Beyond 53 bits the rounded quotient is the nearest number there is.
  if (!(std::fabs(ratio) < 0x1p53)) return ratio;
  const double nearest = std::nearbyint(ratio);
  const double truncated = nearest + std::nearbyint((std::fma(-nearest, y, x) - rest) / y);
  const double quotient = lower ? truncated - 1 : truncated;
  return quotient == 0 ? std::copysign(0.0, ratio) : quotient;
}

Simd<double> floor_divide_kernel(const Simd<double>& x, const Simd<double>& y) {
  using B = Simd<double>;
  const Division d(x, y);
  const B larger = xsimd::select(d.opposite & (d.rest > B(0.0)), d.quotient + B(1.0), d.quotient);
  return patch_lanes(with_sign(larger, x ^ y), d.hard, floor_quotient_of, x, y);
}

}  // namespace

void floor(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return floor_kernel(v); });
}
void floor(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return floor_kernel(v); });
}
void ceil(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return ceil_kernel(v); });
}
void ceil(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return ceil_kernel(v); });
}
void round(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return round_kernel(v); });
}
void round(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return round_kernel(v); });
}
void trunc(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return trunc_kernel(v); });
}
void trunc(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return trunc_kernel(v); });
}
void fmod(const float* x, const float* y, float* out, Index n) { map_widened<fmod>(x, y, out, n); }
void fmod(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n, [](const Simd<double>& a, const Simd<double>& b) { return fmod_kernel(a, b); });
}
void floor_divide(const float* x, const float* y, float* out, Index n) {
  map_widened<floor_divide>(x, y, out, n);
}
void floor_divide(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n,
              [](const Simd<double>& a, const Simd<double>& b) { return floor_divide_kernel(a, b); });
}
void remainder(const float* x, const float* y, float* out, Index n) { map_widened<remainder>(x, y, out, n); }
void remainder(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n,
              [](const Simd<double>& a, const Simd<double>& b) { return remainder_kernel(a, b); });
}

}  // namespace xgrad::vmath
