// What the families of indexing share: the adjoint of gather, and operands that fit a given element type.
#pragma once

#include <xgrad/autograd/operand.hpp>

namespace xgrad::detail {

/// Zeros of `shape` with += source at the positions of `index` (in range, int64) along an axis.
Variable scatter_onto_zeros(const Shape& shape, Index axis, const Variable& index, const Variable& source);

/// `values` in the dtype of x. Throws DTypeError when x does not hold their result_type.
Variable fitted(const Operand& values, const Variable& x);

/// `values` broadcast to `shape`; nothing is recorded when they have it. Throws ShapeError that names `what`
/// has the shape.
Variable spread_to(const Variable& values, const Shape& shape, const char* what);

/// True where no later element of the index (in range, int64) names the same place of `target` along an axis:
/// whose source scatter() keeps. Undefined when that is everywhere.
Tensor last_writers(const Shape& target, Index axis, const Tensor& index);

}  // namespace xgrad::detail
