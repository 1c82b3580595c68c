// k-means: points in groups around their means.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/tensor.hpp>

XGRAD_API_BEGIN
namespace xgrad::train {

struct KMeansOptions {
  Index clusters = 8;
  Index restarts = 10;     ///< runs from different beginnings, of which the one of least inertia is kept
  Index iterations = 300;  ///< of a run, at most; it ends when no point changes its cluster
  Tensor start = {};       ///< (clusters, D): the first centres of a single run, in place of k-means++
};

struct [[nodiscard]] KMeans {
  Tensor centres;        ///< (clusters, D), of the points' dtype
  Tensor clusters;       ///< int64 (N,): the nearest centre of each point
  double inertia = 0;    ///< sum of the squared distances to them
  Index iterations = 0;  ///< of the run that was kept
};

/// Lloyd's iteration ("Least squares quantization in PCM", 1982) from centres by k-means++ (Arthur and
/// Vassilvitskii, 2007): each next one is a point, drawn with a probability in proportion to its squared
/// distance to the centres so far. A cluster that has lost all its points gets the one farthest from its own
/// centre. Points are (N, D), float32 or float64; results do not depend on threads. Throws ShapeError and
/// DTypeError on other points or start, NumericError on a point that is not finite, ValueError unless
/// 1 <= clusters <= N and restarts and iterations are above 0.
KMeans k_means(const Tensor& points, const KMeansOptions& options = {},
               Generator& generator = default_generator(), Place place = Place::here());

/// The nearest of `centres` (K, D) for each of `points` (N, D), int64 (N,); the first of equals. Throws as
/// k_means().
[[nodiscard]] Tensor nearest(const Tensor& points, const Tensor& centres, Place place = Place::here());

}  // namespace xgrad::train
XGRAD_API_END
