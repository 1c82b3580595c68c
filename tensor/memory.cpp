#include <xgrad/tensor/memory.hpp>

#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/memory_blocks.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

// Defined where a sanitizer's run-time library is part of the program.
extern "C" {
[[gnu::weak]] void __asan_init();
[[gnu::weak]] void __tsan_init();
}

namespace xgrad::detail::memory {

constinit thread_local ThreadBlocks thread_blocks;

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t slab_alignment = std::size_t{64} << 10;
constexpr std::size_t slab_bytes = slab_alignment - 16;      // malloc's own record fits in between two slabs
constexpr std::size_t thread_limit = std::size_t{64} << 10;  // blocks up to this are recycled per thread
constexpr std::size_t small_cache_bytes = std::size_t{64} << 20;
constexpr std::size_t thread_cache_bytes = std::size_t{8} << 20;
constexpr std::size_t large_cache_bytes = std::size_t{512} << 20;
constexpr std::int64_t tally_limit = std::int64_t{64} << 10;

// The first classes are those of small blocks; beyond, four classes per doubling keep the waste under a
// quarter.
constexpr std::size_t class_of(std::size_t bytes) {
  const std::size_t rest = size_class(bytes);
  if (rest < small_classes) return rest;
  const auto shift = static_cast<std::size_t>(std::bit_width(rest)) - 3;
  return small_classes + 4 * (shift - 2) + (rest >> shift) - 4;
}

constexpr std::size_t bytes_of(std::size_t its_class) {
  if (its_class < small_classes) return (its_class + 1) * alignment;
  const std::size_t step = its_class - small_classes;
  return (5 + step % 4) << (step / 4 + 2) << 6;
}
static_assert(class_of(17 * alignment) == small_classes && bytes_of(small_classes) == 20 * alignment &&
              class_of(20 * alignment) == small_classes && class_of(20 * alignment + 1) == small_classes + 1);

// Large blocks ask for huge pages, where the system leaves the choice to programs: fewer page faults when
// they are first written, fewer misses of address translation ever after. Not for what is beyond `used`, or a
// tensor of a power of two, whose body stands behind it, would take two megabytes more.
void* system_allocate(std::size_t bytes, std::size_t used) {
  const bool huge = bytes >= 2 * huge_page;
  const std::size_t aligned_to = huge ? huge_page : alignment;
  void* block = std::aligned_alloc(aligned_to, (bytes + aligned_to - 1) / aligned_to * aligned_to);
  if (block == nullptr) throw AllocationError(bytes);
#ifdef MADV_HUGEPAGE
  if (huge) madvise(block, used / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  return block;
}
void system_free(void* block) noexcept { std::free(block); }

constexpr std::size_t class_count = small_classes + 4 * 55;
constexpr std::size_t thread_classes = class_of(thread_limit) + 1;

// Free blocks of one class in each list.
template <std::size_t lists>
struct LargeLists {
  std::array<FreeBlock*, lists> heads{};
  std::size_t bytes = 0;

  void* pop(std::size_t list) {
    FreeBlock* const block = heads[list];
    if (block != nullptr) {
      heads[list] = block->next;
      bytes -= bytes_of(list);
    }
    return block;
  }
  void push(void* memory, std::size_t list) {
    heads[list] = ::new (memory) FreeBlock{heads[list]};
    bytes += bytes_of(list);
  }
  void clear() {
    for (FreeBlock*& head : heads)
      while (head != nullptr) system_free(std::exchange(head, head->next));
    bytes = 0;
  }
};

// The head of a slab, which is aligned to its size: 64 KiB cut into blocks of one class. A slab goes back to
// the system when all its blocks are in the lists that are being trimmed.
struct alignas(alignment) Slab {
  std::atomic<std::int64_t>* cut;  // the counter of the thread that cut it
  std::uint32_t blocks;
  std::uint32_t free = 0;  // used under the mutex of `orphans` only

  static Slab& of(void* block) {
    return *reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(slab_alignment - 1));
  }
};

// What threads that have ended leave behind. Never destroyed: tensors of static lifetime may be freed after
// it would have been.
struct Orphans {
  std::mutex mutex;
  SmallLists lists{.limit = small_cache_bytes};
  // Counters go from thread to thread, with the slabs that are still out.
  std::vector<std::atomic<std::int64_t>*> counters;
  std::size_t counters_made = 0;

