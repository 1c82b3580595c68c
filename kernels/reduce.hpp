// Reductions and scans. Axes are ascending and within range; the reduced axes are removed from the result's
// shape. Invariant: results do not depend on the thread count. float sums are pairwise or better.
// Defined in reduce.cpp, scan.cpp and softmax.cpp.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <utility>

namespace xgrad::kernels {

/// Sum over the axes; float32, float64, int64 (boolean and uint8 sum to int64; integers wrap). An empty sum
/// is 0.
Tensor sum(const Tensor& x, const IndexList& axes);
/// Sum of products a * b over the axes, without the product being stored. Equal shapes and floating dtype.
Tensor sum_product(const Tensor& a, const Tensor& b, const IndexList& axes);
/// Sum over the axes that broadcasting `shape` to x's shape added, reshaped to `shape`.
Tensor sum_to(const Tensor& x, const Shape& shape);
/// Product; same dtypes as sum. An empty product is 1.
Tensor prod(const Tensor& x, const IndexList& axes);
/// Largest and smallest; NaN wins. Any dtype. Throws ValueError on an empty axis.
Tensor max(const Tensor& x, const IndexList& axes);
Tensor min(const Tensor& x, const IndexList& axes);
/// The first largest (smallest) elements along `axis` and their positions, int64; the first NaN wins. A
/// scalar stands at 0. Throws ValueError on an empty axis.
std::pair<Tensor, Tensor> max_with_index(const Tensor& x, Index axis);
std::pair<Tensor, Tensor> min_with_index(const Tensor& x, Index axis);
/// The positions alone.
Tensor argmax(const Tensor& x, Index axis);
Tensor argmin(const Tensor& x, Index axis);
/// (sum |x|^p)^(1/p) without overflow or underflow of the powers where the result is representable. p = 0
/// counts the non-zeros, infinity and -infinity take the largest and the smallest |x|. Floating dtype. An
/// empty norm is 0.
Tensor norm(const Tensor& x, double p, const IndexList& axes);
/// True where all (any) elements are non-zero; any dtype, boolean result.
Tensor all(const Tensor& x, const IndexList& axes);
Tensor any(const Tensor& x, const IndexList& axes);
/// int64 count of the non-zero elements.
Tensor count_nonzero(const Tensor& x, const IndexList& axes);

/// Running sums (products) along an axis; `reverse` runs from the end. dtypes as for sum.
Tensor cumsum(const Tensor& x, Index axis, bool reverse = false);
Tensor cumprod(const Tensor& x, Index axis);

/// exp(x - max) / sum(exp(x - max)) along an axis; floating dtype.
Tensor softmax(const Tensor& x, Index axis);
/// x - max - log(sum(exp(x - max))) along an axis; floating dtype.
Tensor log_softmax(const Tensor& x, Index axis);
/// log(sum(exp(x))) over the axes; -inf when empty. Infinite maxima give that infinity. Floating dtype.
Tensor logsumexp(const Tensor& x, const IndexList& axes);
/// y * (g - sum(g * y)): the softmax's input gradient from its output; 0 along the axis where all of g is 0,
/// whatever y holds.
Tensor softmax_backward(const Tensor& gradient, const Tensor& output, Index axis);
/// g - exp(y) * sum(g): the log_softmax's input gradient from its output; 0 where softmax's is.
Tensor log_softmax_backward(const Tensor& gradient, const Tensor& output, Index axis);

}  // namespace xgrad::kernels
