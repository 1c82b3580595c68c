// Distances are summed in double precision, one point after another: the same on any processor.
#include <xgrad/train/k_means.hpp>

#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace xgrad::train {
namespace {

using Numbers = std::vector<double>;

struct Points {
  Index count = 0, size = 0;
  Numbers values = {};
  const double* row(Index i) const { return values.data() + i * size; }
  double* row(Index i) { return values.data() + i * size; }
};

Points checked(const Tensor& tensor, const char* name) {
  if (tensor.shape().rank() != 2)
    fail<ShapeError>(std::string(name) + " should be (N, D), not " + to_string(tensor.shape()));
  Points points{tensor.size(0), tensor.size(1)};
  const auto take = [&](const auto& span) { points.values.assign(span.begin(), span.end()); };
  if (tensor.dtype() == float32)
    take(tensor.span<float>());
  else if (tensor.dtype() == float64)
    take(tensor.span<double>());
  else
    fail<DTypeError>(std::string(name) + " should be float32 or float64, not " +
                     std::string(to_string(tensor.dtype())));
  for (std::size_t i = 0; i < points.values.size(); ++i)
    if (!std::isfinite(points.values[i]))
      fail<NumericError>(std::string(name) + ": row " + std::to_string(static_cast<Index>(i) / points.size) +
                         " is not finite");
  return points;
}

double squared_distance(const double* a, const double* b, Index size) {
  double sum = 0;
  for (Index k = 0; k < size; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

struct Assignment {
  std::vector<Index> clusters;
  Numbers distances;  // squared
  double inertia = 0;
};

Assignment assign(const Points& points, const Points& centres) {
  Assignment result{std::vector<Index>(static_cast<std::size_t>(points.count)),
                    Numbers(static_cast<std::size_t>(points.count))};
  for (Index i = 0; i < points.count; ++i) {
    double least = std::numeric_limits<double>::infinity();
    Index best = 0;
    for (Index c = 0; c < centres.count; ++c) {
      const double distance = squared_distance(points.row(i), centres.row(c), points.size);
      if (distance < least) least = distance, best = c;
    }
    const auto at = static_cast<std::size_t>(i);
    result.clusters[at] = best;
    result.distances[at] = least;
    result.inertia += least;
  }
  return result;
}

double uniform_number(double high, Generator& generator) {
  return uniform({}, 0, 1, float64, generator).item<double>() * high;
}

Points plus_plus(const Points& points, Index clusters, Generator& generator) {
  Points centres{clusters, points.size, Numbers(static_cast<std::size_t>(clusters * points.size))};
  Numbers distances(static_cast<std::size_t>(points.count), 1);
  for (Index c = 0; c < clusters; ++c) {
    double total = 0;
    for (const double distance : distances) total += distance;
    // Where all points coincide with centres, any is as good as another.
    if (!(total > 0)) std::fill(distances.begin(), distances.end(), 1), total = double(points.count);
    double left = uniform_number(total, generator);
    Index chosen = 0;
    for (Index i = 0; i < points.count; ++i) {
      const double distance = distances[static_cast<std::size_t>(i)];
      if (distance > 0) chosen = i;  // never a point that has no probability, however sums were rounded
      if ((left -= distance) < 0) break;
    }
    std::copy_n(points.row(chosen), points.size, centres.row(c));
    for (Index i = 0; i < points.count; ++i) {
      double& distance = distances[static_cast<std::size_t>(i)];
      const double to_new = squared_distance(points.row(i), centres.row(c), points.size);
      distance = c == 0 ? to_new : std::min(distance, to_new);
    }
  }
  return centres;
}

/// The means of the clusters; the farthest points where a cluster has none.
Points means(const Points& points, Assignment& assigned, Index clusters) {
  std::vector<Index> counts(static_cast<std::size_t>(clusters));
  for (const Index c : assigned.clusters) ++counts[static_cast<std::size_t>(c)];
  for (Index c = 0; c < clusters; ++c) {
    if (counts[static_cast<std::size_t>(c)] > 0) continue;
    Index farthest = -1;
    for (Index i = 0; i < points.count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const bool alone = counts[static_cast<std::size_t>(assigned.clusters[at])] == 1;
      if (!alone && (farthest < 0 || assigned.distances[at] > assigned.distances[std::size_t(farthest)]))
        farthest = i;
    }
    const auto at = static_cast<std::size_t>(farthest);
    --counts[static_cast<std::size_t>(assigned.clusters[at])];
    assigned.clusters[at] = c;
    assigned.distances[at] = 0;
    counts[static_cast<std::size_t>(c)] = 1;
  }
  Points centres{clusters, points.size, Numbers(static_cast<std::size_t>(clusters * points.size))};
  for (Index i = 0; i < points.count; ++i) {
    double* const sum = centres.row(assigned.clusters[static_cast<std::size_t>(i)]);
    for (Index k = 0; k < points.size; ++k) sum[k] += points.row(i)[k];
  }
  for (Index c = 0; c < clusters; ++c)
    for (Index k = 0; k < points.size; ++k)
      centres.row(c)[k] /= static_cast<double>(counts[static_cast<std::size_t>(c)]);
  return centres;
}

Tensor indices(const std::vector<Index>& values) {
  Tensor result = zeros({static_cast<Index>(values.size())}, int64);
  std::copy(values.begin(), values.end(), result.mutable_span<Index>().begin());
  return result;
}

Tensor rows(const Points& points, DType dtype) {
  Tensor result = zeros({points.count, points.size}, dtype);
  if (dtype == float32)
    std::transform(points.values.begin(), points.values.end(), result.mutable_span<float>().begin(),
                   [](double x) { return static_cast<float>(x); });
  else
    std::copy(points.values.begin(), points.values.end(), result.mutable_span<double>().begin());
  return result;
}

}  // namespace

KMeans k_means(const Tensor& tensor, const KMeansOptions& options, Generator& generator, Place place) {
  const Scope scope("k_means", place);
  const Points points = checked(tensor, "points");
  if (options.clusters < 1 || options.clusters > points.count)
    fail<ValueError>(std::to_string(options.clusters) + " clusters of " + std::to_string(points.count) +
                     " points: expects at least one, and a point for each");
  if (options.restarts < 1 || options.iterations < 1)
    fail<ValueError>("restarts and iterations should be above 0");
  const bool given = options.start.defined();
  if (given && options.start.shape() != Shape{options.clusters, points.size})
    fail<ShapeError>("start " + to_string(options.start.shape()) + " should be " +
                     to_string(Shape{options.clusters, points.size}));

  KMeans best;
  Points best_centres;
  for (Index run = 0; run < (given ? 1 : options.restarts); ++run) {
    Points centres = given ? checked(options.start, "start") : plus_plus(points, options.clusters, generator);
    Assignment assigned = assign(points, centres);
    Index iterations = 0;
    for (bool moved = true; moved && iterations < options.iterations; ++iterations) {
      centres = means(points, assigned, options.clusters);
      Assignment next = assign(points, centres);
      moved = next.clusters != assigned.clusters;
      assigned = std::move(next);
    }
    if (run > 0 && !(assigned.inertia < best.inertia)) continue;
    best.clusters = indices(assigned.clusters);
    best.inertia = assigned.inertia;
    best.iterations = iterations;
    best_centres = std::move(centres);
  }
  best.centres = rows(best_centres, tensor.dtype());
  return best;
}

Tensor nearest(const Tensor& points, const Tensor& centres, Place place) {
  const Scope scope("nearest", place);
  const Points from = checked(points, "points"), to = checked(centres, "centres");
  if (from.size != to.size || to.count == 0)
    fail<ShapeError>("points " + to_string(points.shape()) + " do not fit centres " +
                     to_string(centres.shape()));
  return indices(assign(from, to).clusters);
}

}  // namespace xgrad::train
