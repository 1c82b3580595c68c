// Mean and variance of numbers that may lie far from zero for their spread, or whose squares leave the range.
// The fast sums of a kernel are judged here; what they cannot hold is summed again, scaled.
#pragma once

#include <xgrad/tensor/index.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace xgrad::detail {

/// Sums of the distances of `count` numbers from `centre`, which is near their mean.
struct CentralMoments {
  double count = 0, centre = 0;
  double rest = 0;     ///< mean - centre
  double squares = 0;  ///< sum of squared distances from the mean

  /// From the sums of distances and of squared distances.
  static CentralMoments of(double count, double centre, double distances, double squares) {
    const double rest = distances / count;
    // In this order NaN stays NaN.
    return {count, centre, rest, std::max(squares - rest * distances, 0.0)};
  }
};

/// Whether `centre` was so far from the mean that little is left of the squares without its share.
template <class T>
bool off_centre(T distances, T squares, T count) {
  return distances * distances > squares * count / 4;
}

/// What is needed to standardise numbers: their mean as an unevaluated sum, since a rounded one may be off by
/// much of their spread, and sqrt(variance + eps), which fits where the variance does not.
struct Standard {
  double mean, rest, deviation, variance;  ///< the variance divides by the count
};

/// Of the numbers summed up in `m`, whose squares were computed in T; false where these have overflowed, or
/// are so small that they have lost digits that count beside eps.
template <class T>
bool standard_of(const CentralMoments& m, double eps, Standard& result) {
  using Limits = std::numeric_limits<T>;
  constexpr double least = static_cast<double>(Limits::min() / Limits::epsilon());
  const double variance = m.squares / m.count;
  if (!(variance + eps >= least && variance <= static_cast<double>(Limits::max()))) return false;
  const double mean = static_cast<double>(static_cast<T>(m.centre + m.rest));
  result = {mean, m.centre - mean + m.rest, std::sqrt(variance + eps), variance};
  return true;
}

/// Of x[i * stride + j] for i < rows, j < depth: slowly, but over the whole range. The mean is 0 and the
/// variance the mean square unless `centred`. Numbers that are not finite give a deviation of infinity or
/// NaN.
template <class T>
Standard scaled_standard(const T* x, Index rows, Index depth, Index stride, bool centred, double eps);

}  // namespace xgrad::detail
