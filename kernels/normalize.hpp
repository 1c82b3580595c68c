// Normalisation by mean and variance, and its gradients. Invariant: the order of every sum depends on the
// sizes alone, never on threads; variances come from the distances to the mean, not from a difference of
// squares, and are right over the whole range of the dtype.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// A contiguous array as (outer, size, groups, depth). Each (outer, group) has its own mean and variance,
/// over size and depth; each (group, depth), a channel, its own weight and bias.
///   layer:  (rows, 1, 1, features)    batch:  (1, N * H * W, channels, 1)
///   group:  (N, H * W, groups, channels / groups)
struct Grouping {
  Index outer, size, groups, depth;
  Index channels() const { return groups * depth; }
  Index count() const { return size * depth; }  ///< elements per mean
  Index owners() const { return outer * groups; }
  Shape moments() const { return {4, outer, groups}; }
};

/// Where mean and variance come from.
enum class Statistics {
  own,          ///< the array's mean and variance
  mean_square,  ///< 0, and the array's mean square; size must be 1
  given         ///< constants
};

/// What a moments tensor, of shape (4, outer, groups), holds in its rows: the mean and what its rounding
/// left, 1 / sqrt(variance + eps), and the variance, which divides by the count and may be infinite where its
/// root is not.
struct Moment {
  static constexpr Index mean = 0, rest = 1, scale = 2, variance = 3;
};

struct Normalized {
  Tensor value;
  Tensor moments;
};

/// (x - mean) / sqrt(variance + eps) * weight + bias with the array's statistics (own or mean_square).
/// `weight` and `bias` are (channels) or undefined. All floating, of one dtype. An empty array has means and
/// variances of 0.
Normalized normalize(const Tensor& x, const Grouping& grouping, const Tensor& weight, const Tensor& bias,
                     double eps, Statistics statistics = Statistics::own);
/// The same with given statistics, (outer, groups) elements each.
Normalized normalize_by(const Tensor& x, const Grouping& grouping, const Tensor& mean, const Tensor& variance,
                        const Tensor& weight, const Tensor& bias, double eps);

struct NormalizeGradients {
  Tensor x;             ///< of x's shape
  Tensor weight, bias;  ///< (channels)
};
/// The gradients of either; those with respect to x include what passes through its own statistics. They are
/// written over `gradient` where nobody else holds it.
NormalizeGradients normalize_backward(Tensor gradient, const Tensor& x, const Grouping& grouping,
                                      const Tensor& moments, const Tensor& weight, Statistics statistics);

/// The statistics alone, (outer, groups) each: the mean and what its rounding left, the variance, which
/// divides by the count, and its root. x is not empty.
struct Spread {
  Tensor mean, rest, deviation, variance;
};
Spread spread(const Tensor& x, const Grouping& grouping);
/// x - mean, whose rest is taken out as well.
Tensor distances(const Tensor& x, const Grouping& grouping, const Tensor& mean, const Tensor& rest);

}  // namespace xgrad::kernels
