#include <xgrad/tensor/tensor.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <cstring>

namespace xgrad {
namespace {

// The shape of nested braces; the first item of each list decides and the others are checked while copying.
void append_sizes(std::initializer_list<Nested> items, Shape& shape) {
  shape.push_back(static_cast<Index>(items.size()));
  if (items.size() > 0 && items.begin()->is_list()) append_sizes(items.begin()->items(), shape);
}

DType nested_dtype(std::initializer_list<Nested> items) {
  if (items.size() == 0) return float32;
  DType dtype = boolean;
  for (const Nested& item : items)
    dtype = promote(dtype, item.is_list() ? nested_dtype(item.items()) : item.number().dtype());
  return dtype;
}

// The number as To. Throws ValueError when an integer type has no room for it.
template <class To, class From>
To converted(From value) {
  if constexpr (std::is_integral_v<To>)
    if (!detail::fits<To>(value))
      fail<ValueError>("cannot convert " + std::to_string(value) + " to " +
                       std::string(to_string(dtype_of<To>)));
  return detail::convert<To>(value);
}

template <class T>
void copy_nested(std::initializer_list<Nested> items, const Shape& shape, Index depth, T*& out) {
  const bool leaves = depth + 1 == shape.rank();
  if (static_cast<Index>(items.size()) != shape[depth])
    fail<ShapeError>("ragged braces: expected " + std::to_string(shape[depth]) + " items at depth " +
                     std::to_string(depth) + ", got " + std::to_string(items.size()));
  for (const Nested& item : items) {
    if (item.is_list() == leaves)
      fail<ShapeError>("ragged braces: numbers and lists mixed at depth " + std::to_string(depth));
    if (!leaves)
      copy_nested(item.items(), shape, depth + 1, out);
    else
      *out++ = detail::element_of<T>(item.number());
  }
}

// `shape` for `count` elements, those of `given` where there is such; one size may be -1.
Shape completed(const Shape& shape, Index count, const Tensor* given = nullptr) {
  Shape target = shape;
  Index unknown = -1;
  for (Index i = 0; i < target.rank(); ++i) {
    if (target[i] != -1) continue;
    if (unknown >= 0) fail<ShapeError>("only one size may be -1, got " + to_string(shape));
    unknown = i;
    target[i] = 1;
  }
  const Index known = target.count();
  if (unknown < 0 ? known == count : known != 0 && count % known == 0) {
    if (unknown >= 0) target[unknown] = count / known;
    return target;
  }
  if (given != nullptr)
    fail<ShapeError>(to_string(given->shape()) + " with " + std::to_string(count) +
                     " elements does not fit " + to_string(shape));
  fail<ShapeError>("expects " + (unknown < 0 ? "" : std::string("a multiple of ")) + std::to_string(known) +
                   " values for the shape " + to_string(shape) + ", got " + std::to_string(count));
}

}  // namespace

Tensor::Tensor(std::initializer_list<Nested> items, Place place)
    : Tensor(items, nested_dtype(items), place) {}

Tensor::Tensor(std::initializer_list<Nested> items, DType dtype, Place place) {
  const Scope scope("Tensor", place);
  Shape sizes;
  append_sizes(items, sizes);
  *this = uninitialized(sizes, dtype);
  detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
    T* out = mutable_data<T>();
    copy_nested(items, shape(), 0, out);
  });
}

constinit const Shape Tensor::no_shape{};

Tensor Tensor::copied(const void* values, Index count, const Shape& shape, DType dtype, Place place) {
  const Scope scope("Tensor::from", place);
  Tensor tensor = uninitialized(completed(shape, count), dtype);
  if (count > 0) std::memcpy(tensor.mutable_raw(), values, static_cast<std::size_t>(tensor.bytes()));
  return tensor;
}

Tensor Tensor::copied_bits(const std::vector<bool>& values, const Shape& shape, Place place) {
  const Scope scope("Tensor::from", place);
  Tensor tensor = uninitialized(completed(shape, static_cast<Index>(values.size())), boolean);
  std::copy(values.begin(), values.end(), tensor.mutable_data<bool>());
  return tensor;
}

