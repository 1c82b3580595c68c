// Inverse trigonometric functions: reduction to a small argument by identities, then a minimax polynomial.
#include <xgrad/vmath/kernels.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// asin(s) for 0 <= s <= 1/2, given square = s^2; atan(q) for |q| <= tan(pi/8).
template <class T, std::size_t N>
Batch<T> odd_series(const Batch<T>& s, const Batch<T>& square, const std::array<T, N>& table) {
  return fused(s * square, polynomial(square, table), s);
}

/// With a = |x|: asin(a) where a <= 1/2, else asin(sqrt((1 - a) / 2)), that is half of acos(a).
template <class T>
Batch<T> asin_half(const Batch<T>& a, const Mask<T>& small) {
  const Batch<T> half(T(0.5));
  const Batch<T> square = xsimd::select(small, a * a, half * (Batch<T>(T(1)) - a));
  return odd_series(xsimd::select(small, a, xsimd::sqrt(square)), square, Table<T>::asin);
}

template <class T>
Batch<T> asin_kernel(const Batch<T>& x) {
  using F = Format<T>;
  const Batch<T> a = xsimd::abs(x);
  const auto small = a <= Batch<T>(T(0.5));
  const Batch<T> p = asin_half<T>(a, small);
  const Batch<T> large = Batch<T>(F::pi_high / 2) - (p + p - Batch<T>(F::pi_low / 2));
  return with_sign(xsimd::select(small, p, large), x);
}

template <class T>
Batch<T> acos_kernel(const Batch<T>& x) {
  using F = Format<T>;
  const Batch<T> a = xsimd::abs(x);
  const auto small = a <= Batch<T>(T(0.5));
  const Batch<T> p = asin_half<T>(a, small);
  const Batch<T> middle = Batch<T>(F::pi_high / 2) - (with_sign(p, x) - Batch<T>(F::pi_low / 2));
  const Batch<T> left = Batch<T>(F::pi_high) - (p + p - Batch<T>(F::pi_low));
  return xsimd::select(small, middle, xsimd::select(x < Batch<T>(T(0)), left, p + p));
}

/// atan(y / x) for y, x >= 0, not both zero or infinite: atan(y / x), pi/4 + atan((y - x) / (y + x)) or
/// pi/2 - atan(x / y), whichever argument is below tan(pi/8).
template <class T>
Batch<T> atan_quadrant(const Batch<T>& y, const Batch<T>& x) {
  using F = Format<T>;
  const auto above = y > Batch<T>(T(0x1.3504f333f9de6p+1)) * x;
  const auto below = y < Batch<T>(T(0x1.a827999fcef32p-2)) * x;
  const auto choose = [&](const Batch<T>& a, const Batch<T>& b, const Batch<T>& c) {
    return xsimd::select(above, a, xsimd::select(below, b, c));
  };
  const Batch<T> zero(T(0));
  const Batch<T> q = choose(-x, y, y - x) / choose(y, x, y + x);
  const Batch<T> high = choose(Batch<T>(F::pi_high / 2), zero, Batch<T>(F::pi_high / 4));
  const Batch<T> low = choose(Batch<T>(F::pi_low / 2), zero, Batch<T>(F::pi_low / 4));
  const Batch<T> square = q * q;
  return high + (fused(q * square, polynomial(square, Table<T>::atan), low) + q);
}

template <class T>
Batch<T> atan_kernel(const Batch<T>& x) {
  return with_sign(atan_quadrant(xsimd::abs(x), Batch<T>(T(1))), x);
}

template <class T>
Batch<T> atan2_kernel(const Batch<T>& y, const Batch<T>& x) {
  using F = Format<T>;
  const Batch<T> zero(T(0)), one(T(1)), large(infinity<T>);
  const Batch<T> a = xsimd::abs(y), b = xsimd::abs(x);
  // Both infinite counts as 1 / 1, both zero as 0 / 1; sums must not overflow, products not vanish.
  const auto infinite = (a == large) & (b == large);
  const auto vanishing = (a == zero) & (b == zero);
  const Batch<T> most(std::numeric_limits<T>::max() / 4), least(std::numeric_limits<T>::min() * 4);
  const Batch<T> scale = xsimd::select((a > most) | (b > most), Batch<T>(T(0.25)),
                                       xsimd::select((a < least) & (b < least), Batch<T>(T(0x1p60)), one));
  const Batch<T> angle = atan_quadrant(xsimd::select(infinite, one, a * scale),
                                       xsimd::select(infinite | vanishing, one, b * scale));
  const Batch<T> beyond = Batch<T>(F::pi_high) - (angle - Batch<T>(F::pi_low));
  return with_sign(xsimd::select(with_sign(one, x) < zero, beyond, angle), y);
}

}  // namespace

void asin(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return asin_kernel(v); });
}
void asin(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return asin_kernel(v); });
}
void acos(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return acos_kernel(v); });
}
void acos(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return acos_kernel(v); });
}
void atan(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Batch<float>& v) { return atan_kernel(v); });
}
void atan(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Batch<double>& v) { return atan_kernel(v); });
}
void atan2(const float* y, const float* x, float* out, Index n) {
  map_batches(y, x, out, n, [](const Batch<float>& a, const Batch<float>& b) { return atan2_kernel(a, b); });
}
void atan2(const double* y, const double* x, double* out, Index n) {
  map_batches(y, x, out, n,
              [](const Batch<double>& a, const Batch<double>& b) { return atan2_kernel(a, b); });
}

}  // namespace xgrad::vmath
