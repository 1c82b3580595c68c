#include "support/reference.hpp"

#include "support/signal_storm.hpp"

#include <xgrad/kernels/matmul.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

struct Case {
  Shape a, b;
  bool transpose_a = false, transpose_b = false;
};

/// The element of an operand that goes with an index into the result: batch axes broadcast from the right.
double element(const Naive& x, const Shape& result, Index row, Index column, bool transpose) {
  Shape index = x.shape;
  const Index own = x.shape.rank() - 2, added = result.rank() - 2 - own;
  for (Index i = 0; i < own; ++i) index[i] = x.shape[i] == 1 ? 0 : result[i + added];
  index[own] = transpose ? column : row;
  index[own + 1] = transpose ? row : column;
  return x[index];
}

Naive reference(const Tensor& left, const Tensor& right, const Case& c) {
  const Naive a(left), b(right);
  const Index inner = left.size(c.transpose_a ? -2 : -1);
  Shape shape = broadcast_shapes({c.a.begin(), c.a.end() - 2}, {c.b.begin(), c.b.end() - 2});
  shape.push_back(left.size(c.transpose_a ? -1 : -2));
  shape.push_back(right.size(c.transpose_b ? -2 : -1));
  Naive result(shape);
  for_each_index(shape, [&](const Shape& i) {
    const Index row = i[i.rank() - 2], column = i.back();
    double sum = 0;
    for (Index k = 0; k < inner; ++k)
      sum += element(a, i, row, k, c.transpose_a) * element(b, i, k, column, c.transpose_b);
    result[i] = sum;
  });
  return result;
}

Naive summed_over_batch(const Naive& x) {
  const Index rank = x.shape.rank();
  Naive result(Shape{x.shape[rank - 2], x.shape[rank - 1]});
  for_each_index(x.shape, [&](const Shape& i) { result[{i[rank - 2], i[rank - 1]}] += x[i]; });
  return result;
}

