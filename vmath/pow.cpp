// Powers, roots and the length of a vector.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/vmath.hpp>

namespace xgrad::vmath {
namespace {

using namespace detail;

/// The reciprocal of log(2) and 2/3 in two parts.
constexpr double log2_e_low = 0x1.777d0ffda0d24p-56;
constexpr double two_thirds = 0x1.5555555555555p-1, two_thirds_low = 0x1.5555555555555p-55;

/// log2(x) for positive finite x within 2^-65 of its size, so that even 1074 times it has 53 good bits behind
/// the point: the series of log_rest with its leading terms in pairs.
Pair<double> log2_exact(const Simd<double>& x) {
  using B = Simd<double>;
  const B one(1.0), two(2.0);
  const auto [exponent, f] = split_binary(x);
  const auto [bottom, bottom_low] = exact_sum<double>(two, f);
  const B s = f / bottom;
  const auto [back, back_low] = exact_product(s, bottom);
  const B s_low = (((f - back) - back_low) - s * bottom_low) / bottom;
  // z = s^2, a = 2/3 + 2/5 z + ..., log(1 + f) = s (2 + z a).
  const auto [square, square_error] = exact_product(s, s);
  const B square_low = fused(two * s, s_low, square_error);
  const auto [a, a_error] =
      exact_sum<double>(B(two_thirds), square * polynomial(square, Table<double>::pow_log));
  const B a_low = a_error + B(two_thirds_low);
  const auto [product, product_error] = exact_product(square, a);
  const auto [b, b_error] = exact_sum<double>(two, product);
  const B b_low = b_error + (product_error + fused(square, a_low, square_low * a));
  const auto [log, log_error] = exact_product(s, b);
  const B log_low = log_error + fused(s, b_low, s_low * b);
  const auto [fraction, fraction_error] = exact_product(log, B(Format<double>::log2_e));
  const B fraction_low = fraction_error + fused(log, B(log2_e_low), log_low * B(Format<double>::log2_e));
  const auto [high, low] = exact_sum<double>(exponent, fraction);
  return exact_sum<double>(high, low + fraction_low);
}

/// log2(x) within a few units in the last place: enough for a float power.
Pair<double> log2_plain(const Simd<double>& x) {
  const auto [exponent, f] = split_binary(x);
  const Simd<double> zero(0.0), log = f - log_rest(f, zero, Table<double>::short_log);
  return {fused(log, Simd<double>(Format<double>::log2_e), exponent), zero};
}

/// True for integers, infinities among them, given |y|.
SimdMask<double> is_integer(const Simd<double>& a) {
  const Simd<double> offset(0x1p52);
  return (a >= offset) | ((a + offset) - offset == a);
}

template <bool Float>
Simd<double> pow_kernel(const Simd<double>& x, const Simd<double>& y) {
  using B = Simd<double>;
  const B zero(0.0), one(1.0), infinite(infinity<double>), a = xsimd::abs(x);
  Pair<double> log = Float ? log2_plain(a) : log2_exact(a);
  log.high = log_special(log.high, a);
  // y log2(x) as a pair; what it overflows to decides alone.
  Pair<double> t{y * log.high, zero};
  if constexpr (!Float) t.low = fused(y, log.low, exact_product(y, log.high).low);
  const B bound =
      xsimd::select(t.high > B(1100.0), B(1100.0), xsimd::select(t.high < B(-1080.0), B(-1080.0), t.high));
  t.low = xsimd::select(xsimd::abs(t.high) < B(1100.0), t.low, zero);
  const B shifted = bound + B(Format<double>::rounder);
  const B rest = ((bound - (shifted - B(Format<double>::rounder))) + t.low) * B(0x1.62e42fefa39efp-1);
  const B magnitude = xsimd::select(bound > B(1025.0), infinite,
                                    scale_exp<double>(expm1_reduced(rest), shifted, bound < B(-1019.0), 1.0));
  const B powered = xsimd::select((a == one) & (y == y), one, magnitude);
  // Below zero: NaN between integers, negative at odd ones.
  const B size = xsimd::abs(y);
  const auto integer = is_integer(size);
  const B real = xsimd::select(integer | (x == -infinite), powered, B(not_a_number<double>));
  const B odd = xsimd::select(is_integer(B(0.5) * size), zero, x & B(-0.0));
  const B value = xsimd::select(x < zero, real, powered) | xsimd::select(integer, odd, zero);
  return xsimd::select((x == one) | (y == zero), one, value);
}

void pow_of_floats(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n,
              [](const Simd<double>& a, const Simd<double>& b) { return pow_kernel<true>(a, b); });
}

/// The cube root of |x| = 2^(3 third + turn) m from a cubic in m, 1 <= m < 2, refined by Halley's iteration,
/// which triples the number of good digits.
template <class T>
Simd<T> cbrt_kernel(const Simd<T>& x) {
  using F = Format<T>;
  constexpr int lift = (F::mantissa_bits + 3) / 3 * 3;
  constexpr T offset = T(typename F::Word(1) << F::mantissa_bits) + T(F::bias);
  constexpr auto unit = (F::bias + F::mantissa_bits) << F::mantissa_bits;
  const Simd<T> zero(T(0)), one(T(1)), two(T(2)), a = xsimd::abs(x);
  const auto subnormal = a < Simd<T>(std::numeric_limits<T>::min());
  const Simd<T> normal = xsimd::select(subnormal, a * Simd<T>(T(typename F::Word(1) << lift)), a);
  const Bits<T> bits = bits_of(normal);
  const Simd<T> exponent = from_bits<T>((bits >> F::mantissa_bits) | Bits<T>(unit)) - Simd<T>(offset);
  const Simd<T> shifted = fused(exponent - one, Simd<T>(T(1) / T(3)), Simd<T>(F::rounder));
  const Simd<T> third = shifted - Simd<T>(F::rounder);
  const Simd<T> turn = fused(third, Simd<T>(T(-3)), exponent);
  const Simd<T> m = from_bits<T>((bits & Bits<T>(F::mantissa_mask)) | Bits<T>(F::bias << F::mantissa_bits));
  const auto by_turn = [&](const Simd<T>& c0, const Simd<T>& c1, const Simd<T>& c2) {
    return xsimd::select(turn == zero, c0, xsimd::select(turn == one, c1, c2));
  };
  const Simd<T> cube = by_turn(m, m + m, Simd<T>(T(4)) * m);
  Simd<T> root = polynomial(m, Table<T>::cbrt) *
                 by_turn(one, Simd<T>(T(0x1.428a2f98d728bp+0)), Simd<T>(T(0x1.965fea53d6e3dp+0)));
  for (int i = 0; i < (sizeof(T) == 4 ? 1 : 2); ++i) {
    const Simd<T> power = root * root * root;
    root = root - root * (power - cube) / fused(two, power, cube);
  }
  const Simd<T> step = xsimd::select(subnormal, Simd<T>(T(-lift / 3)), zero);
  const Simd<T> value = root * power_of_two<T>(shifted + step);
  // Not with_sign: between a select and its other operand clang 14 may turn that into the wrong instruction.
  return xsimd::select((a > zero) & (a < Simd<T>(infinity<T>)), value ^ (x & Simd<T>(T(-0.0))), x);
}

/// The sides are scaled so that their squares neither overflow nor vanish.
Simd<double> hypot_kernel(const Simd<double>& x, const Simd<double>& y) {
  using B = Simd<double>;
  const B a = xsimd::abs(x), b = xsimd::abs(y), one(1.0), infinite(infinity<double>);
  const B longer = xsimd::select(a > b, a, b), shorter = xsimd::select(a > b, b, a);
  const auto large = longer > B(0x1p500), small = longer < B(0x1p-400);
  const auto choose = [&](double when_large, double when_small) {
    return xsimd::select(large, B(when_large), xsimd::select(small, B(when_small), one));
  };
  const B scale = choose(0x1p-600, 0x1p600);
  const B p = longer * scale, q = shorter * scale;
  const B value = xsimd::sqrt(fused(p, p, q * q)) * choose(0x1p600, 0x1p-600);
  return xsimd::select((a == infinite) | (b == infinite), infinite, value);
}

}  // namespace

void sqrt(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return xsimd::sqrt(v); });
}
void sqrt(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return xsimd::sqrt(v); });
}
void cbrt(const float* x, float* out, Index n) {
  map_batches(x, out, n, [](const Simd<float>& v) { return cbrt_kernel(v); });
}
void cbrt(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Simd<double>& v) { return cbrt_kernel(v); });
}
void pow(const float* x, const float* y, float* out, Index n) { map_widened<pow_of_floats>(x, y, out, n); }
void pow(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n,
              [](const Simd<double>& a, const Simd<double>& b) { return pow_kernel<false>(a, b); });
}
void hypot(const float* x, const float* y, float* out, Index n) { map_widened<hypot>(x, y, out, n); }
void hypot(const double* x, const double* y, double* out, Index n) {
  map_batches(x, y, out, n, [](const Simd<double>& a, const Simd<double>& b) { return hypot_kernel(a, b); });
}

}  // namespace xgrad::vmath
