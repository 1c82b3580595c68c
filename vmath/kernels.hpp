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
Bits<T> bits_of(const Batch<T>& x) {
  return xsimd::bitwise_cast<Bits<T>>(x);
}

template <class T>
Batch<T> from_bits(const Bits<T>& bits) {
  return xsimd::bitwise_cast<Batch<T>>(bits);
}

/// |magnitude| with the sign of `sign`, zeros and NaN included.
template <class T>
Batch<T> with_sign(const Batch<T>& magnitude, const Batch<T>& sign) {
  return xsimd::abs(magnitude) | (sign & Batch<T>(T(-0.0)));
}

// NaN stays: x86 returns the second operand where either is NaN, others return NaN.
template <class T>
Batch<T> at_most(const Batch<T>& x, T bound) {
  return xsimd::min(Batch<T>(bound), x);
}
template <class T>
Batch<T> at_least(const Batch<T>& x, T bound) {
  return xsimd::max(Batch<T>(bound), x);
}

/// 2^n for shifted = n + rounder, -bias < n <= bias.
template <class T>
Batch<T> power_of_two(const Batch<T>& shifted) {
  return from_bits<T>((bits_of(shifted) + Bits<T>(Format<T>::bias)) << Format<T>::mantissa_bits);
}

/// c[0] + c[1] x + ..., as two interleaved Horner schemes.
template <class T, std::size_t N>
Batch<T> polynomial(const Batch<T>& x, const std::array<T, N>& c) {
  static_assert(N >= 3);
  const Batch<T> square = x * x;
  Batch<T> first(c[N - 1]), second(c[N - 2]);
  std::size_t i = N - 2;
  for (; i >= 2; i -= 2) {
    first = fused(first, square, Batch<T>(c[i - 1]));
    second = fused(second, square, Batch<T>(c[i - 2]));
  }
  if (i == 1) return fused(second, x, fused(first, square, Batch<T>(c[0])));
  return fused(first, x, second);
}

/// A sum of two numbers, the second at most half a unit in the last place of the first.
template <class T>
struct Pair {
  Batch<T> high, low;
};

/// a + b exactly, for |a| >= |b| or a = 0 (Dekker 1971).
template <class T>
Pair<T> exact_sum(const Batch<T>& a, const Batch<T>& b) {
  const Batch<T> high = a + b;
  return {high, b - (high - a)};
}

/// a * b exactly, where nothing overflows or underflows: fused, or by splitting the factors (Dekker 1971).
template <class T>
Pair<T> exact_product(const Batch<T>& a, const Batch<T>& b) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  // Fused as well, or the compiler might fuse a later sum with this product, whose rounding would then count
  // twice.
  const Batch<T> high = fused(a, b, Batch<T>(T(-0.0)));
  return {high, fused(a, b, -high)};
#else
  const Batch<T> high = a * b;
  const Batch<T> splitter(sizeof(T) == 4 ? T(0x1p12) + 1 : T(0x1p27) + 1);
  const Batch<T> scaled_a = a * splitter, scaled_b = b * splitter;
  const Batch<T> a1 = scaled_a - (scaled_a - a), b1 = scaled_b - (scaled_b - b);
  const Batch<T> a2 = a - a1, b2 = b - b1;
  return {high, a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)};
#endif
}

/// x = count * log(2) + rest, |rest| <= log(2) / 2 (Cody and Waite); shifted = count + rounder.
template <class T>
struct Ln2Multiple {
  Batch<T> shifted, count, rest;
};

template <class T>
Ln2Multiple<T> reduce_ln2(const Batch<T>& x) {
  using F = Format<T>;
  const Batch<T> shifted = fused(x, Batch<T>(F::log2_e), Batch<T>(F::rounder));
  const Batch<T> count = shifted - Batch<T>(F::rounder);
  const Batch<T> rest = fused(count, Batch<T>(-F::ln2_high), x);
  return {shifted, count, fused(count, Batch<T>(-F::ln2_low), rest)};
}

/// exp(r) - 1 for |r| <= log(2) / 2.
template <class T, std::size_t N>
Batch<T> expm1_reduced(const Batch<T>& r, const std::array<T, N>& table) {
  return fused(r * r, polynomial(r, table), r);
}

template <class T>
Batch<T> expm1_reduced(const Batch<T>& r) {
  return expm1_reduced(r, Table<T>::exp);
}