std::vector<Case> cases() {
  std::vector<Case> list{
      {{3, 4}, {4, 5}},
      {{1, 1}, {1, 1}},
      {{0, 3}, {3, 2}},
      {{3, 0}, {0, 2}},
      {{3, 4}, {4, 0}},
      {{2, 0, 4}, {4, 3}},
      {{0, 2, 3}, {3, 4}},
      {{0, 2, 3}, {0, 3, 4}},
      {{5, 2, 3}, {3, 4}},
      {{2, 3}, {5, 3, 4}},
      {{5, 2, 3}, {5, 3, 4}},
      {{5, 1, 2, 3}, {1, 6, 3, 4}},
      {{2, 1, 2, 3}, {6, 3, 4}},
      {{1, 2, 3}, {1, 1, 3, 4}},
      {{7, 1, 2, 0}, {3, 0, 4}},
      {{65, 130}, {130, 33}},
      {{20, 40, 30}, {20, 30, 50}},
      {{1, 300}, {300, 1}},
  };
  std::vector<Case> all;
  const auto swapped = [](Shape s) {
    std::swap(s[s.rank() - 1], s[s.rank() - 2]);
    return s;
  };
  for (const Case& c : list)
    for (bool ta : {false, true})
      for (bool tb : {false, true}) all.push_back({ta ? swapped(c.a) : c.a, tb ? swapped(c.b) : c.b, ta, tb});
  return all;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("matmul and matmul_sum agree with loops") {
    RandomTensors random(1);
    for (const Case& c : cases())
      for (DType dtype : {float32, float64}) {
        CAPTURE(to_string(c.a));
        CAPTURE(to_string(c.b));
        CAPTURE(c.transpose_a);
        CAPTURE(c.transpose_b);
        const double tolerance = dtype == float32 ? 1e-4 : 1e-12;
        const Tensor a = random(c.a, dtype), b = random(c.b, dtype);
        const Naive expected = reference(a, b, c);
        check_equal(kernels::matmul(a, b, c.transpose_a, c.transpose_b), expected, tolerance);
        check_equal(kernels::matmul_sum(a, b, c.transpose_a, c.transpose_b), summed_over_batch(expected),
                    tolerance);
      }
  }

  TEST_CASE("matmul: operands of any proportions, on both sides of a cache's size") {
    RandomTensors random(5);
    // Long sums over many columns and few rows may be computed turned.
    for (const Shape& sizes : {Shape{20, 1100, 1000}, Shape{1000, 1100, 20}, Shape{1, 1100, 1000}}) {
      CAPTURE(to_string(sizes));
      const Tensor a = random({sizes[1], sizes[0]}, float64), b = random({sizes[1], sizes[2]}, float64);
      const Tensor exact = kernels::matmul(a, b, true, false);
      const Tensor single = kernels::matmul(a.to(float32), b.to(float32), true, false);
      CHECK(single.shape() == Shape{sizes[0], sizes[2]});
      check_equal(single, Naive(exact), 1e-3);
    }
  }

  TEST_CASE("matmul: linear adds the bias to x times the transposed weight") {
    RandomTensors random(2);
    for (const auto& [shape, out] : std::vector<std::pair<Shape, Index>>{
             {{3}, 4}, {{2, 3}, 4}, {{2, 5, 70}, 33}, {{0, 3}, 4}, {{2, 0}, 4}, {{2, 3}, 0}, {{1}, 1}})
      for (DType dtype : {float32, float64})
        for (bool with_bias : {false, true}) {
          const Index in = shape.back();
          const Tensor x = random(shape, dtype), weight = random({out, in}, dtype);
          const Tensor bias = with_bias ? random({out}, dtype) : Tensor();
          const Naive xs(x), ws(weight);
          Shape result = shape;
          result[result.rank() - 1] = out;
          Naive expected(result);
          for_each_index(result, [&](const Shape& i) {
            Shape at = i;
            double sum = with_bias ? Naive(bias)[{i.back()}] : 0;
            for (Index k = 0; k < in; ++k) {
              at[at.rank() - 1] = k;
              sum += xs[at] * ws[{i.back(), k}];
            }
            expected[i] = sum;
          });
          check_equal(kernels::linear(x, weight, bias), expected, dtype == float32 ? 1e-4 : 1e-12);
        }
  }

  TEST_CASE("matmul: results never read the memory they are written to") {
    RandomTensors random(3);
    for (DType dtype : {float32, float64})
      for (Index n : {2, 17, 64, 100}) {
        const Tensor a = random({n, n}, dtype);
        for (int round = 0; round < 3; ++round) {
          {
            // The next tensor of this size takes over these NaNs.
            Tensor poison = Tensor::uninitialized({n, n}, dtype);
            std::memset(poison.mutable_raw(), 0xff, static_cast<std::size_t>(poison.bytes()));
          }
          check_equal(kernels::matmul(a, a), reference(a, a, {{n, n}, {n, n}}),
                      dtype == float32 ? 1e-3 : 1e-11);
        }
      }
  }

  TEST_CASE("matmul: NaN and infinity reach the result") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    const Tensor a = Tensor({{nan, 0}, {inf, 1}}, float32), zero = Tensor({{0, 0}, {0, 0}}, float32);
    const Tensor product = kernels::matmul(a, zero);
    CHECK(std::isnan(product.at({0, 0})));
    CHECK(std::isnan(product.at({1, 1})));
  }

  TEST_CASE("matmul: what does not fit names both shapes") {
    RandomTensors random(4);
    CHECK_THROWS_WITH_AS(kernels::matmul(random({64, 128}), random({100, 10})),
                         "inner sizes differ: (64, 128) x (100, 10)", ShapeError);
    CHECK_THROWS_AS(kernels::matmul(random({2, 3, 4}), random({3, 4, 5})), ShapeError);
    CHECK_THROWS_AS(kernels::matmul(random({4}), random({4, 5})), ShapeError);
    CHECK_THROWS_AS(kernels::matmul(random({3, 4}), random({4, 5}, float64)), DTypeError);
    CHECK_THROWS_AS(kernels::matmul(random({3, 4}, int64), random({4, 5}, int64)), DTypeError);
    CHECK_THROWS_AS(kernels::linear(random({3, 4}), random({5, 3}), Tensor()), ShapeError);
    CHECK_THROWS_AS(kernels::linear(random({3, 4}), random({5, 4}), random({4})), ShapeError);
    CHECK_THROWS_AS(kernels::linear(random({3, 4}), random({5, 4}), random({5}, float64)), DTypeError);
  }
}

TEST_SUITE("slow") {
  TEST_CASE("matmul: a signal handler may run at any moment") {
    // Some kernels of oneDNN do not stand this: see backend/onednn.cpp.
    RandomTensors random(6);
    const SignalStorm storm;
    for (const Case& c : {Case{{110, 10}, {110, 384}, true}, Case{{160, 160}, {160, 160}},
                          Case{{160, 160}, {160, 160}, true}, Case{{100, 100}, {100, 100}, true, true},
                          Case{{128, 256}, {256, 10}}, Case{{64, 784}, {128, 784}, false, true}}) {
      const Tensor a = random(c.a), b = random(c.b);
      const Tensor first = kernels::matmul(a, b, c.transpose_a, c.transpose_b);
      check_equal(first, reference(a, b, c), 1e-2);
      const auto before = SignalStorm::count();
      while (SignalStorm::count() < before + 300) {
        const Tensor again = kernels::matmul(a, b, c.transpose_a, c.transpose_b);
        REQUIRE(std::memcmp(again.raw(), first.raw(), static_cast<std::size_t>(first.bytes())) == 0);
      }
    }
  }
}

TEST_SUITE("threads") {
  TEST_CASE("matmul: small batched products on several threads") {
    RandomTensors random(5);
    const Tensor a = random({60, 30, 40}, float64), b = random({60, 40, 20}, float64);
    const Threads threads(3);
    check_equal(kernels::matmul(a, b), reference(a, b, {{60, 30, 40}, {60, 40, 20}}), 1e-12);
  }
}
