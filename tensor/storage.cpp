#include <xgrad/tensor/storage.hpp>

#include <xgrad/tensor/pool.hpp>

#include <new>

namespace xgrad::detail {
namespace {

std::size_t bytes_of(Index count, DType dtype) {
  return static_cast<std::size_t>(count * element_size(dtype));
}

// Where the body stands behind `bytes` of elements.
constexpr std::size_t body_offset(std::size_t bytes) {
  return (bytes + alignof(TensorBody) - 1) / alignof(TensorBody) * alignof(TensorBody);
}

}  // namespace

Ref<TensorBody> TensorBody::allocate(const Shape& shape, DType dtype, Index count) {
  const std::size_t bytes = bytes_of(count, dtype);
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
  const std::size_t bytes = bytes_of(count, dtype);
  std::byte* const elements = data;
  this->~TensorBody();
  if (!owns) return pool_deallocate(this, sizeof(TensorBody));
  uncount_buffer(bytes);
  pool_deallocate(elements, body_offset(bytes) + sizeof(TensorBody));
}

}  // namespace xgrad::detail
