// Reference counts, owning pointers, and the bodies of tensors: who owns elements, who sees them, when they
// go.
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/storage.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace xgrad;
using detail::Ref;
using detail::RefCount;
using detail::TensorBody;

/// Counts its handles and its lives.
struct Counted {
  explicit Counted(int& alive) : alive_(alive) { ++alive_; }
  void retain() { ++handles; }
  void release() {
    if (--handles > 0) return;
    --alive_;
    delete this;
  }
  int handles = 1;

 private:
  int& alive_;
};

Ref<TensorBody> body(const Shape& shape, DType dtype = float32) {
  return TensorBody::allocate(shape, shape.count(), dtype, Place::here());
}

std::uintptr_t address(const void* place) { return reinterpret_cast<std::uintptr_t>(place); }

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("storage: a count begins at one, and the last handle is told") {
    RefCount count;
    CHECK(count.unique());
    count.add();
    count.add();
    CHECK_FALSE(count.unique());
    CHECK_FALSE(count.drop());
    CHECK_FALSE(count.drop());
    CHECK(count.unique());
    CHECK(count.drop());
  }

  TEST_CASE("storage: handles added and dropped by many threads at once are all counted") {
    RefCount count;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&count] {
        for (int k = 0; k < 20'000; ++k) count.add();
        for (int k = 0; k < 20'000; ++k) static_cast<void>(count.drop());
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(count.unique());
  }

  TEST_CASE("storage: a Ref owns by one handle, however it came to it") {
    int alive = 0;
    {
      const auto first = Ref<Counted>::adopt(new Counted(alive));
      CHECK(first->handles == 1);
      const Ref<Counted> copy = first, shared = Ref<Counted>::share(first.get());
      CHECK(first->handles == 3);
      CHECK(copy == first);
      CHECK(&*shared == first.get());
      Ref<Counted> moved = std::move(const_cast<Ref<Counted>&>(copy));
      CHECK(first->handles == 3);
      CHECK_FALSE(copy);
      CHECK(moved);
      moved = Ref<Counted>::adopt(new Counted(alive));
      CHECK(alive == 2);
      CHECK(first->handles == 2);
      CHECK_FALSE(moved == first);
      Ref<Counted>& alias = moved;
      moved = alias;
      CHECK(moved->handles == 1);
      moved = std::move(alias);
      CHECK(moved->handles == 1);
      moved = nullptr;
      CHECK(alive == 1);
    }
    CHECK(alive == 0);
    CHECK_FALSE(Ref<Counted>::share(nullptr));
    CHECK(Ref<Counted>() == Ref<Counted>(nullptr));
    static_assert(std::is_nothrow_move_constructible_v<Ref<Counted>>);
  }

  TEST_CASE("storage: elements are aligned and belong to one body, also where there are none or one") {
    const MemoryStats before = memory_stats();
    for (const DType dtype : {float32, float64, int64, uint8, boolean})
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{3, 0, 2}, Shape{2, 3}, Shape{1000, 77}}) {
        const auto owner = body(shape, dtype);
        CAPTURE(to_string(shape));
        CHECK(owner->shape == shape);
        CHECK(owner->count == shape.count());
        CHECK(owner->dtype == dtype);
        CHECK(address(owner->data) % 64 == 0);
        CHECK(owner->owner() == owner.get());
        CHECK(owner->unique());
        const auto bytes = static_cast<std::size_t>(owner->count * element_size(dtype));
        // All of them may be written: the body stands behind.
        if (bytes > 0) std::memset(owner->data, 0xff, bytes);
        CHECK(owner->shape == shape);
        CHECK(memory_stats().live_buffers == before.live_buffers + 1);
      }
    CHECK(memory_stats().live_buffers == before.live_buffers);
    CHECK(memory_stats().live_bytes == before.live_bytes);
    // A scalar and all about it: two cache lines behind its elements' one.
    const auto scalar = body({}, float64);
    CHECK(address(scalar.get()) - address(scalar->data) + sizeof(TensorBody) <= 2 * 64 + 64);
  }

  TEST_CASE("storage: a view keeps its owner's elements, and views of views know the owner") {
    const MemoryStats before = memory_stats();
    auto owner = body({4, 3}, float32);
    auto* const elements = reinterpret_cast<float*>(owner->data);
    for (int i = 0; i < 12; ++i) elements[i] = static_cast<float>(i);
    auto rows = TensorBody::view(owner, owner->data + 3 * sizeof(float), {2, 3}, 6);
    const auto flat = TensorBody::view(rows, rows->data + sizeof(float), {5}, 5);
    CHECK(rows->owner() == owner.get());
    CHECK(flat->owner() == owner.get());
    CHECK(rows->dtype == float32);
    CHECK_FALSE(owner->unique());
    CHECK_FALSE(rows->unique());
    CHECK(memory_stats().live_buffers == before.live_buffers + 1);
    owner = nullptr;
    rows = nullptr;
    CHECK(memory_stats().live_buffers == before.live_buffers + 1);
    CHECK(reinterpret_cast<const float*>(flat->data)[0] == 4);
    CHECK(reinterpret_cast<const float*>(flat->data)[4] == 8);
    // The last one that sees the elements may write them.
    CHECK(flat->unique());
    const auto copy = flat;
    CHECK_FALSE(flat->unique());
  }

  TEST_CASE("storage: what no address space holds throws before anything is allocated") {
    constexpr Index huge = std::numeric_limits<Index>::max();
    const MemoryStats before = memory_stats();
    CHECK_THROWS_AS(TensorBody::allocate({huge / 8}, huge / 8, float64, Place::here()), ShapeError);
    CHECK_THROWS_AS(TensorBody::allocate({0, huge, huge}, 0, uint8, Place::here()), ShapeError);
    const auto owner = body({2});
    CHECK_THROWS_AS(TensorBody::view(owner, owner->data, {0, huge, huge}, 0), ShapeError);
    CHECK(owner->unique());
    CHECK(memory_stats().live_buffers == before.live_buffers + 1);
  }
}
