// Exponentials and hyperbolic functions: reduction by multiples of log(2), then a minimax polynomial.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

template <class T>
Simd<T> exp2_kernel(const Simd<T>& x) {
  using F = Format<T>;
  constexpr T largest = sizeof(T) == 4 ? T(129) : T(1025), smallest = sizeof(T) == 4 ? T(-151) : T(-1076);
  constexpr T subnormal = sizeof(T) == 4 ? T(-123) : T(-1019);
  const Simd<T> bounded = at_least(at_most(x, largest), smallest);
  const Simd<T> shifted = bounded + Simd<T>(F::rounder);
  const Simd<T> rest = (bounded - (shifted - Simd<T>(F::rounder))) * Simd<T>(T(0x1.62e42fefa39efp-1));
  return scale_exp<T>(expm1_reduced(rest), shifted, x < Simd<T>(subnormal), T(1));
}

template <class T>
Simd<T> expm1_kernel(const Simd<T>& x) {
  constexpr T largest = sizeof(T) == 4 ? T(89) : T(710), smallest = T(-50);
  const auto [shifted, count, rest] = reduce_ln2(at_least(at_most(x, largest), smallest));
  // Half of the result first: the largest ones need 2^1024.
  const Simd<T> half = power_of_two<T>(shifted - Simd<T>(T(1)));
  const Simd<T> value = fused(expm1_reduced(rest), half, half - Simd<T>(T(0.5))) * Simd<T>(T(2));
  return xsimd::select(xsimd::abs(x) < Simd<T>(T(4) * std::numeric_limits<T>::min()), x, value);
}

template <class T>
Simd<T> sinh_kernel(const Simd<T>& x) {
  const Simd<T> one(T(1)), half(T(0.5)), a = xsimd::abs(x);
  const Simd<T> m = expm1_bounded(xsimd::select(a < one, a, one));
  const Simd<T> h = exp_kernel(a, T(0.5));
  const Simd<T> value = xsimd::select(a < one, half * (m + m / (m + one)), h - Simd<T>(T(0.25)) / h);
  return with_sign(value, x);
}

template <class T>
Simd<T> cosh_kernel(const Simd<T>& x) {
  const Simd<T> h = exp_kernel(xsimd::abs(x), T(0.5));
  return h + Simd<T>(T(0.25)) / h;
}

template <class T>
struct WithSlope {
  Simd<T> value, slope;
};

/// tanh |x| = (1 - e) / (1 + e) for e = exp(-2 |x|), where 1 - e comes without cancellation near zero; the
/// slope is 4 e / (1 + e)^2.
template <class T>
WithSlope<T> tanh_with_slope(const Simd<T>& x) {
  using F = Format<T>;
  using B = Simd<T>;
  const B one(T(1)), a = xsimd::abs(x), exponent = at_least<T>(B(T(-2)) * a, F::exp_underflow);
  const auto [shifted, count, rest] = reduce_ln2(exponent);
  const B p = expm1_reduced(rest);
  const B e = scale_exp<T>(p, shifted, exponent < B(F::exp_subnormal), T(1));
  const B inverse = one / (one + e);
  const B value = xsimd::select(count == B(T(0)), -p, one - e) * inverse;
  return {with_sign(value, x), B(T(4)) * (e * inverse) * inverse};
}

template <class T>
WithSlope<T> sigmoid_with_slope(const Simd<T>& x) {
  const Simd<T> one(T(1)), e = exp_kernel<T>(-xsimd::abs(x)), inverse = one / (one + e);
  return {xsimd::select(x < Simd<T>(T(0)), e, one) * inverse, (e * inverse) * inverse};
}

/// (1 / (2 cosh(a)))^2 for a >= 0: a quarter of tanh's slope at a, and sigmoid's at 2 a. The square of a
/// factor that is normal wherever the result is.
template <class T>
Simd<T> quarter_sech_squared(const Simd<T>& a) {
  const Simd<T> h = exp_normal<T>({at_most(a, normal_exponent<T>), Simd<T>(T(0))});
  const Simd<T> root = h / fused(h, h, Simd<T>(T(1)));
  return root * root;
}

template <class T>
Simd<T> silu_kernel(const Simd<T>& x) {
  const HalfDecay<T> d(x);
  return (HalfDecay<T>::bounded_below(x) * d.w) * (d.w / fused(d.h, d.h, Simd<T>(T(1))));
}

template <class T>
Simd<T> silu_slope_kernel(const Simd<T>& x) {
  const Simd<T> one(T(1)), v = at_most(HalfDecay<T>::bounded_below(x), T(2) * normal_exponent<T>);
  const HalfDecay<T> d(v);
  const Simd<T> inverse = one / fused(d.h, d.h, one), s = d.h * inverse;
  return fused(v * s, s, d.w * d.w * inverse);
}

