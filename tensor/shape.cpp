#include <xgrad/tensor/shape.hpp>

#include <algorithm>

namespace xgrad {

using detail::fail_at;

void Shape::reject(Subscript axis) const {
  fail_at<IndexError>(
      axis.place(), "axis " + std::to_string(axis.position()) + " of the shape " + to_string(*this),
      axis.position() < 0 ? "axes of a Shape count from 0; size(axis) of a tensor wraps" : "");
}

void Shape::push_back(Index size, Place place) { insert(rank_, size, place); }

void Shape::insert(Index axis, Index size, Place place) {
  if (rank_ == max_rank)
    fail_at<ShapeError>(place, "a shape has at most " + std::to_string(max_rank) +
                                   " axes, got one more than " + to_string(*this));
  if (axis != rank_) (void)checked(Subscript(axis, place.file, place.line));
  ++rank_;
  for (Index i = rank_ - 1; i > axis; --i) (*this)[i] = (*this)[i - 1];
  (*this)[axis] = size;
}

void Shape::erase(Index axis, Place place) {
  (void)checked(Subscript(axis, place.file, place.line));
  for (Index i = axis; i + 1 < rank_; ++i) (*this)[i] = (*this)[i + 1];
  --rank_;
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

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (Index i = 0; i < shape.rank(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.rank() == 1 ? ",)" : ")");
}

Index wrap_axis(Index axis, Index rank, Place place) {
  if (axis < -rank || axis >= rank) {
    if (rank == 0)
      fail_at<IndexError>(place, "axis " + std::to_string(axis) + " given, but a scalar has no axes");
    fail_at<IndexError>(place, "axis " + std::to_string(axis) + " is out of range, expected " +
                                   std::to_string(-rank) + " to " + std::to_string(rank - 1));
  }
  return axis < 0 ? axis + rank : axis;
}

Shape Axes::ordered(Index rank, Place place) const {
  Shape axes;
  if (all_) {
    for (Index i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
  }
  // A scalar counts as one element along an axis of its own.
  if (rank == 0 && list_.rank() == 1 && (list_[0] == 0 || list_[0] == -1)) return axes;
  for (Index given : list_) {
    const Index axis = wrap_axis(given, rank, place);
    if (std::find(axes.begin(), axes.end(), axis) != axes.end())
      fail_at<ValueError>(place, "axis " + std::to_string(given) + " is given twice in " + to_string(list_));
    axes.push_back(axis);
  }
  return axes;
}

Shape Axes::sorted(Index rank, Place place) const {
  Shape axes = ordered(rank, place);
  if (axes.rank() > 1) std::sort(&axes[0], &axes[0] + axes.rank());
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

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  Index stride = 1;
  for (Index i = shape.rank(); i-- > 0;) {
    strides[i] = stride;
    // Only a shape that no tensor has overflows.
    if (__builtin_mul_overflow(stride, std::max<Index>(shape[i], 1), &stride)) stride = 0;
  }
  return strides;
}

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims, Place place) {
  const Shape sorted = axes.sorted(shape.rank(), place);
  Shape result = shape;
  for (Index i = sorted.rank(); i-- > 0;) {
    if (keepdims)
      result[sorted[i]] = 1;
    else
      result.erase(sorted[i]);
  }
  return result;
}

}  // namespace xgrad
