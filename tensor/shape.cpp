#include <xgrad/tensor/shape.hpp>

#include <algorithm>

namespace xgrad {

void Shape::push_back(Index size) { insert(rank_, size); }

void Shape::insert(Index axis, Index size) {
  if (axis < 0 || axis > rank_)
    fail<IndexError>("cannot insert axis " + std::to_string(axis) + " into " + to_string(*this));
  if (rank_ == max_rank)
    fail<ShapeError>("a shape has at most " + std::to_string(max_rank) + " axes, got one more than " +
                     to_string(*this));
  for (Index i = rank_; i > axis; --i) (*this)[i] = (*this)[i - 1];
  (*this)[axis] = size;
  ++rank_;
}

void Shape::erase(Index axis) {
  if (axis < 0 || axis >= rank_)
    fail<IndexError>("cannot erase axis " + std::to_string(axis) + " of " + to_string(*this));
  for (Index i = axis; i + 1 < rank_; ++i) (*this)[i] = (*this)[i + 1];
  --rank_;
}

Index Shape::count() const {
  Index total = 1;
  bool zero = false, overflow = false;
  for (Index size : *this) {
    if (size < 0) fail<ShapeError>("sizes must not be negative, got " + to_string(*this));
    if (size == 0)
      zero = true;
    else if (__builtin_mul_overflow(total, size, &total))
      overflow = true;
  }
  if (overflow) fail<ShapeError>("the number of elements of " + to_string(*this) + " does not fit 63 bits");
  return zero ? 0 : total;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (Index i = 0; i < shape.rank(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.rank() == 1 ? ",)" : ")");
}

Index wrap_axis(Index axis, Index rank) {
  if (axis < -rank || axis >= rank) {
    if (rank == 0) fail<IndexError>("axis " + std::to_string(axis) + " given, but a scalar has no axes");
    fail<IndexError>("axis " + std::to_string(axis) + " is out of range, expected " + std::to_string(-rank) +
                     " to " + std::to_string(rank - 1));
  }
  return axis < 0 ? axis + rank : axis;
}

Shape Axes::ordered(Index rank) const {
  Shape axes;
  if (all_) {
    for (Index i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
  }
  // A scalar counts as one element along an axis of its own.
  if (rank == 0 && list_.rank() == 1 && (list_[0] == 0 || list_[0] == -1)) return axes;
  for (Index given : list_) {
    const Index axis = wrap_axis(given, rank);
    if (std::find(axes.begin(), axes.end(), axis) != axes.end())
      fail<ValueError>("axis " + std::to_string(given) + " is given twice in " + to_string(list_));
    axes.push_back(axis);
  }
  return axes;
}

Shape Axes::sorted(Index rank) const {
  Shape axes = ordered(rank);
  if (axes.rank() > 1) std::sort(&axes[0], &axes[0] + axes.rank());
  return axes;
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
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
      fail<ShapeError>("shapes do not broadcast: " + to_string(a) + " and " + to_string(b) +
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

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims) {
  const Shape sorted = axes.sorted(shape.rank());
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
