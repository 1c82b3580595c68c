// Views on whole tensors and parts of them, as slicing, splitting, padding and indexing need them.
// Invariant: a view made here lies within a tensor of the shape it was made for.
#pragma once

#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/kernels/strided.hpp>

namespace xgrad::detail {

/// The positions begin, begin + step, ... of a Slice: `count` of them, all within the axis.
struct Positions {
  Index begin = 0;
  Index step = 1;
  Index count = 0;
};
/// Python's rules for an axis of `size`. Throws ValueError on a step of 0.
Positions resolve(const Slice& range, Index size);

/// All of a tensor of `shape`. Strides are zero when it has no elements.
kernels::View whole(const Shape& shape);
/// Axis `axis` of the view restricted to the positions.
kernels::View restricted(kernels::View view, Index axis, const Positions& positions);
/// True when the view's elements are neighbours in order.
bool is_block(const kernels::View& view);
/// The view's elements: O(1) when they are a block of x, otherwise a copy.
Tensor read(const Tensor& x, const kernels::View& view);

}  // namespace xgrad::detail
