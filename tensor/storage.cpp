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

[[noreturn, gnu::noinline]] void reject_size(const Shape& shape) {
  fail<ShapeError>("the bytes of " + to_string(shape) + " do not fit the address space");
}

}  // namespace

Ref<TensorBody> TensorBody::allocate(const Shape& shape, Index count, DType dtype) {
  if (count > std::numeric_limits<Index>::max() / 32) reject_size(shape);
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  void* block = allocate_buffer(body_offset(bytes) + sizeof(TensorBody), bytes);
  auto* data = static_cast<std::byte*>(block);
  return Ref<TensorBody>::adopt(::new (data + body_offset(bytes)) TensorBody(shape, count, data, dtype, {}));
}

Ref<TensorBody> TensorBody::view(const Ref<TensorBody>& other, std::byte* data, const Shape& shape,
                                 Index count) {
  void* memory = pool_allocate(sizeof(TensorBody));
  const Ref<TensorBody>& owner = other->owner_ ? other->owner_ : other;
  return Ref<TensorBody>::adopt(::new (memory) TensorBody(shape, count, data, other->dtype, owner));
}

void TensorBody::destroy() {
  if (owner_) {
    this->~TensorBody();
    return pool_deallocate(this, sizeof(TensorBody));
  }
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  std::byte* const elements = data;
  this->~TensorBody();
  deallocate_buffer(elements, body_offset(bytes) + sizeof(TensorBody), bytes);
}

}  // namespace xgrad::detail
