#include "support/failing_memory.hpp"

#include <xgrad/tensor/memory.hpp>

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <new>

// Sanitizers have allocation functions of their own, which cannot be replaced.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define XGRAD_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define XGRAD_SANITIZED
#endif
#endif

namespace {

constexpr long unlimited = std::numeric_limits<long>::max();
constinit thread_local long allocations_left = unlimited;

#ifndef XGRAD_SANITIZED
bool runs_out() {
  if (allocations_left == unlimited) return false;
  if (allocations_left == 0) return true;
  --allocations_left;
  return false;
}

void* aligned(std::size_t alignment, std::size_t bytes) {
  using Function = void* (*)(std::size_t, std::size_t);
  static const auto system = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "aligned_alloc"));
  return system(alignment, bytes);
}
#endif

}  // namespace

#ifndef XGRAD_SANITIZED
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return runs_out() ? nullptr : aligned(alignment, bytes);
}

void* operator new(std::size_t bytes) {
  void* const block = runs_out() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  void* const block = runs_out() ? nullptr : aligned(step, (bytes + step - 1) / step * step);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
#endif

namespace xgrad::test {

bool memory_can_fail() {
#ifdef XGRAD_SANITIZED
  return false;
#else
  return true;
#endif
}

MemoryLimit::MemoryLimit(long allocations) { allocations_left = allocations; }
MemoryLimit::~MemoryLimit() { allocations_left = unlimited; }

void with_failing_allocations(const std::function<bool(long)>& attempt) {
  constexpr long most = 1000;
  for (long k = 0; k < most; ++k) {
    release_cached_memory();
    if (attempt(k)) return;
  }
  FAIL("still out of memory after ", most, " allocations");
}

bool runs_within(long allocations, const std::function<void()>& f) {
  try {
    const MemoryLimit limit(allocations);
    f();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace xgrad::test
