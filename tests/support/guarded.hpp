// Elements between pages that nobody may touch: an access past either end ends the program.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace xgrad::test {

/// Where elements stand: at the page before them, or at the page after.
enum class End { front, back };

/// `count` elements directly at one of their pages.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count, End end = End::back) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), bytes = count * sizeof(T);
    const std::size_t inside = (bytes + page - 1) / page * page;
    size_ = inside + 2 * page;
    void* all = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    pages_ = static_cast<std::byte*>(all);
    mprotect(pages_, page, PROT_NONE);
    mprotect(pages_ + page + inside, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(pages_ + page + (end == End::back ? inside - bytes : 0));
  }
  ~Guarded() { munmap(pages_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() const { return data_; }

 private:
  std::byte* pages_;
  std::size_t size_;
  T* data_;
};

}  // namespace xgrad::test
