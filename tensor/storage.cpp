#include <xgrad/tensor/storage.hpp>

#include <xgrad/tensor/pool.hpp>

#include <new>

namespace xgrad::detail {
namespace {

// Where the record stands behind `bytes` of data.
constexpr std::size_t record_offset(std::size_t bytes) {
  return (bytes + alignof(Buffer) - 1) / alignof(Buffer) * alignof(Buffer);
}

}  // namespace

Ref<Buffer> Buffer::allocate(std::size_t bytes) {
  auto* data = static_cast<std::byte*>(pool_allocate(record_offset(bytes) + sizeof(Buffer)));
  count_buffer(bytes);
  return Ref<Buffer>::adopt(::new (data + record_offset(bytes)) Buffer(data, bytes));
}

void Buffer::destroy() {
  std::byte* const data = data_;
  const std::size_t bytes = bytes_;
  this->~Buffer();
  uncount_buffer(bytes);
  pool_deallocate(data, record_offset(bytes) + sizeof(Buffer));
}

}  // namespace xgrad::detail
