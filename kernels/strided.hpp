// Copies between a contiguous tensor and a strided view of another: slices, permutations, flips, broadcasts.
// Invariant: every view handed to these functions lies within the tensor it describes.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// Element (i, j, ...) of the view is element offset + i * strides[0] + j * strides[1] + ... of the tensor.
/// Strides may be zero (broadcast) or negative (flip).
struct View {
  Index offset = 0;
  Shape shape;
  IndexList strides;

  static View of(const Tensor& tensor) { return {0, tensor.shape(), contiguous_strides(tensor.shape())}; }
};

/// The view's elements as a new tensor. Any dtype.
Tensor copy(const Tensor& source, const View& view);
/// target[view] = source. Any dtype; the dtypes are equal. The view has no zero strides along sizes above 1.
void write(Tensor& target, const View& view, const Tensor& source);
/// target[view] += source. Numbers only.
void add(Tensor& target, const View& view, const Tensor& source);

/// Strides of a contiguous tensor of shape `from` broadcast to `rank` axes: 0 where it is repeated.
IndexList broadcast_strides(const Shape& from, Index rank);
/// Where the element that is number `flat` in row-major order of `sizes` stands under the strides.
inline Index offset_at(Index flat, const Shape& sizes, const IndexList& strides) {
  Index offset = 0;
  for (Index i = sizes.rank(); i-- > 0; flat /= sizes[i]) offset += flat % sizes[i] * strides[i];
  return offset;
}

/// The matrix of an operand that goes with each matrix of the broadcast batch.
class BroadcastBatch {
 public:
  BroadcastBatch(const Shape& own, const Shape& whole)
      : whole_(whole), strides_(broadcast_strides(own, whole.rank())) {}

  Index operator()(Index position) const { return offset_at(position, whole_, strides_); }

 private:
  Shape whole_;
  IndexList strides_;
};

Tensor broadcast_to(const Tensor& x, const Shape& shape);
/// target += x broadcast to its shape; numbers of one dtype.
void add_broadcast(Tensor& target, const Tensor& x);
/// Axis i of the result is axis `order[i]` of x.
Tensor permute(const Tensor& x, const IndexList& order);

}  // namespace xgrad::kernels
