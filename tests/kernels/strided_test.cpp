#include "support/reference.hpp"

#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <numeric>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};

/// A random slice of every axis with a random step in random order: each element of the view has its own
/// place.
kernels::View random_view(const Shape& shape, RandomTensors& random) {
  kernels::View view;
  const IndexList strides = contiguous_strides(shape);
  std::vector<Index> order(static_cast<std::size_t>(shape.rank()));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.integer(0, static_cast<Index>(i) - 1))]);
  for (Index axis : order) {
    const Index size = shape[axis], step = random.integer(0, 2) == 0 ? random.integer(1, 3) : 1;
    const bool flip = random.integer(0, 3) == 0;
    const Index first = size == 0 ? 0 : random.integer(0, std::min<Index>(1, size - 1));
    const Index count = size == 0 ? 0 : (size - first + step - 1) / step;
    view.shape.push_back(count);
    view.strides.push_back(flip ? -step * strides[axis] : step * strides[axis]);
    view.offset += (first + (flip && count > 0 ? (count - 1) * step : 0)) * strides[axis];
  }
  return view;
}

Index place(const kernels::View& view, const Shape& index) {
  Index at = view.offset;
  for (Index i = 0; i < index.rank(); ++i) at += index[i] * view.strides[i];
  return at;
}

