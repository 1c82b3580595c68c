#include <xgrad/tensor/pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

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
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t slab_alignment = std::size_t{64} << 10;
constexpr std::size_t slab_bytes = slab_alignment - 16;      // malloc's own record fits in between two slabs
constexpr std::size_t slab_limit = std::size_t{1} << 10;     // blocks up to this are cut from slabs
constexpr std::size_t thread_limit = std::size_t{64} << 10;  // blocks up to this are recycled per thread
constexpr std::size_t slab_cache_bytes = std::size_t{64} << 20;
constexpr std::size_t thread_cache_bytes = std::size_t{8} << 20;
constexpr std::size_t large_cache_bytes = std::size_t{512} << 20;

// A sanitizer sees a use after free only when freed blocks are not handed out again.
#ifdef XGRAD_SANITIZED
constexpr bool recycle = false;
#else
constexpr bool recycle = true;
#endif

constexpr std::size_t lines_of(std::size_t bytes) {
  return (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment;
}

// Small blocks have a class for each number of cache lines; beyond, four classes per doubling keep the waste
// under a quarter.
constexpr std::size_t slab_classes = slab_limit / alignment;

constexpr std::size_t class_of(std::size_t lines) {
  if (lines <= slab_classes) return lines - 1;
  const auto shift = static_cast<std::size_t>(std::bit_width(lines - 1)) - 3;
  return slab_classes + 4 * (shift - 2) + ((lines - 1) >> shift) - 4;
}

constexpr std::size_t bytes_of(std::size_t size_class) {
  if (size_class < slab_classes) return (size_class + 1) * alignment;
  const std::size_t step = size_class - slab_classes;
  return (5 + step % 4) << (step / 4 + 2) << 6;
}
static_assert(class_of(slab_classes + 1) == slab_classes && bytes_of(slab_classes) == 20 * alignment &&
              class_of(20) == slab_classes && class_of(21) == slab_classes + 1);

// Large blocks ask for huge pages, where the system leaves the choice to programs: fewer page faults when
// they are first written, fewer misses of address translation ever after.
void* system_allocate(std::size_t bytes) {
  const bool huge = bytes >= 2 * huge_page;
  const std::size_t aligned_to = huge ? huge_page : alignment;
  void* block = std::aligned_alloc(aligned_to, (bytes + aligned_to - 1) / aligned_to * aligned_to);
  if (block == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (huge) madvise(block, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  return block;
}
void system_free(void* block) noexcept { std::free(block); }

constexpr std::size_t class_count = slab_classes + 4 * 55;
constexpr std::size_t thread_classes = class_of(lines_of(thread_limit)) + 1;

// Free blocks form lists through their own first bytes.
struct FreeBlock {
  FreeBlock* next;
};

template <std::size_t lists, std::size_t (*block_bytes)(std::size_t list) = bytes_of>
struct FreeLists {
  std::array<FreeBlock*, lists> heads{};
  std::size_t bytes = 0;

  // `size` is that of the list's blocks.
  void* pop(std::size_t list, std::size_t size) {
    FreeBlock* block = heads[list];
    if (block != nullptr) {
      heads[list] = block->next;
      bytes -= size;
    }
    return block;
  }
  void push(void* memory, std::size_t list, std::size_t size) {
    heads[list] = ::new (memory) FreeBlock{heads[list]};
    bytes += size;
  }
  void* pop(std::size_t list) { return pop(list, block_bytes(list)); }
  void push(void* memory, std::size_t list) { push(memory, list, block_bytes(list)); }
  void clear() {
    for (FreeBlock*& head : heads)
      while (head != nullptr) system_free(std::exchange(head, head->next));
    bytes = 0;
  }
};

// The head of a slab, which is aligned to its size: 64 KiB cut into blocks of one class. A slab goes back to
// the system when all its blocks are in the lists that are being trimmed.
struct alignas(alignment) Slab {
  std::uint32_t blocks;
  std::uint32_t free = 0;  // used under the mutex of `orphans` only

  static Slab& of(void* block) {
    return *reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(slab_alignment - 1));
  }
};

// Lists by class, and again by class for nodes.
constexpr std::size_t slab_lists_count = 2 * slab_classes;
constexpr std::size_t slab_list(std::size_t lines, detail::BlockUse use) {
  return lines - 1 + static_cast<std::size_t>(use) * slab_classes;
}
constexpr std::size_t slab_block_bytes(std::size_t list) { return (list % slab_classes + 1) * alignment; }

struct SlabLists : FreeLists<slab_lists_count, slab_block_bytes> {
  // A loop makes and frees the same graph at every turn: a thread keeps what it cut itself, and only blocks
  // that came from others are too many beyond the allowance.
  std::size_t limit = slab_cache_bytes;
  std::size_t cut = 0;

  void* cut_slab(std::size_t list) {
    const std::size_t size = slab_block_bytes(list);
    const std::size_t blocks = (slab_bytes - sizeof(Slab)) / size;
    void* memory = ::operator new (slab_bytes, std::align_val_t{slab_alignment});
    auto* first = reinterpret_cast<std::byte*>(::new (memory) Slab{static_cast<std::uint32_t>(blocks)} + 1);
    for (std::size_t i = blocks; i-- > 1;) push(first + i * size, list);
    cut += slab_bytes;
    limit += slab_bytes;
    return first;
  }

  void take(SlabLists& other) {
    for (std::size_t list = 0; list < slab_lists_count; ++list)
      while (void* block = other.pop(list)) push(block, list);
  }

  // Frees every slab that is whole, then lets the lists grow to twice what remains at least.
  void trim() {
    for (FreeBlock* head : heads)
      for (FreeBlock* block = head; block != nullptr; block = block->next) ++Slab::of(block).free;
    FreeBlock* whole = nullptr;
    for (std::size_t list = 0; list < slab_lists_count; ++list) {
      FreeBlock* block = std::exchange(heads[list], nullptr);
      while (block != nullptr) {
        FreeBlock* const next = block->next;
        bytes -= slab_block_bytes(list);
        Slab& slab = Slab::of(block);
        if (slab.free < slab.blocks)
          push(block, list);
        else if (reinterpret_cast<std::byte*>(block) == reinterpret_cast<std::byte*>(&slab + 1))
          whole = ::new (block) FreeBlock{whole};
        block = next;
      }
    }
    for (FreeBlock* head : heads)
      for (FreeBlock* block = head; block != nullptr; block = block->next) Slab::of(block).free = 0;
    while (whole != nullptr) {
      Slab* const slab = &Slab::of(std::exchange(whole, whole->next));
      ::operator delete (slab, std::align_val_t{slab_alignment});
      cut -= std::min(cut, slab_bytes);
    }
    limit = std::max(slab_cache_bytes + cut, 2 * bytes);
  }
};

// Free slab blocks of threads that have ended. Never destroyed: tensors of static lifetime may be freed after
// it would have been.
struct Orphans {
  std::mutex mutex;
  SlabLists lists;
};
Orphans& orphans() {
  static Orphans* orphans = new Orphans;
  return *orphans;
}

std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> peak_bytes{0};
std::atomic<std::int64_t> live_buffers{0};

// The rare ways out of the functions that every operation calls several times are kept out of line there.

// What a thread has counted since it last added to the totals: one buffer costs no atomic operation.
struct Tally {
  std::int64_t bytes = 0;
  std::int64_t buffers = 0;
  std::int64_t highest = 0;

  static constexpr std::int64_t limit = 1 << 16;

  void add(std::int64_t more) {
    ++buffers;
    bytes += more;
    if (bytes > limit) tell();
  }
  // A peak is noted when bytes fall from it.
  void remove(std::int64_t less) {
    --buffers;
    highest = std::max(highest, bytes);
    bytes -= less;
    if (bytes < -limit) tell();
  }
  [[gnu::noinline]] void tell() {
    highest = std::max(highest, bytes);
    const std::int64_t high = live_bytes.fetch_add(bytes, std::memory_order_relaxed) + highest;
    live_buffers.fetch_add(buffers, std::memory_order_relaxed);
    std::int64_t peak = peak_bytes.load(std::memory_order_relaxed);
    while (high > peak && !peak_bytes.compare_exchange_weak(peak, high, std::memory_order_relaxed)) {
    }
    *this = {};
  }
};

// Trivially destructible, so that they outlive every static and thread-local tensor; `ThreadEnd` empties
// them.
constinit thread_local SlabLists slab_lists;
constinit thread_local FreeLists<thread_classes> thread_lists;
constinit thread_local Tally tally;
// What is cached here is given back when the thread ends, and nothing is cached thereafter.
enum class Phase : std::uint8_t { fresh, running, ended };
constinit thread_local Phase phase = Phase::fresh;

struct ThreadEnd {
  ~ThreadEnd() {
    phase = Phase::ended;
    thread_lists.clear();
    const std::scoped_lock lock(orphans().mutex);
    orphans().lists.take(slab_lists);
    if (orphans().lists.bytes > orphans().lists.limit) orphans().lists.trim();
    tally.tell();
  }
};

// False when the thread is ending.
[[gnu::noinline]] bool await_end() {
  if (phase == Phase::ended) return false;
  static thread_local ThreadEnd end;
  phase = Phase::running;
  return true;
}

// What an ending thread counts is told at once.
[[gnu::noinline]] void tell_if_ending() {
  if (!await_end()) tally.tell();
}

// A block from a list that is empty: from the orphans, or the first of a new slab.
[[gnu::noinline]] void* refill(std::size_t list) {
  {
    const std::scoped_lock lock(orphans().mutex);
    if (void* block = orphans().lists.pop(list)) return block;
  }
  return slab_lists.cut_slab(list);
}

[[gnu::noinline]] void free_first_or_last(void* block, std::size_t list) {
  if (await_end()) return slab_lists.push(block, list);
  const std::scoped_lock lock(orphans().mutex);
  orphans().lists.push(block, list);
}

[[gnu::noinline]] void trim_slabs() {
  const std::scoped_lock lock(orphans().mutex);
  slab_lists.trim();
}

struct LargeLists {
  std::mutex mutex;
  FreeLists<class_count> lists;
};

// Never destroyed: tensors of static lifetime may be freed after it would have been.
LargeLists& large() {
  static LargeLists* lists = new LargeLists;
  return *lists;
}

[[gnu::noinline]] void* allocate_large(std::size_t size_class) {
  if (size_class >= class_count) throw std::bad_alloc();
  const std::size_t bytes = bytes_of(size_class);
  if (bytes <= thread_limit) {
    if (void* block = thread_lists.pop(size_class)) return block;
  } else {
    const std::scoped_lock lock(large().mutex);
    if (void* block = large().lists.pop(size_class)) return block;
  }
  try {
    return system_allocate(bytes);
  } catch (const std::bad_alloc&) {
    release_cached_memory();
    return system_allocate(bytes);
  }
}

[[gnu::noinline]] void free_large(void* block, std::size_t size_class) noexcept {
  const std::size_t bytes = bytes_of(size_class);
  if (bytes <= thread_limit) {
    if (!await_end() || thread_lists.bytes + bytes > thread_cache_bytes) return system_free(block);
    return thread_lists.push(block, size_class);
  }
  const std::scoped_lock lock(large().mutex);
  if (large().lists.bytes + bytes > large_cache_bytes) return system_free(block);
  large().lists.push(block, size_class);
}

inline void* allocate(std::size_t bytes, detail::BlockUse use) {
  if (!recycle) return system_allocate(bytes);
  const std::size_t lines = lines_of(bytes);
  if (lines > slab_classes) return allocate_large(class_of(lines));
  const std::size_t list = slab_list(lines, use);
  void* block = slab_lists.pop(list, lines * alignment);
  return block != nullptr ? block : refill(list);
}

inline void deallocate(void* block, std::size_t bytes, detail::BlockUse use) noexcept {
  if (!recycle) return system_free(block);
  const std::size_t lines = lines_of(bytes);
  if (lines > slab_classes) return free_large(block, class_of(lines));
  const std::size_t list = slab_list(lines, use);
  if (phase != Phase::running) return free_first_or_last(block, list);
  slab_lists.push(block, list, lines * alignment);
  if (slab_lists.bytes > slab_lists.limit) trim_slabs();
}

}  // namespace

MemoryStats memory_stats() {
  tally.tell();
  const auto size = [](const std::atomic<std::int64_t>& n) { return static_cast<std::size_t>(n.load()); };
  return {size(live_bytes), size(peak_bytes), size(live_buffers)};
}

void reset_peak_memory() {
  tally.tell();
  peak_bytes = live_bytes.load();
}

void release_cached_memory() {
  thread_lists.clear();
  {
    const std::scoped_lock lock(orphans().mutex);
    slab_lists.take(orphans().lists);
    slab_lists.trim();
  }
  const std::scoped_lock lock(large().mutex);
  large().lists.clear();
}

namespace detail {

void* pool_allocate(std::size_t bytes, BlockUse use) { return allocate(bytes, use); }

void pool_deallocate(void* block, std::size_t bytes, BlockUse use) noexcept { deallocate(block, bytes, use); }

void* allocate_buffer(std::size_t bytes, std::size_t counted) {
  void* block = allocate(bytes, BlockUse::values);
  tally.add(static_cast<std::int64_t>(counted));
  if (phase != Phase::running) tell_if_ending();
  return block;
}

void deallocate_buffer(void* block, std::size_t bytes, std::size_t counted) noexcept {
  tally.remove(static_cast<std::int64_t>(counted));
  if (phase != Phase::running) tell_if_ending();
  deallocate(block, bytes, BlockUse::values);
}

}  // namespace detail
}  // namespace xgrad
