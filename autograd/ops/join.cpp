// Joining and splitting along an axis: concat and split, stack and unbind are adjoint pairs.
#include <xgrad/autograd/ops/views.hpp>
#include <xgrad/autograd/record.hpp>

#include <algorithm>

namespace xgrad {
namespace {

/// The tensors, which agree on the other axes, joined along `axis` into `shape`.
Tensor joined(const std::vector<Tensor>& parts, Index axis, const Shape& shape) {
  if (parts.size() == 1) return parts[0];
  Tensor result = Tensor::uninitialized(shape, parts[0].dtype());
  const kernels::View all = detail::whole(shape);
  Index begin = 0;
  for (const Tensor& part : parts) {
    const Index size = part.shape()[axis];
    if (part.count() > 0) kernels::write(result, detail::restricted(all, axis, {begin, 1, size}), part);
    begin += size;
  }
  return result;
}

bool needs_all(Backward& r) {
  for (std::size_t i = 0; i < r.input_count(); ++i)
    if (!r.needs(i)) return false;
  return true;
}

std::vector<Variable> gradients(Backward& r) {
  std::vector<Variable> list;
  for (std::size_t k = 0; k < r.output_count(); ++k) list.push_back(r.gradient(k));
  return list;
}

void give_all(Backward& r, std::vector<Variable> list) {
  for (std::size_t i = 0; i < list.size(); ++i) r.give(i, std::move(list[i]));
}

Variable slice_at(const Variable& x, Index axis, Index position) {
  Shape shape = x.shape();
  shape.erase(axis);
  return reshape(slice(x, axis, {position, position + 1}), shape);
}

void require_parts(const char* operation, const std::vector<Variable>& parts, Place place) {
  const Scope scope(operation, place);
  if (parts.empty()) fail<ValueError>("expects at least one part, got an empty list");
}

}  // namespace

Variable concat(const std::vector<Variable>& parts, Index axis, Place place) {
  require_parts("concat", parts, place);
  Op op("concat", place, parts);
  axis = wrap_axis(axis, op.value().rank());
  std::vector<Index> sizes;
  Shape shape = op.shape();
  shape[axis] = 0;
  for (std::size_t i = 0; i < op.size(); ++i) {
    Shape other = op.shape(i);
    if (other.rank() == shape.rank()) {
      sizes.push_back(other[axis]);
      other[axis] = shape[axis];
    }
    if (other != shape)
      fail<ShapeError>("part " + std::to_string(i) + " of shape " + to_string(op.shape(i)) +
                       " does not fit part 0 of shape " + to_string(op.shape()) + " on the axes other than " +
                       std::to_string(axis));
    if (__builtin_add_overflow(shape[axis], sizes.back(), &shape[axis]))
      fail<ShapeError>("the size of axis " + std::to_string(axis) + " does not fit 63 bits");
  }
  op.promote();
  std::vector<Tensor> values;
  for (std::size_t i = 0; i < op.size(); ++i) values.push_back(op.value(i));
  return op.record(joined(values, axis, shape),
                   JointRule{saves_nothing, [axis, sizes = std::move(sizes)](Backward& r) {
                               if (needs_all(r)) return give_all(r, split(r.gradient(), sizes, axis));
                               Index begin = 0;
                               for (std::size_t i = 0; i < sizes.size(); begin += sizes[i++])
                                 if (r.needs(i))
                                   r.give(i, slice(r.gradient(), axis, {begin, begin + sizes[i]}));
                             }});
}

Variable stack(const std::vector<Variable>& parts, Index axis, Place place) {
  require_parts("stack", parts, place);
  Op op("stack", place, parts);
  for (std::size_t i = 1; i < op.size(); ++i)
    if (op.shape(i) != op.shape())
      fail<ShapeError>("part " + std::to_string(i) + " of shape " + to_string(op.shape(i)) +
                       " does not have the shape of part 0, " + to_string(op.shape()));
  Shape shape = op.shape();
  axis = wrap_axis(axis, shape.rank() + 1);
  shape.insert(axis, 1);
  op.promote();
  std::vector<Tensor> values;
  for (std::size_t i = 0; i < op.size(); ++i) values.push_back(op.value(i).reshape(shape));
  shape[axis] = static_cast<Index>(op.size());
  return op.record(joined(values, axis, shape),
                   JointRule{saves_nothing, [axis](Backward& r) {
                               if (needs_all(r)) return give_all(r, unbind(r.gradient(), axis));
                               for (std::size_t i = 0; i < r.input_count(); ++i)
                                 if (r.needs(i))
                                   r.give(i, slice_at(r.gradient(), axis, static_cast<Index>(i)));
                             }});
}

std::vector<Variable> split(const Operand& x, const std::vector<Index>& sizes, Index axis) {
  Op op("split", x);
  axis = wrap_axis(axis, op.value().rank());
  Index total = 0;
  bool fits = true;
  for (Index size : sizes) fits = fits && size >= 0 && !__builtin_add_overflow(total, size, &total);
  if (!fits || total != op.shape()[axis]) {
    std::string list;
    for (Index size : sizes) list += (list.empty() ? "" : ", ") + std::to_string(size);
    fail<ShapeError>("the sizes [" + list + "] do not add up to axis " + std::to_string(axis) + " of " +
                     to_string(op.shape()));
  }
  std::vector<Tensor> values;
  const kernels::View all = detail::whole(op.shape());
  Index begin = 0;
  for (Index size : sizes) {
    values.push_back(detail::read(op.value(), detail::restricted(all, axis, {begin, 1, size})));
    begin += size;
  }
  if (values.empty()) return {};
  return op.record_many(std::move(values), JointRule{saves_nothing, [axis](Backward& r) {
                                                       r.give(0, concat(gradients(r), axis));
                                                     }});
}

std::vector<Variable> split(const Operand& x, Index size, Index axis) {
  const Scope scope("split", x.place());
  const Variable v = x.as_variable();
  if (size < 1) fail<ValueError>("expects pieces of at least 1, got " + std::to_string(size));
  const Index total = v.shape()[wrap_axis(axis, v.rank())];
  std::vector<Index> sizes(static_cast<std::size_t>(total / size), size);
  if (total % size > 0 || total == 0) sizes.push_back(total % size);
  return split(v, sizes, axis);
}

std::vector<Variable> chunk(const Operand& x, Index count, Index axis) {
  const Scope scope("chunk", x.place());
  const Variable v = x.as_variable();
  if (count < 1) fail<ValueError>("expects at least 1 piece, got " + std::to_string(count));
  const Index total = v.shape()[wrap_axis(axis, v.rank())];
  return split(v, std::max<Index>(1, total / count + (total % count > 0 ? 1 : 0)), axis);
}

std::vector<Variable> unbind(const Operand& x, Index axis) {
  Op op("unbind", x);
  axis = wrap_axis(axis, op.value().rank());
  Shape shape = op.shape();
  shape.erase(axis);
  std::vector<Tensor> values;
  const kernels::View all = detail::whole(op.shape());
  for (Index i = 0; i < op.shape()[axis]; ++i)
    values.push_back(detail::read(op.value(), detail::restricted(all, axis, {i, 1, 1})).reshape(shape));
  if (values.empty()) return {};
  return op.record_many(std::move(values), JointRule{saves_nothing, [axis](Backward& r) {
                                                       r.give(0, stack(gradients(r), axis));
                                                     }});
}

}  // namespace xgrad
