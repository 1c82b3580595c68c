// What reductions have in common: the axes they fold and the shapes before and after.
#pragma once

#include <xgrad/autograd/ops/shape.hpp>

namespace xgrad::detail {

/// The axes of a reduction and the shapes that follow. Throws IndexError or ValueError on wrong axes.
struct ReducedAxes {
  ReducedAxes(const Shape& shape, const Axes& given, bool keepdims)
      : axes(given.sorted(shape.rank())),
        kept(reduced_shape(shape, given, true)),
        result(reduced_shape(shape, given, keepdims)) {
    for (Index axis : axes) count *= static_cast<double>(shape[axis]);
  }

  IndexList axes;    ///< ascending
  Shape kept;        ///< the input's shape with 1 for every reduced axis
  Shape result;      ///< kept, or without the reduced axes
  double count = 1;  ///< elements per result
};

/// The axis of an operation that works along one, as a reduction's.
inline Axes axes_along(const Shape& shape, Index axis) { return shape.rank() == 0 ? Axes() : Axes(axis); }

/// `gradient` (broadcast to x) spread evenly over the elements of every group of x that equal `extreme`, or,
/// where that is NaN, over the NaNs of x; 0 for the others.
Variable shared_by_ties(const Variable& gradient, const Tensor& x, const Tensor& extreme);

}  // namespace xgrad::detail
