// Shapes and axes. Invariant: a Shape holds at most max_rank sizes in place, so copying one never allocates.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/index_list.hpp>

#include <concepts>

XGRAD_API_BEGIN
namespace xgrad {

/// The sizes of a tensor, outermost first. {} is the shape of a scalar. At most 8 axes (throws ShapeError
/// beyond).
class Shape {
 public:
  static constexpr Index max_rank = IndexList::max_size;

  Shape() = default;
  Shape(std::initializer_list<Index> sizes, Place place = Place::here())
      : Shape(sizes.begin(), sizes.end(), place) {}
  Shape(const std::vector<Index>& sizes, Place place = Place::here())
      : Shape(sizes.begin(), sizes.end(), place) {}
  template <class Iterator>
  Shape(Iterator first, Iterator last, Place place = Place::here()) {
    for (; first != last; ++first) push_back(static_cast<Index>(*first), place);
  }

  Index rank() const { return sizes_.size(); }
  [[nodiscard]] bool empty() const { return sizes_.empty(); }
  /// The size of an axis in [0, rank). Throws IndexError on another one: size() of a tensor counts negative
  /// axes from the end.
  Index operator[](Subscript axis) const& { return sizes_.begin()[checked(axis)]; }
  Index& operator[](Subscript axis) & { return sizes_.begin()[checked(axis)]; }
  const Index* begin() const& { return sizes_.begin(); }
  const Index* end() const& { return sizes_.end(); }
  const Index* begin() const&& = delete;  // the sizes would be gone: name the Shape first
  const Index* end() const&& = delete;    // the sizes would be gone: name the Shape first
  /// The last size. Throws IndexError on the shape of a scalar.
  Index back(Place place = Place::here()) const {
    return sizes_.begin()[checked(Subscript(rank() - 1, place.file, place.line))];
  }
  /// The sizes as a list, say of as many strides or positions.
  const IndexList& sizes() const& { return sizes_; }
  IndexList sizes() const&& { return sizes_; }

  /// Throws ShapeError beyond 8 axes.
  void push_back(Index size, Place place = Place::here()) {
    if (rank() == max_rank) reject_longer(place);
    sizes_.push_back(size, place);
  }
  /// The new axis comes before `axis`. Throws as push_back, and IndexError unless axis is in [0, rank].
  void insert(Index axis, Index size, Place place = Place::here());
  /// Throws IndexError unless axis is in [0, rank).
  void erase(Index axis, Place place = Place::here());

  /// Number of elements. Throws ShapeError on a negative size and when the product of the sizes other than 0
  /// does not fit an Index: beside an axis of 0 the other sizes are held to the same limit.
  Index count(Place place = Place::here()) const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.sizes_ == b.sizes_; }

 private:
  Index checked(Subscript axis) const {
    if (!sizes_.has(axis.position())) reject(axis);
    return axis.position();
  }
  [[noreturn]] void reject(Subscript axis) const;
  [[noreturn]] void reject_longer(Place place) const;

  IndexList sizes_;
};

/// "(2, 3)", "(4,)", "()".
[[nodiscard]] std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& stream, const Shape& shape);

/// Axes of a reduction or permutation: one number, a list, or nothing (all axes). Negative ones count from
/// the end.
class Axes {
  template <class T>
  static constexpr bool is_position = std::is_integral_v<T> && !std::is_same_v<T, bool>;

 public:
  Axes() = default;
  // Not a std::initializer_list, into which GCC would read options: sum(x, {.keepdims = true}) does not
  // compile.
  template <class... T>
  requires(sizeof...(T) > 0 && sizeof...(T) <= Shape::max_rank && (is_position<T> && ...)) Axes(T... axes)
      : list_{static_cast<Index>(axes)...}, all_(false) {}
  template <class List>
  requires(std::same_as<List, std::vector<Index>> || std::same_as<List, IndexList>)
      Axes(const List& axes, Place place = Place::here())
      : list_(axes.begin(), axes.end(), place), all_(false) {}

  bool all() const { return all_; }
  /// Ascending axes within [0, rank). Throws IndexError out of range and ValueError on duplicates.
  [[nodiscard]] IndexList sorted(Index rank, Place place = Place::here()) const;
  /// The axes in the order given, wrapped and checked as by sorted().
  [[nodiscard]] IndexList ordered(Index rank, Place place = Place::here()) const;

 private:
  IndexList list_;
  bool all_ = true;
};

/// `axis` in [0, rank), negative ones counted from the end. Throws IndexError that names the legal interval.
[[nodiscard]] Index wrap_axis(Index axis, Index rank, Place place = Place::here());

/// wrap_axis for an operation that works along one axis of `shape`, where a scalar counts as one element
/// along an axis 0.
[[nodiscard]] Index axis_along(const Shape& shape, Index axis, Place place = Place::here());

/// The common shape of two operands under NumPy's broadcasting. Throws ShapeError naming both.
[[nodiscard]] Shape broadcast_shapes(const Shape& a, const Shape& b, Place place = Place::here());

/// True when `from` broadcasts to `to`.
[[nodiscard]] bool broadcasts_to(const Shape& from, const Shape& to);

/// Row-major strides in elements.
[[nodiscard]] IndexList contiguous_strides(const Shape& shape);

/// The position along each axis of the element that stands at `flat` in row-major order.
[[nodiscard]] IndexList index_of(Index flat, const Shape& shape);

/// `shape` with the reduced axes removed, or kept as 1. Throws as Axes::sorted.
[[nodiscard]] Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims,
                                  Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END

namespace xgrad::detail {

/// "index 4 is out of range for axis 1 of size 3, expected -3 to 2", as every message says it.
[[nodiscard]] std::string out_of_range(Index index, Index axis, Index size);

}  // namespace xgrad::detail
