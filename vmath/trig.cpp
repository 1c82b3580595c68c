// Sine, cosine and tangent: reduction by multiples of pi or pi/2 with pi in parts (Cody and Waite), then
// minimax polynomials. Arguments too large for that go to the C library, lane by lane. Floats are computed as
// doubles.
#include <xgrad/vmath/elementary.hpp>
#include <xgrad/vmath/loop.hpp>
#include <xgrad/vmath/trig.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <cmath>

namespace xgrad::vmath {
namespace {

using namespace detail;
using Lanes = Simd<double>;

/// Largest |x| whose multiple of pi/2 times the high parts of pi/2 is exact.
constexpr double reducible = 0x1p15 * 1.57;
constexpr double reducible_float = 0x1p20 * 1.57;

/// x = quarter * pi/2 + rest, |rest| <= pi/4; the low bits of `shifted` hold quarter.
struct QuarterTurns {
  Lanes shifted;
  Pair<double> rest;
};

QuarterTurns reduce_quarter_turns(const Lanes& x) {
  const Lanes shifted = fused(x, Lanes(0x1.45f306dc9c883p-1), Lanes(Format<double>::rounder));
  const Lanes quarter = shifted - Lanes(Format<double>::rounder);
  const Lanes first = fused(quarter, Lanes(-0x1.921fb5444p+0), x);
  const Lanes product = quarter * Lanes(0x1.68c234c4c8p-39);
  const Lanes second = first - product;
  const Lanes third = fused(quarter, Lanes(0x1.9d747f23e32edp-79), (first - second) - product);
  return {shifted, exact_sum<double>(second, third)};
}

/// x - count * pi for x that came from a float, within 2^-40 of its size; count * 0x1.921fb544p+1 is exact.
Lanes without_half_turns(const Lanes& x, const Lanes& count) {
  return fused(count, Lanes(-0x1.0b4611a626331p-33), fused(count, Lanes(-0x1.921fb544p+1), x));
}

/// -1 where the count in the low bits of `shifted` is odd, else 1.
Lanes parity(const Lanes& shifted) {
  return from_bits<double>((bits_of(shifted) << 63) | bits_of(Lanes(1.0)));
}

/// A sign for odd half turns, given a count of quarter turns.
Lanes half_turn_sign(const Lanes& shifted) { return from_bits<double>((bits_of(shifted) >> 1) << 63); }

SimdMask<double> irreducible(const Lanes& x, double limit) { return xsimd::abs(x) > Lanes(limit); }

/// sin(x) for |x| <= pi/2, to what a float result needs.
Lanes wide_sin(const Lanes& x) {
  const Lanes square = x * x;
  return fused(x * square, polynomial(square, Table<double>::wide_sin), x);
}

double scalar_sin(double x) { return std::sin(x); }
double scalar_cos(double x) { return std::cos(x); }
double scalar_tan(double x) { return std::tan(x); }

Lanes sin_kernel(const Lanes& x) {
  const auto [shifted, rest] = reduce_quarter_turns(x);
  const Lanes zero(0.0), s = sin_reduced(rest, Table<double>::sin), c = cos_reduced(rest, Table<double>::cos);
  const Lanes value = xsimd::select(parity(shifted) < zero, c, s) ^ half_turn_sign(shifted);
  return patch_lanes(xsimd::select(x == zero, x, value), irreducible(x, reducible), scalar_sin, x);
}

Lanes cos_kernel(const Lanes& x) {
  const auto [shifted, rest] = reduce_quarter_turns(x);
  const Lanes zero(0.0), s = sin_reduced(rest, Table<double>::sin), c = cos_reduced(rest, Table<double>::cos);
  const Lanes value = xsimd::select(parity(shifted) < zero, s, c) ^ half_turn_sign(shifted + Lanes(1.0));
  return patch_lanes(value, irreducible(x, reducible), scalar_cos, x);
}

/// tan from the sine and cosine of what is left of x.
Lanes tan_of(const Lanes& x, const Lanes& shifted, const Lanes& s, const Lanes& c) {
  const Lanes zero(0.0);
  const auto odd = parity(shifted) < zero;
  return xsimd::select(x == zero, x, xsimd::select(odd, -c, s) / xsimd::select(odd, s, c));
}

Lanes tan_kernel(const Lanes& x) {
  const auto [shifted, rest] = reduce_quarter_turns(x);
  const Lanes s = sin_reduced(rest, Table<double>::sin), c = cos_reduced(rest, Table<double>::cos);
  return patch_lanes(tan_of(x, shifted, s, c), irreducible(x, reducible), scalar_tan, x);
}

void sin_of_floats(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Lanes& v) {
    const Lanes zero(0.0), shifted = fused(v, Lanes(0x1.45f306dc9c883p-2), Lanes(Format<double>::rounder));
    const Lanes rest = without_half_turns(v, shifted - Lanes(Format<double>::rounder));
    const Lanes value = wide_sin(rest) ^ from_bits<double>(bits_of(shifted) << 63);
    return patch_lanes(xsimd::select(v == zero, v, value), irreducible(v, reducible_float), scalar_sin, v);
  });
}

// cos(r + (n + 1/2) pi) = (-1)^(n + 1) sin(r).
void cos_of_floats(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Lanes& v) {
    const Lanes half(0.5),
        shifted = fused(v, Lanes(0x1.45f306dc9c883p-2), -half) + Lanes(Format<double>::rounder);
    const Lanes rest = without_half_turns(v, (shifted - Lanes(Format<double>::rounder)) + half);
    const Lanes value = wide_sin(-rest) ^ from_bits<double>(bits_of(shifted) << 63);
    return patch_lanes(value, irreducible(v, reducible_float), scalar_cos, v);
  });
}

void tan_of_floats(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Lanes& v) {
    const Lanes shifted = fused(v, Lanes(0x1.45f306dc9c883p-1), Lanes(Format<double>::rounder));
    const Lanes turns = Lanes(0.5) * (shifted - Lanes(Format<double>::rounder));
    const Pair<double> rest{without_half_turns(v, turns), Lanes(0.0)};
    const Lanes s = sin_reduced(rest, Table<double>::short_sin),
                c = cos_reduced(rest, Table<double>::short_cos);
    return patch_lanes(tan_of(v, shifted, s, c), irreducible(v, reducible_float), scalar_tan, v);
  });
}

}  // namespace

void sin(const float* x, float* out, Index n) { map_widened<sin_of_floats>(x, out, n); }
void sin(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Lanes& v) { return sin_kernel(v); });
}
void cos(const float* x, float* out, Index n) { map_widened<cos_of_floats>(x, out, n); }
void cos(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Lanes& v) { return cos_kernel(v); });
}
void tan(const float* x, float* out, Index n) { map_widened<tan_of_floats>(x, out, n); }
void tan(const double* x, double* out, Index n) {
  map_batches(x, out, n, [](const Lanes& v) { return tan_kernel(v); });
}

}  // namespace xgrad::vmath
