// Tensor as a value: construction, sharing, conversion; and the tensors made from a rule.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace {

using namespace xgrad;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr Index huge = std::numeric_limits<Index>::max();

template <class T>
bool holds(const Tensor& tensor, const Shape& shape, const std::vector<T>& values) {
  return bitwise_equal(tensor, Tensor::from(values, shape));
}

bool aligned(const Tensor& tensor) { return reinterpret_cast<std::uintptr_t>(tensor.raw()) % 64 == 0; }

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("tensor: nested braces") {
    CHECK(holds<Index>(Tensor{1, 2, 3}, {3}, {1, 2, 3}));
    CHECK(holds<float>(Tensor{1, 2.5}, {2}, {1, 2.5F}));
    CHECK(holds<float>(Tensor{{1.0, 2.0}, {3.0, 4.0}}, {2, 2}, {1, 2, 3, 4}));
    CHECK(holds<Index>(Tensor{{{1}, {2}}, {{3}, {4}}, {{5}, {6}}}, {3, 2, 1}, {1, 2, 3, 4, 5, 6}));
    CHECK(holds<Index>(Tensor{{1, 2}}, {1, 2}, {1, 2}));
    CHECK(holds<float>(Tensor{{1}, {2.5}}, {2, 1}, {1, 2.5F}));
    CHECK(Tensor{true, false}.dtype() == boolean);
    CHECK(holds<double>(Tensor({1, 2}, float64), {2}, {1, 2}));
    CHECK(holds<std::uint8_t>(Tensor({{0, 255}}, uint8), {1, 2}, {0, 255}));
    CHECK(holds<Index>(Tensor({1.9, -1.9}, int64), {2}, {1, -1}));
    CHECK((Tensor{{}, {}}.shape() == Shape{2, 0}));
    const Index exact = (Index{1} << 53) + 1;
    CHECK(Tensor{exact}.item<Index>() == exact);
  }

  TEST_CASE("tensor: ragged braces and impossible numbers throw") {
    CHECK_THROWS_AS((Tensor{{1, 2}, {3}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{1}, {2, 3}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{1, 2}, 3}), ShapeError);
    CHECK_THROWS_AS((Tensor{1, {2, 3}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{}, {1}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{{1}, {2}}, {{3}, {4, 5}}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{{{{{{{{1}}}}}}}}}), ShapeError);
    CHECK_THROWS_AS(Tensor({1.0, not_a_number}, int64), ValueError);
    CHECK_THROWS_AS(Tensor({256.0}, uint8), ValueError);
  }

  TEST_CASE("tensor: from values") {
    CHECK(holds<float>(Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2}), {2, 2}, {1, 2, 3, 4}));
    CHECK(Tensor::from(std::vector<double>{5}, {}).rank() == 0);
    CHECK(Tensor::from(std::span<const float>(), {0, 7}).shape() == Shape{0, 7});
    CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2, 3}, {2, 2}), ShapeError);
    CHECK(holds<double>(Tensor::from(std::vector<double>{1, 2}), {2}, {1, 2}));
    CHECK(holds<float>(Tensor::from(std::vector<float>{1, 2, 3, 4}, {-1, 2}), {2, 2}, {1, 2, 3, 4}));
    CHECK(Tensor::from(std::vector<float>()).shape() == Shape{0});
    CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2, 3}, {-1, 2}), ShapeError);
    CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2, 3}, {-1, -1}), ShapeError);
    CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2}, {0}), ShapeError);
    CHECK(holds<Index>(Tensor::from(std::vector<int>{-1, 2}), {2}, {-1, 2}));
    CHECK(holds<Index>(Tensor::from(std::vector<unsigned short>{1, 2}, {2, 1}), {2, 1}, {1, 2}));
    CHECK(holds<Index>(Tensor::from(std::vector<long long>{huge}), {1}, {huge}));
    CHECK_THROWS_AS(Tensor::from(std::vector<std::uint64_t>{std::uint64_t{1} << 63}), ValueError);
    CHECK(bitwise_equal(Tensor::from(std::vector<bool>{true, false}), Tensor{true, false}));
    CHECK_THROWS_AS(Tensor::from(std::vector<bool>{true}, {2}), ShapeError);
  }

  TEST_CASE("tensor: description") {
    const Tensor tensor = zeros({2, 3, 4}, int64);
    CHECK(tensor.rank() == 3);
    CHECK(tensor.count() == 24);
    CHECK(tensor.bytes() == 192);
    CHECK(tensor.size(-1) == 4);
    CHECK(tensor.size(0) == 2);
    CHECK_THROWS_AS(static_cast<void>(tensor.size(3)), IndexError);
    CHECK(describe(tensor) == "int64 (2, 3, 4)");
    CHECK(describe(Tensor()) == "undefined");
    CHECK(zeros({3}, uint8).bytes() == 3);
    CHECK(zeros({3}, float64).bytes() == 24);
    for (Index n : {0, 1, 3, 17, 100, 5000, 100000}) CHECK(aligned(Tensor::uninitialized({n}, uint8)));
  }

  TEST_CASE("tensor: a copy shares until one side is written") {
    Tensor a{1.0, 2.0, 3.0};
    CHECK(a.unique());
    Tensor b = a;
    CHECK(a.shares_storage_with(b));
    CHECK_FALSE(a.unique());
    b.mutable_data<float>()[0] = 9;
    CHECK_FALSE(a.shares_storage_with(b));
    CHECK(holds<float>(a, {3}, {1, 2, 3}));
    CHECK(holds<float>(b, {3}, {9, 2, 3}));
    const float* before = b.data<float>();
    CHECK(b.mutable_data<float>() == before);
    {
      const Tensor c = a;
      a.mutable_raw()[0] = std::byte{0};
      CHECK(c.at({0}) == 1);
    }
    CHECK(a.unique());
  }

  TEST_CASE("tensor: moving leaves an undefined tensor") {
    Tensor a{1, 2};
    const Tensor b = std::move(a);
    CHECK(b.unique());
    CHECK_FALSE(a.defined());  // NOLINT: the moved-from state is what this looks at
    CHECK_THROWS_AS(static_cast<void>(a.data<Index>()), GraphError);
    a = b;
    CHECK(holds<Index>(a, {2}, {1, 2}));
    Tensor& alias = a;
    a = alias;
    CHECK(holds<Index>(a, {2}, {1, 2}));
  }

  TEST_CASE("tensor: an undefined tensor throws, wherever it is used") {
    Tensor moved{{1, 2}, {3, 4}};
    const Tensor kept = std::move(moved);
    for (Tensor tensor : {Tensor(), moved}) {  // NOLINT: moved from on purpose
      CHECK_FALSE(tensor.defined());
      CHECK_FALSE(tensor.unique());
      CHECK_FALSE(tensor.shares_storage_with(tensor));
      CHECK_THROWS_AS(static_cast<void>(tensor.data<float>()), GraphError);
      CHECK_THROWS_AS(static_cast<void>(tensor.mutable_data<Index>()), GraphError);
      CHECK_THROWS_AS(static_cast<void>(tensor.item()), GraphError);
      CHECK_THROWS_AS(static_cast<void>(tensor.reshape({-1})), GraphError);
      CHECK_THROWS_AS(static_cast<void>(tensor.rows(0, 0)), GraphError);
      CHECK_THROWS_AS(static_cast<void>(tensor.to(float64)), GraphError);
      CHECK_THROWS_AS(static_cast<void>(tensor.to(float32)), GraphError);
    }
    CHECK_THROWS_AS(static_cast<void>(Tensor().at({})), GraphError);
  }

  TEST_CASE("tensor: the wrong element type throws and names both") {
    const Tensor tensor = zeros({2}, float64);
    CHECK_THROWS_AS(static_cast<void>(tensor.data<float>()), DTypeError);
    CHECK_THROWS_WITH(
        static_cast<void>(tensor.span<std::uint8_t>()),
        doctest::Contains("elements read as uint8, but the tensor is float64 (2,) (convert with to(dtype))"));
  }

  TEST_CASE("tensor: reshape shares the elements") {
    const Tensor a = arange(24);
    const Tensor b = a.reshape({2, -1, 4});
    CHECK(b.shape() == Shape{2, 3, 4});
    CHECK(b.shares_storage_with(a));
    Tensor c = b.reshape({24});
    c.mutable_data<Index>()[0] = -1;
    CHECK(a.at({0}) == 0);
    CHECK(b.at({0, 0, 0}) == 0);
    CHECK(scalar(1).reshape({1, 1}).shape() == Shape{1, 1});
    CHECK(Tensor{5}.reshape({}).rank() == 0);
    CHECK(zeros({0, 3}).reshape({-1, 3}).shape() == Shape{0, 3});
    CHECK(zeros({0, 3}).reshape({5, 0}).shape() == Shape{5, 0});
  }

  TEST_CASE("tensor: reshape throws on what does not fit") {
    const Tensor a = arange(24);
    CHECK_THROWS_AS(static_cast<void>(a.reshape({5, 5})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(a.reshape({-1, 5})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(a.reshape({-1, -1})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(a.reshape({-2, -12})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(a.reshape({-1, 0})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(a.reshape({huge, huge})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(zeros({0}).reshape({-1, 0})), ShapeError);
    CHECK_THROWS_WITH(static_cast<void>(a.reshape({5, -1})),
                      doctest::Contains("reshape: (24,) with 24 elements does not fit (5, -1)"));
  }

  TEST_CASE("tensor: rows are slices that share the elements") {
    const Tensor a = arange(12).reshape({4, 3});
    Tensor middle = a.rows(1, 3);
    CHECK(holds<Index>(middle, {2, 3}, {3, 4, 5, 6, 7, 8}));
    CHECK(middle.shares_storage_with(a));
    const Tensor inner = middle.rows(1, 2);
    CHECK(holds<Index>(inner, {1, 3}, {6, 7, 8}));
    CHECK(inner.at({0, -1}) == 8);
    CHECK(holds<Index>(inner.reshape({3}), {3}, {6, 7, 8}));
    CHECK(holds<float>(inner.to(float32), {1, 3}, {6, 7, 8}));
    middle.mutable_data<Index>()[0] = -3;
    CHECK(holds<Index>(middle, {2, 3}, {-3, 4, 5, 6, 7, 8}));
    CHECK(a.at({1, 0}) == 3);
    CHECK(holds<Index>(inner, {1, 3}, {6, 7, 8}));
    CHECK(a.rows(4, 4).shape() == Shape{0, 3});
    CHECK(zeros({0, 3}).rows(0, 0).shape() == Shape{0, 3});
    CHECK(zeros({3, 0}).rows(1, 3).shape() == Shape{2, 0});
    CHECK_THROWS_AS(static_cast<void>(a.rows(-1, 2)), IndexError);
    CHECK_THROWS_AS(static_cast<void>(a.rows(0, 5)), IndexError);
    CHECK_THROWS_AS(static_cast<void>(a.rows(3, 2)), IndexError);
    CHECK_THROWS_AS(static_cast<void>(scalar(1).rows(0, 0)), IndexError);
  }

  TEST_CASE("tensor: a slice written while alone keeps its place in the buffer") {
    Tensor slice = arange(6).rows(2, 4);
    slice.mutable_data<Index>()[1] = 7;
    CHECK(holds<Index>(slice, {2}, {2, 7}));
  }

  TEST_CASE("tensor: item and at") {
    CHECK(scalar(2.5).item() == 2.5);
    CHECK(Tensor{{7}}.item<Index>() == 7);
    CHECK(scalar(true).item<bool>());
    CHECK(scalar(0.1).item<float>() == 0.1F);
    CHECK_THROWS_AS(static_cast<void>(Tensor{1, 2}.item()), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(zeros({0}).item()), ShapeError);
    const Tensor a = arange(6).reshape({2, 3});
    CHECK(a.at<Index>({1, 2}) == 5);
    CHECK(a.at({-1, -3}) == 3);
    CHECK_THROWS_AS(static_cast<void>(a.at({0})), IndexError);
    CHECK_THROWS_AS(static_cast<void>(a.at({2, 0})), IndexError);
    CHECK_THROWS_WITH(static_cast<void>(a.at({0, -4})),
                      doctest::Contains("at: index -4 is out of range for axis 1 of size 3"));
  }

  TEST_CASE("tensor: conversion") {
    const Tensor reals({-1.9, 0.0, 1.9}, float64);
    CHECK(holds<Index>(reals.to(int64), {3}, {-1, 0, 1}));
    CHECK(holds<float>(reals.to(float32), {3}, {-1.9F, 0, 1.9F}));
    CHECK(bitwise_equal(reals.to(boolean), Tensor{true, false, true}));
    CHECK(bitwise_equal(Tensor{not_a_number, -0.0}.to(boolean), Tensor{true, false}));
    CHECK(holds<std::uint8_t>(Tensor{-0.5, 255.5}.to(uint8), {2}, {0, 255}));
    CHECK(holds<Index>(Tensor({200, 255}, uint8).to(int64), {2}, {200, 255}));
    CHECK(holds<double>(Tensor{true, false}.to(float64), {2}, {1, 0}));
    CHECK(reals.to(float64).shares_storage_with(reals));
    CHECK(Tensor({1e300}, float64).to(float32).item() == inf);
    CHECK(std::isnan(Tensor({not_a_number}, float64).to(float32).item()));
    CHECK(zeros({0, 2}).to(int64).shape() == Shape{0, 2});
    const double below = std::nextafter(0x1p63, 0.0);
    CHECK(Tensor({below}, float64).to(int64).item<Index>() == huge - 1023);
    CHECK(Tensor({-0x1p63}, float64).to(int64).item<Index>() == -huge - 1);
  }

  TEST_CASE("tensor: conversion throws on what an integer cannot hold") {
    for (DType dtype : {float32, float64})
      for (double value : {not_a_number, inf, -inf, 0x1p63, -0x1.1p63}) {
        CAPTURE(value);
        CHECK_THROWS_AS(static_cast<void>(Tensor({value}, dtype).to(int64)), ValueError);
      }
    for (double value : {not_a_number, inf, -inf, 256.0, -1.0}) {
      CAPTURE(value);
      CHECK_THROWS_AS(static_cast<void>(Tensor({1.0, value}, float64).to(uint8)), ValueError);
    }
  }

  TEST_CASE("tensor: impossible sizes throw before anything is allocated") {
    reset_peak_memory();
    const MemoryStats before = memory_stats();
    CHECK_THROWS_AS(Tensor::uninitialized({huge, 2}, uint8), ShapeError);
    CHECK_THROWS_AS(Tensor::uninitialized({huge / 4}, float64), ShapeError);
    CHECK_THROWS_AS(Tensor::uninitialized({huge}, uint8), ShapeError);
    CHECK_THROWS_AS(Tensor::uninitialized({-1}, float32), ShapeError);
    CHECK_THROWS_AS(zeros({Index{1} << 40, Index{1} << 40}), ShapeError);
    CHECK(memory_stats().peak_bytes == before.peak_bytes);
    CHECK(memory_stats().live_buffers == before.live_buffers);
  }
}