/// factor * (1 + p) * 2^count for factor 1 or 1/2. AVX-512 has an instruction for it; elsewhere the power of
/// two comes in two steps, since neither 2^1024 nor 2^-1074 times a full mantissa can be written down.
template <class T>
Batch<T> scale_exp(const Batch<T>& p, const Batch<T>& shifted, [[maybe_unused]] const Mask<T>& subnormal,
                   T factor) {
#if XSIMD_WITH_AVX512F
  const Batch<T> value = fused(p, Batch<T>(factor), Batch<T>(factor));
  const Batch<T> count = shifted - Batch<T>(Format<T>::rounder);
  if constexpr (sizeof(T) == 4)
    return _mm512_scalef_ps(value, count);
  else
    return _mm512_scalef_pd(value, count);
#else
  constexpr T lift = sizeof(T) == 4 ? T(30) : T(60);
  constexpr T drop = sizeof(T) == 4 ? T(0x1p-30) : T(0x1p-60);
  const Batch<T> step = xsimd::select(subnormal, Batch<T>(lift), Batch<T>(T(-2)));
  const Batch<T> rest = xsimd::select(subnormal, Batch<T>(drop * factor), Batch<T>(T(4) * factor));
  const Batch<T> scale = power_of_two<T>(shifted + step);
  return fused(p, scale, scale) * rest;
#endif
}

/// factor * exp(x) for factor 1 or 1/2. At the upper bound the result has left the range of T.
template <class T>
Batch<T> exp_kernel(const Batch<T>& x, T factor = T(1)) {
  using F = Format<T>;
  const auto [shifted, count, rest] = reduce_ln2(at_least(at_most(x, F::exp_overflow), F::exp_underflow));
  return scale_exp<T>(expm1_reduced(rest), shifted, x < Batch<T>(F::exp_subnormal), factor);
}

/// exp(-(high + low)) where that is a normal number. Its square is 0 at the largest exponent allowed, and a
/// product with both factors in turn keeps digits that a subnormal square has lost. A call would spill every
/// vector around it.
template <class T>
inline constexpr T normal_exponent = sizeof(T) == 4 ? T(87) : T(708);
template <class T>
[[gnu::always_inline]] inline Batch<T> exp_normal(const Pair<T>& x) {
  const auto [shifted, count, rest] = reduce_ln2<T>(-x.high);
  const Batch<T> scale = power_of_two<T>(shifted);
  return fused(expm1_reduced<T>(rest - x.low), scale, scale);
}

/// exp(x) - 1 for |x| < 60.
template <class T>
Batch<T> expm1_bounded(const Batch<T>& x) {
  const auto [shifted, count, rest] = reduce_ln2(x);
  const Batch<T> scale = power_of_two<T>(shifted);
  return fused(expm1_reduced(rest), scale, scale - Batch<T>(T(1)));
}

/// tanh |x| = m / (m + 2) with m = exp(2 |x|) - 1; beyond 20 it rounds to 1.
template <class T>
Batch<T> tanh_kernel(const Batch<T>& x) {
  const Batch<T> bounded = at_most(xsimd::abs(x), T(20));
  const Batch<T> m = expm1_bounded(bounded + bounded);
  return with_sign(m / (m + Batch<T>(T(2))), x);
}

/// 1 / (1 + exp(-x)), by the exponential that does not overflow.
template <class T>
Batch<T> sigmoid_kernel(const Batch<T>& x) {
  const Batch<T> one(T(1)), e = exp_kernel<T>(-xsimd::abs(x));
  return xsimd::select(x < Batch<T>(T(0)), e, one) / (one + e);
}

/// w^2 = exp(-|x|) below zero, 1 elsewhere, for an x that is bounded where exp(-|x|) vanishes; h^2 =
/// exp(-|x|) everywhere; and the inverse of 1 + exp(-|x|). So sigmoid(x) is w * w * inverse.
template <class T>
struct HalfDecay {
  /// x itself between the bounds; from above it passes.
  static Batch<T> bounded_below(const Batch<T>& x) { return at_least(x, T(-2) * normal_exponent<T>); }
  explicit HalfDecay(const Batch<T>& x) {
    const Batch<T> a = at_most(xsimd::abs(x), T(2) * normal_exponent<T>), one(T(1));
    h = exp_normal<T>({Batch<T>(T(0.5)) * a, Batch<T>(T(0))});
    w = xsimd::select(x < Batch<T>(T(0)), h, one);
  }
  Batch<T> h, w;
};

