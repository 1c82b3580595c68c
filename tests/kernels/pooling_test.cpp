// Pooling against loops over windows: the first of equals, NaN, padding, dilation, integers, adjoints.
#include "support/reference.hpp"

#include <xgrad/kernels/pooling.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;
using kernels::Averaging;
using kernels::Window;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Geometry {
  Index batch, channels;
  Window height, width;

  Shape x() const { return {batch, height.input, width.input, channels}; }
  Shape y() const { return {batch, height.output(), width.output(), channels}; }
};

const std::vector<Geometry> geometries{
    {1, 1, {}, {}},
    {0, 3, {.input = 4, .kernel = 2}, {.input = 4, .kernel = 2}},
    {2, 0, {.input = 4, .kernel = 2}, {.input = 4, .kernel = 2}},
    {2, 3, {.input = 4, .kernel = 2, .stride = 2}, {.input = 6, .kernel = 2, .stride = 2}},
    {3, 70, {.input = 9, .kernel = 3, .stride = 2}, {.input = 7, .kernel = 3, .stride = 1}},
    {2,
     5,
     {.input = 5, .kernel = 3, .stride = 2, .before = 1, .after = 1},
     {.input = 6, .kernel = 2, .stride = 1, .before = 1, .after = 0}},
    {1,
     2,
     {.input = 9, .kernel = 3, .stride = 1, .before = 2, .after = 2, .dilation = 3},
     {.input = 8, .kernel = 2, .stride = 3, .dilation = 2}},
    {1, 4, {.input = 20, .kernel = 17, .stride = 3}, {.input = 18, .kernel = 16, .stride = 1}}};

/// Calls f(position in y, tap, position in x) for every tap that lies on a pixel, tap after tap.
template <class F>
void for_each_tap(const Geometry& g, F f) {
  for_each_index(g.y(), [&](const Shape& at) {
    for (Index k = 0; k < g.height.kernel; ++k)
      for (Index l = 0; l < g.width.kernel; ++l) {
        const Index row = at[1] * g.height.stride - g.height.before + k * g.height.dilation,
                    column = at[2] * g.width.stride - g.width.before + l * g.width.dilation;
        if (row >= 0 && row < g.height.input && column >= 0 && column < g.width.input)
          f(at, k * g.width.kernel + l, Shape{at[0], row, column, at[3]});
      }
  });
}

