#include "support/lines.hpp"

#include <xgrad/kernels/gather.hpp>
#include <xgrad/kernels/reduce.hpp>

#include <functional>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};

/// Every subset of the axes of a shape, ascending.
std::vector<IndexList> axis_sets(const Shape& shape) {
  std::vector<IndexList> sets;
  for (int bits = 0; bits < 1 << shape.rank(); ++bits) {
    IndexList axes;
    for (Index i = 0; i < shape.rank(); ++i)
      if ((bits >> i & 1) != 0) axes.push_back(i);
    sets.push_back(axes);
  }
  return sets;
}

bool empties(const Shape& shape, const IndexList& axes) {
  for (Index axis : axes)
    if (shape[axis] == 0) return true;
  return false;
}

/// finish(fold of f(element) from `start`) for every group of elements.
using Combine = std::function<double(double, double)>;
Naive folded(const Tensor& x, const IndexList& axes, double start, const Combine& combine) {
  const Naive values(x);
  Naive result(without(x.shape(), axes), start);
  for_each_index(x.shape(), [&](const Shape& i) {
    double& to = result[without(i, axes)];
    to = combine(to, values[i]);
  });
  return result;
}

template <class F>
void for_samples(unsigned seed, F f) {
  RandomTensors random(seed);
  for (const Shape& shape : sample_shapes(random))
    for (const IndexList& axes : axis_sets(shape)) {
      CAPTURE(to_string(shape));
      CAPTURE(to_string(axes));
      f(random, shape, axes);
    }
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("reduce: sums, extremes and truth agree with loops over every set of axes") {
    for_samples(1, [](RandomTensors& random, const Shape& shape, const IndexList& axes) {
      for (DType dtype : all_dtypes) {
        const Tensor x = random(shape, dtype);
        const DType wide = is_floating(dtype) ? dtype : int64;
        const Tensor sum = kernels::sum(x, axes);
        CHECK(sum.dtype() == wide);
        check_equal(sum, folded(x, axes, 0, std::plus<>()), 10 * rounding(dtype));
        check_equal(kernels::count_nonzero(x, axes),
                    folded(x, axes, 0, [](double n, double v) { return n + (v != 0); }));
        check_equal(kernels::all(x, axes),
                    folded(x, axes, 1, [](double n, double v) { return n * (v != 0); }));
        check_equal(kernels::any(x, axes),
                    folded(x, axes, 0, [](double n, double v) { return n + v * v != 0; }));
        CHECK(kernels::all(x, axes).dtype() == boolean);
        if (empties(shape, axes)) {
          CHECK_THROWS_AS(kernels::max(x, axes), ValueError);
          CHECK_THROWS_AS(kernels::min(x, axes), ValueError);
        } else {
          check_equal(kernels::max(x, axes),
                      folded(x, axes, -inf, [](double m, double v) { return std::max(m, v); }));
          check_equal(kernels::min(x, axes),
                      folded(x, axes, inf, [](double m, double v) { return std::min(m, v); }));
          CHECK(kernels::max(x, axes).dtype() == dtype);
        }
      }
    });
    CHECK(kernels::sum(Tensor({INT64_MAX, 1}, int64), {0}).item<Index>() == INT64_MIN);
  }

  TEST_CASE("reduce: products") {
    RandomTensors random(2);
    for (const Shape& shape :
         {Shape{}, Shape{0}, Shape{3, 0}, Shape{0, 3}, Shape{7}, Shape{3, 4}, Shape{2, 3, 4}})
      for (const IndexList& axes : axis_sets(shape))
        for (DType dtype : all_dtypes) {
          const Tensor x = random(shape, dtype);
          check_equal(kernels::prod(x, axes), folded(x, axes, 1, std::multiplies<>()), 10 * rounding(dtype));
        }
  }

  TEST_CASE("reduce: sum_product and sum_to") {
    for_samples(4, [](RandomTensors& random, const Shape& shape, const IndexList& axes) {
      for (DType dtype : {float32, float64}) {
        const Tensor a = random(shape, dtype), b = random(shape, dtype);
        Tensor product = Tensor::uninitialized(shape, float64);
        const Naive x(a), y(b);
        if (a.count() > 0)
          for (std::size_t i = 0; i < x.values.size(); ++i)
            product.mutable_data<double>()[i] = x.values[i] * y.values[i];
        check_equal(kernels::sum_product(a, b, axes), folded(product, axes, 0, std::plus<>()),
                    20 * rounding(dtype));

        // The same axes once kept as 1 and, where they lead, dropped.
        Shape kept = shape;
        for (Index axis : axes) kept[axis] = 1;
        Naive expected = folded(a, axes, 0, std::plus<>());
        expected.shape = kept;
        check_equal(kernels::sum_to(a, kept), expected, 10 * rounding(dtype));
        while (kept.rank() > 0 && kept[0] == 1) kept.erase(0);
        expected.shape = kept;
        check_equal(kernels::sum_to(a, kept), expected, 10 * rounding(dtype));
      }
    });
    CHECK_THROWS_AS(kernels::sum_to(Tensor{1, 2, 3}, {2}), ShapeError);
    CHECK_THROWS_AS(kernels::sum_product(Tensor{1.0}, Tensor{1.0, 2.0}, {0}), ShapeError);
    CHECK_THROWS_AS(kernels::sum_product(Tensor{1}, Tensor{1}, {0}), DTypeError);
  }

  TEST_CASE("reduce: float sums stay accurate over long runs") {
    const Index n = 10'000'000;
    Tensor x = Tensor::uninitialized({n}, float32);
    for (float& v : x.mutable_span<float>()) v = 0.1F;
    const double exact = static_cast<double>(0.1F) * static_cast<double>(n);
    CHECK(std::abs(kernels::sum(x, {0}).item() / exact - 1) < 1e-6);
    // The same elements as tall, middling and odd columns.
    for (const Shape& shape : {Shape{1'250'000, 8}, Shape{10'000'000 / 125, 125}, Shape{100'000, 100}}) {
      const Tensor sums = kernels::sum(x.reshape(shape), {0});
      for (float sum : sums.span<float>())
        CHECK(std::abs(sum / (exact / static_cast<double>(shape[1])) - 1) < 1e-6);
    }
    CHECK(std::abs(kernels::sum(x.reshape({100, 10, 100, 100}), {0, 2}).at({3, 4}) / (exact / 1000) - 1) <
          1e-6);
    const Tensor running = kernels::cumsum(x, 0);
    CHECK(std::abs(running.at({n - 1}) / exact - 1) < 1e-6);
  }

  TEST_CASE("reduce: NaN wins every extreme, wherever it stands") {
    for (DType dtype : {float32, float64})
      for (Index n : {1, 2, 15, 16, 17, 70, 300, 5000})
        for (Index at : {Index{0}, n / 2, n - 1})
          for (const Shape& shape : {Shape{n}, Shape{n, 3}, Shape{2, n, 40}, Shape{3, n}}) {
            const Index axis = shape.rank() == 3 ? 1 : shape == Shape{3, n} ? 1 : 0;
            Tensor x = RandomTensors(static_cast<unsigned>(n))(shape, float64);
            const Index inner = shape.rank() == 3 ? 40 : shape == Shape{n, 3} ? 3 : 1;
            x.mutable_data<double>()[at * inner] = not_a_number;
            x = x.to(dtype);
            CHECK(std::isnan(Naive(kernels::max(x, {axis})).values[0]));
            CHECK(std::isnan(Naive(kernels::min(x, {axis})).values[0]));
            CHECK(Naive(kernels::argmax(x, axis)).values[0] == static_cast<double>(at));
            CHECK(Naive(kernels::argmin(x, axis)).values[0] == static_cast<double>(at));
            if (inner > 1) CHECK_FALSE(std::isnan(Naive(kernels::max(x, {axis})).values[1]));
          }
    CHECK(kernels::max(Tensor({-inf, -inf}, float32), {0}).item() == -inf);
    CHECK(kernels::min(Tensor({INT64_MAX, INT64_MAX}, int64), {0}).item<Index>() == INT64_MAX);
  }

  TEST_CASE("reduce: argmax and argmin find the first of equals") {
    for_samples(5, [](RandomTensors& random, const Shape& shape, const IndexList& axes) {
      if (axes.size() != 1) return;
      for (DType dtype : all_dtypes) {
        const Tensor x = random(shape, dtype);
        const Index axis = axes[0];
        if (shape[axis] == 0) {
          CHECK_THROWS_AS(kernels::argmax(x, axis), ValueError);
          continue;
        }
        const auto first = [&](auto better) {
          const Naive values(x);
          Naive result(without(shape, axes));
          for_each_index(shape, [&](const Shape& i) {
            Shape best = i;
            best[axis] = static_cast<Index>(result[without(i, axes)]);
            if (better(values[i], values[best])) result[without(i, axes)] = static_cast<double>(i[axis]);
          });
          return result;
        };
        check_equal(kernels::argmax(x, axis), first(std::greater<>()));
        check_equal(kernels::argmin(x, axis), first(std::less<>()));
      }
    });
    CHECK(kernels::argmax(Tensor({Nested(3)}, int64).reshape({}), 0).item<Index>() == 0);
  }

  // Shapes on either side of every way through the kernel: short, long and divided rows, few and many
  // columns.
  TEST_CASE("reduce: the extremes of long axes are the first ones, with their values") {
    RandomTensors random(9);
    for (const Shape& shape : {Shape{130, 16}, Shape{70, 64}, Shape{3, 65}, Shape{2, 70'001}, Shape{140'000},
                               Shape{2, 33'000, 2}, Shape{3, 9, 300}, Shape{300, 270}})
      for (DType dtype : {float32, float64, int64, uint8})
        for (bool broken : {false, true}) {
          if (broken && !is_floating(dtype)) continue;
          // Few values, so that most extremes are shared; zeros of both signs where there are any.
          Tensor x = random.integers(shape, -2, dtype == uint8 ? 5 : 1).to(dtype == uint8 ? int64 : float64);
          if (dtype != uint8) {
            double* values = x.mutable_data<double>();
            for (Index i = 0; i < x.count(); ++i) {
              if (values[i] == 0 && i % 2 != 0) values[i] = -0.0;
              if (broken && i % 997 == 500) values[i] = not_a_number;
            }
          } else {
            for (Index& value : x.mutable_span<Index>()) value &= 255;  // both ends of the type
          }
          x = x.to(dtype);
          const Naive values(x);
          for (Index axis = 0; axis < shape.rank(); ++axis) {
            const Index size = shape[axis];
            Index inner = 1;
            for (Index k = axis + 1; k < shape.rank(); ++k) inner *= shape[k];
            const auto [largest, at] = kernels::max_with_index(x, axis);
            const auto [smallest, at_smallest] = kernels::min_with_index(x, axis);
            Shape kept = shape;
            kept[axis] = 1;
            CHECK(same_bits(largest.reshape(kept), kernels::gather(x, axis, at.reshape(kept))));
            CHECK(same_bits(smallest.reshape(kept), kernels::gather(x, axis, at_smallest.reshape(kept))));
            bool right = true;
            for (Index line = 0; line < at.count(); ++line) {
              const auto value = [&](Index i) {
                return values
                    .values[static_cast<std::size_t>((line / inner * size + i) * inner + line % inner)];
              };
              Index first = 0, first_smallest = 0;
              for (Index i = 1; i < size; ++i) {
                const double v = value(i), high = value(first), low = value(first_smallest);
                if (!std::isnan(high) && (std::isnan(v) || v > high)) first = i;
                if (!std::isnan(low) && (std::isnan(v) || v < low)) first_smallest = i;
              }
              right = right && at.data<Index>()[line] == first &&
                      at_smallest.data<Index>()[line] == first_smallest;
            }
            CHECK_MESSAGE(right, to_string(shape) << " axis " << axis << " " << to_string(dtype));
          }
        }
  }

  TEST_CASE("reduce: norms of every order") {
    for_samples(6, [](RandomTensors& random, const Shape& shape, const IndexList& axes) {
      if (shape.count() > 3000) return;
      for (DType dtype : {float32, float64})
        for (double p : {0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -2.5, inf, -inf}) {
          CAPTURE(p);
          const Tensor x = random(shape, dtype);
          Naive expected(Shape{});
          if (empties(shape, axes))
            expected = Naive(without(shape, axes));
          else if (p == 0)
            expected = folded(x, axes, 0, [](double n, double v) { return n + (v != 0); });
          else if (p == inf)
            expected = folded(x, axes, 0, [](double n, double v) { return std::max(n, std::abs(v)); });
          else if (p == -inf)
            expected = folded(x, axes, inf, [](double n, double v) { return std::min(n, std::abs(v)); });
          else {
            expected = folded(x, axes, 0, [p](double n, double v) { return n + std::pow(std::abs(v), p); });
            for (double& v : expected.values) v = std::pow(v, 1 / p);
          }
          check_equal(kernels::norm(x, p, axes), expected, 5 * rounding(dtype));
        }
    });
  }

  TEST_CASE("reduce: norms neither overflow nor underflow, and keep zeros, infinities and NaN") {
    for (DType dtype : {float32, float64}) {
      const double big = dtype == float32 ? 2e38 : 1e308, small = dtype == float32 ? 1e-40 : 1e-310;
      const double loose = dtype == float32 ? 1e-4 : 1e-10;
      for (double p : {2.0, 3.0, 0.75}) {
        const double four = std::pow(4.0, 1 / p);
        const double scale = four > 1.6 ? 0.1 : 1;
        const Tensor x = Tensor({{big * scale / 8, big * scale / 8, big * scale / 8, big * scale / 8},
                                 {small, small, small, small},
                                 {0, 0, 0, 0}},
                                dtype);
        const Tensor norms = kernels::norm(x, p, {1});
        CHECK(norms.at({0}) == doctest::Approx(big * scale / 8 * four).epsilon(loose));
        CHECK(std::abs(norms.at({1}) / (small * four) - 1) < 1e-3);
        CHECK(norms.at({2}) == 0);
      }
      for (double p : {1.0, 2.0, 3.0, inf}) {
        CHECK(kernels::norm(Tensor({1.0, -inf}, dtype), p, {0}).item() == inf);
        CHECK(std::isnan(kernels::norm(Tensor({not_a_number, 1.0}, dtype), p, {0}).item()));
      }
      CHECK(kernels::norm(Tensor({0.0, 5.0}, dtype), -1, {0}).item() == 0);
      CHECK(kernels::norm(Tensor({inf, 2.0}, dtype), -1, {0}).item() == doctest::Approx(2));
      CHECK_THROWS_AS(kernels::norm(Tensor({1.0}, dtype), not_a_number, {0}), ValueError);
    }
    CHECK_THROWS_AS(kernels::norm(Tensor{1, 2}, 2, {0}), DTypeError);
  }

  TEST_CASE("reduce: logsumexp over every set of axes") {
    for_samples(9, [](RandomTensors& random, const Shape& shape, const IndexList& axes) {
      for (DType dtype : {float32, float64}) {
        const Tensor x = random(shape, dtype);
        Naive expected = folded(x, axes, 0, [](double n, double v) { return n + std::exp(v); });
        for (double& v : expected.values) v = std::log(v);
        check_equal(kernels::logsumexp(x, axes), expected, 2 * rounding(dtype));
      }
    });
  }
}

TEST_SUITE("threads") {
  TEST_CASE("reduce: results do not depend on the number of threads") {
    RandomTensors random(10);
    for (const Shape& shape :
         {Shape{300'000}, Shape{100'000, 3}, Shape{3, 100'000}, Shape{60, 70, 80}, Shape{400, 600}}) {
      const Tensor x = random(shape);
      const auto results = [&](int threads) {
        const Threads scope(threads);
        std::vector<Tensor> list;
        for (const IndexList& axes : axis_sets(shape)) {
          list.push_back(kernels::sum(x, axes));
          list.push_back(kernels::max(x, axes));
          list.push_back(kernels::norm(x, 2, axes));
          list.push_back(kernels::logsumexp(x, axes));
        }
        for (Index axis = 0; axis < shape.rank(); ++axis) {
          list.push_back(kernels::softmax(x, axis));
          list.push_back(kernels::cumsum(x, axis));
          const auto extremes = kernels::max_with_index(x, axis);
          list.insert(list.end(), {extremes.first, extremes.second});
        }
        return list;
      };
      const std::vector<Tensor> one = results(1), five = results(5);
      for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], five[i]));
    }
  }
}
