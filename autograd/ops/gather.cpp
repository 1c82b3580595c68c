// gather and its adjoint scatter_add, and scatter.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/scattered.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/gather.hpp>

#include <algorithm>
#include <numeric>

namespace xgrad {
namespace {

/// Index `index` for axis `axis` of x, normalised and checked.
Tensor positions(const Variable& x, Index axis, const Operand& index) {
  return kernels::normalize_indices(index.as_variable().value(), x.rank() == 0 ? 1 : x.shape()[axis], axis);
}

}  // namespace

Variable gather(const Operand& x, Index axis, const Operand& index) {
  Op op("gather", x, index);
  axis = axis_along(op.shape(), axis);
  op.replace(1, Variable(positions(op[0], axis, index)));
  return op.record(
      kernels::gather(op.value(), axis, op.value(1)),
      JointRule{saves_input(1), [axis](Backward& r) {
                  r.give(0, detail::scatter_onto_zeros(r.input_shape(0), axis, r.input(1), r.gradient()));
                }});
}

Variable scatter(const Operand& x, Index axis, const Operand& index, const Operand& source) {
  const Scope scope("scatter", x.place());
  const Variable v = x.as_variable();
  axis = axis_along(v.shape(), axis);
  const Variable at(positions(v, axis, index));
  Op op("scatter", {}, {v, at, detail::spread_to(detail::fitted(source, v), at.shape(), "the index")});
  Tensor value = op.value();
  kernels::scatter(value, axis, op.value(1), op.value(2));
  return op.record(std::move(value), JointRule{saves_input(1), [axis](Backward& r) {
                                                 const Variable to = r.input(1);
                                                 const Variable& g = r.gradient();
                                                 if (r.needs(0)) r.give(0, scatter(g, axis, to, 0));
                                                 if (!r.needs(2)) return;
                                                 const Tensor kept =
                                                     detail::last_writers(g.shape(), axis, to.value());
                                                 Variable picked = gather(g, axis, to);
                                                 r.give(2, kept.defined() ? where(kept, picked, 0) : picked);
                                               }});
}

Variable scatter_add(const Operand& x, Index axis, const Operand& index, const Operand& source) {
  const Scope scope("scatter_add", x.place());
  const Variable v = x.as_variable();
  axis = axis_along(v.shape(), axis);
  const Variable at(positions(v, axis, index));
  Op op("scatter_add", {}, {v, at, detail::spread_to(detail::fitted(source, v), at.shape(), "the index")});
  Tensor value = op.value();
  kernels::scatter_add(value, axis, op.value(1), op.value(2));
  return op.record(std::move(value), JointRule{saves_input(1), [axis](Backward& r) {
                                                 r.give(0, r.gradient());
                                                 if (r.needs(2))
                                                   r.give(2, gather(r.gradient(), axis, r.input(1)));
                                               }});
}

}  // namespace xgrad
