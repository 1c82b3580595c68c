// Cross-entropy against its definition, row by row: weights, smoothing, rows to ignore, the ends of the
// range.
#include "support/reference.hpp"

#include <xgrad/kernels/cross_entropy.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;
using kernels::ClassTargets;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

/// Losses, statistics, gradients and distributions, each class of each row by itself.
struct Definition {
  Naive losses, statistics, gradient, distributions;
  Definition(const Tensor& scores, const ClassTargets& t, const Tensor& incoming, double scale)
      : losses(Shape{scores.size(0)}),
        statistics(Shape{2, scores.size(0)}),
        gradient(scores.shape()),
        distributions(scores.shape()) {
    const Naive x(scores), g(incoming);
    const Index classes = scores.size(1);
    const Naive y(t.classes);
    for (Index row = 0; row < scores.size(0); ++row) {
      double largest = -inf, sum = 0, total = 0;
      for (Index c = 0; c < classes; ++c) largest = std::max(largest, x[{row, c}]);
      for (Index c = 0; c < classes; ++c) sum += std::exp(x[{row, c}] - largest);
      statistics[{0, row}] = classes == 0 ? 0 : largest;
      statistics[{1, row}] = classes == 0 ? 0 : std::log(sum);
      std::vector<double> shares(static_cast<std::size_t>(classes));
      const Naive weight = t.weight.defined() ? Naive(t.weight) : Naive(Shape{classes}, 1);
      for (Index c = 0; c < classes; ++c) {
        double& s = shares[static_cast<std::size_t>(c)];
        if (static_cast<Index>(y[{row}]) != t.ignore_index)
          s = weight[{c}] * ((1 - t.smoothing) * (static_cast<Index>(y[{row}]) == c) +
                             t.smoothing / static_cast<double>(classes));
        distributions[{row, c}] = s;
        total += s;
        losses[{row}] -= s == 0 ? 0 : s * (x[{row, c}] - largest - std::log(sum));
      }
      const double factor = scale * g.values[g.values.size() == 1 ? 0 : static_cast<std::size_t>(row)];
      for (Index c = 0; c < classes; ++c)
        gradient[{row, c}] =
            factor * (std::exp(x[{row, c}] - largest) / sum * total - shares[static_cast<std::size_t>(c)]);
    }
  }
};

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("cross-entropy kernel: the definition for every kind of target, from no row and one class on") {
    RandomTensors random(1);
    for (const DType dtype : {float32, float64})
      for (const auto& [rows, classes] : std::vector<std::pair<Index, Index>>{
               {0, 3}, {1, 1}, {4, 1}, {5, 3}, {300, 10}, {7, 130}, {3, 1500}, {2, 9000}})
        for (const bool weighted : {false, true})
          for (const double smoothing : {0.0, 0.25, 1.0}) {
            const auto shown_rows = rows;
            CAPTURE(shown_rows);
            const auto shown_classes = classes;
            CAPTURE(shown_classes);
            CAPTURE(smoothing);
            const Tensor x = random({rows, classes}, dtype);
            Tensor y = random.integers({rows}, 0, classes - 1);
            if (rows > 2) y.mutable_data<Index>()[1] = -100;
            const ClassTargets t{y, weighted ? random.integers({classes}, 0, 4).to(dtype) : Tensor(), -100,
                                 smoothing};
            const double tolerance = dtype == float32 ? 2e-5 : 1e-12;
            for (const bool each : {false, true}) {
              const Tensor g = each ? random({rows}, dtype) : random({}, dtype);
              const Definition expected(x, t, g, 0.5);
              const auto result = kernels::cross_entropy(x, t);
              check_equal(result.losses, expected.losses, 5 * tolerance);
              check_equal(result.statistics, expected.statistics, tolerance);
              check_equal(kernels::cross_entropy_backward(x, result.statistics, t, g, 0.5), expected.gradient,
                          5 * tolerance);
              check_equal(kernels::class_distributions(t, classes, dtype), expected.distributions, tolerance);
            }
          }
  }

  TEST_CASE("cross-entropy kernel: scores at the ends of the range") {
    for (const DType dtype : {float32, float64}) {
      const double big = dtype == float32 ? 3e38 : 1e308;
      const Tensor x({{big, -big, 0}, {-big, big, -inf}, {-1000, -1000, -2000}}, dtype);
      const ClassTargets t{Tensor{0, 1, 0}, {}, -100, 0};
      const auto result = kernels::cross_entropy(x, t);
      check_equal(result.losses, Naive(Tensor({0.0, 0.0, std::log(2.0)}, float64)), 1e-6);
      const Tensor g = kernels::cross_entropy_backward(x, result.statistics, t, Tensor({1.0}, dtype), 1);
      check_equal(g, Naive(Tensor({{0, 0, 0}, {0, 0, 0}, {-0.5, 0.5, 0}}, float64)), 1e-6);
    }
  }

  TEST_CASE(
      "cross-entropy kernel: ignored rows and rows without a gradient are zero, whatever stands there") {
    for (const DType dtype : {float32, float64}) {
      const double nan = std::numeric_limits<double>::quiet_NaN();
      const Tensor x({{nan, inf}, {nan, 0}, {0, 0}}, dtype);
      const ClassTargets t{Tensor{7, 1, 0}, {}, 7, 0.5};
      const auto result = kernels::cross_entropy(x, t);
      CHECK(result.losses.at({0}) == 0);
      CHECK(std::isnan(result.losses.at({1})));
      const Tensor g = kernels::cross_entropy_backward(x, result.statistics, t, Tensor({1, 0, 1}, dtype), 1);
      check_equal(g, Naive(Tensor({{0, 0}, {0, 0}, {-0.25, 0.25}}, float64)), 1e-6);
      // A class without weight costs nothing, also where its score is -inf.
      const ClassTargets weightless{Tensor{0}, Tensor({0, 1}, dtype), -100, 0};
      CHECK(kernels::cross_entropy(Tensor({{-inf, 0}}, dtype), weightless).losses.item() == 0);
    }
  }

  TEST_CASE("cross-entropy kernel: no class at all, and scores that are not reals") {
    const ClassTargets t{Tensor({7, 7}, int64), {}, 7, 0};
    const auto result = kernels::cross_entropy(Tensor::uninitialized({2, 0}, float32), t);
    check_equal(result.losses, Naive(Shape{2}));
    CHECK(result.statistics.shape() == Shape{2, 2});
    CHECK_THROWS_AS(kernels::cross_entropy(Tensor{{1, 2}}, {Tensor{0}, {}, -100, 0}), DTypeError);
  }
}

TEST_SUITE("threads") {
  TEST_CASE("cross-entropy kernel: the same bits on any number of threads") {
    RandomTensors random(2);
    const Tensor x = random({3000, 70}), g = random({3000});
    const ClassTargets t{random.integers({3000}, 0, 69), random.integers({70}, 1, 4).to(float32), -100, 0.1};
    const auto results = [&](int threads) {
      const Threads scope(threads);
      const auto forward = kernels::cross_entropy(x, t);
      return std::array<Tensor, 3>{forward.losses, forward.statistics,
                                   kernels::cross_entropy_backward(x, forward.statistics, t, g, 1)};
    };
    const auto one = results(1), three = results(3);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], three[i]));
  }
}
