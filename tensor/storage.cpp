#include <xgrad/tensor/storage.hpp>

#include <xgrad/tensor/pool_blocks.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>

namespace xgrad::detail {
namespace {

// Where the body stands behind `bytes` of elements, and what both take.
constexpr std::size_t body_offset(std::size_t bytes) {
  return (bytes + alignof(TensorBody) - 1) / alignof(TensorBody) * alignof(TensorBody);
}
constexpr std::size_t block_bytes(std::size_t bytes) { return body_offset(bytes) + sizeof(TensorBody); }

constexpr Index most_elements = std::numeric_limits<Index>::max() / 32;

// Throws when the elements do not fit the address space, or would not but for axes of 0.
[[gnu::noinline]] void check_size(const Shape& shape) {
  Shape others = shape;
  for (Index axis = 0; axis < others.rank(); ++axis) others[axis] = std::max<Index>(others[axis], 1);
  if (others.count() > most_elements)
    fail<ShapeError>("the bytes of " + to_string(shape) + " do not fit the address space");
}

// True where check_size() has something to say: too many elements, or none.
constexpr bool is_suspicious(Index count) {
  return static_cast<std::uint64_t>(count) - 1 >= static_cast<std::uint64_t>(most_elements);
}

}  // namespace

inline Ref<TensorBody> TensorBody::in(void* block, std::size_t bytes, const Shape& shape, Index count,
                                      DType dtype) {
  auto* const data = static_cast<std::byte*>(block);
  return Ref<TensorBody>::adopt(::new (data + body_offset(bytes)) TensorBody(shape, count, data, dtype, {}));
}

Ref<TensorBody> TensorBody::allocate(const Shape& shape, Index count, DType dtype) {
  if (is_suspicious(count)) check_size(shape);
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  void* const block = pool::allocate_buffer_quickly(block_bytes(bytes), bytes);
  return block != nullptr ? in(block, bytes, shape, count, dtype) : allocate_slowly(shape, count, dtype);
}

[[gnu::noinline]] Ref<TensorBody> TensorBody::allocate_slowly(const Shape& shape, Index count, DType dtype) {
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  return in(pool::allocate_buffer(block_bytes(bytes), bytes), bytes, shape, count, dtype);
}

Ref<TensorBody> TensorBody::view(const Ref<TensorBody>& other, std::byte* data, const Shape& shape,
                                 Index count) {
  if (is_suspicious(count)) check_size(shape);
  void* memory = pool::allocate(sizeof(TensorBody), pool::Use::values);
  const Ref<TensorBody>& owner = other->owner_ ? other->owner_ : other;
  return Ref<TensorBody>::adopt(::new (memory) TensorBody(shape, count, data, other->dtype, owner));
}

// A body that has no owner holds nothing that needs destruction.
void TensorBody::destroy() {
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  if (owner_ || !pool::deallocate_buffer_quickly(data, block_bytes(bytes), bytes)) destroy_slowly();
}

[[gnu::noinline]] void TensorBody::destroy_slowly() {
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  std::byte* const elements = data;
  const bool owns = !owner_;
  this->~TensorBody();
  if (owns)
    pool::deallocate_buffer(elements, block_bytes(bytes), bytes);
  else
    pool::deallocate(this, sizeof(TensorBody), pool::Use::values);
}

}  // namespace xgrad::detail
