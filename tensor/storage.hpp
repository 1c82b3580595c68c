// Reference counting and buffers. Invariant: a buffer's data are 64-byte aligned and live as long as any
// handle.
#pragma once

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace xgrad::detail {

/// True as long as the process surely has one thread; counting needs no atomic instructions until then.
inline bool single_threaded() {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

/// The number of handles on an object, which is made with one.
class RefCount {
 public:
  void add() {
    if (single_threaded())
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count_.fetch_add(1, std::memory_order_relaxed);
  }
  /// True when the last handle is gone. A sole owner needs no read-modify-write: nobody else can add a
  /// handle.
  bool drop() {
    const std::uint32_t count = count_.load(std::memory_order_acquire);
    if (count == 1) return true;
    if (!single_threaded()) return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    count_.store(count - 1, std::memory_order_relaxed);
    return false;
  }
  bool unique() const { return count_.load(std::memory_order_acquire) == 1; }

 private:
  std::atomic<std::uint32_t> count_{1};
};

/// An intrusive owning pointer. T offers retain() and release().
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  /// Takes over the handle that a new object is made with.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  /// One more handle on an object.
  static Ref share(T* object) {
    if (object != nullptr) object->retain();
    return adopt(object);
  }
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

/// A buffer's record, which stands behind its data in one block: a scalar and its record share a cache line.
class Buffer {
 public:
  static Ref<Buffer> allocate(std::size_t bytes);

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  bool unique() const { return count_.unique(); }
  void retain() { count_.add(); }
  void release() {
    if (count_.drop()) destroy();
  }

 private:
  Buffer(std::byte* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  void destroy();

  std::byte* data_;
  std::size_t bytes_;
  RefCount count_;
};

}  // namespace xgrad::detail
