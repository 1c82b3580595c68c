// Memory that runs out on demand, for what must be all or nothing then. The test program replaces the
// functions that the library and the standard library take memory from; see failing_memory.cpp.
#pragma once

#include <xgrad/tensor/memory.hpp>

#include <exception>
#include <functional>

namespace xgrad::test {

/// False under a sanitizer, which has allocators of its own.
bool memory_can_fail();

/// From its construction on, the calling thread gets `allocations` more blocks from the system, then none.
class MemoryLimit {
 public:
  explicit MemoryLimit(long allocations);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
};

/// Calls attempt(k) for k = 0, 1, 2, ... until it returns true. Attempts begin without recycled blocks, so
/// that tensors of more than a KiB come from the system.
void with_failing_allocations(const std::function<bool(long)>& attempt);

/// True when f runs to its end with `allocations` blocks; false when it throws std::bad_alloc.
bool runs_within(long allocations, const std::function<void()>& f);

}  // namespace xgrad::test
