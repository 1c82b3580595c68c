// Largest and smallest elements and their positions.
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/ops/scattered.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/reduce.hpp>

namespace xgrad {
namespace {

using detail::ReducedAxes;

template <class Kernel>
Variable extreme_value(const char* name, const Operand& x, const Axes& axes, ReduceOptions options,
                       Kernel kernel) {
  const Op op(name, x);
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  return op.record(kernel(op.value(), over.axes).reshape(over.result),
                   Rule{saves_input(0) | saves_output(), [kept = over.kept](Backward& r) {
                          return detail::shared_by_ties(reshape(r.gradient(), kept), r.input_value(0),
                                                        r.output_value().reshape(kept));
                        }});
}

template <class Kernel>
Variable extreme_position(const char* name, const Operand& x, Index axis, ReduceOptions options,
                          Kernel kernel) {
  const Op op(name, x);
  axis = axis_along(op.shape(), axis);
  const ReducedAxes over(op.shape(), detail::axes_along(op.shape(), axis), options.keepdims);
  return op.constant(kernel(op.value(), axis).reshape(over.result));
}

template <class Kernel>
Variable extreme_position(const char* name, const Operand& x, Kernel kernel) {
  const Op op(name, x);
  const Tensor& value = op.value();
  if (value.count() == 0) fail<ValueError>("no elements to choose from in shape " + to_string(value.shape()));
  return op.constant(kernel(value.reshape({value.count()}), 0).reshape({}));
}

template <class Kernel>
ValueAndIndex with_index(const char* name, const Operand& x, Index axis, ReduceOptions options,
                         Kernel kernel) {
  const Op op(name, x);
  axis = axis_along(op.shape(), axis);
  const ReducedAxes over(op.shape(), detail::axes_along(op.shape(), axis), options.keepdims);
  const std::pair<Tensor, Tensor> found = kernel(op.value(), axis);
  auto outputs = op.record_many(
      {found.first.reshape(over.result), found.second.reshape(over.result)},
      JointRule{saves_output(1),
                [axis, kept = over.kept](Backward& r) {
                  const Variable at(r.output_value(1).reshape(kept));
                  r.give(0,
                         detail::scatter_onto_zeros(r.input_shape(0), axis, at, reshape(r.gradient(), kept)));
                }},
      0b10);
  return {std::move(outputs[0]), std::move(outputs[1])};
}

}  // namespace

Variable amax(const Operand& x, const Axes& axes, ReduceOptions options) {
  return extreme_value("amax", x, axes, options, kernels::max);
}
Variable amin(const Operand& x, const Axes& axes, ReduceOptions options) {
  return extreme_value("amin", x, axes, options, kernels::min);
}

Variable max(const Operand& x) { return amax(x); }
Variable min(const Operand& x) { return amin(x); }
ValueAndIndex max(const Operand& x, Index axis, ReduceOptions options) {
  return with_index("max", x, axis, options, kernels::max_with_index);
}
ValueAndIndex min(const Operand& x, Index axis, ReduceOptions options) {
  return with_index("min", x, axis, options, kernels::min_with_index);
}

Variable argmax(const Operand& x) { return extreme_position("argmax", x, kernels::argmax); }
Variable argmax(const Operand& x, Index axis, ReduceOptions options) {
  return extreme_position("argmax", x, axis, options, kernels::argmax);
}
Variable argmin(const Operand& x) { return extreme_position("argmin", x, kernels::argmin); }
Variable argmin(const Operand& x, Index axis, ReduceOptions options) {
  return extreme_position("argmin", x, axis, options, kernels::argmin);
}

}  // namespace xgrad
