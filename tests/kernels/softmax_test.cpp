// softmax, log_softmax and their gradients against the definition, line by line, and at the ends of the
// range.
#include "support/lines.hpp"

#include <xgrad/kernels/reduce.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::vector<double> softmax_line(const std::vector<double>& x) {
  double m = -inf, sum = 0;
  for (double v : x) m = v != v || v > m ? v : m;
  std::vector<double> y;
  for (double v : x) y.push_back(std::exp(v - m));
  for (double v : y) sum += v;
  for (double& v : y) v /= sum;
  return y;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("softmax, log_softmax and their gradients along every axis") {
    RandomTensors random(8);
    for (const Shape& shape : line_shapes)
      for (Index axis = 0; axis < shape.rank(); ++axis)
        for (DType dtype : {float32, float64}) {
          CAPTURE(to_string(shape));
          CAPTURE(axis);
          const Tensor x = random(shape, dtype), g = random(shape, dtype);
          const double close = 5 * rounding(dtype);
          const Tensor y = kernels::softmax(x, axis), log_y = kernels::log_softmax(x, axis);
          check_equal(y, along(x, axis, softmax_line), close);
          check_equal(log_y,
                      along(x, axis,
                            [](const std::vector<double>& v) {
                              std::vector<double> out = softmax_line(v);
                              for (double& o : out) o = std::log(o);
                              return out;
                            }),
                      close);
          const Naive ys(y), gs(g), logs(log_y);
          Naive backward(shape), log_backward(shape);
          for_each_index(shape, [&](Shape i) {
            if (i[axis] != 0) return;
            double dot = 0, total = 0;
            for (i[axis] = 0; i[axis] < shape[axis]; ++i[axis]) {
              dot += ys[i] * gs[i];
              total += gs[i];
            }
            for (i[axis] = 0; i[axis] < shape[axis]; ++i[axis]) {
              backward[i] = ys[i] * (gs[i] - dot);
              log_backward[i] = gs[i] - std::exp(logs[i]) * total;
            }
          });
          check_equal(kernels::softmax_backward(g, y, axis), backward, close);
          check_equal(kernels::log_softmax_backward(g, log_y, axis), log_backward, 10 * close);
        }
    CHECK(kernels::softmax(Tensor({3.0}, float32).reshape({}), 0).item() == 1);
    CHECK(kernels::log_softmax(Tensor({3.0}, float32).reshape({}), 0).item() == 0);
    CHECK_THROWS_AS(kernels::softmax(Tensor{1, 2}, 0), DTypeError);
    CHECK_THROWS_AS(kernels::softmax_backward(Tensor{1.0}, Tensor{1.0, 2.0}, 0), ShapeError);
  }

  TEST_CASE("softmax at the ends of the range") {
    for (DType dtype : {float32, float64})
      for (bool columns : {false, true}) {
        const double big = dtype == float32 ? 3e38 : 1e308;
        Tensor x = Tensor({{big, big, -big},
                           {-inf, 0, 0},
                           {-inf, -inf, -inf},
                           {inf, 0, 1},
                           {not_a_number, 0, 0},
                           {-1000, -1000, -2000}},
                          dtype);
        const Index axis = columns ? 0 : 1;
        const auto oriented = [&](const Tensor& t) {
          Tensor result = Tensor::uninitialized({t.size(1), t.size(0)}, float64);
          for (Index i = 0; i < t.size(0); ++i)
            for (Index j = 0; j < t.size(1); ++j)
              result.mutable_data<double>()[j * t.size(0) + i] = t.at({i, j});
          return result.to(dtype);
        };
        if (columns) x = oriented(x);
        Tensor y = kernels::softmax(x, axis), log_y = kernels::log_softmax(x, axis);
        const Tensor sums = kernels::logsumexp(x, {axis});
        if (columns) {
          y = oriented(y);
          log_y = oriented(log_y);
        }
        check_equal(y,
                    Naive(Tensor({{0.5, 0.5, 0.0},
                                  {0.0, 0.5, 0.5},
                                  {not_a_number, not_a_number, not_a_number},
                                  {not_a_number, not_a_number, not_a_number},
                                  {not_a_number, not_a_number, not_a_number},
                                  {0.5, 0.5, 0.0}},
                                 float64)),
                    1e-6);
        const double half = -std::log(2.0);
        CHECK(log_y.at({0, 0}) == doctest::Approx(half));
        CHECK(log_y.at({1, 0}) == -inf);
        CHECK(log_y.at({5, 2}) == doctest::Approx(-1000 + half));
        for (Index row : {2, 3, 4}) CHECK(std::isnan(log_y.at({row, 1})));
        CHECK(sums.at({0}) == doctest::Approx(big));
        CHECK(sums.at({1}) == doctest::Approx(-half));
        CHECK(sums.at({2}) == -inf);
        CHECK(sums.at({3}) == inf);
        CHECK(std::isnan(sums.at({4})));
        CHECK(sums.at({5}) == doctest::Approx(-1000 - half));
      }
  }
}
