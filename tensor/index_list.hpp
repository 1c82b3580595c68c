// Short lists of positions: axes, strides, the sizes of a Shape.
// Invariant: at most max_size numbers, in place, so copying a list never allocates.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/index.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <type_traits>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

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

/// Up to 8 numbers that belong to axes: the axes themselves, strides, positions (throws ShapeError beyond).
class IndexList {
 public:
  static constexpr Index max_size = 8;

  IndexList() = default;
  IndexList(std::initializer_list<Index> items, Place place = Place::here())
      : IndexList(items.begin(), items.end(), place) {}
  explicit IndexList(const std::vector<Index>& items, Place place = Place::here())
      : IndexList(items.begin(), items.end(), place) {}
  template <class Iterator>
  IndexList(Iterator first, Iterator last, Place place = Place::here()) {
    for (; first != last; ++first) push_back(static_cast<Index>(*first), place);
  }

  Index size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// True for a position in [0, size).
  bool has(Index position) const {
    return static_cast<std::uint64_t>(position) < static_cast<std::uint64_t>(size_);
  }
  /// Throws IndexError unless the list has the position.
  Index operator[](Subscript position) const& { return items_[checked(position)]; }
  Index& operator[](Subscript position) & { return items_[checked(position)]; }
  Index back(Place place = Place::here()) const {
    return items_[checked(Subscript(size_ - 1, place.file, place.line))];
  }
  const Index* begin() const& { return items_.data(); }
  const Index* end() const& { return items_.data() + size_; }
  Index* begin() & { return items_.data(); }
  Index* end() & { return items_.data() + size_; }
  const Index* begin() const&& = delete;  // the numbers would be gone: name the list first
  const Index* end() const&& = delete;    // the numbers would be gone: name the list first

  /// Throws ShapeError beyond 8.
  void push_back(Index item, Place place = Place::here()) {
    if (size_ == max_size) reject_longer(place);
    items_[static_cast<std::size_t>(size_++)] = item;
  }
  /// The new number comes before `position`. Throws as push_back, and IndexError unless position is in
  /// [0, size].
  void insert(Index position, Index item, Place place = Place::here());
  /// Throws IndexError unless the list has the position.
  void erase(Index position, Place place = Place::here());

  friend bool operator==(const IndexList& a, const IndexList& b) {
    if (a.size_ != b.size_) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.size_); ++i)
      if (a.items_[i] != b.items_[i]) return false;
    return true;
  }

 private:
  std::size_t checked(Subscript position) const {
    if (!has(position.position())) reject(position);
    return static_cast<std::size_t>(position.position());
  }
  [[noreturn]] void reject(Subscript position) const;
  [[noreturn]] void reject_longer(Place place) const;

  std::array<Index, max_size> items_{};
  Index size_ = 0;
};

/// "(2, 3)", "(4,)", "()".
[[nodiscard]] std::string to_string(const IndexList& list);
std::ostream& operator<<(std::ostream& stream, const IndexList& list);

}  // namespace xgrad
XGRAD_API_END
