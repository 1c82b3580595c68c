// Normalisation against its definition, group by group: values, moments, gradients, statistics.
#include "support/reference.hpp"

#include <xgrad/kernels/normalize.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;
using kernels::Grouping;
using kernels::Moment;
using kernels::Statistics;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double eps = 0.01;

/// Rows, columns and groups; narrow and wide, of one element, empty.
const std::vector<Grouping> groupings{{1, 1, 1, 1},    {5, 1, 1, 1},  {7, 1, 1, 10}, {3, 1, 1, 700},
                                      {4, 1, 3, 20},   {1, 9, 1, 1},  {1, 50, 3, 1}, {1, 700, 70, 1},
                                      {2, 40, 300, 1}, {3, 20, 2, 4}, {2, 9, 5, 1},  {2, 300, 4, 8},
                                      {0, 1, 1, 4},    {1, 0, 3, 1},  {2, 3, 0, 4},  {2, 1, 1, 0}};

/// Calls f(flat element, owner, channel) for the whole array.
template <class F>
void for_elements(const Grouping& g, F f) {
  std::size_t flat = 0;
  for (Index o = 0; o < g.outer; ++o)
    for (Index i = 0; i < g.size; ++i)
      for (Index group = 0; group < g.groups; ++group)
        for (Index d = 0; d < g.depth; ++d, ++flat)
          f(flat, static_cast<std::size_t>(o * g.groups + group),
            static_cast<std::size_t>(group * g.depth + d));
}

struct Definition {
  std::vector<double> mean, variance;  // one an owner
  Naive value, to_x, to_weight, to_bias;

  /// Without given statistics they are those of x.
  Definition(const Tensor& x, const Grouping& g, const Tensor& weight, const Tensor& bias,
             const Tensor& incoming, Statistics statistics, const Tensor& given_mean = {},
             const Tensor& given_variance = {})
      : mean(static_cast<std::size_t>(g.owners())),
        variance(mean.size()),
        value(x.shape()),
        to_x(x.shape()),
        to_weight(Shape{g.channels()}),
        to_bias(Shape{g.channels()}) {
    const auto count = static_cast<double>(g.count());
    const Naive in(x), dy(incoming);
    const Naive w = weight.defined() ? Naive(weight) : Naive(Shape{g.channels()}, 1),
                b = bias.defined() ? Naive(bias) : Naive(Shape{g.channels()});
    if (statistics == Statistics::given) {
      mean = Naive(given_mean).values;
      variance = Naive(given_variance).values;
    } else {
      if (statistics == Statistics::own)
        for_elements(g, [&](std::size_t i, std::size_t o, std::size_t) { mean[o] += in.values[i] / count; });
      for_elements(g, [&](std::size_t i, std::size_t o, std::size_t) {
        variance[o] += (in.values[i] - mean[o]) * (in.values[i] - mean[o]) / count;
      });
    }
    std::vector<double> plain(mean.size()), along(mean.size());
    const auto standard = [&](std::size_t i, std::size_t o) {
      return (in.values[i] - mean[o]) / std::sqrt(variance[o] + eps);
    };
    for_elements(g, [&](std::size_t i, std::size_t o, std::size_t c) {
      value.values[i] = standard(i, o) * w.values[c] + b.values[c];
      to_weight.values[c] += dy.values[i] * standard(i, o);
      to_bias.values[c] += dy.values[i];
      plain[o] += dy.values[i] * w.values[c] / count;
      along[o] += dy.values[i] * w.values[c] * standard(i, o) / count;
    });
    for_elements(g, [&](std::size_t i, std::size_t o, std::size_t c) {
      double slope = dy.values[i] * w.values[c];
      if (statistics == Statistics::own) slope -= plain[o];
      if (statistics != Statistics::given) slope -= along[o] * standard(i, o);
      to_x.values[i] = slope / std::sqrt(variance[o] + eps);
    });
  }
};

double close(DType dtype) { return dtype == float32 ? 5e-5 : 1e-11; }

