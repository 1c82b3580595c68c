#include <xgrad/tensor/storage.hpp>

#include <xgrad/tensor/pool.hpp>

#include <limits>
#include <new>

namespace xgrad::detail {
namespace {

// Where the body stands behind `bytes` of elements.
constexpr std::size_t body_offset(std::size_t bytes) {
  return (bytes + alignof(TensorBody) - 1) / alignof(TensorBody) * alignof(TensorBody);
}

}  // namespace

Ref<TensorBody> TensorBody::allocate(const Shape& shape, DType dtype) {
  const Index count = shape.count();
  Index size = 0;
  if (__builtin_mul_overflow(count, element_size(dtype), &size) ||
      size > std::numeric_limits<Index>::max() / 4)
    fail<ShapeError>("the bytes of " + to_string(shape) + " do not fit the address space");
  const auto bytes = static_cast<std::size_t>(size);
  auto* data = static_cast<std::byte*>(pool_allocate(body_offset(bytes) + sizeof(TensorBody)));
  count_buffer(bytes);
  return Ref<TensorBody>::adopt(::new (data + body_offset(bytes)) TensorBody(shape, count, data, dtype, {}));
}

Ref<TensorBody> TensorBody::view(const Ref<TensorBody>& other, std::byte* data, const Shape& shape,
                                 Index count) {
  void* memory = pool_allocate(sizeof(TensorBody));
  const Ref<TensorBody>& owner = other->owner_ ? other->owner_ : other;
  return Ref<TensorBody>::adopt(::new (memory) TensorBody(shape, count, data, other->dtype, owner));
}

void TensorBody::destroy() {
  const bool owns = !owner_;
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  std::byte* const elements = data;
  this->~TensorBody();
  if (!owns) return pool_deallocate(this, sizeof(TensorBody));
  uncount_buffer(bytes);
  pool_deallocate(elements, body_offset(bytes) + sizeof(TensorBody));
}

}  // namespace xgrad::detail
