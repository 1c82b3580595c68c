// Shapes and axes. Invariant: a Shape holds at most max_rank sizes in place, so copying one never allocates.
#pragma once

#include <xgrad/tensor/error.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

namespace xgrad {

/// Counts and positions of elements.
using Index = std::int64_t;

/// The sizes of a tensor, outermost first. {} is the shape of a scalar. At most 8 axes (throws ShapeError
/// beyond).
class Shape {
 public:
  static constexpr Index max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<Index> sizes) : Shape(sizes.begin(), sizes.end()) {}
  Shape(const std::vector<Index>& sizes) : Shape(sizes.begin(), sizes.end()) {}
  template <class Iterator>
  Shape(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(static_cast<Index>(*first));
  }

  Index rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  Index operator[](Index axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  Index& operator[](Index axis) { return sizes_[static_cast<std::size_t>(axis)]; }
  const Index* begin() const { return sizes_.data(); }
  const Index* end() const { return sizes_.data() + rank_; }
  Index back() const { return sizes_[static_cast<std::size_t>(rank_ - 1)]; }

  void push_back(Index size);
  /// Throws IndexError unless 0 <= axis <= rank.
  void insert(Index axis, Index size);
  /// Throws IndexError unless 0 <= axis < rank.
  void erase(Index axis);

  /// Number of elements. Throws ShapeError on a negative size and when the product of the sizes other than 0
  /// does not fit an Index: beside an axis of 0 the other sizes are held to the same limit.
  Index count() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (Index i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  std::array<Index, max_rank> sizes_{};
  Index rank_ = 0;
};

/// "(2, 3)", "(4,)", "()".
std::string to_string(const Shape& shape);

/// Axes of a reduction or permutation: one number, a list, or nothing (all axes). Negative ones count from
/// the end.
class Axes {
 public:
  Axes() = default;
  template <class T>
  requires std::is_integral_v<T> Axes(T axis) : list_{static_cast<Index>(axis)}, all_(false) {}
  Axes(std::initializer_list<Index> axes) : list_(axes), all_(false) {}
  Axes(const std::vector<Index>& axes) : list_(axes.begin(), axes.end()), all_(false) {}

  bool all() const { return all_; }
  /// Ascending axes within [0, rank). Throws IndexError out of range and ValueError on duplicates.
  Shape sorted(Index rank) const;
  /// The axes in the order given, wrapped and checked as by sorted().
  Shape ordered(Index rank) const;

 private:
  Shape list_;
  bool all_ = true;
};

/// `axis` in [0, rank), negative ones counted from the end. Throws IndexError that names the legal interval.
Index wrap_axis(Index axis, Index rank);

/// The common shape of two operands under NumPy's broadcasting. Throws ShapeError naming both.
Shape broadcast_shapes(const Shape& a, const Shape& b);

/// True when `from` broadcasts to `to`.
bool broadcasts_to(const Shape& from, const Shape& to);

/// Row-major strides in elements.
Shape contiguous_strides(const Shape& shape);

/// `shape` with the reduced axes removed, or kept as 1.
Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims);

}  // namespace xgrad
