#include <xgrad/tensor/storage.hpp>

#include <xgrad/tensor/pool.hpp>

#include <new>

namespace xgrad::detail {

Ref<Buffer> Buffer::allocate(std::size_t bytes) {
  void* memory = pool_allocate(sizeof(Buffer) + bytes);
  count_buffer(bytes);
  return Ref<Buffer>(::new (memory) Buffer(bytes));
}

void Buffer::release() {
  if (!count_.drop()) return;
  const std::size_t bytes = bytes_;
  this->~Buffer();
  uncount_buffer(bytes);
  pool_deallocate(this, sizeof(Buffer) + bytes);
}

}  // namespace xgrad::detail
