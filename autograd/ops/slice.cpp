// Slices of an axis and their adjoint.
#include <xgrad/autograd/ops/views.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad {

Variable slice(const Operand& x, Index axis, const Slice& range) {
  Op op("slice", x);
  axis = wrap_axis(axis, op.value().rank());
  const detail::Positions positions = detail::resolve(range, op.shape()[axis]);
  return op.record(detail::read(op.value(), detail::restricted(detail::whole(op.shape()), axis, positions)),
                   Rule{saves_nothing, [axis, range](Backward& r) {
                          return slice_scatter(r.gradient(), r.input_shape(0), axis, range);
                        }});
}

Variable slice_scatter(const Operand& x, const Shape& shape, Index axis, const Slice& range) {
  Op op("slice_scatter", x);
  axis = wrap_axis(axis, shape.rank());
  const kernels::View view =
      detail::restricted(detail::whole(shape), axis, detail::resolve(range, shape[axis]));
  if (op.shape() != view.shape)
    fail<ShapeError>("that slice of " + to_string(shape) + " along axis " + std::to_string(axis) +
                     " has the shape " + to_string(view.shape) + ", got " + to_string(op.shape()));
  Tensor value = zeros(shape, op.dtype());
  kernels::write(value, view, op.value());
  return op.record(std::move(value), Rule{saves_nothing, [axis, range](Backward& r) {
                                            return slice(r.gradient(), axis, range);
                                          }});
}

}  // namespace xgrad
