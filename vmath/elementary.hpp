// What several vectorised functions are made of: the floating-point format, polynomials, exact products, and
// the exponential and logarithm. Invariant: right with and without fused multiply-add; infinities and NaN
// pass as in <cmath> unless said otherwise.
#pragma once

#include <xgrad/vmath/simd.hpp>
#include <xgrad/vmath/tables.hpp>

#include <array>
#include <limits>

namespace xgrad::detail {

/// The layout of T, and constants split in two where one rounding would show. `rounder` is 1.5 *
/// 2^mantissa_bits: adding it rounds to an integer and leaves that in the low bits. The high parts times any
/// exponent are exact.
template <class T>
struct Format;

template <>
struct Format<float> {
  using Word = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Word bias = 127;
  static constexpr Word mantissa_mask = 0x007fffff;
  static constexpr Word sqrt_half = 0x3f3504f3;
  static constexpr float rounder = 0x1.8p23f;
  static constexpr float log2_e = 0x1.715476p+0f;
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float log10_e = 0x1.bcb7b2p-2f;
  static constexpr float log10_2_high = 0x1.3442p-2f, log10_2_low = -0x1.95ec1p-19f;
  static constexpr float pi_high = 0x1.921fb6p+1f, pi_low = -0x1.777a5cp-24f;
  static constexpr float exp_overflow = 89.5f, exp_underflow = -104.5f, exp_subnormal = -85;
};

template <>
struct Format<double> {
  using Word = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Word bias = 1023;
  static constexpr Word mantissa_mask = 0x000fffffffffffff;
  static constexpr Word sqrt_half = 0x3fe6a09e667f3bcd;
  static constexpr double rounder = 0x1.8p52;
  static constexpr double log2_e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double log10_e = 0x1.bcb7b1526e50ep-2;
  static constexpr double log10_2_high = 0x1.34413509f78p-2, log10_2_low = 0x1.fef311f12b358p-46;
  static constexpr double pi_high = 0x1.921fb54442d18p+1, pi_low = 0x1.1a62633145c07p-53;
  static constexpr double exp_overflow = 710.8, exp_underflow = -746, exp_subnormal = -705;
};

template <class T>
inline constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();

template <class T>
Bits<T> bits_of(const Simd<T>& x) {
  return xsimd::bitwise_cast<Bits<T>>(x);
}

template <class T>
Simd<T> from_bits(const Bits<T>& bits) {
  return xsimd::bitwise_cast<Simd<T>>(bits);
}

/// |magnitude| with the sign of `sign`, zeros and NaN included.
template <class T>
Simd<T> with_sign(const Simd<T>& magnitude, const Simd<T>& sign) {
  return xsimd::abs(magnitude) | (sign & Simd<T>(T(-0.0)));
}

// NaN stays: x86 returns the second operand where either is NaN, others return NaN.
template <class T>
Simd<T> at_most(const Simd<T>& x, T bound) {
  return xsimd::min(Simd<T>(bound), x);
}
template <class T>
Simd<T> at_least(const Simd<T>& x, T bound) {
  return xsimd::max(Simd<T>(bound), x);
}

/// 2^n for shifted = n + rounder, -bias < n <= bias.
template <class T>
Simd<T> power_of_two(const Simd<T>& shifted) {
  return from_bits<T>((bits_of(shifted) + Bits<T>(Format<T>::bias)) << Format<T>::mantissa_bits);
}

/// c[0] + c[1] x + ..., as two interleaved Horner schemes.
template <class T, std::size_t N>
Simd<T> polynomial(const Simd<T>& x, const std::array<T, N>& c) {
  static_assert(N >= 3);
  const Simd<T> square = x * x;
  Simd<T> first(c[N - 1]), second(c[N - 2]);
  std::size_t i = N - 2;
  for (; i >= 2; i -= 2) {
    first = fused(first, square, Simd<T>(c[i - 1]));
    second = fused(second, square, Simd<T>(c[i - 2]));
  }
  if (i == 1) return fused(second, x, fused(first, square, Simd<T>(c[0])));
  return fused(first, x, second);
}

/// A sum of two numbers, the second at most half a unit in the last place of the first.
template <class T>
struct Pair {
  Simd<T> high, low;
};

/// a + b exactly, for |a| >= |b| or a = 0 (Dekker 1971).
template <class T>
Pair<T> exact_sum(const Simd<T>& a, const Simd<T>& b) {
  const Simd<T> high = a + b;
  return {high, b - (high - a)};
}

/// a * b exactly, where nothing overflows or underflows: fused, or by splitting the factors (Dekker 1971).
template <class T>
Pair<T> exact_product(const Simd<T>& a, const Simd<T>& b) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  // Fused as well, or the compiler might fuse a later sum with this product, whose rounding would then count
  // twice.
  const Simd<T> high = fused(a, b, Simd<T>(T(-0.0)));
  return {high, fused(a, b, -high)};
#else
  const Simd<T> high = a * b;
  const Simd<T> splitter(sizeof(T) == 4 ? T(0x1p12) + 1 : T(0x1p27) + 1);
  const Simd<T> scaled_a = a * splitter, scaled_b = b * splitter;
  const Simd<T> a1 = scaled_a - (scaled_a - a), b1 = scaled_b - (scaled_b - b);
  const Simd<T> a2 = a - a1, b2 = b - b1;
  return {high, a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)};
