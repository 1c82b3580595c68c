// Reductions over any axes, scans, softmax. `axes` defaults to all; keepdims leaves reduced axes as size 1. A
// scalar counts as one element along an axis 0 (or -1) in every function here.
// Defined in reduce.cpp, extremum.cpp, norm.cpp, scan.cpp, softmax.cpp and variance.cpp.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad {

/// How a reduction treats the reduced axes.
struct ReduceOptions {
  bool keepdims = false;
};

/// A value with the place it was found at.
struct [[nodiscard]] ValueAndIndex {
  Variable values;
  Variable indices;  ///< int64
};

/// Sum; booleans and integers sum to int64. An empty sum is 0.
Variable sum(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Mean; floating, integers as float32. NaN when empty, with gradients of no elements.
Variable mean(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Product; right gradients also where factors are zero. An empty product is 1.
Variable prod(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Largest (smallest) element; ties share the gradient evenly. NaN wins. Throws ValueError when empty.
Variable amax(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
Variable amin(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// amax and amin over all axes.
Variable max(const Operand& x);
Variable min(const Operand& x);
/// Largest (smallest) along one axis with its position; all gradient goes to the first of ties. Throws
/// ValueError when the axis is empty.
ValueAndIndex max(const Operand& x, Index axis, ReduceOptions options = {});
ValueAndIndex min(const Operand& x, Index axis, ReduceOptions options = {});
/// Position of the first largest (smallest) element, int64, no gradient; without an axis in the flattened
/// tensor. NaN wins. Throws ValueError when empty.
Variable argmax(const Operand& x);
Variable argmax(const Operand& x, Index axis, ReduceOptions options = {});
Variable argmin(const Operand& x);
Variable argmin(const Operand& x, Index axis, ReduceOptions options = {});

struct VarianceOptions {
  Index correction = 1;  ///< divides by n - correction
  bool keepdims = false;
};
/// sum((x - mean)^2) / (n - correction), computed in two passes; floating. Not finite when n <= correction.
Variable var(const Operand& x, const Axes& axes = {}, VarianceOptions options = {});
/// Standard deviation: sqrt(var), also where var would leave the range. The gradient of constant data is 0,
/// as norm'(0).
Variable stddev(const Operand& x, const Axes& axes = {}, VarianceOptions options = {});
struct NormOptions {
  double p = 2;  ///< any number, infinity and 0 (count of non-zeros) included
  bool keepdims = false;
};
/// (sum |x|^p)^(1/p); no overflow where the result fits. norm'(0) = 0; for p < 2 zero elements get gradient
/// 0, for p = 0 all do, for infinite p ties share evenly. Throws ValueError when p is NaN.
Variable norm(const Operand& x, const Axes& axes = {}, NormOptions options = {});
/// A lone number may be meant as the axis or as p: write norm(x, Axes(1)) or norm(x, {}, {.p = 1}).
template <class T>
requires std::is_arithmetic_v<T>
void norm(const Operand& x, T axis_or_p, NormOptions options = {}) = delete;
/// log(sum(exp(x))), stable. -inf when empty or when all x are -inf, with gradient 0. Infinite x share the
/// gradient, the others get 0.
Variable logsumexp(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
/// Booleans and counts of non-zero elements; no gradient.
Variable all(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
Variable any(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});
Variable count_nonzero(const Operand& x, const Axes& axes = {}, ReduceOptions options = {});

struct ScanOptions {
  bool reverse = false;  ///< from the last element to the first
};
/// Running sum and product along an axis; right gradients also where factors are zero. Booleans and integers
/// give int64.
Variable cumsum(const Operand& x, Index axis, ScanOptions options = {});
Variable cumprod(const Operand& x, Index axis, ScanOptions options = {});
/// y[i] = a[i] y[i - 1] + b[i] along an axis, y[0] = b[0]; floating. A number for `a` makes a decaying sum.
Variable recurrence(const Operand& a, const Operand& b, Index axis, ScanOptions options = {});

/// exp(x) / sum(exp(x)) along an axis, and its logarithm; stable. NaN where an x is infinity or all are
/// -infinity.
Variable softmax(const Operand& x, Index axis);
Variable log_softmax(const Operand& x, Index axis);

/// x summed over the axes that broadcasting `shape` to x.shape() added: the adjoint of broadcast_to.
Variable sum_to(const Operand& x, const Shape& shape);

}  // namespace xgrad
XGRAD_API_END
