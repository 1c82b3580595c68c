// Shapes, order of axes and elements, repetition. Operations without a node of their own are written with
// reshape, permute and broadcast_to.
#include <xgrad/autograd/ops/shape.hpp>

#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/views.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/gather.hpp>

#include <algorithm>
#include <utility>

namespace xgrad {
namespace {

Shape part(const Shape& shape, Index begin, Index end) {
  return Shape(shape.begin() + begin, shape.begin() + end);
}

/// x with `order` applied; O(1) when no two axes longer than 1 change places.
Tensor permuted(const Tensor& x, const IndexList& order) {
  Shape shape;
  Index last = -1;
  bool moves = false;
  for (Index axis : order) {
    shape.push_back(x.shape()[axis]);
    if (x.shape()[axis] == 1) continue;
    moves |= axis < last;
    last = axis;
  }
  return moves ? kernels::permute(x, order) : x.reshape(shape);
}

/// x as rows of its axes before `split`, each repeated `times`, in a shape whose `axis` is so much longer.
Variable repeated(const Variable& x, Index split, Index times, Index axis) {
  if (times < 0) fail<ValueError>("cannot repeat " + std::to_string(times) + " times");
  Shape shape = x.shape();
  if (__builtin_mul_overflow(shape[axis], times, &shape[axis]))
    fail<ShapeError>("axis " + std::to_string(axis) + " of " + to_string(x.shape()) + " repeated " +
                     std::to_string(times) + " times does not fit 63 bits");
  const Index rows = part(x.shape(), 0, split).count();
  const Index row = part(x.shape(), split, x.rank()).count();
  return reshape(broadcast_to(reshape(x, {rows, 1, row}), {rows, times, row}), shape);
}

}  // namespace

Variable reshape(const Operand& x, const Shape& shape) {
  Op op("reshape", x);
  return op.record(op.value().reshape(shape),
                   Rule{saves_nothing, [](Backward& r) { return reshape(r.gradient(), r.input_shape(0)); }});
}

Variable flatten(const Operand& x, Index first, Index last) {
  const Scope scope("flatten", x.place());
  const Variable v = x.as_variable();
  if (v.rank() == 0) return reshape(v, {1});
  const Shape& shape = v.shape();
  const Index begin = wrap_axis(first, v.rank()), end = wrap_axis(last, v.rank()) + 1;
  if (begin >= end)
    fail<ValueError>("the first axis, " + std::to_string(first) + ", comes after the last, " +
                     std::to_string(last) + ", in " + to_string(shape));
  Shape flat = part(shape, 0, begin);
  flat.push_back(part(shape, begin, end).count());
  for (Index size : part(shape, end, v.rank())) flat.push_back(size);
  return reshape(v, flat);
}

Variable squeeze(const Operand& x, const Axes& axes) {
  const Scope scope("squeeze", x.place());
  const Variable v = x.as_variable();
  Shape shape = v.shape();
  const IndexList chosen = axes.sorted(v.rank());
  for (Index i = chosen.size(); i-- > 0;)
    if (shape[chosen[i]] == 1) shape.erase(chosen[i]);
  return reshape(v, shape);
}

Variable unsqueeze(const Operand& x, Index axis) {
  const Scope scope("unsqueeze", x.place());
  const Variable v = x.as_variable();
  Shape shape = v.shape();
  shape.insert(wrap_axis(axis, v.rank() + 1), 1);
  return reshape(v, shape);
}

Variable transpose(const Operand& x, Index a, Index b) {
  const Scope scope("transpose", x.place());
  const Variable v = x.as_variable();
  const Index first = wrap_axis(a, v.rank()), second = wrap_axis(b, v.rank());
  IndexList order = Axes().ordered(v.rank());
  std::swap(order[first], order[second]);
  return permute(v, order);
}

Variable permute(const Operand& x, const Axes& order) {
  Op op("permute", x);
  const Index rank = op.value().rank();
  const IndexList axes = order.all() ? IndexList() : order.ordered(rank);
  if (axes.size() != rank)
    fail<ShapeError>("expects every axis of " + to_string(op.shape()) + " exactly once, got " +
                     to_string(axes));
  IndexList inverse = axes;
  for (Index i = 0; i < rank; ++i) inverse[axes[i]] = i;
  return op.record(permuted(op.value(), axes),
                   Rule{saves_nothing, [inverse](Backward& r) { return permute(r.gradient(), inverse); }});
}

Variable broadcast_to(const Operand& x, const Shape& shape) {
  Op op("broadcast_to", x);
  const Index added = shape.rank() - op.value().rank();
  Shape target = shape;
  for (Index axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] == -1 && axis >= added && added >= 0) target[axis] = op.shape()[axis - added];
  if (!broadcasts_to(op.shape(), target))
    fail<ShapeError>(to_string(op.shape()) + " does not broadcast to " + to_string(shape),
                     "sizes must match from the right, or be 1");
  return op.record(kernels::broadcast_to(op.value(), target),
                   Rule{saves_nothing, [](Backward& r) { return sum_to(r.gradient(), r.input_shape(0)); }});
}

