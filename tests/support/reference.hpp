// Naive arrays in double for tests of the kernels. Invariant: every function visits elements one by one
// through full indices, so that it shares no shortcut with what it checks.
#pragma once

#include <doctest/doctest.h>

#include <xgrad/tensor/tensor.hpp>
#include <xgrad/tensor/threads.hpp>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace xgrad::test {

/// Row-major values; get and set take full indices.
struct Naive {
  Shape shape;
  std::vector<double> values;

  explicit Naive(const Shape& sizes, double fill = 0)
      : shape(sizes), values(static_cast<std::size_t>(sizes.count()), fill) {}
  explicit Naive(const Tensor& x) : Naive(x.shape()) {
    const Tensor real = x.to(float64);
    if (x.count() > 0) values.assign(real.data<double>(), real.data<double>() + x.count());
  }

  double& operator[](const Shape& index) {
    Index at = 0;
    for (Index i = 0; i < shape.rank(); ++i) at = at * shape[i] + index[i];
    return values[static_cast<std::size_t>(at)];
  }
  double operator[](const Shape& index) const { return const_cast<Naive&>(*this)[index]; }
};

/// Calls f(index) for every full index of the shape in row-major order.
template <class F>
void for_each_index(const Shape& shape, F f) {
  Shape index = shape;
  for (Index n = 0, count = shape.count(); n < count; ++n) {
    Index rest = n;
    for (Index i = shape.rank(); i-- > 0; rest /= shape[i]) index[i] = rest % shape[i];
    f(index);
  }
}

/// An index without the given ascending axes.
inline Shape without(Shape index, const IndexList& axes) {
  for (Index i = axes.size(); i-- > 0;) index.erase(axes[i]);
  return index;
}

/// Random values: reals of a few units, small integers (some zero), or truth values.
class RandomTensors {
 public:
  explicit RandomTensors(unsigned seed) : engine_(seed) {}

  Tensor operator()(const Shape& shape, DType dtype = float32) {
    Tensor real = Tensor::uninitialized(shape, float64);
    for (double& value : real.mutable_span<double>()) {
      if (is_floating(dtype))
        value = std::normal_distribution<double>(0, 2)(engine_);
      else
        value = static_cast<double>(integer(dtype == int64 ? -3 : 0, dtype == boolean ? 1 : 3));
    }
    return real.to(dtype);
  }
  Index integer(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(engine_); }
  Tensor integers(const Shape& shape, Index low, Index high) {
    Tensor result = Tensor::uninitialized(shape, int64);
    for (Index& value : result.mutable_span<Index>()) value = integer(low, high);
    return result;
  }
  /// A shape of up to max_rank axes of 1 to 7, some larger than a vector; at most 5000 elements.
  Shape shape(Index max_rank) {
    Shape result;
    for (Index i = integer(0, max_rank); i > 0; --i) {
      const Index size = integer(0, 4) == 0 ? integer(30, 70) : integer(1, 7);
      if (result.count() * size <= 5000) result.push_back(size);
    }
    return result;
  }

 private:
  std::mt19937 engine_;
};

/// Shapes at the edges, then random ones.
inline std::vector<Shape> sample_shapes(RandomTensors& random, int count = 30) {
  std::vector<Shape> shapes{{}, {1}, {0}, {0, 3}, {2, 0, 4}, {1, 1}, {5}, {3, 4}, {17, 33}, {2, 3, 4}};
  for (int i = 0; i < count; ++i) shapes.push_back(random.shape(4));
  return shapes;
}

/// Fails with the first element that differs by more than `tolerance` relative to max(1, |expected|).
inline void check_equal(const Tensor& actual, const Naive& expected, double tolerance = 0) {
  REQUIRE_MESSAGE(actual.shape() == expected.shape, to_string(actual.shape()), " for ",
                  to_string(expected.shape));
  const Naive given(actual);
  for (std::size_t i = 0; i < given.values.size(); ++i) {
    const double a = given.values[i], e = expected.values[i];
    const bool same = a == e || (std::isnan(a) && std::isnan(e)) ||
                      std::abs(a - e) <= tolerance * std::max(1.0, std::abs(e));
    if (!same) {
      CHECK_MESSAGE(same, "element ", i, " of ", to_string(actual.shape()), ": ", a, " for ", e);
      return;
    }
  }
  CHECK(true);
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.count() == 0 || std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.bytes())) == 0);
}

/// Restores the number of threads at its end.
class Threads {
 public:
  explicit Threads(int threads) : before_(num_threads()) { set_num_threads(threads); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// While it lives products and convolutions are parted by their sizes alone.
struct ByTheirSizes {
  ByTheirSizes() { set_reproducible(true); }
  ~ByTheirSizes() { set_reproducible(false); }
  ByTheirSizes(const ByTheirSizes&) = delete;
  ByTheirSizes& operator=(const ByTheirSizes&) = delete;
};

}  // namespace xgrad::test
