// Tensor: a contiguous, row-major array with value semantics.
// Invariant: copying is O(1), and writing through one Tensor never changes another (copy-on-write).
// Defined in tensor.cpp, what prints in print.cpp.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/dtype.hpp>
#include <xgrad/tensor/shape.hpp>
#include <xgrad/tensor/storage.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace xt {
template <class D>
class xexpression;
}

XGRAD_API_BEGIN
namespace xgrad {

/// Anything xtensor evaluates: arrays, adaptors, views, lazy expressions.
template <class E>
concept XtensorExpression = std::derived_from<E, xt::xexpression<E>>;

/// Nested braces of numbers, as in Tensor{{1.0, 2.0}, {3.0, 4.0}}. Valid within the expression that they are
/// part of.
class Nested {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> Nested(T number) : number_(number) {}
  Nested(std::initializer_list<Nested> items) : number_(0), items_(items), is_list_(true) {}

  bool is_list() const { return is_list_; }
  std::initializer_list<Nested> items() const { return items_; }
  Scalar number() const { return number_; }

 private:
  Scalar number_;
  std::initializer_list<Nested> items_;
  bool is_list_ = false;
};

template <Element T>
class OwnedSpan;

/// A contiguous array of one run-time DType; see the head of this file. A default-constructed one is
/// undefined. What gives a view of the elements, an address or a reference, gives it of a Tensor that has a
/// name only: that of a temporary would outlive them.
class [[nodiscard]] Tensor {
 public:
  Tensor() = default;

  /// From nested braces: Tensor{1, 2} is int64, Tensor{{1.0}, {2.0}} float32. Throws ShapeError on ragged
  /// braces.
  Tensor(std::initializer_list<Nested> items, Place place = Place::here());
  Tensor(std::initializer_list<Nested> items, DType dtype, Place place = Place::here());

  /// Evaluates an xtensor expression; its value_type becomes the dtype (other numbers: the nearest one).
  /// Needs <xgrad/tensor/xtensor.hpp>.
  template <XtensorExpression E>
  Tensor(const E& expression, Place place = Place::here());

  /// `shape` elements of unspecified value. Throws ShapeError before allocating when the size is not
  /// possible, and AllocationError, a std::bad_alloc, when there is no memory, as all do that make tensors.
  static Tensor uninitialized(const Shape& shape, DType dtype, Place place = Place::here()) {
    return Tensor(shape, shape.count(place), dtype, place);
  }
  /// The same with the shape of `other`. Throws GraphError when that is undefined.
  static Tensor uninitialized_like(const Tensor& other, DType dtype, Place place = Place::here()) {
    other.check_type(other.dtype(), place);
    return Tensor(other.body_->shape, other.body_->count, dtype, place);
  }
  static Tensor uninitialized_like(const Tensor& other, Place place = Place::here()) {
    return uninitialized_like(other, other.dtype(), place);
  }

  /// Copies `values` into a tensor of `shape`, of which one size may be -1; default: one axis. Throws
  /// ShapeError when the count differs.
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape = {-1}, Place place = Place::here()) {
    return copied(values.data(), static_cast<Index>(values.size()), shape, dtype_of<T>, place);
  }
  /// Integers of any other type become int64; throws ValueError on one that does not fit.
  template <class T>
  requires(std::is_integral_v<T> || Element<T>) static Tensor
      from(const std::vector<T>& values, const Shape& shape = {-1}, Place place = Place::here()) {
    if constexpr (std::is_same_v<T, bool>)
      return copied_bits(values, shape, place);
    else if constexpr (Element<T>)
      return from(std::span<const T>(values), shape, place);
    else
      return copied_numbers({values.begin(), values.end()}, shape, place);
  }

  bool defined() const { return static_cast<bool>(body_); }
  /// (), float32 and 0 elements where undefined.
  const Shape& shape() const& { return body_ ? body_->shape : no_shape; }
  Shape shape() const&& { return shape(); }
  DType dtype() const { return body_ ? body_->dtype : float32; }
  Index rank() const { return shape().rank(); }
  /// Number of elements.
  Index count() const { return body_ ? body_->count : 0; }
  /// Size along an axis; negative axes count from the end. Throws IndexError out of range.
  Index size(Index axis, Place place = Place::here()) const {
    return shape()[wrap_axis(axis, rank(), place)];
  }
  /// Bytes of the elements.
  Index bytes() const { return count() * element_size(dtype()); }

  /// The elements, row-major. Throws DTypeError unless T is the dtype, GraphError when undefined.
  template <Element T>
  const T* data(Place place = Place::here()) const& {
    check_type(dtype_of<T>, place);
    return reinterpret_cast<const T*>(body_->data);
  }
  template <Element T>
  const T* data(Place place = Place::here()) const&& = delete;  // the elements would be gone: name the Tensor
  /// The elements for writing: detaches from every other Tensor that shares them first.
  template <Element T>
  T* mutable_data(Place place = Place::here()) & {
    check_type(dtype_of<T>, place);
    make_unique(place);
    return reinterpret_cast<T*>(body_->data);
  }
  /// The elements as a range. That of a temporary owns them: `for (float x : f(y).span<float>())` is safe.
  template <Element T>
  std::span<const T> span(Place place = Place::here()) const& {
    return {data<T>(place), static_cast<std::size_t>(count())};
  }
  template <Element T>
  OwnedSpan<T> span(Place place = Place::here()) const&& {
    return OwnedSpan<T>(*this, place);
  }
  template <Element T>
  std::span<T> mutable_span(Place place = Place::here()) & {
    return {mutable_data<T>(place), static_cast<std::size_t>(count())};
  }
  /// The elements as bytes, whatever the dtype.
  const std::byte* raw(Place place = Place::here()) const& {
    check_type(dtype(), place);
    return body_->data;
  }
  const std::byte* raw(Place place = Place::here()) const&& = delete;  // the elements would be gone
  std::byte* mutable_raw(Place place = Place::here()) & {
    check_type(dtype(), place);
    make_unique(place);
    return body_->data;
  }