#endif
}

/// x = count * log(2) + rest, |rest| <= log(2) / 2 (Cody and Waite); shifted = count + rounder.
template <class T>
struct Ln2Multiple {
  Simd<T> shifted, count, rest;
};

template <class T>
Ln2Multiple<T> reduce_ln2(const Simd<T>& x) {
  using F = Format<T>;
  const Simd<T> shifted = fused(x, Simd<T>(F::log2_e), Simd<T>(F::rounder));
  const Simd<T> count = shifted - Simd<T>(F::rounder);
  const Simd<T> rest = fused(count, Simd<T>(-F::ln2_high), x);
  return {shifted, count, fused(count, Simd<T>(-F::ln2_low), rest)};
}

/// exp(r) - 1 for |r| <= log(2) / 2.
template <class T, std::size_t N>
Simd<T> expm1_reduced(const Simd<T>& r, const std::array<T, N>& table) {
  return fused(r * r, polynomial(r, table), r);
}

template <class T>
Simd<T> expm1_reduced(const Simd<T>& r) {
  return expm1_reduced(r, Table<T>::exp);
}

/// factor * (1 + p) * 2^count for factor 1 or 1/2. AVX-512 has an instruction for it; elsewhere the power of
/// two comes in two steps, since neither 2^1024 nor 2^-1074 times a full mantissa can be written down.
template <class T>
Simd<T> scale_exp(const Simd<T>& p, const Simd<T>& shifted, [[maybe_unused]] const SimdMask<T>& subnormal,
                  T factor) {
#if XSIMD_WITH_AVX512F
  const Simd<T> value = fused(p, Simd<T>(factor), Simd<T>(factor));
  const Simd<T> count = shifted - Simd<T>(Format<T>::rounder);
  if constexpr (sizeof(T) == 4)
    return _mm512_scalef_ps(value, count);
  else
    return _mm512_scalef_pd(value, count);
#else
  constexpr T lift = sizeof(T) == 4 ? T(30) : T(60);
  constexpr T drop = sizeof(T) == 4 ? T(0x1p-30) : T(0x1p-60);
  const Simd<T> step = xsimd::select(subnormal, Simd<T>(lift), Simd<T>(T(-2)));
  const Simd<T> rest = xsimd::select(subnormal, Simd<T>(drop * factor), Simd<T>(T(4) * factor));
  const Simd<T> scale = power_of_two<T>(shifted + step);
  return fused(p, scale, scale) * rest;
#endif
}

