#include <xgrad/tensor/storage.hpp>

#include <xgrad/tensor/memory_blocks.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <new>
#include <string_view>

namespace xgrad::detail {
namespace {

// Where the body stands behind `bytes` of elements, and what both take.
constexpr std::size_t body_offset(std::size_t bytes) {
  return (bytes + alignof(TensorBody) - 1) / alignof(TensorBody) * alignof(TensorBody);
}
constexpr std::size_t block_bytes(std::size_t bytes) { return body_offset(bytes) + sizeof(TensorBody); }

constexpr Index most_elements = std::numeric_limits<Index>::max() / 32;

// Throws when the elements do not fit the address space, or would not but for axes of 0.
[[gnu::noinline]] void check_size(const Shape& shape, Place place) {
  Shape others = shape;
  for (Index axis = 0; axis < others.rank(); ++axis) others[axis] = std::max<Index>(others[axis], 1);
  if (others.count(place) > most_elements)
    fail_at<ShapeError>(place, "the bytes of " + to_string(shape) + " do not fit the address space");
}

// True where check_size() has something to say: too many elements, or none.
constexpr bool is_suspicious(Index count) {
  return static_cast<std::uint64_t>(count) - 1 >= static_cast<std::uint64_t>(most_elements);
}

// "float32 (2, 3)" without an allocation.
std::array<char, 200> described(const Shape& shape, DType dtype) {
  std::array<char, 200> text{};
  const std::string_view name = to_string(dtype);
  std::size_t used = name.copy(text.data(), name.size());
  for (Index i = 0; i < shape.rank(); ++i)
    used += static_cast<std::size_t>(std::snprintf(
        &text[used], text.size() - used, i == 0 ? " (%lld" : ", %lld", static_cast<long long>(shape[i])));
  std::snprintf(&text[used], text.size() - used, shape.rank() == 0 ? " ()" : shape.rank() == 1 ? ",)" : ")");
  return text;
}

}  // namespace

inline Ref<TensorBody> TensorBody::in(void* block, std::size_t bytes, const Shape& shape, Index count,
                                      DType dtype) {
  auto* const data = static_cast<std::byte*>(block);
  return Ref<TensorBody>::adopt(::new (data + body_offset(bytes)) TensorBody(shape, count, data, dtype, {}));
}

Ref<TensorBody> TensorBody::allocate(const Shape& shape, Index count, DType dtype, Place place) {
  if (is_suspicious(count)) check_size(shape, place);
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  void* const block = memory::allocate_buffer_quickly(block_bytes(bytes), bytes);
  return block != nullptr ? in(block, bytes, shape, count, dtype)
                          : allocate_slowly(shape, count, dtype, place);
}

[[gnu::noinline]] Ref<TensorBody> TensorBody::allocate_slowly(const Shape& shape, Index count, DType dtype,
                                                              Place place) {
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  try {
    return in(memory::allocate_buffer(block_bytes(bytes), bytes), bytes, shape, count, dtype);
  } catch (const std::bad_alloc&) {
    const Scope scope(nullptr, place);
    throw AllocationError(bytes, described(shape, dtype).data());
  }
}

Ref<TensorBody> TensorBody::view(const Ref<TensorBody>& other, std::byte* data, const Shape& shape,
                                 Index count) {
  if (is_suspicious(count)) check_size(shape, {});
  void* memory = memory::allocate(sizeof(TensorBody), memory::Use::values);
  const Ref<TensorBody>& owner = other->owner_ ? other->owner_ : other;
  return Ref<TensorBody>::adopt(::new (memory) TensorBody(shape, count, data, other->dtype, owner));
}

// A body that has no owner holds nothing that needs destruction.
void TensorBody::destroy() {
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  if (owner_ || !memory::deallocate_buffer_quickly(data, block_bytes(bytes), bytes)) destroy_slowly();
}

[[gnu::noinline]] void TensorBody::destroy_slowly() {
  const auto bytes = static_cast<std::size_t>(count * element_size(dtype));
  std::byte* const elements = data;
  const bool owns = !owner_;
  this->~TensorBody();
  if (owns)
    memory::deallocate_buffer(elements, block_bytes(bytes), bytes);
  else
    memory::deallocate(this, sizeof(TensorBody), memory::Use::values);
}

}  // namespace xgrad::detail
