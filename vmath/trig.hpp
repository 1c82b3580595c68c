// Sine and cosine of reduced arguments. Invariant: |high| <= pi/4, low is within rounding of high.
#pragma once

#include <xgrad/vmath/elementary.hpp>

namespace xgrad::detail {

/// sin(high + low).
template <std::size_t N>
Simd<double> sin_reduced(const Pair<double>& x, const std::array<double, N>& table) {
  const Simd<double> square = x.high * x.high;
  return x.high + fused(x.high * square, polynomial(square, table), x.low);
}

/// cos(high + low) = 1 - z/2 + z^2 (...) - high low; the rounding of 1 - z/2 is made good.
template <std::size_t N>
Simd<double> cos_reduced(const Pair<double>& x, const std::array<double, N>& table) {
  const Simd<double> one(1.0), square = x.high * x.high, half = Simd<double>(0.5) * square, main = one - half;
  const Simd<double> tail = fused(square * square, polynomial(square, table), -(x.high * x.low));
  return main + (((one - main) - half) + tail);
}

}  // namespace xgrad::detail
