// Cross-entropy of rows of scores against class numbers. Invariant: results do not depend on the thread
// count.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// What each row of scores is compared with: for class y of C, the distribution
///   t[c] = (1 - smoothing) w[c] [c = y] + smoothing w[c] / C,
/// or zeros where y is ignore_index.
struct ClassTargets {
  Tensor classes;  ///< int64 (rows), in [0, C) or ignore_index
  Tensor weight;   ///< w, (C), of the scores' dtype; undefined: all 1
  Index ignore_index;
  double smoothing;
};

struct CrossEntropy {
  Tensor losses;      ///< (rows)
  Tensor statistics;  ///< (2, rows): the largest score m, and log(sum(exp(x - m)))
};

/// -sum_c t[c] log softmax(x)[c] of every row of x (rows, C); floating.
CrossEntropy cross_entropy(const Tensor& scores, const ClassTargets& targets);
/// scale * gradient * (softmax(x) sum(t) - t), row by row; `gradient` has one element, or one a row.
Tensor cross_entropy_backward(const Tensor& scores, const Tensor& statistics, const ClassTargets& targets,
                              const Tensor& gradient, double scale);
/// The distributions t, (rows, C).
Tensor class_distributions(const ClassTargets& targets, Index classes, DType dtype);

}  // namespace xgrad::kernels
