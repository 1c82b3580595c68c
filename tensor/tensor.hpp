// Tensor: a contiguous, row-major array with value semantics.
// Invariant: copying is O(1), and writing through one Tensor never changes another (copy-on-write).
#pragma once

#include <xgrad/tensor/dtype.hpp>
#include <xgrad/tensor/shape.hpp>
#include <xgrad/tensor/storage.hpp>

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace xt {
template <class D>
class xexpression;
}

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
  const std::initializer_list<Nested>& items() const { return items_; }
  Scalar number() const { return number_; }

 private:
  Scalar number_;
  std::initializer_list<Nested> items_;
  bool is_list_ = false;
};

/// A contiguous array of one run-time DType; see the head of this file. A default-constructed one is
/// undefined.
class Tensor {
 public:
  Tensor() = default;

  /// From nested braces: Tensor{1, 2} is int64, Tensor{{1.0}, {2.0}} float32. Throws ShapeError on ragged
  /// braces.
  Tensor(std::initializer_list<Nested> items);
  Tensor(std::initializer_list<Nested> items, DType dtype);

  /// Evaluates an xtensor expression; its value_type becomes the dtype (other numbers: the nearest one).
  /// Needs <xgrad/tensor/xtensor.hpp>.
  template <XtensorExpression E>
  Tensor(const E& expression);

  /// `shape` elements of unspecified value. Throws ShapeError before allocating when the size is not
  /// possible.
  static Tensor uninitialized(const Shape& shape, DType dtype) { return Tensor(shape, shape.count(), dtype); }
  /// The same with the shape of `other`. Throws GraphError when that is undefined.
  static Tensor uninitialized_like(const Tensor& other, DType dtype) {
    other.check_type(other.dtype());
    return Tensor(other.body_->shape, other.body_->count, dtype);
  }
  static Tensor uninitialized_like(const Tensor& other) { return uninitialized_like(other, other.dtype()); }

  /// Copies `values` into a tensor of `shape`. Throws ShapeError when the count differs.
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape) {
    return copied(values.data(), static_cast<Index>(values.size()), shape, dtype_of<T>);
  }
  template <Element T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }

  bool defined() const { return static_cast<bool>(body_); }
  /// (), float32 and 0 elements where undefined.
  const Shape& shape() const { return body_ ? body_->shape : no_shape; }
  DType dtype() const { return body_ ? body_->dtype : float32; }
  Index rank() const { return shape().rank(); }
  /// Number of elements.
  Index count() const { return body_ ? body_->count : 0; }
  /// Size along an axis; negative axes count from the end.
  Index size(Index axis) const { return shape()[wrap_axis(axis, rank())]; }
  /// Bytes of the elements.
  Index bytes() const { return count() * element_size(dtype()); }

  /// The elements, row-major. Throws DTypeError unless T is the dtype, GraphError when undefined.
  template <Element T>
  const T* data() const {
    check_type(dtype_of<T>);
    return reinterpret_cast<const T*>(body_->data);
  }
  /// The elements for writing: detaches from every other Tensor that shares them first.
  template <Element T>
  T* mutable_data() {
    check_type(dtype_of<T>);
    make_unique();
    return reinterpret_cast<T*>(body_->data);
  }
  template <Element T>
  std::span<const T> span() const {
    return {data<T>(), static_cast<std::size_t>(count())};
  }
  template <Element T>
  std::span<T> mutable_span() {
    return {mutable_data<T>(), static_cast<std::size_t>(count())};
  }
  /// The elements as bytes, whatever the dtype.
  const std::byte* raw() const {
    check_type(dtype());
    return body_->data;
  }
  std::byte* mutable_raw() {
    check_type(dtype());
    make_unique();
    return body_->data;
  }

  /// A const xtensor adaptor over the elements, without a copy; valid while this Tensor is. Needs
  /// <xgrad/tensor/xtensor.hpp>.
  template <Element T>
  auto array() const;
  /// The writable adaptor: detaches first.
  template <Element T>
  auto mutable_array();

  /// The only element, converted to T. Throws ShapeError when there is not exactly one.
  template <class T = double>
  requires std::is_arithmetic_v<T> T item()
  const { return scalar_at(only_element()).template as<T>(); }
  /// The element at a full index; negative positions wrap. Throws IndexError with index, axis and size.
  template <class T = double>
  requires std::is_arithmetic_v<T> T at(std::initializer_list<Index> index)
  const { return scalar_at(position(index)).template as<T>(); }

  /// The same elements under another shape, O(1); one size may be -1. Throws ShapeError when the counts
  /// differ.
  Tensor reshape(const Shape& shape) const;
  /// Rows [begin, end) of the first axis, O(1). Throws IndexError outside [0, size].
  Tensor rows(Index begin, Index end) const;
  /// The elements converted. NaN, infinity or an out-of-range real to an integer type throws ValueError.
  Tensor to(DType dtype) const;

  /// True when no other Tensor shares the elements: writing does not copy.
  bool unique() const { return body_ && body_->unique(); }
  bool shares_storage_with(const Tensor& other) const {
    return body_ && other.body_ && body_->owner() == other.body_->owner();
  }

 private:
  explicit Tensor(detail::Ref<detail::TensorBody> body) : body_(std::move(body)) {}
  Tensor(const Shape& shape, Index count, DType dtype)
      : body_(detail::TensorBody::allocate(shape, count, dtype)) {}
  static Tensor copied(const void* values, Index count, const Shape& shape, DType dtype);
  void make_unique() {
    if (!body_->unique()) detach();
  }
  void detach();
  void check_type(DType wanted) const {
    if (!body_ || wanted != body_->dtype) reject_type(wanted);
  }
  [[noreturn]] void reject_type(DType wanted) const;
  void check_defined() const;
  Index only_element() const;
  Index position(std::initializer_list<Index> index) const;
  Scalar scalar_at(Index position) const;

  static const Shape no_shape;

  detail::Ref<detail::TensorBody> body_;
};

/// NumPy's notation: brackets, aligned columns, the middle of long axes left out.
struct PrintOptions {
  int precision = 4;       ///< digits after the point
  Index threshold = 1000;  ///< more elements than this are summarised
  Index edge_items = 3;    ///< items kept at each end of a summarised axis
  int line_width = 88;     ///< columns before a row wraps
};
std::string to_string(const Tensor& tensor, const PrintOptions& options = {});
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);
/// Writes dtype, shape and elements to stderr, for use from a debugger, in gdb without the library's debug
/// information: `call (void)'xgrad::debug_print(xgrad::Tensor const&)'(&x)`.
void debug_print(const Tensor& tensor);

/// The shape and dtype, as messages name a tensor: "float32 (2, 3)".
std::string describe(const Tensor& tensor);

}  // namespace xgrad
