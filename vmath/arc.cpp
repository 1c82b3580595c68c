// Inverse trigonometric functions: reduction to a small argument by identities, then a minimax polynomial.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// asin(s) for 0 <= s <= 1/2, given square = s^2; atan(q) for |q| <= tan(pi/8).
template <class T, std::size_t N>
Simd<T> odd_series(const Simd<T>& s, const Simd<T>& square, const std::array<T, N>& table) {
  return fused(s * square, polynomial(square, table), s);
}

/// With a = |x|: asin(a) where a <= 1/2, else asin(sqrt((1 - a) / 2)), that is half of acos(a).
template <class T>
Simd<T> asin_half(const Simd<T>& a, const SimdMask<T>& small) {
  const Simd<T> half(T(0.5));
  const Simd<T> square = xsimd::select(small, a * a, half * (Simd<T>(T(1)) - a));
  return odd_series(xsimd::select(small, a, xsimd::sqrt(square)), square, Table<T>::asin);
}

template <class T>
Simd<T> asin_kernel(const Simd<T>& x) {
  using F = Format<T>;
  const Simd<T> a = xsimd::abs(x);
  const auto small = a <= Simd<T>(T(0.5));
  const Simd<T> p = asin_half<T>(a, small);
  const Simd<T> large = Simd<T>(F::pi_high / 2) - (p + p - Simd<T>(F::pi_low / 2));
  return with_sign(xsimd::select(small, p, large), x);
}

template <class T>
Simd<T> acos_kernel(const Simd<T>& x) {
  using F = Format<T>;
  const Simd<T> a = xsimd::abs(x);
  const auto small = a <= Simd<T>(T(0.5));
  const Simd<T> p = asin_half<T>(a, small);
  const Simd<T> middle = Simd<T>(F::pi_high / 2) - (with_sign(p, x) - Simd<T>(F::pi_low / 2));
  const Simd<T> left = Simd<T>(F::pi_high) - (p + p - Simd<T>(F::pi_low));
  return xsimd::select(small, middle, xsimd::select(x < Simd<T>(T(0)), left, p + p));
}

/// atan(y / x) for y, x >= 0, not both zero or infinite: atan(y / x), pi/4 + atan((y - x) / (y + x)) or
/// pi/2 - atan(x / y), whichever argument is below tan(pi/8).
template <class T>
Simd<T> atan_quadrant(const Simd<T>& y, const Simd<T>& x) {
  using F = Format<T>;
  const auto above = y > Simd<T>(T(0x1.3504f333f9de6p+1)) * x;
  const auto below = y < Simd<T>(T(0x1.a827999fcef32p-2)) * x;
  const auto choose = [&](const Simd<T>& a, const Simd<T>& b, const Simd<T>& c) {
    return xsimd::select(above, a, xsimd::select(below, b, c));
  };
  const Simd<T> zero(T(0));
  const Simd<T> q = choose(-x, y, y - x) / choose(y, x, y + x);
  const Simd<T> high = choose(Simd<T>(F::pi_high / 2), zero, Simd<T>(F::pi_high / 4));
  const Simd<T> low = choose(Simd<T>(F::pi_low / 2), zero, Simd<T>(F::pi_low / 4));
  const Simd<T> square = q * q;
  return high + (fused(q * square, polynomial(square, Table<T>::atan), low) + q);
}

template <class T>
Simd<T> atan_kernel(const Simd<T>& x) {
  return with_sign(atan_quadrant(xsimd::abs(x), Simd<T>(T(1))), x);
}

template <class T>
Simd<T> atan2_kernel(const Simd<T>& y, const Simd<T>& x) {
  using F = Format<T>;
  const Simd<T> zero(T(0)), one(T(1)), large(infinity<T>);
  const Simd<T> a = xsimd::abs(y), b = xsimd::abs(x);
  // Both infinite counts as 1 / 1, both zero as 0 / 1; sums must not overflow, products not vanish.
  const auto infinite = (a == large) & (b == large);
  const auto vanishing = (a == zero) & (b == zero);
  const Simd<T> most(std::numeric_limits<T>::max() / 4), least(std::numeric_limits<T>::min() * 4);
  const Simd<T> scale = xsimd::select((a > most) | (b > most), Simd<T>(T(0.25)),
                                      xsimd::select((a < least) & (b < least), Simd<T>(T(0x1p60)), one));
  const Simd<T> angle = atan_quadrant(xsimd::select(infinite, one, a * scale),
                                      xsimd::select(infinite | vanishing, one, b * scale));
  const Simd<T> beyond = Simd<T>(F::pi_high) - (angle - Simd<T>(F::pi_low));
  return with_sign(xsimd::select(with_sign(one, x) < zero, beyond, angle), y);
}

}  // namespace

void asin(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return asin_kernel(v); });
}
void asin(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return asin_kernel(v); });
}
void acos(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return acos_kernel(v); });
}
void acos(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return acos_kernel(v); });
}
void atan(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return atan_kernel(v); });
}
void atan(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return atan_kernel(v); });
}
void atan2(const float* y, const float* x, float* out, Index n) {
  map_batches(y, x, out, n, [](const Simd<float>& a, const Simd<float>& b) { return atan2_kernel(a, b); });
}
void atan2(const double* y, const double* x, double* out, Index n) {
  map_batches(y, x, out, n, [](const Simd<double>& a, const Simd<double>& b) { return atan2_kernel(a, b); });
}

}  // namespace xgrad::vmath
