// Blocks of memory: 64-byte aligned, recycled in size classes. The ways that every operation takes several
// times are inline here; private to the library.
// Invariant: a block is returned with the size and the use it was asked for, from any thread.
// Defined in memory.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace xgrad::detail::memory {

/// What a block is for. Nodes have lists of their own: a run frees values and nodes at different times, and
/// in lists that they share the order of addresses would be shuffled further by every run.
enum class Use : std::size_t { values, nodes };

/// False, for the whole process, when the environment says XGRAD_MEMORY=system and when the program is
/// compiled with the address or the thread sanitizer, whether or not the library is: a use after free can be
/// seen only when freed blocks are not handed out again. The lists are empty and full at once then, so that
/// the quick ways need not ask.
bool recycles();

inline constexpr std::size_t alignment = 64;
// Small blocks, of up to a KiB, have a class for each number of cache lines.
inline constexpr std::size_t small_classes = (std::size_t{1} << 10) / alignment;

// Free blocks form lists through their own first bytes.
struct FreeBlock {
  FreeBlock* next;
};

/// Free small blocks by class, and again by class for nodes.
struct SmallLists {
  static constexpr std::size_t count = 2 * small_classes;

  std::array<FreeBlock*, count> heads{};
  std::size_t bytes = 0;
  // The lists are trimmed when they hold more. None until a thread has freed its first block, and none when
  // it ends, so that this one test also tells those.
  std::size_t limit = 0;

  static constexpr std::size_t list_of(std::size_t size_class, Use use) {
    return size_class + static_cast<std::size_t>(use) * small_classes;
  }
  static constexpr std::size_t block_bytes(std::size_t list) {
    return (list % small_classes + 1) * alignment;
  }

  // `size` is that of the list's blocks. Null when the list is empty.
  void* pop(std::size_t list, std::size_t size) {
    FreeBlock* const block = heads[list];
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
  void take(SmallLists& other);
  // Frees every slab that is whole, then lets the lists grow to twice what remains at least.
  void trim();
};

/// What a thread has counted since it last added to the totals: one buffer costs no atomic operation.
struct Tally {
  std::int64_t bytes = 0;
  std::int64_t highest = 0;  // noted when bytes fall from a peak
  std::int64_t buffers = 0;
  // Beyond these the totals are told. Even nothing is beyond those of a thread that counts its first buffer,
  // or is ending.
  std::int64_t low = 1, high = -1;

  void tell();
};

/// What a thread keeps. Trivially destructible, so that it outlives every static and thread-local tensor.
struct ThreadBlocks {
  SmallLists lists;
  Tally tally;
};
extern constinit thread_local ThreadBlocks thread_blocks;

// Every way out of line, and the quick ways, which leave everything as it is, with null or false, where the
// list is empty or full, the totals must be told, or a block is large.
void* allocate(std::size_t bytes, Use use);
void deallocate(void* block, std::size_t bytes, Use use) noexcept;

inline constexpr std::size_t size_class(std::size_t bytes) { return (bytes - 1) / alignment; }

/// A block of at least one byte.
inline void* allocate_quickly(std::size_t bytes, Use use) {
  const std::size_t own = size_class(bytes);
  if (own >= small_classes) return nullptr;
  return thread_blocks.lists.pop(SmallLists::list_of(own, use), (own + 1) * alignment);
}
inline bool deallocate_quickly(void* block, std::size_t bytes, Use use) noexcept {
  const std::size_t own = size_class(bytes), size = (own + 1) * alignment;
  SmallLists& lists = thread_blocks.lists;
  if (own >= small_classes || lists.bytes + size > lists.limit) return false;
  lists.push(block, SmallLists::list_of(own, use), size);
  return true;
}

/// Blocks that hold a tensor's elements, of which MemoryStats counts `counted` bytes.
void* allocate_buffer(std::size_t bytes, std::size_t counted);
void deallocate_buffer(void* block, std::size_t bytes, std::size_t counted) noexcept;

inline void* allocate_buffer_quickly(std::size_t bytes, std::size_t counted) {
  Tally& tally = thread_blocks.tally;
  const std::int64_t after = tally.bytes + static_cast<std::int64_t>(counted);
  if (after > tally.high) return nullptr;
  void* const block = allocate_quickly(bytes, Use::values);
  if (block == nullptr) return nullptr;
  tally.bytes = after;
  ++tally.buffers;
  return block;
}
inline bool deallocate_buffer_quickly(void* block, std::size_t bytes, std::size_t counted) noexcept {
  Tally& tally = thread_blocks.tally;
  const std::int64_t after = tally.bytes - static_cast<std::int64_t>(counted);
  if (after < tally.low || !deallocate_quickly(block, bytes, Use::values)) return false;
  if (tally.bytes > tally.highest) tally.highest = tally.bytes;
  tally.bytes = after;
  --tally.buffers;
  return true;
}

}  // namespace xgrad::detail::memory