/// x = 2^exponent * (1 + fraction), sqrt(1/2) <= 1 + fraction < sqrt(2), for positive finite x.
template <class T>
struct Binary {
  Batch<T> exponent, fraction;
};

template <class T>
Binary<T> split_binary(const Batch<T>& x) {
  using F = Format<T>;
  constexpr int lift = F::mantissa_bits + 2;
  const Batch<T> one(T(1));
  const auto subnormal = x < Batch<T>(std::numeric_limits<T>::min());
  const Batch<T> normal = xsimd::select(subnormal, x * Batch<T>(T(typename F::Word(1) << lift)), x);
  const Bits<T> moved = bits_of(normal) + Bits<T>((F::bias << F::mantissa_bits) - F::sqrt_half);
  // The exponent, in the low bits of 2^mantissa_bits.
  constexpr auto unit = (F::bias + F::mantissa_bits) << F::mantissa_bits;
  const Batch<T> biased = from_bits<T>((moved >> F::mantissa_bits) | Bits<T>(unit));
  const T offset = T(typename F::Word(1) << F::mantissa_bits) + T(F::bias);
  const Batch<T> exponent = biased - xsimd::select(subnormal, Batch<T>(offset + T(lift)), Batch<T>(offset));
  const Batch<T> mantissa = from_bits<T>((moved & Bits<T>(F::mantissa_mask)) + Bits<T>(F::sqrt_half));
  return {exponent, mantissa - one};
}

/// log(1 + f) = f - rest, for sqrt(1/2) <= 1 + f < sqrt(2); `extra` is subtracted from rest while it is
/// small. With s = f / (2 + f), log(1 + f) = 2 s + s^3 (2/3 + ...) and f - f^2/2 = 2 s - s f^2/2.
template <class T, std::size_t N>
Batch<T> log_rest(const Batch<T>& f, const Batch<T>& extra, const std::array<T, N>& table) {
  const Batch<T> s = f / (Batch<T>(T(2)) + f);
  const Batch<T> z = s * s;
  const Batch<T> half_square = Batch<T>(T(0.5)) * f * f;
  return half_square - fused(s, fused(z, polynomial(z, table), half_square), extra);
}

template <class T>
Batch<T> log_rest(const Batch<T>& f, const Batch<T>& extra) {
  return log_rest(f, extra, Table<T>::log);
}

/// The values of a logarithm outside (0, inf), for an argument that is zero where the logarithm has its pole.
template <class T>
Batch<T> log_special(const Batch<T>& value, const Batch<T>& x) {
  const Batch<T> zero(T(0));
  const Batch<T> large = xsimd::select(x < Batch<T>(infinity<T>), value, x);
  const Batch<T> negative = xsimd::select(x < zero, Batch<T>(not_a_number<T>), large);
  return xsimd::select(x == zero, Batch<T>(-infinity<T>), negative);
}

/// log(x + correction) for a correction within rounding of positive finite x.
template <class T>
Batch<T> log_positive(const Batch<T>& x, const Batch<T>& correction) {
  using F = Format<T>;
  const auto [exponent, f] = split_binary(x);
  const Batch<T> extra = fused(exponent, Batch<T>(F::ln2_low), correction / x);
  return fused(exponent, Batch<T>(F::ln2_high), f - log_rest<T>(f, extra));
}

template <class T>
Batch<T> log_kernel(const Batch<T>& x) {
  using F = Format<T>;
  const auto [exponent, f] = split_binary(x);
  const Batch<T> rest = log_rest<T>(f, exponent * Batch<T>(F::ln2_low));
  return log_special(fused(exponent, Batch<T>(F::ln2_high), f - rest), x);
}

template <class T>
Batch<T> log1p_kernel(const Batch<T>& x) {
  const Batch<T> one(T(1)), sum = one + x;
  const Batch<T> lost = xsimd::select(x > one, one - (sum - x), x - (sum - one));
  const Batch<T> value = log_special(log_positive(sum, lost), sum);
  return xsimd::select(xsimd::abs(x) < Batch<T>(std::numeric_limits<T>::min()), x, value);
}

}  // namespace xgrad::detail
