#include <xgrad/tensor/shape.hpp>

#include <algorithm>
#include <ostream>

namespace xgrad {

using detail::fail_at;

void Shape::reject(Subscript axis) const {
  fail_at<IndexError>(
      axis.place(), "axis " + std::to_string(axis.position()) + " of the shape " + to_string(*this),
      axis.position() < 0 ? "axes of a Shape count from 0; size(axis) of a tensor wraps" : "");
}

void Shape::reject_longer(Place place) const {
  fail_at<ShapeError>(place, "a shape has at most " + std::to_string(max_rank) + " axes, got one more than " +
                                 to_string(*this));
}

void Shape::insert(Index axis, Index size, Place place) {
  if (rank() == max_rank) reject_longer(place);
  if (axis != rank()) (void)checked(Subscript(axis, place.file, place.line));
  sizes_.insert(axis, size, place);
}

void Shape::erase(Index axis, Place place) {
  (void)checked(Subscript(axis, place.file, place.line));
  sizes_.erase(axis, place);
}

Index Shape::count(Place place) const {
  Index total = 1;
  bool zero = false, overflow = false;
  for (Index size : *this) {
    if (size < 0) fail_at<ShapeError>(place, "sizes must not be negative, got " + to_string(*this));
    if (size == 0)
      zero = true;
    else if (__builtin_mul_overflow(total, size, &total))
      overflow = true;
  }
  if (overflow)
    fail_at<ShapeError>(place, "the number of elements of " + to_string(*this) + " does not fit 63 bits");
  return zero ? 0 : total;
}

std::string to_string(const Shape& shape) { return to_string(shape.sizes()); }

std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << to_string(shape); }

Index wrap_axis(Index axis, Index rank, Place place) {
  if (axis < -rank || axis >= rank) {
    if (rank == 0)
      fail_at<IndexError>(place, "axis " + std::to_string(axis) + " given, but a scalar has no axes");
    fail_at<IndexError>(place, "axis " + std::to_string(axis) + " is out of range, expected " +
                                   std::to_string(-rank) + " to " + std::to_string(rank - 1));
  }
  return axis < 0 ? axis + rank : axis;
}

Index axis_along(const Shape& shape, Index axis, Place place) {
  return wrap_axis(axis, std::max<Index>(shape.rank(), 1), place);
}

IndexList Axes::ordered(Index rank, Place place) const {
  IndexList axes;
  if (all_) {
    for (Index i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
  }
  // A scalar counts as one element along an axis of its own.
  if (rank == 0 && list_.size() == 1 && (list_[0] == 0 || list_[0] == -1)) return axes;
  for (Index given : list_) {
    const Index axis = wrap_axis(given, rank, place);
    if (std::find(axes.begin(), axes.end(), axis) != axes.end())
      fail_at<ValueError>(place, "axis " + std::to_string(given) + " is given twice in " + to_string(list_));
    axes.push_back(axis);
  }
  return axes;
}

IndexList Axes::sorted(Index rank, Place place) const {
  IndexList axes = ordered(rank, place);
  std::sort(axes.begin(), axes.end());
  return axes;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, Place place) {
  if (a == b) return a;
  const bool a_longer = a.rank() >= b.rank();
  const Shape& longer = a_longer ? a : b;
  const Shape& shorter = a_longer ? b : a;
  Shape result = longer;
  const Index shift = longer.rank() - shorter.rank();
  for (Index i = 0; i < shorter.rank(); ++i) {
    Index& size = result[i + shift];
    if (size == 1)
      size = shorter[i];
    else if (shorter[i] != 1 && shorter[i] != size)
      fail_at<ShapeError>(place,
                          "shapes do not broadcast: " + to_string(a) + " and " + to_string(b) +
                              " differ at axis " + std::to_string(i - shorter.rank()),
                          "sizes must match from the right, or be 1");
  }
  return result;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  const Index shift = to.rank() - from.rank();
  if (shift < 0) return false;
  for (Index i = 0; i < from.rank(); ++i)
    if (from[i] != 1 && from[i] != to[i + shift]) return false;
  return true;
}

IndexList contiguous_strides(const Shape& shape) {
  IndexList strides = shape.sizes();
  Index stride = 1;
  for (Index i = shape.rank(); i-- > 0;) {
    strides[i] = stride;
    // Only a shape that no tensor has overflows.
    if (__builtin_mul_overflow(stride, std::max<Index>(shape[i], 1), &stride)) stride = 0;
  }
  return strides;
}

IndexList index_of(Index flat, const Shape& shape) {
  IndexList index = shape.sizes();
  for (Index axis = shape.rank(); axis-- > 0; flat /= shape[axis]) index[axis] = flat % shape[axis];
  return index;
}

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims, Place place) {
  const IndexList sorted = axes.sorted(shape.rank(), place);
  Shape result = shape;
  for (Index i = sorted.size(); i-- > 0;) {
    if (keepdims)
      result[sorted[i]] = 1;
    else
      result.erase(sorted[i]);
  }
  return result;
}

}  // namespace xgrad

std::string xgrad::detail::out_of_range(Index index, Index axis, Index size) {
  const std::string found = "index " + std::to_string(index) + " is out of range for axis " +
                            std::to_string(axis) + " of size " + std::to_string(size);
  return size == 0 ? found
                   : found + ", expected " + std::to_string(-size) + " to " + std::to_string(size - 1);
}
