// Shapes and axes. Invariant: a Shape holds at most max_rank sizes in place, so copying one never allocates.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/error.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

/// Counts and positions of elements.
using Index = std::int64_t;

/// A position in brackets, x[i], which knows the line that it is written on.
class Subscript {
 public:
  template <class T>
  requires std::is_integral_v<T>
  constexpr Subscript(T position, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : position_(static_cast<Index>(position)), place_{file, line} {}

  constexpr Index position() const { return position_; }
  constexpr Place place() const { return place_; }

 private:
  Index position_;
  Place place_;
};

/// The sizes of a tensor, outermost first. {} is the shape of a scalar. At most 8 axes (throws ShapeError
/// beyond).
class Shape {
 public:
  static constexpr Index max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<Index> sizes, Place place = Place::here())
      : Shape(sizes.begin(), sizes.end(), place) {}
  Shape(const std::vector<Index>& sizes, Place place = Place::here())
      : Shape(sizes.begin(), sizes.end(), place) {}
  template <class Iterator>
  Shape(Iterator first, Iterator last, Place place = Place::here()) {
    for (; first != last; ++first) push_back(static_cast<Index>(*first), place);
  }

  Index rank() const { return rank_; }
  [[nodiscard]] bool empty() const { return rank_ == 0; }
  /// The size of an axis in [0, rank). Throws IndexError on another one: size() of a tensor counts negative
  /// axes from the end.
  Index operator[](Subscript axis) const& { return sizes_[checked(axis)]; }
  Index& operator[](Subscript axis) & { return sizes_[checked(axis)]; }
  const Index* begin() const& { return sizes_.data(); }
  const Index* end() const& { return sizes_.data() + rank_; }
  const Index* begin() const&& = delete;  // the sizes would be gone: name the Shape first
  const Index* end() const&& = delete;    // the sizes would be gone: name the Shape first
  /// The last size. Throws IndexError on the shape of a scalar.
  Index back(Place place = Place::here()) const {
    return sizes_[checked(Subscript(rank_ - 1, place.file, place.line))];
  }

  /// Throws ShapeError beyond 8 axes.
  void push_back(Index size, Place place = Place::here());
  /// The new axis comes before `axis`. Throws as push_back, and IndexError unless axis is in [0, rank].
  void insert(Index axis, Index size, Place place = Place::here());
  /// Throws IndexError unless axis is in [0, rank).
  void erase(Index axis, Place place = Place::here());

  /// Number of elements. Throws ShapeError on a negative size and when the product of the sizes other than 0
  /// does not fit an Index: beside an axis of 0 the other sizes are held to the same limit.
  Index count(Place place = Place::here()) const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.rank_); ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }

 private:
  std::size_t checked(Subscript axis) const {
    if (static_cast<std::uint64_t>(axis.position()) >= static_cast<std::uint64_t>(rank_)) reject(axis);
    return static_cast<std::size_t>(axis.position());
  }
  [[noreturn]] void reject(Subscript axis) const;

  std::array<Index, max_rank> sizes_{};
  Index rank_ = 0;
};

/// "(2, 3)", "(4,)", "()".
[[nodiscard]] std::string to_string(const Shape& shape);

/// Axes of a reduction or permutation: one number, a list, or nothing (all axes). Negative ones count from
/// the end.
class Axes {
 public:
  Axes() = default;
  template <class T>
  requires std::is_integral_v<T> Axes(T axis) : list_{static_cast<Index>(axis)}, all_(false) {}
  Axes(std::initializer_list<Index> axes, Place place = Place::here()) : list_(axes, place), all_(false) {}
  Axes(const std::vector<Index>& axes, Place place = Place::here())
      : list_(axes.begin(), axes.end(), place), all_(false) {}

  bool all() const { return all_; }
  /// Ascending axes within [0, rank). Throws IndexError out of range and ValueError on duplicates.
  [[nodiscard]] Shape sorted(Index rank, Place place = Place::here()) const;
  /// The axes in the order given, wrapped and checked as by sorted().
  [[nodiscard]] Shape ordered(Index rank, Place place = Place::here()) const;

 private:
  Shape list_;
  bool all_ = true;
};

/// `axis` in [0, rank), negative ones counted from the end. Throws IndexError that names the legal interval.
[[nodiscard]] Index wrap_axis(Index axis, Index rank, Place place = Place::here());

/// The common shape of two operands under NumPy's broadcasting. Throws ShapeError naming both.
[[nodiscard]] Shape broadcast_shapes(const Shape& a, const Shape& b, Place place = Place::here());

/// True when `from` broadcasts to `to`.
[[nodiscard]] bool broadcasts_to(const Shape& from, const Shape& to);

/// Row-major strides in elements.
[[nodiscard]] Shape contiguous_strides(const Shape& shape);

/// `shape` with the reduced axes removed, or kept as 1. Throws as Axes::sorted.
[[nodiscard]] Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims,
                                  Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