/// mean + rest, 1 / sqrt(variance + eps) and variance of each owner.
void check_moments(const Tensor& moments, const Definition& expected, const Grouping& g) {
  REQUIRE(moments.shape() == g.moments());
  const Naive m(moments);
  const double tolerance = close(moments.dtype());
  const auto owners = static_cast<std::size_t>(g.owners());
  for (std::size_t o = 0; o < owners; ++o) {
    const auto row = [&](Index which) { return m.values[static_cast<std::size_t>(which) * owners + o]; };
    CHECK(row(Moment::mean) + row(Moment::rest) == doctest::Approx(expected.mean[o]).epsilon(tolerance));
    // An empty array has means and variances, of 0, alone.
    if (g.count() > 0)
      CHECK(row(Moment::scale) ==
            doctest::Approx(1 / std::sqrt(expected.variance[o] + eps)).epsilon(tolerance));
    CHECK(row(Moment::variance) == doctest::Approx(expected.variance[o]).epsilon(tolerance));
  }
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("normalise kernel: values, moments and gradients by the array's own statistics") {
    RandomTensors random(1);
    for (const Grouping& g : groupings)
      for (const DType dtype : {float32, float64})
        for (const bool affine : {false, true})
          for (const Statistics statistics : {Statistics::own, Statistics::mean_square}) {
            if (statistics == Statistics::mean_square && g.size != 1) continue;
            CAPTURE(g.outer);
            CAPTURE(g.size);
            CAPTURE(g.groups);
            CAPTURE(g.depth);
            const Shape shape{g.outer, g.size, g.groups, g.depth};
            const Tensor x = random(shape, dtype), dy = random(shape, dtype),
                         w = affine ? random({g.channels()}, dtype) : Tensor(),
                         b = affine ? random({g.channels()}, dtype) : Tensor();
            const Definition expected(x, g, w, b, dy, statistics);
            const auto result = kernels::normalize(x, g, w, b, eps, statistics);
            check_equal(result.value, expected.value, close(dtype));
            check_moments(result.moments, expected, g);
            if (x.count() == 0) continue;
            const auto gradients = kernels::normalize_backward(dy, x, g, result.moments, w, statistics);
            check_equal(gradients.x, expected.to_x, 4 * close(dtype));
            check_equal(gradients.weight, expected.to_weight, 4 * close(dtype));
            check_equal(gradients.bias, expected.to_bias, 4 * close(dtype));
          }
  }

  TEST_CASE("normalise kernel: given statistics are constants") {
    RandomTensors random(2);
    for (const Grouping& g : groupings)
      for (const DType dtype : {float32, float64}) {
        if (g.outer * g.size * g.channels() == 0) continue;
        CAPTURE(g.size);
        CAPTURE(g.groups);
        CAPTURE(g.depth);
        const Shape shape{g.outer, g.size, g.groups, g.depth};
        const Tensor x = random(shape, dtype), dy = random(shape, dtype), w = random({g.channels()}, dtype),
                     b = random({g.channels()}, dtype), mean = random({g.outer, g.groups}, dtype),
                     variance = random.integers({g.outer, g.groups}, 0, 3).to(dtype);
        const Definition expected(x, g, w, b, dy, Statistics::given, mean, variance);
        const auto result = kernels::normalize_by(x, g, mean, variance, w, b, eps);
        check_equal(result.value, expected.value, close(dtype));
        const auto gradients = kernels::normalize_backward(dy, x, g, result.moments, w, Statistics::given);
        check_equal(gradients.x, expected.to_x, close(dtype));
        check_equal(gradients.weight, expected.to_weight, 4 * close(dtype));
        check_equal(gradients.bias, expected.to_bias, 4 * close(dtype));
      }
  }

  TEST_CASE("normalise kernel: gradients are written over the incoming one where nobody else holds it") {
    RandomTensors random(3);
    const Grouping g{7, 1, 1, 10};
    const Tensor x = random({7, 1, 1, 10}), moments = kernels::normalize(x, g, {}, {}, eps).moments;
    Tensor dy = random({7, 1, 1, 10});
    const Naive before(dy);
    const Tensor kept = kernels::normalize_backward(dy, x, g, moments, {}, Statistics::own).x;
    check_equal(dy, before);
    const std::byte* const place = dy.raw();
    const Tensor written = kernels::normalize_backward(std::move(dy), x, g, moments, {}, Statistics::own).x;
    CHECK(written.raw() == place);
    CHECK(same_bits(written, kept));
  }

  TEST_CASE("normalise kernel: the statistics alone, and the distances from the mean") {
    RandomTensors random(4);
    for (const Grouping& g : groupings)
      for (const DType dtype : {float32, float64}) {
        const Shape shape{g.outer, g.size, g.groups, g.depth};
        const Tensor x = random(shape, dtype);
        if (x.count() == 0) continue;
        CAPTURE(g.size);
        CAPTURE(g.groups);
        CAPTURE(g.depth);
        const Definition expected(x, g, {}, {}, x, Statistics::own);
        const kernels::Spread s = kernels::spread(x, g);
        const Naive mean(s.mean), rest(s.rest), deviation(s.deviation), variance(s.variance);
        REQUIRE(mean.values.size() == expected.mean.size());
        for (std::size_t o = 0; o < mean.values.size(); ++o) {
          CHECK(mean.values[o] + rest.values[o] == doctest::Approx(expected.mean[o]).epsilon(close(dtype)));
          CHECK(variance.values[o] == doctest::Approx(expected.variance[o]).epsilon(close(dtype)));
          CHECK(deviation.values[o] ==
                doctest::Approx(std::sqrt(expected.variance[o])).epsilon(close(dtype)));
        }
        const Naive in(x);
        Naive distances(shape);
        for_elements(g, [&](std::size_t i, std::size_t o, std::size_t) {
          distances.values[i] = in.values[i] - expected.mean[o];
        });
        check_equal(kernels::distances(x, g, s.mean, s.rest), distances, close(dtype));
      }
  }

  TEST_CASE("normalise kernel: what is left of the mean's rounding counts") {
    // 2^24 and 2^24 + 2 are floats, their mean is not.
    const Tensor x({0x1p24, 0x1p24 + 2}, float32);
    const Grouping g{1, 1, 1, 2};
    check_equal(kernels::normalize(x, g, {}, {}, 0).value, Naive(Tensor({-1.0, 1.0}, float64)), 1e-6);
    const kernels::Spread s = kernels::spread(x, g);
    CHECK(s.mean.item() + s.rest.item() == 0x1p24 + 1);
    check_equal(kernels::distances(x, g, s.mean, s.rest), Naive(Tensor({-1.0, 1.0}, float64)));
  }

  TEST_CASE("normalise kernel: a NaN spoils its own group and no other") {
    for (const DType dtype : {float32, float64}) {
      Tensor x = RandomTensors(5)({3, 1, 1, 40}, float64);
      x.mutable_data<double>()[50] = not_a_number;
      const Naive y(kernels::normalize(x.to(dtype), {3, 1, 1, 40}, {}, {}, eps).value);
      for (std::size_t i = 0; i < 120; ++i) CHECK(std::isnan(y.values[i]) == (i / 40 == 1));
      const Naive columns(kernels::normalize(x.to(dtype).reshape({30, 4}), {1, 30, 4, 1}, {}, {}, eps).value);
      for (std::size_t i = 0; i < 120; ++i) CHECK(std::isnan(columns.values[i]) == (i % 4 == 50 % 4));
    }
  }
}

TEST_SUITE("threads") {
  TEST_CASE("normalise kernel: the same bits on any number of threads") {
    RandomTensors random(6);
    for (const Grouping& g : {Grouping{900, 1, 1, 100}, Grouping{1, 3000, 40, 1}, Grouping{3, 500, 5, 16}}) {
      const Shape shape{g.outer, g.size, g.groups, g.depth};
      const Tensor x = random(shape), dy = random(shape), w = random({g.channels()}),
                   b = random({g.channels()});
      const auto results = [&](int threads) {
        const Threads scope(threads);
        const auto forward = kernels::normalize(x, g, w, b, eps);
        const auto back = kernels::normalize_backward(dy, x, g, forward.moments, w, Statistics::own);
        return std::vector<Tensor>{forward.value, forward.moments, back.x, back.weight, back.bias};
      };
      const auto one = results(1), three = results(3);
      for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], three[i]));
    }
  }
}
