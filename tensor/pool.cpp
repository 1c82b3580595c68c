#include <xgrad/tensor/pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define XGRAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define XGRAD_SANITIZED 1
#endif

namespace xgrad {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t small_limit = std::size_t{64} << 10;
constexpr std::size_t small_cache_bytes = std::size_t{8} << 20;
constexpr std::size_t large_cache_bytes = std::size_t{512} << 20;

// A sanitizer sees a use after free only when freed blocks are not handed out again.
#ifdef XGRAD_SANITIZED
constexpr bool recycle = false;
#else
constexpr bool recycle = true;
#endif

// Four classes per doubling keep the waste under a quarter; the first class is one cache line.
std::size_t class_of(std::size_t bytes) {
  const std::size_t lines = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment;
  if (lines <= 8) return lines - 1;
  const auto shift = static_cast<std::size_t>(std::bit_width(lines - 1)) - 3;
  return 8 + 4 * (shift - 1) + ((lines - 1) >> shift) - 4;
}

std::size_t bytes_of(std::size_t size_class) {
  if (size_class < 8) return (size_class + 1) * alignment;
  const std::size_t step = size_class - 8;
  return (5 + step % 4) << (step / 4 + 1) << 6;
}

void* system_allocate(std::size_t bytes) { return ::operator new (bytes, std::align_val_t{alignment}); }
void system_free(void* block) noexcept { ::operator delete (block, std::align_val_t{alignment}); }

constexpr std::size_t class_count = 8 + 4 * 56;

// Free blocks form lists through their own first bytes.
struct FreeBlock {
  FreeBlock* next;
};

struct FreeLists {
  std::array<FreeBlock*, class_count> heads{};
  std::size_t bytes = 0;

  void* pop(std::size_t size_class) {
    FreeBlock* block = heads[size_class];
    if (block != nullptr) {
      heads[size_class] = block->next;
      bytes -= bytes_of(size_class);
    }
    return block;
  }
  void push(void* memory, std::size_t size_class) {
    heads[size_class] = ::new (memory) FreeBlock{heads[size_class]};
    bytes += bytes_of(size_class);
  }
  void clear() {
    for (FreeBlock*& head : heads)
      while (head != nullptr) {
        FreeBlock* next = head->next;
        system_free(head);
        head = next;
      }
    bytes = 0;
  }
};

// Trivially destructible, so that it outlives every static and thread-local tensor; `Flush` empties it.
thread_local FreeLists small_lists;
thread_local bool thread_ends = false;

struct Flush {
  bool armed = false;
  ~Flush() {
    thread_ends = true;
    small_lists.clear();
  }
};
thread_local Flush flush;

struct LargeLists {
  std::mutex mutex;
  FreeLists lists;
};

// Never destroyed: tensors of static lifetime may be freed after it would have been.
LargeLists& large() {
  static LargeLists* lists = new LargeLists;
  return *lists;
}

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};
std::atomic<std::size_t> live_buffers{0};

}  // namespace

MemoryStats memory_stats() { return {live_bytes.load(), peak_bytes.load(), live_buffers.load()}; }

void reset_peak_memory() { peak_bytes = live_bytes.load(); }

void release_cached_memory() {
  small_lists.clear();
  const std::scoped_lock lock(large().mutex);
  large().lists.clear();
}

namespace detail {

void* pool_allocate(std::size_t bytes) {
  if (!recycle) return system_allocate(bytes);
  const std::size_t size_class = class_of(bytes);
  if (size_class >= class_count) throw std::bad_alloc();
  const std::size_t rounded = bytes_of(size_class);
  if (rounded <= small_limit) {
    if (void* block = small_lists.pop(size_class)) return block;
  } else {
    const std::scoped_lock lock(large().mutex);
    if (void* block = large().lists.pop(size_class)) return block;
  }
  try {
    return system_allocate(rounded);
  } catch (const std::bad_alloc&) {
    release_cached_memory();
    return system_allocate(rounded);
  }
}

void pool_deallocate(void* block, std::size_t bytes) noexcept {
  if (!recycle) return system_free(block);
  const std::size_t size_class = class_of(bytes);
  const std::size_t rounded = bytes_of(size_class);
  if (rounded <= small_limit) {
    if (thread_ends || small_lists.bytes + rounded > small_cache_bytes) return system_free(block);
    flush.armed = true;
    return small_lists.push(block, size_class);
  }
  const std::scoped_lock lock(large().mutex);
  if (large().lists.bytes + rounded > large_cache_bytes) return system_free(block);
  large().lists.push(block, size_class);
}

void count_buffer(std::size_t bytes) {
  live_buffers.fetch_add(1, std::memory_order_relaxed);
  const std::size_t now = live_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::size_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

void uncount_buffer(std::size_t bytes) noexcept {
  live_buffers.fetch_sub(1, std::memory_order_relaxed);
  live_bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace detail
}  // namespace xgrad
