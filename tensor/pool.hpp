// Recycled memory for buffers and tape nodes: 64-byte aligned blocks in size classes.
// Invariant: a block is returned with the size it was asked for, from any thread.
#pragma once

#include <cstddef>

namespace xgrad {

/// Bytes and blocks in use by tensors now, and the highest number of bytes so far.
struct MemoryStats {
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
  std::size_t live_buffers = 0;
};

/// Counts of all tensor storage of the process. Other running threads may lag by 64 KiB each.
MemoryStats memory_stats();

/// Makes the present number of live bytes the peak.
void reset_peak_memory();

/// Gives recycled blocks, of the calling thread and of all that have ended, back to the system.
void release_cached_memory();

namespace detail {

/// What a block is for. Nodes have lists of their own: a run frees values and nodes at different times, and
/// in lists that they share the order of addresses would be shuffled further by every run.
enum class BlockUse : std::size_t { values, nodes };

void* pool_allocate(std::size_t bytes, BlockUse use = BlockUse::values);
void pool_deallocate(void* block, std::size_t bytes, BlockUse use = BlockUse::values) noexcept;

/// Blocks that hold a tensor's elements, of which MemoryStats counts `counted` bytes.
void* allocate_buffer(std::size_t bytes, std::size_t counted);
void deallocate_buffer(void* block, std::size_t bytes, std::size_t counted) noexcept;

/// Gives a class recycled memory: inherit from it. Needs a virtual destructor or the exact type at deletion.
struct Pooled {
  static void* operator new(std::size_t bytes) { return pool_allocate(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { pool_deallocate(block, bytes); }
};

}  // namespace detail
}  // namespace xgrad