/// factor * exp(x) for factor 1 or 1/2. At the upper bound the result has left the range of T.
template <class T>
Simd<T> exp_kernel(const Simd<T>& x, T factor = T(1)) {
  using F = Format<T>;
  const auto [shifted, count, rest] = reduce_ln2(at_least(at_most(x, F::exp_overflow), F::exp_underflow));
  return scale_exp<T>(expm1_reduced(rest), shifted, x < Simd<T>(F::exp_subnormal), factor);
}

/// exp(-(high + low)) where that is a normal number. Its square is 0 at the largest exponent allowed, and a
/// product with both factors in turn keeps digits that a subnormal square has lost. A call would spill every
/// vector around it.
template <class T>
inline constexpr T normal_exponent = sizeof(T) == 4 ? T(87) : T(708);
template <class T>
[[gnu::always_inline]] inline Simd<T> exp_normal(const Pair<T>& x) {
  const auto [shifted, count, rest] = reduce_ln2<T>(-x.high);
  const Simd<T> scale = power_of_two<T>(shifted);
  return fused(expm1_reduced<T>(rest - x.low), scale, scale);
}

/// exp(x) - 1 for |x| < 60.
template <class T>
Simd<T> expm1_bounded(const Simd<T>& x) {
  const auto [shifted, count, rest] = reduce_ln2(x);
  const Simd<T> scale = power_of_two<T>(shifted);
  return fused(expm1_reduced(rest), scale, scale - Simd<T>(T(1)));
}

/// tanh |x| = m / (m + 2) with m = exp(2 |x|) - 1; beyond 20 it rounds to 1.
template <class T>
Simd<T> tanh_kernel(const Simd<T>& x) {
  const Simd<T> bounded = at_most(xsimd::abs(x), T(20));
  const Simd<T> m = expm1_bounded(bounded + bounded);
  return with_sign(m / (m + Simd<T>(T(2))), x);
}

/// 1 / (1 + exp(-x)), by the exponential that does not overflow.
template <class T>
Simd<T> sigmoid_kernel(const Simd<T>& x) {
  const Simd<T> one(T(1)), e = exp_kernel<T>(-xsimd::abs(x));
  return xsimd::select(x < Simd<T>(T(0)), e, one) / (one + e);
}

/// w^2 = exp(-|x|) below zero, 1 elsewhere, for an x that is bounded where exp(-|x|) vanishes; h^2 =
/// exp(-|x|) everywhere; and the inverse of 1 + exp(-|x|). So sigmoid(x) is w * w * inverse.
template <class T>
struct HalfDecay {
  /// x itself between the bounds; from above it passes.
  static Simd<T> bounded_below(const Simd<T>& x) { return at_least(x, T(-2) * normal_exponent<T>); }
  explicit HalfDecay(const Simd<T>& x) {
    const Simd<T> a = at_most(xsimd::abs(x), T(2) * normal_exponent<T>), one(T(1));
    h = exp_normal<T>({Simd<T>(T(0.5)) * a, Simd<T>(T(0))});
    w = xsimd::select(x < Simd<T>(T(0)), h, one);
  }
  Simd<T> h, w;
};

/// x = 2^exponent * (1 + fraction), sqrt(1/2) <= 1 + fraction < sqrt(2), for positive finite x.
template <class T>
struct Binary {
  Simd<T> exponent, fraction;
};