  /// A const xtensor adaptor over the elements, without a copy; valid while this Tensor is. Of a temporary an
  /// array of its own, a copy. Needs <xgrad/tensor/xtensor.hpp>.
  template <Element T>
  auto array(Place place = Place::here()) const&;
  template <Element T>
  auto array(Place place = Place::here()) const&&;
  /// The writable adaptor: detaches first.
  template <Element T>
  auto mutable_array(Place place = Place::here()) &;

  /// The only element, converted to T. Throws ShapeError when there is not exactly one.
  template <class T = double>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] T item(Place place = Place::here()) const {
    return scalar_at(only_element(place)).template as<T>();
  }
  /// The element at a full index; negative positions wrap. Throws IndexError with index, axis and size.
  template <class T = double>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] T at(std::initializer_list<Index> index, Place place = Place::here()) const {
    return scalar_at(position(index, place)).template as<T>();
  }

  /// The same elements under another shape, O(1); one size may be -1. Throws ShapeError when the counts
  /// differ.
  Tensor reshape(const Shape& shape, Place place = Place::here()) const;
  /// Rows [begin, end) of the first axis, O(1). Throws IndexError outside [0, size].
  Tensor rows(Index begin, Index end, Place place = Place::here()) const;
  /// The elements converted. NaN, infinity or an out-of-range real to an integer type throws ValueError.
  Tensor to(DType dtype, Place place = Place::here()) const;

  /// True when no other Tensor shares the elements: writing does not copy.
  bool unique() const { return body_ && body_->unique(); }
  bool shares_storage_with(const Tensor& other) const {
    return body_ && other.body_ && body_->owner() == other.body_->owner();
  }

 private:
  explicit Tensor(detail::Ref<detail::TensorBody> body) : body_(std::move(body)) {}
  Tensor(const Shape& shape, Index count, DType dtype, Place place)
      : body_(detail::TensorBody::allocate(shape, count, dtype, place)) {}
  static Tensor copied(const void* values, Index count, const Shape& shape, DType dtype, Place place);
  static Tensor copied_bits(const std::vector<bool>& values, const Shape& shape, Place place);
  static Tensor copied_numbers(const std::vector<Scalar>& values, const Shape& shape, Place place);
  void make_unique(Place place) {
    if (!body_->unique()) detach(place);
  }
  void detach(Place place);
  void check_type(DType wanted, Place place) const {
    if (!body_ || wanted != body_->dtype) reject_type(wanted, place);
  }
  [[noreturn]] void reject_type(DType wanted, Place place) const;
  void check_defined() const;
  Index only_element(Place place) const;
  Index position(std::initializer_list<Index> index, Place place) const;
  Scalar scalar_at(Index position) const;

  static const Shape no_shape;

  detail::Ref<detail::TensorBody> body_;
};

/// The elements of a Tensor that has no name, with the Tensor: what span() of a temporary gives. It does not
/// convert to a std::span, which would outlive them.
template <Element T>
class OwnedSpan {
 public:
  using value_type = T;

  explicit OwnedSpan(Tensor tensor, Place place = Place::here())
      : tensor_(std::move(tensor)), data_(tensor_.data<T>(place)) {}

  /// Forward only, so that no view takes it for an address.
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    explicit Iterator(const T* at) : at_(at) {}
    const T& operator*() const { return *at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    friend bool operator==(Iterator a, Iterator b) { return a.at_ == b.at_; }

   private:
    const T* at_ = nullptr;
  };
  Iterator begin() const& { return Iterator(data_); }
  Iterator end() const& { return Iterator(data_ + size()); }
  Iterator begin() const&& = delete;  // the elements would be gone: name the range first
  Iterator end() const&& = delete;    // the elements would be gone: name the range first

  std::size_t size() const { return static_cast<std::size_t>(tensor_.count()); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  T front() const { return (*this)[0]; }
  T back() const { return (*this)[size() - 1]; }
  /// As of a std::span, the position is not checked.
  T operator[](std::size_t position) const { return data_[position]; }

 private:
  Tensor tensor_;
  const T* data_;
};

/// NumPy's notation: brackets, aligned columns, the middle of long axes left out.
struct PrintOptions {
  int precision = 4;       ///< digits after the point
  Index threshold = 1000;  ///< more elements than this are summarised
  Index edge_items = 3;    ///< items kept at each end of a summarised axis
  int line_width = 88;     ///< columns before a row wraps
};
/// Throws ValueError on options that are not possible.
[[nodiscard]] std::string to_string(const Tensor& tensor, const PrintOptions& options = {},
                                    Place place = Place::here());
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);
/// Writes dtype, shape and elements to stderr, for use from a debugger, in gdb without the library's debug
/// information: `call (void)'xgrad::debug_print(xgrad::Tensor const&)'(&x)`.
void debug_print(const Tensor& tensor);

/// The shape and dtype, as messages name a tensor: "float32 (2, 3)".
[[nodiscard]] std::string describe(const Tensor& tensor);

}  // namespace xgrad
XGRAD_API_END
