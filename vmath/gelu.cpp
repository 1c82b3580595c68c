#include <xgrad/vmath/gelu.hpp>

#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>

#include <numbers>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// Where x exp(-x^2 / 2) has vanished.
template <class T>
inline constexpr T gelu_end = sizeof(T) == 4 ? T(15) : T(39.5);

template <class T>
Simd<T> within_gelu_end(const Simd<T>& x) {
  return at_least(at_most(x, gelu_end<T>), -gelu_end<T>);
}

/// For |x| <= gelu_end: h = exp(-x^2 / 4), and the tail of the normal distribution beyond |x|, erfc(|x| /
/// sqrt(2)), without one factor h: a subnormal exp(-x^2 / 2) would cost digits of a product that is normal.
template <class T>
struct Normal {
  explicit Normal(const Simd<T>& x) {
    const Simd<T> a = xsimd::abs(x), half = Simd<T>(T(0.5)) * a;
    h = exp_normal(exact_product<T>(half, half));
    tail = erfc_positive<T>(Simd<T>(std::numbers::sqrt2_v<T> / 2) * a, h);
  }
  Simd<T> h, tail;
};

template <class T>
Simd<T> gelu_kernel(const Simd<T>& x) {
  const Simd<T> v = within_gelu_end(x);
  const Normal<T> normal(v);
  const Simd<T> outer = (Simd<T>(T(0.5)) * v * normal.tail) * normal.h;
  return xsimd::select(x > Simd<T>(T(0)), x - outer, outer);
}

template <class T>
Simd<T> gelu_gradient_kernel(const Simd<T>& x, const Simd<T>& gradient) {
  const Simd<T> v = within_gelu_end(x);
  const Normal<T> normal(v);
  const Simd<T> zero(T(0)), one(T(1)), half(T(0.5)),
      scale(std::numbers::inv_sqrtpi_v<T> * std::numbers::sqrt2_v<T> / 2);
  // v phi(v) plus the tail below zero, 1 minus the tail above.
  const SimdMask<T> positive = v > zero;
  const Simd<T> signed_outer = xsimd::select(positive, -half, half) * normal.tail;
  const Simd<T> slope =
      fused(fused(scale * v, normal.h, signed_outer), normal.h, xsimd::select(positive, one, zero));
  const Simd<T> value = gradient * slope;
  return xsimd::select(gradient == zero, zero, value);
}

/// sigmoid(2 u) for u = sqrt(2 / pi) (x + 0.044715 x^3), as in HalfDecay, and what its slope is made of.
template <class T>
struct Sigmoid {
  /// Where exp(-2 |u|) has vanished while its root is normal.
  static constexpr T end = sizeof(T) == 4 ? T(12) : T(22);
  static constexpr double factor = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi,
                          cubic = factor * 0.044715;

  /// |x| <= end.
  Sigmoid(const Simd<T>& x, const Pair<T>& twice_u) {
    using B = Simd<T>;
    const B one(T(1));
    h = exp_normal<T>({B(T(0.5)) * twice_u.high, B(T(0.5)) * twice_u.low});
    w = xsimd::select(x < B(T(0)), h, one);
    inverse = one / fused(h, h, one);
  }
  /// 2 u at a = |x|.
  static Pair<T> exponent(const Simd<T>& a) {
    using B = Simd<T>;
    return {a * fused(B(T(cubic)), a * a, B(T(factor))), B(T(0))};
  }
  /// The same, for a slope that vanishes with the exponential: there the rounding of a float would show in
  /// its last eight bits. So it is a pair, and the first part of `factor` is short enough that no difference
  /// of it with the sum is rounded.
  static Pair<T> exponent_of_slope(const Simd<T>& x) {
    using B = Simd<T>;
    const B a = xsimd::abs(x);
    const Pair<T> rounded = exponent(a);
    if constexpr (sizeof(T) == 8) {
      return rounded;
    } else {
      const SimdMask<T> tail = x < B(T(-2.25));
      if (!xsimd::any(tail)) return rounded;
      constexpr T factor_high = T(int(factor * 0x1p20)) * T(0x1p-20),
                  factor_low = T(factor - double(factor_high));
      constexpr T cubic_high = T(cubic), cubic_low = T(cubic - double(cubic_high));
      const auto [square, square_low] = exact_product<T>(a, a);
      const auto [term, term_low] = exact_product<T>(square, B(cubic_high));
      const B sum = term + B(factor_high);
      const B rest = (term - (sum - B(factor_high))) + term_low;
      const B low = rest + fused(square_low, B(cubic_high), fused(square, B(cubic_low), B(factor_low)));
      const auto [product, product_low] = exact_product<T>(a, sum);
      return {xsimd::select(tail, product, rounded.high),
              xsimd::select(tail, fused(a, low, product_low), B(T(0)))};
    }
  }
  Simd<T> h, w, inverse;
};

template <class T>
Simd<T> gelu_tanh_kernel(const Simd<T>& x) {
  const Simd<T> v = at_least(x, -Sigmoid<T>::end);
  const Simd<T> bounded = at_most(v, Sigmoid<T>::end);
  const Sigmoid<T> s(bounded, Sigmoid<T>::exponent(xsimd::abs(bounded)));
  return (v * s.w) * (s.w * s.inverse);
}

template <class T>
Simd<T> gelu_tanh_gradient_kernel(const Simd<T>& x, const Simd<T>& gradient) {
  using B = Simd<T>;
  const B v = at_least(at_most(x, Sigmoid<T>::end), -Sigmoid<T>::end), zero(T(0));
  const Sigmoid<T> s(v, Sigmoid<T>::exponent_of_slope(v));
  const B rise = fused(B(T(3 * Sigmoid<T>::cubic)), v * v, B(T(Sigmoid<T>::factor))) * v,
          root = s.h * s.inverse;
  const B slope = fused(rise * root, root, s.w * s.w * s.inverse);
  return xsimd::select(gradient == zero, zero, gradient * slope);
}

}  // namespace

void gelu(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return gelu_kernel(v); });
}
void gelu(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return gelu_kernel(v); });
}
void gelu_gradient(const float* x, const float* gradient, float* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Simd<float>& v, const Simd<float>& g) { return gelu_gradient_kernel(v, g); });
}
void gelu_gradient(const double* x, const double* gradient, double* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Simd<double>& v, const Simd<double>& g) { return gelu_gradient_kernel(v, g); });
}

void gelu_tanh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return gelu_tanh_kernel(v); });
}
void gelu_tanh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return gelu_tanh_kernel(v); });
}
void gelu_tanh_gradient(const float* x, const float* gradient, float* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Simd<float>& v, const Simd<float>& g) { return gelu_tanh_gradient_kernel(v, g); });
}
void gelu_tanh_gradient(const double* x, const double* gradient, double* out, Index n) {
  map_batches(x, gradient, out, n,
              [](const Simd<double>& v, const Simd<double>& g) { return gelu_tanh_gradient_kernel(v, g); });
}

}  // namespace xgrad::vmath
