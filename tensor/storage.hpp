// A reference-counted buffer. Invariant: the data are 64-byte aligned and live as long as any handle.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace xgrad::detail {

/// An intrusive owning pointer. T offers retain() and release() through ADL-free members of its counter.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
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

/// The number of handles on an object.
class RefCount {
 public:
  void add() { count_.fetch_add(1, std::memory_order_relaxed); }
  /// True when the last handle is gone. A sole owner needs no read-modify-write: nobody else can add a
  /// handle.
  bool drop() {
    if (count_.load(std::memory_order_acquire) == 1) return true;
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  bool unique() const { return count_.load(std::memory_order_acquire) == 1; }

 private:
  std::atomic<std::uint32_t> count_{0};
};

/// The header of a buffer; the data follow it at the next cache line.
class alignas(64) Buffer {
 public:
  static Ref<Buffer> allocate(std::size_t bytes);

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  std::size_t bytes() const { return bytes_; }
  bool unique() const { return count_.unique(); }
  void retain() { count_.add(); }
  void release();

 private:
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {}

  RefCount count_;
  std::size_t bytes_;
};

}  // namespace xgrad::detail