  std::atomic<std::int64_t>* lend_counter() {
    if (counters.empty()) {
      counters.reserve(++counters_made);  // taking one back must not fail
      return new std::atomic<std::int64_t>(0);
    }
    std::atomic<std::int64_t>* const counter = counters.back();
    counters.pop_back();
    return counter;
  }
};
Orphans& orphans() {
  static Orphans* orphans = new Orphans;
  return *orphans;
}

std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> peak_bytes{0};
std::atomic<std::int64_t> live_buffers{0};

// Recycled by the thread that freed it. Trivially destructible, as ThreadBlocks is.
constinit thread_local LargeLists<thread_classes> thread_lists;
// Bytes of the slabs that the thread cut and that have not gone back to the system, and the most of them that
// were in use at once. A thread may keep as much beyond the allowance: a loop makes and frees the same graph
// at every turn.
constinit thread_local std::atomic<std::int64_t>* cut = nullptr;
constinit thread_local std::size_t most_in_use = 0;
// What a thread keeps is given back when it ends, and nothing is kept thereafter.
enum class Phase : std::uint8_t { fresh, running, ended };
constinit thread_local Phase phase = Phase::fresh;

void give_to_orphans() {
  const std::scoped_lock lock(orphans().mutex);
  orphans().lists.take(thread_blocks.lists);
  if (cut != nullptr) orphans().counters.push_back(std::exchange(cut, nullptr));
  if (orphans().lists.bytes > orphans().lists.limit) orphans().lists.trim();
}

struct ThreadEnd {
  ~ThreadEnd() {
    phase = Phase::ended;
    thread_lists.clear();
    thread_blocks.lists.limit = 0;
    give_to_orphans();
    thread_blocks.tally.high = Tally{}.high;
    thread_blocks.tally.low = Tally{}.low;
    thread_blocks.tally.tell();
  }
};

// False when the thread is ending.
bool await_end() {
  if (phase == Phase::ended) return false;
  static thread_local ThreadEnd end;
  if (phase == Phase::fresh) {
    phase = Phase::running;
    if (recycles()) thread_blocks.lists.limit = small_cache_bytes;
    thread_blocks.tally.high = tally_limit;
    thread_blocks.tally.low = -tally_limit;
  }
  return true;
}

// A block from a list that is empty: from the orphans, or the first of a new slab.
void* refill(std::size_t list) {
  {
    const std::scoped_lock lock(orphans().mutex);
    if (void* block = orphans().lists.pop(list)) return block;
    if (cut == nullptr) cut = orphans().lend_counter();
  }
  const std::size_t size = SmallLists::block_bytes(list);
  const std::size_t blocks = (slab_bytes - sizeof(Slab)) / size;
  void* memory = ::operator new (slab_bytes, std::align_val_t{slab_alignment}, std::nothrow);
  if (memory == nullptr) throw AllocationError(slab_bytes);
  auto* first =
      reinterpret_cast<std::byte*>(::new (memory) Slab{cut, static_cast<std::uint32_t>(blocks)} + 1);
  SmallLists& lists = thread_blocks.lists;
  for (std::size_t i = blocks; i-- > 1;) lists.push(first + i * size, list);
  const std::int64_t in_use = cut->fetch_add(slab_bytes, std::memory_order_relaxed) +
                              std::int64_t{slab_bytes} - static_cast<std::int64_t>(lists.bytes);
  if (in_use > static_cast<std::int64_t>(most_in_use)) most_in_use = static_cast<std::size_t>(in_use);
  if (!await_end()) give_to_orphans();
  return first;
}

// The thread's lists hold more than their limit.
void relieve_lists() {
  if (!await_end()) return give_to_orphans();
  SmallLists& lists = thread_blocks.lists;
  lists.limit = std::max(lists.limit, small_cache_bytes + most_in_use);
  if (lists.bytes <= lists.limit) return;
  const std::scoped_lock lock(orphans().mutex);
  lists.trim();
}

// Blocks too large for the lists of threads.
struct SharedLists {
  std::mutex mutex;
  LargeLists<class_count> lists;
};

// Never destroyed: tensors of static lifetime may be freed after it would have been.
SharedLists& shared() {
  static SharedLists* lists = new SharedLists;
  return *lists;
}

void* allocate_large(std::size_t used) {
  const std::size_t its_class = class_of(used), bytes = bytes_of(its_class);
  if (bytes <= thread_limit) {
    if (void* block = thread_lists.pop(its_class)) return block;
  } else {
    const std::scoped_lock lock(shared().mutex);
    if (void* block = shared().lists.pop(its_class)) return block;
  }
  try {
    return system_allocate(bytes, used);
  } catch (const std::bad_alloc&) {
    release_cached_memory();
    return system_allocate(bytes, used);
  }
}

void free_large(void* block, std::size_t its_class) noexcept {
  const std::size_t bytes = bytes_of(its_class);
  if (bytes <= thread_limit) {
    if (!await_end() || thread_lists.bytes + bytes > thread_cache_bytes) return system_free(block);
    return thread_lists.push(block, its_class);
  }
  const std::scoped_lock lock(shared().mutex);
  if (shared().lists.bytes + bytes > large_cache_bytes) return system_free(block);
  shared().lists.push(block, its_class);
}

}  // namespace

