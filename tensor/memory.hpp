// What the library's recycled memory holds.
#pragma once

#include <xgrad/tensor/api.hpp>

#include <cstddef>

XGRAD_API_BEGIN
namespace xgrad {

/// Bytes and blocks in use by tensors now, and the highest number of bytes so far.
struct MemoryStats {
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
  std::size_t live_buffers = 0;
};

/// Counts of all tensor storage of the process. Other running threads may lag by 64 KiB each.
[[nodiscard]] MemoryStats memory_stats();

/// Makes the present number of live bytes the peak.
void reset_peak_memory();

/// Gives recycled blocks, of the calling thread and of all that have ended, back to the system. Until then a
/// thread keeps free blocks for its next step: of up to a KiB as many as it once had in use, and 64 MiB; of
/// up to 64 KiB 8 MiB. All threads together keep 512 MiB of larger ones.
///
/// Nothing is recycled, so that tools see every use after free, in a program compiled with the address or the
/// thread sanitizer, and where the environment says XGRAD_MEMORY=system (for valgrind) when it starts.
void release_cached_memory();

}  // namespace xgrad
XGRAD_API_END