Naive viewed(const Tensor& x, const kernels::View& view) {
  const Naive all(x);
  Naive result(view.shape);
  for_each_index(view.shape,
                 [&](const Shape& i) { result[i] = all.values[static_cast<std::size_t>(place(view, i))]; });
  return result;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("strided: broadcasting copies and adds agree with loops, on any number of threads") {
    RandomTensors random(7);
    for (const Shape& shape :
         {Shape{3, 70, 16}, Shape{2, 40, 5, 3}, Shape{2, 1500, 7}, Shape{5, 200}, Shape{9, 2, 130}})
      for (int kept = 0; kept < 1 << shape.rank(); ++kept)
        for (DType dtype : {float32, int64}) {
          Shape small = shape;
          for (Index axis = 0; axis < shape.rank(); ++axis)
            if ((kept >> axis & 1) == 0) small[axis] = 1;
          const Tensor x = random(small, dtype), y = random(shape, dtype);
          const Naive from(x), to(y);
          Naive copied(shape), added(shape);
          for_each_index(shape, [&](const Shape& i) {
            Shape place = i;
            for (Index axis = 0; axis < shape.rank(); ++axis) place[axis] = small[axis] == 1 ? 0 : i[axis];
            copied[i] = from[place];
            added[i] = from[place] + to[i];
          });
          for (int threads : {1, 3}) {
            const Threads scope(threads);
            check_equal(kernels::broadcast_to(x, shape), copied);
            Tensor target = y;
            kernels::add_broadcast(target, x);
            check_equal(target, added, 1e-6);
          }
        }
    Tensor target = random({2, 3});
    CHECK_THROWS_AS(kernels::add_broadcast(target, random({2})), ShapeError);
  }

  TEST_CASE("strided: copy, write and add agree with loops on random views") {
    RandomTensors random(1);
    for (const Shape& shape : sample_shapes(random, 60))
      for (DType dtype : all_dtypes) {
        const Tensor x = random(shape, dtype);
        const kernels::View view = random_view(shape, random);
        CAPTURE(to_string(shape));
        CAPTURE(to_string(view.strides));
        check_equal(kernels::copy(x, view), viewed(x, view));

        const Tensor values = random(view.shape, dtype);
        Naive expected(x), sums(x);
        const Naive given(values);
        for_each_index(view.shape, [&](const Shape& i) {
          expected.values[static_cast<std::size_t>(place(view, i))] = given[i];
          sums.values[static_cast<std::size_t>(place(view, i))] += given[i];
        });
        const Naive before(x);
        Tensor target = x;
        kernels::write(target, view, values);
        check_equal(target, expected);
        check_equal(x, before);
        if (dtype == boolean) continue;
        target = x;
        kernels::add(target, view, values);
        check_equal(target, sums, 1e-6);
      }
  }

  TEST_CASE("strided: large transposes, rows and flips") {
    RandomTensors random(2);
    const Tensor x = random({70, 5, 3, 67}, float32);
    for (const IndexList& order : {IndexList{3, 1, 2, 0}, IndexList{0, 3, 1, 2}, IndexList{3, 0, 2, 1},
                                   IndexList{1, 0, 2, 3}, IndexList{0, 1, 3, 2}}) {
      const IndexList s = contiguous_strides(x.shape());
      kernels::View view{0, x.shape(), s};
      for (Index i = 0; i < 4; ++i) {
        view.shape[i] = x.shape()[order[i]];
        view.strides[i] = s[order[i]];
      }
      check_equal(kernels::permute(x, order), viewed(x, view));
      Tensor back = Tensor::uninitialized(x.shape(), float32);
      kernels::write(back, view, kernels::permute(x, order));
      CHECK(same_bits(back, x));
    }
    const kernels::View reversed{x.count() - 1, {x.count()}, {-1}};
    check_equal(kernels::copy(x, reversed), viewed(x, reversed));
  }

  TEST_CASE("strided: broadcast_to") {
    RandomTensors random(3);
    for (const auto& pair : std::vector<std::pair<Shape, Shape>>{{{}, {3, 4}},
                                                                 {{1}, {0}},
                                                                 {{3, 1}, {2, 3, 50}},
                                                                 {{1, 4}, {3, 4}},
                                                                 {{2, 1, 4}, {5, 2, 30, 4}},
                                                                 {{1, 3}, {0, 3}},
                                                                 {{3}, {3}},
                                                                 {{}, {}}}) {
      const Shape from = pair.first, to = pair.second;
      const Tensor x = random(from, int64);
      const Naive source(x);
      Naive expected(to);
      for_each_index(to, [&](const Shape& i) {
        Shape index = from;
        for (Index axis = 0; axis < from.rank(); ++axis)
          index[axis] = from[axis] == 1 ? 0 : i[axis + to.rank() - from.rank()];
        expected[i] = source[index];
      });
      check_equal(kernels::broadcast_to(x, to), expected);
    }
    CHECK_THROWS_AS(kernels::broadcast_to(random({2}), {3}), ShapeError);
  }

  TEST_CASE("strided: a tensor written into itself, integers that wrap, what does not fit") {
    Tensor x = Tensor{1, 2, 3, 4};
    kernels::write(x, {3, {4}, {-1}}, x);
    check_equal(x, Naive(Tensor{4, 3, 2, 1}));
    Tensor largest = Tensor({Nested(INT64_MAX)}, int64);
    kernels::add(largest, kernels::View::of(largest), Tensor{1});
    CHECK(largest.item<Index>() == INT64_MIN);
    Tensor byte = Tensor({Nested(250)}, uint8);
    kernels::add(byte, kernels::View::of(byte), Tensor({Nested(10)}, uint8));
    CHECK(byte.item<Index>() == 4);

    CHECK_THROWS_AS(kernels::write(x, kernels::View::of(x), Tensor{1.0, 2.0, 3.0, 4.0}), DTypeError);
    CHECK_THROWS_AS(kernels::write(x, kernels::View::of(x), Tensor{1, 2}), ShapeError);
    Tensor truth = Tensor({Nested(1)}, boolean);
    CHECK_THROWS_AS(kernels::add(truth, kernels::View::of(truth), truth), DTypeError);
    check_equal(x, Naive(Tensor{4, 3, 2, 1}));
  }
}

TEST_SUITE("threads") {
  TEST_CASE("strided: several threads copy what one does") {
    RandomTensors random(4);
    const Tensor x = random({301, 17, 211});
    for (const IndexList& order : {IndexList{2, 1, 0}, IndexList{1, 0, 2}, IndexList{0, 2, 1}}) {
      const Tensor one = (Threads(1), kernels::permute(x, order));
      const Tensor three = (Threads(3), kernels::permute(x, order));
      CHECK(same_bits(one, three));
    }
  }
}