void SmallLists::take(SmallLists& other) {
  for (std::size_t list = 0; list < count; ++list)
    while (void* block = other.pop(list)) push(block, list);
}

void SmallLists::trim() {
  for (FreeBlock* head : heads)
    for (FreeBlock* block = head; block != nullptr; block = block->next) ++Slab::of(block).free;
  FreeBlock* whole = nullptr;
  for (std::size_t list = 0; list < count; ++list) {
    FreeBlock* block = std::exchange(heads[list], nullptr);
    while (block != nullptr) {
      FreeBlock* const next = block->next;
      bytes -= block_bytes(list);
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
    slab->cut->fetch_sub(slab_bytes, std::memory_order_relaxed);
    ::operator delete (slab, std::align_val_t{slab_alignment});
  }
  limit = std::max(small_cache_bytes, 2 * bytes);
}

void Tally::tell() {
  await_end();
  highest = std::max(highest, bytes);
  const std::int64_t peak_here = live_bytes.fetch_add(bytes, std::memory_order_relaxed) + highest;
  live_buffers.fetch_add(buffers, std::memory_order_relaxed);
  std::int64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (peak_here > peak && !peak_bytes.compare_exchange_weak(peak, peak_here, std::memory_order_relaxed)) {
  }
  bytes = highest = buffers = 0;
}

bool recycles() {
  static const bool does = [] {
    const char* const memory = std::getenv("XGRAD_MEMORY");
    return &__asan_init == nullptr && &__tsan_init == nullptr &&
           (memory == nullptr || std::string_view(memory) != "system");
  }();
  return does;
}

void* allocate(std::size_t bytes, Use use) {
  if (!recycles()) return system_allocate(bytes, bytes);
  const std::size_t its_class = class_of(bytes);
  if (its_class >= class_count) throw AllocationError(bytes);
  if (its_class >= small_classes) return allocate_large(bytes);
  void* const block = allocate_quickly(bytes, use);
  return block != nullptr ? block : refill(SmallLists::list_of(its_class, use));
}

void deallocate(void* block, std::size_t bytes, Use use) noexcept {
  if (!recycles()) return system_free(block);
  const std::size_t its_class = class_of(bytes);
  if (its_class >= small_classes) return free_large(block, its_class);
  thread_blocks.lists.push(block, SmallLists::list_of(its_class, use));
  if (thread_blocks.lists.bytes > thread_blocks.lists.limit) relieve_lists();
}

void* allocate_buffer(std::size_t bytes, std::size_t counted) {
  void* const block = allocate(bytes, Use::values);
  Tally& tally = thread_blocks.tally;
  ++tally.buffers;
  tally.bytes += static_cast<std::int64_t>(counted);
  if (tally.bytes > tally.high) tally.tell();
  return block;
}

void deallocate_buffer(void* block, std::size_t bytes, std::size_t counted) noexcept {
  Tally& tally = thread_blocks.tally;
  --tally.buffers;
  tally.highest = std::max(tally.highest, tally.bytes);
  tally.bytes -= static_cast<std::int64_t>(counted);
  if (tally.bytes < tally.low) tally.tell();
  deallocate(block, bytes, Use::values);
}

}  // namespace xgrad::detail::memory

namespace xgrad {

using namespace detail::memory;

MemoryStats memory_stats() {
  thread_blocks.tally.tell();
  // What other threads have not told yet may be missing.
  const auto size = [](const std::atomic<std::int64_t>& n) {
    return static_cast<std::size_t>(std::max<std::int64_t>(n.load(), 0));
  };
  return {size(live_bytes), size(peak_bytes), size(live_buffers)};
}

void reset_peak_memory() {
  thread_blocks.tally.tell();
  peak_bytes = live_bytes.load();
}

void release_cached_memory() {
  if (!recycles()) return;
  thread_lists.clear();
  {
    const std::scoped_lock lock(orphans().mutex);
    SmallLists& lists = await_end() ? thread_blocks.lists : orphans().lists;
    if (&lists != &orphans().lists) lists.take(orphans().lists);
    lists.trim();
    most_in_use = 0;
  }
  const std::scoped_lock lock(shared().mutex);
  shared().lists.clear();
}

}  // namespace xgrad
