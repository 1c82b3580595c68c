// Reductions over any axes, scans, softmax. `axes` defaults to all; keepdims leaves reduced axes as size 1.
#pragma once

#include <xgrad/autograd/operand.hpp>

namespace xgrad {

/// How a reduction treats the reduced axes.
struct ReduceOptions {
  bool keepdims = false;
};

/// A value with the place it was found at.
struct ValueAndIndex {
  Variable values;
  Variable indices;  ///< int64
};

/// Sum; bool and integers sum to int64. An empty sum is 0.
Variable sum(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Mean; floating. NaN when empty.
Variable mean(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Product; right gradients also where factors are zero. An empty product is 1.
Variable prod(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Largest (smallest) element; ties share the gradient evenly. NaN wins. Throws ValueError when empty.
Variable amax(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
Variable amin(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Largest (smallest) along one axis with its position; all gradient goes to the first of ties.
ValueAndIndex max(const Operand& x, Index axis, ReduceOptions options = {});
ValueAndIndex min(const Operand& x, Index axis, ReduceOptions options = {});
/// Position of the first largest (smallest) element, int64, no gradient; without an axis in the flattened
/// tensor.
Variable argmax(const Operand& x);
Variable argmax(const Operand& x, Index axis, ReduceOptions options = {});
Variable argmin(const Operand& x);
Variable argmin(const Operand& x, Index axis, ReduceOptions options = {});

struct VarianceOptions {
  Index correction = 1;  ///< divides by n - correction
  bool keepdims = false;
};
/// sum((x - mean)^2) / (n - correction), computed in two passes.
Variable var(const Operand& x, const Axes& axes = {}, VarianceOptions options = {});
/// sqrt(var).
Variable std(const Operand& x, const Axes& axes = {}, VarianceOptions options = {});
/// (sum |x|^p)^(1/p) for any p, infinity and 0 (count of non-zeros) included; no overflow where the result
/// fits. norm'(0) = 0.
Variable norm(const Operand& x, double p = 2, const Axes& axes = {}, ReduceOptions options = {});
/// log(sum(exp(x))), stable. -inf when empty.
Variable logsumexp(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// bool and counts of non-zero elements; no gradient.
Variable all(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
Variable any(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
Variable count_nonzero(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});

/// Running sum and product along an axis.
Variable cumsum(const Operand& x, Index axis);
Variable cumprod(const Operand& x, Index axis);

/// exp(x) / sum(exp(x)) along an axis, and its logarithm; stable.
Variable softmax(const Operand& x, Index axis);
Variable log_softmax(const Operand& x, Index axis);

/// x summed over the axes that broadcasting `shape` to x.shape() added: the adjoint of broadcast_to.
Variable sum_to(const Operand& x, const Shape& shape);

}  // namespace xgrad