Variable flip(const Operand& x, const Axes& axes) {
  Op op("flip", x);
  kernels::View view = detail::whole(op.shape());
  const IndexList flipped = axes.sorted(op.value().rank());
  if (op.value().count() > 0)
    for (Index axis : flipped)
      view = detail::restricted(view, axis, {op.shape()[axis] - 1, -1, op.shape()[axis]});
  return op.record(detail::read(op.value(), view),
                   Rule{saves_nothing, [axes](Backward& r) { return flip(r.gradient(), axes); }});
}

Variable roll(const Operand& x, Index shift, Index axis) {
  Op op("roll", x);
  axis = wrap_axis(axis, op.value().rank());
  const Index size = op.shape()[axis];
  // Element i comes from (i + start) mod size.
  const Index start = size == 0 ? 0 : (size - shift % size) % size;
  Tensor from = Tensor::uninitialized({size}, int64);
  Index* position = from.mutable_data<Index>();
  for (Index i = 0; i < size; ++i) position[i] = i < size - start ? i + start : i + start - size;
  return op.record(
      kernels::index_select(op.value(), axis, from),
      Rule{saves_nothing, [start, axis](Backward& r) { return roll(r.gradient(), start, axis); }});
}

Variable tile(const Operand& x, const std::vector<Index>& times) {
  const Scope scope("tile", x.place());
  Variable v = x.as_variable();
  Shape shape = v.shape();
  while (shape.rank() < static_cast<Index>(times.size())) shape.insert(0, 1);
  if (shape.rank() > v.rank()) v = reshape(v, shape);
  const Index skipped = shape.rank() - static_cast<Index>(times.size());
  for (Index i = 0; i < static_cast<Index>(times.size()); ++i)
    if (const Index n = times[static_cast<std::size_t>(i)]; n != 1)
      v = repeated(v, skipped + i, n, skipped + i);
  return v;
}

Variable repeat(const Operand& x, Index times, Index axis) {
  const Scope scope("repeat", x.place());
  const Variable v = x.as_variable();
  axis = wrap_axis(axis, v.rank());
  return repeated(v, axis + 1, times, axis);
}

std::vector<Variable> meshgrid(const std::vector<Variable>& axes, Place place) {
  const Scope scope("meshgrid", place);
  Shape shape;
  for (const Variable& axis : axes) {
    if (axis.rank() > 1)
      fail<ShapeError>("expects vectors, got shape " + to_string(axis.shape()) + " for axis " +
                       std::to_string(shape.rank()));
    shape.push_back(axis.count());
  }
  std::vector<Variable> grids;
  Shape column(std::vector<Index>(axes.size(), 1));
  for (Index i = 0; i < shape.rank(); ++i) {
    Shape own = column;
    own[i] = shape[i];
    grids.push_back(broadcast_to(reshape(axes[static_cast<std::size_t>(i)], own), shape));
  }
  return grids;
}

}  // namespace xgrad