template <class T>
Binary<T> split_binary(const Simd<T>& x) {
  using F = Format<T>;
  constexpr int lift = F::mantissa_bits + 2;
  const Simd<T> one(T(1));
  const auto subnormal = x < Simd<T>(std::numeric_limits<T>::min());
  const Simd<T> normal = xsimd::select(subnormal, x * Simd<T>(T(typename F::Word(1) << lift)), x);
  const Bits<T> moved = bits_of(normal) + Bits<T>((F::bias << F::mantissa_bits) - F::sqrt_half);
  // The exponent, in the low bits of 2^mantissa_bits.
  constexpr auto unit = (F::bias + F::mantissa_bits) << F::mantissa_bits;
  const Simd<T> biased = from_bits<T>((moved >> F::mantissa_bits) | Bits<T>(unit));
  const T offset = T(typename F::Word(1) << F::mantissa_bits) + T(F::bias);
  const Simd<T> exponent = biased - xsimd::select(subnormal, Simd<T>(offset + T(lift)), Simd<T>(offset));
  const Simd<T> mantissa = from_bits<T>((moved & Bits<T>(F::mantissa_mask)) + Bits<T>(F::sqrt_half));
  return {exponent, mantissa - one};
}

/// log(1 + f) = f - rest, for sqrt(1/2) <= 1 + f < sqrt(2); `extra` is subtracted from rest while it is
/// small. With s = f / (2 + f), log(1 + f) = 2 s + s^3 (2/3 + ...) and f - f^2/2 = 2 s - s f^2/2.
template <class T, std::size_t N>
Simd<T> log_rest(const Simd<T>& f, const Simd<T>& extra, const std::array<T, N>& table) {
  const Simd<T> s = f / (Simd<T>(T(2)) + f);
  const Simd<T> z = s * s;
  const Simd<T> half_square = Simd<T>(T(0.5)) * f * f;
  return half_square - fused(s, fused(z, polynomial(z, table), half_square), extra);
}

template <class T>
Simd<T> log_rest(const Simd<T>& f, const Simd<T>& extra) {
  return log_rest(f, extra, Table<T>::log);
}

/// The values of a logarithm outside (0, inf), for an argument that is zero where the logarithm has its pole.
template <class T>
Simd<T> log_special(const Simd<T>& value, const Simd<T>& x) {
  const Simd<T> zero(T(0));
  const Simd<T> large = xsimd::select(x < Simd<T>(infinity<T>), value, x);
  const Simd<T> negative = xsimd::select(x < zero, Simd<T>(not_a_number<T>), large);
  return xsimd::select(x == zero, Simd<T>(-infinity<T>), negative);
}

/// log(x + correction) for a correction within rounding of positive finite x.
template <class T>
Simd<T> log_positive(const Simd<T>& x, const Simd<T>& correction) {
  using F = Format<T>;
  const auto [exponent, f] = split_binary(x);
  const Simd<T> extra = fused(exponent, Simd<T>(F::ln2_low), correction / x);
  return fused(exponent, Simd<T>(F::ln2_high), f - log_rest<T>(f, extra));
}

template <class T>
Simd<T> log_kernel(const Simd<T>& x) {
  using F = Format<T>;
  const auto [exponent, f] = split_binary(x);
  const Simd<T> rest = log_rest<T>(f, exponent * Simd<T>(F::ln2_low));
  return log_special(fused(exponent, Simd<T>(F::ln2_high), f - rest), x);
}

template <class T>
Simd<T> log1p_kernel(const Simd<T>& x) {
  const Simd<T> one(T(1)), sum = one + x;
  const Simd<T> lost = xsimd::select(x > one, one - (sum - x), x - (sum - one));
  const Simd<T> value = log_special(log_positive(sum, lost), sum);
  return xsimd::select(xsimd::abs(x) < Simd<T>(std::numeric_limits<T>::min()), x, value);
}

/// erfc(a) for a >= 0 up to where it vanishes, given e = exp(-a^2); with the substitution of Shepherd and
/// Laframboise (1981) for exp(a^2) erfc(a).
template <class T>
Simd<T> erfc_positive(const Simd<T>& a, const Simd<T>& e) {
  const Simd<T> centre(sizeof(T) == 4 ? T(3) : T(4)), inverse = Simd<T>(T(1)) / (a + centre);
  return e * inverse * polynomial<T>((a - centre) * inverse, Table<T>::erfcx);
}

}  // namespace xgrad::detail