/// Calls f(position in y, position in x, divisor) for every pixel of every average.
template <class F>
void for_each_share(const Shape& y, const Averaging& h, const Averaging& w, F f) {
  const auto range = [](const Averaging& axis, Index i) -> std::array<Index, 3> {
    if (axis.kernel == 0) {
      // As even as can be: from the whole part of i / output on to the next whole number.
      const Index begin = i * axis.input / axis.output;
      Index end = begin;
      while (end * axis.output < (i + 1) * axis.input) ++end;
      return {begin, end, end - begin};
    }
    const Index first = i * axis.stride - axis.before;
    const Index begin = std::max<Index>(0, first), end = std::min(axis.input, first + axis.kernel);
    return {begin, end, axis.count_padding ? axis.kernel : end - begin};
  };
  for_each_index(y, [&](const Shape& at) {
    const auto rows = range(h, at[1]), columns = range(w, at[2]);
    for (Index i = rows[0]; i < rows[1]; ++i)
      for (Index j = columns[0]; j < columns[1]; ++j)
        f(at, Shape{at[0], i, j, at[3]}, static_cast<double>(rows[2] * columns[2]));
  });
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("pooling kernel: the largest value of each window, the tap it came from, and its pixel") {
    RandomTensors random(1);
    for (const Geometry& g : geometries)
      for (const DType dtype : {float32, float64, int64, uint8}) {
        CAPTURE(to_string(g.x()));
        // Few values, so that most windows hold equals.
        const Tensor x = random.integers(g.x(), 0, 4).to(dtype);
        const Naive from(x);
        Naive largest(g.y(), -inf), taps(g.y()), positions(g.y());
        for_each_tap(g, [&](const Shape& at, Index tap, const Shape& pixel) {
          if (!(from[pixel] > largest[at])) return;
          largest[at] = from[pixel];
          taps[at] = static_cast<double>(tap);
          positions[at] = static_cast<double>(pixel[1] * g.width.input + pixel[2]);
        });
        const auto [values, found] = kernels::max_pool2d(x, g.height, g.width);
        CHECK(values.dtype() == dtype);
        check_equal(values, largest);
        check_equal(found, taps);
        CHECK(found.dtype() == (g.height.kernel * g.width.kernel <= 256 ? uint8 : int64));
        const Tensor where = kernels::max_pool2d_positions(found, g.height, g.width);
        CHECK(where.dtype() == int64);
        check_equal(where, positions);
      }
  }

  TEST_CASE("pooling kernel: each window's gradient goes to its pixel") {
    RandomTensors random(2);
    for (const Geometry& g : geometries)
      for (const DType dtype : {float32, float64}) {
        CAPTURE(to_string(g.x()));
        const Tensor x = random.integers(g.x(), 0, 4).to(dtype), gradient = random(g.y(), dtype);
        const Tensor taps = kernels::max_pool2d(x, g.height, g.width).second;
        const Naive tap(taps), incoming(gradient);
        Naive expected(g.x());
        for_each_tap(g, [&](const Shape& at, Index number, const Shape& pixel) {
          if (static_cast<Index>(tap[at]) == number) expected[pixel] += incoming[at];
        });
        check_equal(kernels::max_pool2d_input_gradient(gradient, taps, g.height, g.width), expected,
                    dtype == float32 ? 1e-5 : 1e-12);
      }
  }

  TEST_CASE("pooling kernel: the first NaN wins, padding never does") {
    const Window two{.input = 2, .kernel = 2}, padded{.input = 1, .kernel = 3, .before = 1, .after = 1};
    for (const DType dtype : {float32, float64}) {
      const auto [values, taps] = kernels::max_pool2d(
          Tensor({1, not_a_number, not_a_number, inf}, dtype).reshape({1, 2, 2, 1}), two, two);
      CHECK(std::isnan(values.item()));
      CHECK(taps.item() == 1);
      const auto [lowest, at] =
          kernels::max_pool2d(Tensor({-inf}, dtype).reshape({1, 1, 1, 1}), padded, padded);
      CHECK(lowest.item() == -inf);
      CHECK(at.item() == 4);
    }
    const auto [value, tap] =
        kernels::max_pool2d(Tensor({INT64_MIN}, int64).reshape({1, 1, 1, 1}), padded, padded);
    CHECK(value.item<Index>() == INT64_MIN);
    CHECK(tap.item() == 4);
  }

  TEST_CASE("pooling kernel: averages and their adjoint, padding counted or not, adaptive windows") {
    RandomTensors random(3);
    const std::vector<std::pair<Averaging, Averaging>> all{
        {{}, {}},
        {{.input = 4, .output = 2, .kernel = 2, .stride = 2},
         {.input = 6, .output = 3, .kernel = 2, .stride = 2}},
        {{.input = 5, .output = 3, .kernel = 3, .stride = 2, .before = 1},
         {.input = 4, .output = 5, .kernel = 2, .stride = 1, .before = 1}},
        {{.input = 5, .output = 3, .kernel = 3, .stride = 2, .before = 1, .count_padding = false},
         {.input = 4, .output = 5, .kernel = 2, .stride = 1, .before = 1, .count_padding = false}},
        {{.input = 7, .output = 3}, {.input = 10, .output = 4}},
        {{.input = 3, .output = 7}, {.input = 2, .output = 1}},
        {{.input = 60, .output = 1, .kernel = 60}, {.input = 60, .output = 1, .kernel = 60}}};
    for (const auto& [h, w] : all)
      for (const Index channels : {0, 1, 5, 70})
        for (const DType dtype : {float32, float64}) {
          const Shape from{2, h.input, w.input, channels}, to{2, h.output, w.output, channels};
          CAPTURE(to_string(from));
          CAPTURE(to_string(to));
          const Tensor x = random(from, dtype), g = random(to, dtype);
          const Naive values(x), incoming(g);
          Naive averages(to), shares(from);
          for_each_share(to, h, w, [&](const Shape& at, const Shape& pixel, double divisor) {
            averages[at] += values[pixel] / divisor;
            shares[pixel] += incoming[at] / divisor;
          });
          const double close = dtype == float32 ? 1e-5 : 1e-12;
          check_equal(kernels::avg_pool2d(x, h, w), averages, close);
          check_equal(kernels::avg_pool2d_input_gradient(g, h, w), shares, close);
        }
    CHECK_THROWS_AS(kernels::avg_pool2d(Tensor({1}, int64).reshape({1, 1, 1, 1}), {}, {}), DTypeError);
  }

  TEST_CASE("pooling kernel: the same bits on any number of threads") {
    RandomTensors random(24);
    const Tensor x = random({3, 40, 37, 70}), g = random({3, 19, 18, 70});
    const Window h{.input = 40, .kernel = 3, .stride = 2}, w{.input = 37, .kernel = 3, .stride = 2};
    const kernels::Averaging ah{.input = 40, .output = 19, .kernel = 3, .stride = 2},
        aw{.input = 37, .output = 18, .kernel = 3, .stride = 2};
    const auto all = [&] {
      const auto [values, positions] = kernels::max_pool2d(x, h, w);
      return std::vector<Tensor>{values, positions, kernels::avg_pool2d(x, ah, aw),
                                 kernels::avg_pool2d_input_gradient(g, ah, aw)};
    };
    const auto alone = [&] {
      const Threads one(1);
      return all();
    }();
    const Threads three(3);
    const auto together = all();
    for (std::size_t i = 0; i < alone.size(); ++i) CHECK(same_bits(alone[i], together[i]));
  }
}
