// Sums, means, products and counts. Rules of sums need shapes only, and leave it to the
// engine to broadcast the gradient; sum_to and broadcast_to are each other's adjoints.
#include <xgrad/autograd/ops/reduce.hpp>

#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad {
namespace {

using detail::ReducedAxes;

// For every element the product of all others along the axis. Halves are multiplied pairwise and each
// inherits what its pair lacks times its partner: O(n) products, and no division, so that zeros, infinities
// and derivatives of any order come out right.
Variable others(const Variable& x, Index axis) {
  const Index size = x.shape()[axis];
  if (size <= 1) return Variable(ones_like(x.value()));
  const Index half = (size + 1) / 2;
  const Variable front = slice(x, axis, {.begin = 0, .end = half});
  Variable back = slice(x, axis, {.begin = half, .end = size});
  if (size % 2 != 0) {
    std::vector<Padding> padding(static_cast<std::size_t>(x.rank()));
    padding[static_cast<std::size_t>(axis)].after = 1;
    back = pad(back, padding, {.value = 1});
  }
  const Variable lacking = others(front * back, axis);
  const Variable joined = concat({lacking * back, lacking * front}, axis);
  return size % 2 != 0 ? slice(joined, axis, {.begin = 0, .end = size}) : joined;
}

// The same over several axes: the others on the last axis times the others among the products along it.
Variable others(const Variable& x, IndexList axes) {
  if (axes.empty()) return Variable(ones_like(x.value()));
  const Index last = axes.back();
  axes.erase(axes.size() - 1);
  Variable along = others(x, last);
  return axes.empty() ? along : along * others(prod(x, last, {.keepdims = true}), axes);
}

template <class Kernel>
Variable truth_reduction(const char* name, const Operand& x, const Axes& axes, ReduceOptions options,
                         Kernel kernel) {
  const Op op(name, x);
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  return op.constant(kernel(op.value(), over.axes).reshape(over.result));
}

}  // namespace

Variable sum(const Operand& x, const Axes& axes, ReduceOptions options) {
  const Op op("sum", x);
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  return op.record(
      kernels::sum(op.value(), over.axes).reshape(over.result),
      Rule{saves_nothing, [kept = over.kept](Backward& r) { return reshape(r.gradient(), kept); }});
}

Variable mean(const Operand& x, const Axes& axes, ReduceOptions options) {
  Op op("mean", x);
  const DType dtype = op.promote_floating();
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  const Tensor count = scalar(over.count, dtype);
  Tensor value = kernels::div(kernels::sum(op.value(), over.axes), count);
  // The sum may leave the range although the mean is within it.
  if (over.count > 0 && !kernels::all_finite(value))
    value = kernels::sum(kernels::div(op.value(), count), over.axes);
  return op.record(value.reshape(over.result),
                   Rule{saves_nothing, [kept = over.kept, n = over.count](Backward& r) {
                          return reshape(r.gradient() / n, kept);
                        }});
}

Variable prod(const Operand& x, const Axes& axes, ReduceOptions options) {
  const Op op("prod", x);
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  return op.record(kernels::prod(op.value(), over.axes).reshape(over.result),
                   Rule{saves_input(0), [kept = over.kept, folded = over.axes](Backward& r) {
                          return detail::chain(reshape(r.gradient(), kept), others(r.input(0), folded));
                        }});
}

Variable sum_to(const Operand& x, const Shape& shape) {
  Op op("sum_to", x);
  if (!is_floating(op.dtype())) op.replace(0, cast(op[0], int64));
  if (op.shape() == shape) return op[0];
  if (!broadcasts_to(shape, op.shape()))
    fail<ShapeError>(to_string(shape) + " does not broadcast to " + to_string(op.shape()),
                     "sizes must match from the right, or be 1");
  return op.record(kernels::sum_to(op.value(), shape),
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }});
}

Variable all(const Operand& x, const Axes& axes, ReduceOptions options) {
  return truth_reduction("all", x, axes, options, kernels::all);
}
Variable any(const Operand& x, const Axes& axes, ReduceOptions options) {
  return truth_reduction("any", x, axes, options, kernels::any);
}
Variable count_nonzero(const Operand& x, const Axes& axes, ReduceOptions options) {
  return truth_reduction("count_nonzero", x, axes, options, kernels::count_nonzero);
}

}  // namespace xgrad