Tensor Tensor::copied_numbers(const std::vector<Scalar>& values, const Shape& shape, Place place) {
  const Scope scope("Tensor::from", place);
  Tensor tensor = uninitialized(completed(shape, static_cast<Index>(values.size())), int64);
  std::transform(values.begin(), values.end(), tensor.mutable_data<Index>(), detail::element_of<Index>);
  return tensor;
}

void Tensor::detach(Place place) {
  auto fresh = detail::TensorBody::allocate(shape(), count(), dtype(), place);
  if (count() > 0) std::memcpy(fresh->data, body_->data, static_cast<std::size_t>(bytes()));
  body_ = std::move(fresh);
}

void Tensor::check_defined() const {
  if (!body_) fail<GraphError>("the tensor is undefined", "it was default-constructed or moved from");
}

void Tensor::reject_type(DType wanted, Place place) const {
  const Scope scope(nullptr, place);
  check_defined();
  fail<DTypeError>(
      "elements read as " + std::string(to_string(wanted)) + ", but the tensor is " + describe(*this),
      "convert with to(dtype)");
}

Index Tensor::only_element(Place place) const {
  if (!body_)
    detail::fail_at<GraphError>(place, "item: the tensor is undefined",
                                "it was default-constructed or moved from");
  if (count() != 1)
    detail::fail_at<ShapeError>(place,
                                "item: expects exactly one element, got the shape " + to_string(shape()),
                                "index or reduce first");
  return 0;
}

Index Tensor::position(std::initializer_list<Index> index, Place place) const {
  if (!body_)
    detail::fail_at<GraphError>(place, "at: the tensor is undefined",
                                "it was default-constructed or moved from");
  if (static_cast<Index>(index.size()) != rank())
    detail::fail_at<IndexError>(place, "at: expects " + std::to_string(rank()) + " positions for the shape " +
                                           to_string(shape()) + ", got " + std::to_string(index.size()));
  Index flat = 0, axis = 0;
  for (Index i : index) {
    const Index size = shape()[axis];
    if (i < -size || i >= size)
      detail::fail_at<IndexError>(place, "at: " + detail::out_of_range(i, axis, size));
    flat = flat * size + (i < 0 ? i + size : i);
    ++axis;
  }
  return flat;
}

Scalar Tensor::scalar_at(Index position) const {
  return detail::dispatch(dtype(),
                          [&]<class T>(std::type_identity<T>) { return Scalar(data<T>()[position]); });
}

Tensor Tensor::reshape(const Shape& shape, Place place) const {
  const Scope scope("reshape", place);
  check_defined();
  const Shape target = completed(shape, count(), this);
  if (target == this->shape()) return *this;
  return Tensor(detail::TensorBody::view(body_, body_->data, target, count()));
}

Tensor Tensor::rows(Index begin, Index end, Place place) const {
  const Scope scope("rows", place);
  check_defined();
  if (rank() == 0) fail<IndexError>("a scalar has no rows");
  Shape part = shape();
  if (begin < 0 || end < begin || end > part[0])
    fail<IndexError>("[" + std::to_string(begin) + ", " + std::to_string(end) + ") is outside [0, " +
                     std::to_string(part[0]) + ")");
  const Index row = part[0] == 0 ? 0 : count() / part[0];
  part[0] = end - begin;
  std::byte* const first = body_->data + row * begin * element_size(dtype());
  return Tensor(detail::TensorBody::view(body_, first, part, row * (end - begin)));
}

Tensor Tensor::to(DType dtype, Place place) const {
  const Scope scope("to", place);
  check_defined();
  if (dtype == this->dtype()) return *this;
  Tensor result = uninitialized(shape(), dtype);
  detail::dispatch(this->dtype(), [&]<class From>(std::type_identity<From>) {
    detail::dispatch(dtype, [&]<class To>(std::type_identity<To>) {
      const From* in = data<From>();
      To* out = result.mutable_data<To>();
      for (Index i = 0; i < count(); ++i) out[i] = converted<To>(in[i]);
    });
  });
  return result;
}

std::string describe(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return std::string(to_string(tensor.dtype())) + " " + to_string(tensor.shape());
}

}  // namespace xgrad
