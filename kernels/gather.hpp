// Indexed reads and writes, and ordering. Indices are int64 and in range unless stated: callers normalise
// them first.
// Defined in gather.cpp and sort.cpp.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <utility>

namespace xgrad::kernels {

/// A copy of `index` (int64 or uint8) as int64 with negative positions wrapped. Throws IndexError naming
/// index, axis, size.
Tensor normalize_indices(const Tensor& index, Index size, Index axis);

/// x with axis replaced by the axes of `index`: result[..., i..., ...] = x[..., index[i...], ...].
Tensor index_select(const Tensor& x, Index axis, const Tensor& index);
/// target[..., index[i...], ...] += source[..., i..., ...]: the adjoint of index_select. Repeated indices
/// accumulate.
void index_add(Tensor& target, Index axis, const Tensor& index, const Tensor& source);
/// target[..., index[i...], ...] = source[..., i..., ...]; the last of repeated indices wins.
void index_put(Tensor& target, Index axis, const Tensor& index, const Tensor& source);

/// result[p] = x[p with p[axis] = index[p]]; index and x agree in rank, index fits x on the other axes.
Tensor gather(const Tensor& x, Index axis, const Tensor& index);
/// target[p with p[axis] = index[p]] = source[p] (or +=).
void scatter(Tensor& target, Index axis, const Tensor& index, const Tensor& source);
void scatter_add(Tensor& target, Index axis, const Tensor& index, const Tensor& source);
/// Zeros of `shape` with one element of `source` in every line along `axis`, at the position in `index`; both
/// have that shape with 1 along the axis.
Tensor scatter_singles(const Shape& shape, Index axis, const Tensor& index, const Tensor& source);

/// Flat positions of the true elements, int64 of shape (n,).
Tensor nonzero_flat(const Tensor& mask);

/// Values and int64 positions sorted along an axis; stable; NaN sorts as the largest.
std::pair<Tensor, Tensor> sort(const Tensor& x, Index axis, bool descending);
/// The k largest (or smallest) along an axis in order, with positions. 0 <= k <= size.
std::pair<Tensor, Tensor> topk(const Tensor& x, Index k, Index axis, bool largest);

}  // namespace xgrad::kernels
