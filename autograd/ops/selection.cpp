#include <xgrad/autograd/ops/selection.hpp>

#include <xgrad/autograd/ops/scattered.hpp>
#include <xgrad/autograd/ops/views.hpp>
#include <xgrad/kernels/gather.hpp>

#include <algorithm>
#include <utility>

namespace xgrad::detail {
namespace {

using Kind = IndexItem::Kind;

Index wrap_position(Index position, Index size, Index axis) {
  if (position < -size || position >= size) fail<IndexError>(out_of_range(position, axis, size));
  return position < 0 ? position + size : position;
}

/// Axes of x that an item stands for.
Index axes_of(const IndexItem& item) {
  if (item.kind == Kind::new_axis || item.kind == Kind::rest) return 0;
  return item.kind == Kind::tensor && item.tensor.dtype() == boolean ? item.tensor.rank() : 1;
}

/// Positions in the `count` axes from `first` on, as one axis of `size`.
struct Part {
  Tensor positions;
  Index size;
};

Part part_of(const Variable& item, const Shape& x, Index axis) {
  if (item.dtype() != boolean) return {kernels::normalize_indices(item.value(), x[axis], axis), x[axis]};
  const Shape covered(x.begin() + axis, x.begin() + axis + item.rank());
  if (item.shape() != covered)
    fail<ShapeError>("a mask of shape " + to_string(item.shape()) + " does not fit axes " +
                     std::to_string(axis) + " to " + std::to_string(axis + item.rank() - 1) + " of " +
                     to_string(x));
  return {kernels::nonzero_flat(item.value()), covered.count()};
}

/// The parts' positions, broadcast together, as positions in all their axes merged.
Tensor combined(const std::vector<Part>& parts) {
  if (parts.size() == 1) return parts[0].positions;
  Shape shape;
  for (const Part& part : parts) shape = broadcast_shapes(shape, part.positions.shape());
  Tensor result = kernels::broadcast_to(parts[0].positions, shape);
  for (std::size_t k = 1; k < parts.size(); ++k) {
    const Tensor next = kernels::broadcast_to(parts[k].positions, shape);
    const Index* from = next.data<Index>();
    Index* to = result.mutable_data<Index>();
    for (Index i = 0; i < result.count(); ++i) to[i] = to[i] * parts[k].size + from[i];
  }
  return result;
}

}  // namespace

Selection::Selection(const Shape& x, const std::vector<IndexItem>& items, Tensor& positions) {
  Index named = 0, ellipses = 0;
  bool any_index = false;
  for (const IndexItem& item : items) {
    named += axes_of(item);
    ellipses += item.kind == Kind::rest ? 1 : 0;
    any_index |= item.kind == Kind::tensor;
  }
  if (named > x.rank())
    fail<IndexError>("the index names " + std::to_string(named) + " axes, " + to_string(x) + " has " +
                     std::to_string(x.rank()));
  if (ellipses > 1) fail<IndexError>("an index has at most one ellipsis");

  const kernels::View all = whole(x);
  std::vector<Part> parts;
  IndexList indexed;  // axes of the view that the parts address
  Index axis = 0, first = 0;
  bool gap = false, separated = false;
  const auto keep = [&](Index count) {
    for (; count > 0; --count, ++axis) {
      view_.shape.push_back(all.shape[axis]);
      view_.strides.push_back(all.strides[axis]);
    }
  };
  const auto address = [&](Part part, Index count) {
    if (parts.empty()) first = view_.shape.rank();
    separated |= gap && !parts.empty();
    gap = false;
    parts.push_back(std::move(part));
    for (Index i = 0; i < count; ++i) indexed.push_back(view_.shape.rank() + i);
    keep(count);
  };
  for (const IndexItem& item : items) {
    gap |= item.kind == Kind::slice || item.kind == Kind::new_axis || item.kind == Kind::rest;
    switch (item.kind) {
      case Kind::position: {
        const Index position = wrap_position(item.position, x[axis], axis);
        // Beside index tensors a position is one of them: it broadcasts and has a place.
        if (any_index)
          address({Tensor({position}, int64).reshape({}), x[axis]}, 1);
        else
          view_.offset += position * all.strides[axis++];
        break;
      }
      case Kind::slice:
        keep(1);
        view_ = restricted(view_, view_.shape.rank() - 1, resolve(item.slice, view_.shape.back()));
        break;
      case Kind::new_axis:
        view_.shape.push_back(1);
        view_.strides.push_back(0);
        break;
      case Kind::rest:
        keep(x.rank() - named);
        break;
      case Kind::tensor:
        address(part_of(item.tensor, x, axis), axes_of(item));
        break;
    }
  }
  keep(x.rank() - axis);
  shape_ = view_.shape;
  if (parts.empty()) return;

  positions = combined(parts);
  if (separated) {
    first = 0;
    order_ = indexed;
    for (Index i = 0; i < view_.shape.rank(); ++i)
      if (std::find(indexed.begin(), indexed.end(), i) == indexed.end()) order_.push_back(i);
  }
  merge(first, indexed.size(), positions.shape());
}

Selection::Selection(const Shape& x, Index axis, const Shape& index) : view_(whole(x)) {
  merge(axis, 1, index);
}

void Selection::merge(Index first, Index count, const Shape& index) {
  Shape ordered = view_.shape;
  for (Index i = 0; i < order_.size(); ++i) ordered[i] = view_.shape[order_[i]];
  const auto begin = ordered.begin() + first, end = begin + count;
  axis_ = first;
  index_ = index;
  merged_ = shape_ = Shape(ordered.begin(), begin);
  merged_.push_back(Shape(begin, end).count());
  for (Index size : index) shape_.push_back(size);
  for (Index size : Shape(end, ordered.end())) {
    merged_.push_back(size);
    shape_.push_back(size);
  }
}

Tensor Selection::read(const Tensor& x, const Tensor& positions) const {
  Tensor y = detail::read(x, view_);
  if (!indexed()) return y;
  if (!order_.empty()) y = kernels::permute(y, order_);
  return kernels::index_select(y.reshape(merged_), axis_, positions);
}

template <class View, class Indexed>
void Selection::update(Tensor& x, const Tensor& positions, const Tensor& source, View write_view,
                       Indexed write_indexed) const {
  if (source.count() == 0) return;
  if (!indexed()) return write_view(x, view_, source);
  const Shape shape = x.shape();
  if (order_.empty() && view_.shape.count() == x.count() && is_block(view_)) {
    // The only handle moves, so that the elements are written where they are.
    Tensor y = x.reshape(merged_);
    x = {};
    write_indexed(y, axis_, positions, source);
    x = y.reshape(shape);
    return;
  }
  Tensor y = detail::read(x, view_);
  Shape ordered = y.shape();
  IndexList inverse = order_;
  if (!order_.empty()) {
    y = kernels::permute(y, order_);
    ordered = y.shape();
    for (Index i = 0; i < order_.size(); ++i) inverse[order_[i]] = i;
  }
  y = y.reshape(merged_);
  write_indexed(y, axis_, positions, source);
  y = y.reshape(ordered);
  if (!order_.empty()) y = kernels::permute(y, inverse);
  kernels::write(x, view_, y);
}

void Selection::put(Tensor& x, const Tensor& positions, const Tensor& source) const {
  update(x, positions, source, kernels::write, kernels::index_put);
}

void Selection::add(Tensor& x, const Tensor& positions, const Tensor& source) const {
  update(x, positions, source, kernels::add, kernels::index_add);
}

Tensor Selection::last_writers(const Tensor& positions) const {
  if (!indexed()) return {};
  const Tensor mask = detail::last_writers({merged_[axis_]}, 0, positions.reshape({positions.count()}));
  if (!mask.defined()) return mask;
  Shape shape = index_;
  for (Index i = axis_ + 1; i < merged_.rank(); ++i) shape.push_back(1);
  return mask.reshape(shape);
}

}  // namespace xgrad::detail
