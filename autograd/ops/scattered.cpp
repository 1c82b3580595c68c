#include <xgrad/autograd/ops/scattered.hpp>

#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/gather.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

namespace xgrad::detail {

Variable scatter_onto_zeros(const Shape& shape, Index axis, const Variable& index, const Variable& source) {
  Op op("scatter_add", {}, {source, index});
  Shape single = shape;
  if (shape.rank() > 0) single[axis] = 1;
  Tensor value;
  if (op.shape() == single) {
    value = kernels::scatter_singles(shape, axis, op.value(1), op.value());
  } else {
    value = zeros(shape, op.dtype());
    kernels::scatter_add(value, axis, op.value(1), op.value());
  }
  return op.record(std::move(value), JointRule{saves_input(1), [axis](Backward& r) {
                                                 r.give(0, gather(r.gradient(), axis, r.input(1)));
                                               }});
}

Variable fitted(const Operand& values, const Variable& x) {
  const Operand target(x);
  if (result_type({&target, &values}) != x.dtype())
    fail<DTypeError>(
        std::string(to_string(values.dtype())) + " does not fit into " + std::string(to_string(x.dtype())),
        "convert with cast");
  return values.is_number() ? values.as_variable(x.dtype()) : cast(values.variable(), x.dtype());
}

Variable spread_to(const Variable& values, const Shape& shape, const char* what) {
  if (values.shape() == shape) return values;
  if (!broadcasts_to(values.shape(), shape))
    fail<ShapeError>(to_string(values.shape()) + " does not broadcast to " + what + " of shape " +
                     to_string(shape));
  return broadcast_to(values, shape);
}

Tensor last_writers(const Shape& target, Index axis, const Tensor& index) {
  Tensor order = Tensor::uninitialized(index.shape(), int64);
  std::iota(order.mutable_data<Index>(), order.mutable_data<Index>() + order.count(), Index{0});
  Tensor last = Tensor::uninitialized(target, int64);
  kernels::scatter(last, axis, index, order);
  const Tensor mask = kernels::compare(kernels::Comparison::equal, kernels::gather(last, axis, index), order);
  const auto bits = mask.span<bool>();
  return std::find(bits.begin(), bits.end(), false) == bits.end() ? Tensor() : mask;
}

}  // namespace xgrad::detail