/// tanh(log(1 + exp(x))) = w^2 above / below, with e = exp(-|x|): (2 + e) e / (e (2 + e) + 2) below zero,
/// (1 + 2 e) / (2 e (1 + e) + 1) elsewhere.
template <class T>
struct MishGate {
  explicit MishGate(const Simd<T>& x) : decay(x) {
    const Simd<T> one(T(1)), two(T(2)), e = decay.h * decay.h, twice = e + e;
    const SimdMask<T> negative = x < Simd<T>(T(0));
    above = xsimd::select(negative, two + e, one + twice);
    inverse = one / xsimd::select(negative, fused(e, above, two), fused(twice, one + e, one));
    // 4 e (1 + e), of the slope's numerator, without one factor h.
    rise = Simd<T>(T(4)) * (one + e) * decay.h * xsimd::select(negative, one, e);
  }
  HalfDecay<T> decay;
  Simd<T> above, inverse, rise;
};

template <class T>
Simd<T> mish_kernel(const Simd<T>& x) {
  const MishGate<T> gate(x);
  return (HalfDecay<T>::bounded_below(x) * gate.decay.w) * (gate.decay.w * gate.above * gate.inverse);
}

template <class T>
Simd<T> mish_slope_kernel(const Simd<T>& x) {
  const Simd<T> v = at_most(HalfDecay<T>::bounded_below(x), T(2) * normal_exponent<T>);
  const MishGate<T> gate(v);
  const Simd<T> value = gate.decay.w * gate.decay.w * gate.above * gate.inverse;
  return fused((v * gate.decay.h) * gate.inverse, gate.rise * gate.inverse, value);
}

/// x - tanh(x), by a polynomial where the difference would cancel.
template <class T>
Simd<T> tanhshrink_kernel(const Simd<T>& x) {
  const Simd<T> z = x * x;
  return xsimd::select(xsimd::abs(x) < Simd<T>(T(1)), x * (z * polynomial(z, Table<T>::tanhshrink)),
                       x - tanh_kernel(x));
}

}  // namespace

void exp(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return exp_kernel(v); });
}
void exp(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return exp_kernel(v); });
}
void exp2(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return exp2_kernel(v); });
}
void exp2(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return exp2_kernel(v); });
}
void expm1(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return expm1_kernel(v); });
}
void expm1(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return expm1_kernel(v); });
}
void sinh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return sinh_kernel(v); });
}
void sinh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return sinh_kernel(v); });
}
void cosh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return cosh_kernel(v); });
}
void cosh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return cosh_kernel(v); });
}
void tanh(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return tanh_kernel(v); });
}
void tanh(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return tanh_kernel(v); });
}
void sigmoid(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return sigmoid_kernel(v); });
}
void sigmoid(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return sigmoid_kernel(v); });
}
void tanh(const float* x, float* out, float* slope, Index n) {
  map_with_slope(x, out, slope, n, [](const Simd<float>& v) { return tanh_with_slope(v); });
}
void tanh(const double* x, double* out, double* slope, Index n) {
  map_with_slope(x, out, slope, n, [](const Simd<double>& v) { return tanh_with_slope(v); });
}
void sigmoid(const float* x, float* out, float* slope, Index n) {
  map_with_slope(x, out, slope, n, [](const Simd<float>& v) { return sigmoid_with_slope(v); });
}
void sigmoid(const double* x, double* out, double* slope, Index n) {
  map_with_slope(x, out, slope, n, [](const Simd<double>& v) { return sigmoid_with_slope(v); });
}
void tanh_slope(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) {
    return Simd<float>(float(4)) * quarter_sech_squared<float>(xsimd::abs(v));
  });
}
void tanh_slope(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) {
    return Simd<double>(double(4)) * quarter_sech_squared<double>(xsimd::abs(v));
  });
}
void sigmoid_slope(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) {
    return quarter_sech_squared<float>(Simd<float>(float(0.5)) * xsimd::abs(v));
  });
}
void sigmoid_slope(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) {
    return quarter_sech_squared<double>(Simd<double>(double(0.5)) * xsimd::abs(v));
  });
}
void silu(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return silu_kernel(v); });
}
void silu(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return silu_kernel(v); });
}
void silu_slope(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return silu_slope_kernel(v); });
}
void silu_slope(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return silu_slope_kernel(v); });
}
void mish(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return mish_kernel(v); });
}
void mish(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return mish_kernel(v); });
}
void mish_slope(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return mish_slope_kernel(v); });
}
void mish_slope(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return mish_slope_kernel(v); });
}
void tanhshrink(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return tanhshrink_kernel(v); });
}
void tanhshrink(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return tanhshrink_kernel(v); });
}
void tanhshrink_slope(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) {
    const Simd<float> value = tanh_kernel(v);
    return value * value;
  });
}
void tanhshrink_slope(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) {
    const Simd<double> value = tanh_kernel(v);
    return value * value;
  });
}

}  // namespace xgrad::vmath
