#include "support/reference.hpp"

#include <xgrad/kernels/gather.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};

const std::vector<Shape> shapes{{1}, {5}, {3, 4}, {4, 0}, {2, 0, 4}, {2, 3, 4}, {6, 200}, {10, 3, 2, 5}};
const std::vector<Shape> index_shapes{{}, {0}, {1}, {7}, {2, 3}, {300}};

/// The index of x that element i of index_select(x, axis, index) is read from.
Shape selected(const Shape& i, const Naive& index, Index axis) {
  const Index rank = index.shape.rank();
  Shape result, position;
  for (Index k = 0; k < rank; ++k) position.push_back(i[axis + k]);
  for (Index k = 0; k < i.rank(); ++k) {
    if (k == axis) result.push_back(static_cast<Index>(index[position]));
    if (k < axis || k >= axis + rank) result.push_back(i[k]);
  }
  if (axis == i.rank()) result.push_back(static_cast<Index>(index[position]));
  return result;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("gather: index_select, index_add and index_put agree with loops") {
    RandomTensors random(1);
    for (const Shape& shape : shapes)
      for (Index axis = 0; axis < shape.rank(); ++axis)
        for (const Shape& index_shape : index_shapes)
          for (DType dtype : all_dtypes) {
            if (shape[axis] == 0 && index_shape.count() > 0) continue;
            CAPTURE(to_string(shape));
            CAPTURE(axis);
            CAPTURE(to_string(index_shape));
            const Tensor x = random(shape, dtype);
            const Tensor index = random.integers(index_shape, 0, std::max<Index>(shape[axis] - 1, 0));
            const Naive from(x), at(index);
            Shape out = shape;
            out.erase(axis);
            for (Index k = index_shape.rank(); k-- > 0;) out.insert(axis, index_shape[k]);
            Naive expected(out);
            for_each_index(out, [&](const Shape& i) { expected[i] = from[selected(i, at, axis)]; });
            check_equal(kernels::index_select(x, axis, index), expected);

            const Tensor source = random(out, dtype);
            const Naive values(source);
            Naive put(x), added(x);
            for_each_index(out, [&](const Shape& i) {
              put[selected(i, at, axis)] = values[i];
              added[selected(i, at, axis)] += values[i];
            });
            Tensor target = x;
            kernels::index_put(target, axis, index, source);
            check_equal(target, put);
            check_equal(x, from);
            target = x;
            if (dtype == boolean) {
              CHECK_THROWS_AS(kernels::index_add(target, axis, index, source), DTypeError);
            } else if (dtype != uint8) {
              kernels::index_add(target, axis, index, source);
              check_equal(target, added, dtype == float32 ? 1e-4 : 1e-12);
            }
          }
  }

  TEST_CASE("gather: gather, scatter and scatter_add agree with loops, also for smaller indices") {
    RandomTensors random(2);
    for (const Shape& shape : shapes)
      for (Index axis = 0; axis < shape.rank(); ++axis)
        for (int smaller = 0; smaller < 3; ++smaller)
          for (DType dtype : all_dtypes) {
            Shape index_shape = shape;
            for (Index k = 0; k < shape.rank(); ++k)
              if (smaller > 0 && k != axis) index_shape[k] = std::max<Index>(0, shape[k] - smaller + 1);
            if (shape[axis] > 0) index_shape[axis] = random.integer(0, 2 * shape[axis]);
            const Tensor x = random(shape, dtype);
            const Tensor index = random.integers(index_shape, 0, std::max<Index>(shape[axis] - 1, 0));
            const Tensor source = random(index_shape, dtype);
            const Naive from(x), at(index), values(source);
            Naive expected(index_shape), put(x), added(x);
            for_each_index(index_shape, [&](const Shape& i) {
              Shape place = i;
              place[axis] = static_cast<Index>(at[i]);
              expected[i] = from[place];
              put[place] = values[i];
              added[place] += values[i];
            });
            check_equal(kernels::gather(x, axis, index), expected);
            Tensor target = x;
            kernels::scatter(target, axis, index, source);
            check_equal(target, put);
            target = x;
            if (dtype == boolean || dtype == uint8) continue;
            kernels::scatter_add(target, axis, index, source);
            check_equal(target, added, dtype == float32 ? 1e-5 : 1e-12);
          }
    const Tensor x = random({3, 4});
    CHECK_THROWS_AS(kernels::gather(x, 0, random.integers({2, 5}, 0, 2)), ShapeError);
    CHECK_THROWS_AS(kernels::gather(x, 0, random.integers({2}, 0, 2)), ShapeError);
    Tensor target = x;
    CHECK_THROWS_AS(kernels::scatter(target, 0, random.integers({2, 4}, 0, 2), random({2, 3})), ShapeError);
    CHECK_THROWS_AS(kernels::scatter(target, 0, random.integers({2, 4}, 0, 2), random({2, 4}, float64)),
                    DTypeError);
    CHECK_THROWS_AS(kernels::index_add(target, 0, random.integers({2}, 0, 2), random({2, 3})), ShapeError);
    CHECK(same_bits(target, x));
  }

  TEST_CASE("gather: scatter_singles is scatter of one element per line onto zeros") {
    RandomTensors random(3);
    for (const Shape& shape :
         {Shape{7}, Shape{5, 3}, Shape{300, 16}, Shape{2, 40, 200}, Shape{200, 300}, Shape{2, 0, 3}})
      for (Index axis = 0; axis < shape.rank(); ++axis)
        for (DType dtype : {float32, float64}) {
          if (shape[axis] == 0) continue;
          Shape kept = shape;
          kept[axis] = 1;
          const Tensor index = random.integers(kept, 0, shape[axis] - 1), source = random(kept, dtype);
          Tensor expected = zeros(shape, dtype);
          kernels::scatter(expected, axis, index, source);
          for (int threads : {1, 4}) {
            const Threads scope(threads);
            CHECK(same_bits(kernels::scatter_singles(shape, axis, index, source), expected));
          }
          kept[axis] = 2;
          CHECK_THROWS_AS(kernels::scatter_singles(shape, axis, index, zeros(kept, dtype)), ShapeError);
        }
  }

  TEST_CASE("gather: indices wrap, and errors name index, axis and size") {
    check_equal(kernels::normalize_indices(Tensor{0, -1, 4, -5}, 5, 1), Naive(Tensor{0, 4, 4, 0}));
    CHECK(kernels::normalize_indices(Tensor({1, 2}, uint8), 3, 0).dtype() == int64);
    CHECK(kernels::normalize_indices(Tensor::uninitialized({0}, int64), 0, 0).count() == 0);
    CHECK_THROWS_WITH_AS(kernels::normalize_indices(Tensor{5}, 5, 1),
                         "index 5 is out of range for axis 1 of size 5, expected -5 to 4", IndexError);
    CHECK_THROWS_AS(kernels::normalize_indices(Tensor{-6}, 5, 1), IndexError);
    CHECK_THROWS_AS(kernels::normalize_indices(Tensor{0}, 0, 1), IndexError);
    CHECK_THROWS_AS(kernels::normalize_indices(Tensor{1.0}, 5, 1), DTypeError);
  }

  TEST_CASE("gather: a target that is its own source, integers that wrap") {
    Tensor x = Tensor{1, 2, 3};
    kernels::index_add(x, 0, Tensor{2, 1, 0}, x);
    check_equal(x, Naive(Tensor{4, 4, 4}));
    x = Tensor{0, 1, 2};
    kernels::scatter(x, 0, x, x);
    check_equal(x, Naive(Tensor{0, 1, 2}));
    x = Tensor({INT64_MAX, 0}, int64);
    kernels::index_add(x, 0, Tensor{0, 0}, Tensor{1, 1});
    CHECK(x.at<Index>({0}) == INT64_MIN + 1);
  }

  TEST_CASE("gather: positions of true elements") {
    check_equal(kernels::nonzero_flat(Tensor({{1, 0, 0}, {0, 1, 1}}, boolean)), Naive(Tensor{0, 4, 5}));
    CHECK(kernels::nonzero_flat(Tensor({0, 0}, boolean)).shape() == Shape{0});
    CHECK(kernels::nonzero_flat(Tensor::uninitialized({2, 0, 4}, boolean)).shape() == Shape{0});
    CHECK(kernels::nonzero_flat(Tensor({Nested(1)}, boolean).reshape({})).shape() == Shape{1});
  }
}

TEST_SUITE("threads") {
  TEST_CASE("gather: accumulation does not depend on the number of threads") {
    RandomTensors random(4);
    for (Index axis : {0, 1}) {
      const Tensor source = axis == 0 ? random({3000, 150}) : random({150, 3000});
      const Tensor index = random.integers({3000}, 0, 9), full = random.integers(source.shape(), 0, 9);
      const auto results = [&](int threads) {
        const Threads scope(threads);
        Tensor added = RandomTensors(5)(axis == 0 ? Shape{10, 150} : Shape{150, 10}), scattered = added;
        kernels::index_add(added, axis, index, source);
        kernels::scatter_add(scattered, axis, full, source);
        return std::pair(added, scattered);
      };
      const auto one = results(1), four = results(4);
      CHECK(same_bits(one.first, four.first));
      CHECK(same_bits(one.second, four.second));
    }
  }
}
