// Reference counting, and what a Tensor points to. Invariant: elements are 64-byte aligned where a tensor
// owns them, and live as long as any handle.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/dtype.hpp>
#include <xgrad/tensor/shape.hpp>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

XGRAD_API_BEGIN
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
  Ref& operator=(const Ref& other) { return *this = Ref(other); }
  Ref& operator=(Ref&& other) noexcept {
    T* const former = std::exchange(object_, std::exchange(other.object_, nullptr));
    if (former != nullptr) former->release();
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

/// A tensor's shape, dtype and elements. It owns the elements, which stand before it in one block (a scalar
/// and all about it fit two cache lines), or it views those of an owner.
class TensorBody {
 public:
  /// Elements of unspecified value; `count` is the shape's. Throws ShapeError before allocating when the size
  /// is not possible, AllocationError when there is no memory.
  static Ref<TensorBody> allocate(const Shape& shape, Index count, DType dtype, Place place);
  /// The `count` elements from `data` on, which belong to `other`, under another shape.
  static Ref<TensorBody> view(const Ref<TensorBody>& other, std::byte* data, const Shape& shape, Index count);

  /// True when nobody else can see the elements.
  bool unique() const { return references_.unique() && (!owner_ || owner_->references_.unique()); }
  /// The body that owns the elements.
  const TensorBody* owner() const { return owner_ ? owner_.get() : this; }

  void retain() { references_.add(); }
  void release() {
    if (references_.drop()) destroy();
  }

  const Shape shape;
  const Index count;
  std::byte* const data;
  const DType dtype;

 private:
  TensorBody(const Shape& its_shape, Index its_count, std::byte* its_data, DType its_dtype,
             Ref<TensorBody> owner)
      : shape(its_shape), count(its_count), data(its_data), dtype(its_dtype), owner_(std::move(owner)) {}
  // A body in a block, behind the elements; and what is rare, whole, so that the rest calls nothing.
  static Ref<TensorBody> in(void* block, std::size_t bytes, const Shape& shape, Index count, DType dtype);
  static Ref<TensorBody> allocate_slowly(const Shape& shape, Index count, DType dtype, Place place);
  void destroy();
  void destroy_slowly();

  RefCount references_;
  Ref<TensorBody> owner_;  // null: the elements are its own
};

}  // namespace xgrad::detail
XGRAD_API_END
