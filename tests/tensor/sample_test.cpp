// Draws by weights and within bounds: distributions, edges, bad arguments, independence of threads.
#include "support/messages.hpp"

#include <xgrad/nn/init.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/pick.hpp>
#include <xgrad/tensor/sample.hpp>
#include <xgrad/tensor/threads.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

namespace {

using namespace xgrad;
using test::contains, test::message_of;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

struct Threads {
  int before = num_threads();
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
};

Tensor reals(const std::vector<double>& values, const Shape& shape = {-1}) {
  return Tensor::from(values, shape);
}

// Whether counts are those of the probabilities, within five deviations each.
bool plausible(const std::vector<Index>& counts, const std::vector<double>& probabilities) {
  double total = 0;
  for (const Index count : counts) total += static_cast<double>(count);
  for (std::size_t k = 0; k < counts.size(); ++k) {
    const double p = probabilities[k], deviation = std::sqrt(total * p * (1 - p));
    if (std::abs(static_cast<double>(counts[k]) - total * p) > 5 * deviation) return false;
  }
  return true;
}

std::vector<Index> counts_of(const Tensor& classes, std::size_t count) {
  std::vector<Index> counts(count);
  for (const Index k : classes.span<Index>()) ++counts.at(static_cast<std::size_t>(k));
  return counts;
}

double phi(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("sample: picks by running sums, never a class of weight 0, at both ends of the draw") {
    const std::vector<double> sums{0, 0, 0.25, 0.25, 1, 1, 1};
    CHECK(detail::pick(sums, 0) == 2);
    CHECK(detail::pick(sums, std::nextafter(0.25, 0)) == 2);
    CHECK(detail::pick(sums, 0.25) == 4);
    CHECK(detail::pick(sums, 1 - 0x1p-53) == 4);
    CHECK(detail::pick(sums, 1) == 4);  // as if the product had been rounded up
    for (double total = 1; total < 2; total += 0.001953125)
      CHECK(detail::pick(std::vector<double>{total / 2, total, total}, 1 - 0x1p-53) == 1);
  }

  TEST_CASE("sample: bernoulli by element has bernoulli's draws") {
    for (const double p : {0.0, 0.3, 1.0}) {
      Generator a(3), b(3);
      CHECK(
          bitwise_equal(bernoulli(full({7, 13}, p, float64), float64, a), bernoulli({7, 13}, p, float64, b)));
      CHECK(a.position() == b.position());
    }
    Generator generator(1);
    const Tensor p = full({3, 20000}, 0);
    Tensor mixed = p;
    for (Index i = 0; i < 20000; ++i) {
      mixed.mutable_data<float>()[20000 + i] = 0.25F;
      mixed.mutable_data<float>()[40000 + i] = 1;
    }
    const Tensor x = bernoulli(mixed, int64, generator);
    CHECK(x.dtype() == int64);
    CHECK(x.shape() == Shape{3, 20000});
    Index sums[3] = {};
    for (Index i = 0; i < 60000; ++i) sums[i / 20000] += x.data<Index>()[i];
    CHECK(sums[0] == 0);
    CHECK(plausible({sums[1], 20000 - sums[1]}, {0.25, 0.75}));
    CHECK(sums[2] == 20000);
    CHECK(bernoulli(zeros({0, 3})).shape() == Shape{0, 3});
    CHECK(bernoulli(scalar(1.0)).item() == 1);
  }

  TEST_CASE("sample: categorical draws by weights or logits, of any scale") {
    const std::vector<double> p{0.1, 0, 0.6, 0.3};
    for (const double scale : {1.0, 1e-300, 1e300, 5e307}) {
      CAPTURE(scale);
      Generator generator(2);
      std::vector<double> weights;
      for (const double x : p) weights.push_back(x * scale);
      const Tensor x = categorical(reals(weights), {.count = 40000}, generator);
      CHECK(x.shape() == Shape{40000});
      const auto counts = counts_of(x, 4);
      CHECK(counts[1] == 0);
      CHECK(plausible(counts, p));
    }
    Generator generator(4);
    const Tensor vast = categorical(reals({1e308, 1e308, 1e308}), {.count = 30000}, generator);
    CHECK(plausible(counts_of(vast, 3), {1 / 3., 1 / 3., 1 / 3.}));
    std::vector<double> logits;
    for (const double x : p) logits.push_back(std::log(x) + 900);
    const auto counts = counts_of(categorical(reals(logits), {.count = 40000, .logits = true}, generator), 4);
    CHECK(counts[1] == 0);
    CHECK(plausible(counts, p));
  }

  TEST_CASE("sample: rows have draws of their own") {
    Generator generator(5);
    const Tensor weights = reals({0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 5, 0}, {2, 2, 3});
    CHECK(bitwise_equal(categorical(weights, {}, generator),
                        Tensor::from(std::vector<Index>{1, 2, 0, 1}, {2, 2})));
    const Tensor several = categorical(weights, {.count = 2}, generator);
    CHECK(bitwise_equal(several, Tensor::from(std::vector<Index>{1, 1, 2, 2, 0, 0, 1, 1}, {2, 2, 2})));
    CHECK(categorical(weights, {.count = 0}).shape() == Shape{2, 2, 0});
    CHECK(categorical(zeros({0, 3})).shape() == Shape{0});
    CHECK(categorical(ones({1})).shape() == Shape{});
    const Tensor even = categorical(ones({20000, 4}), {}, generator);
    CHECK(plausible(counts_of(even, 4), {0.25, 0.25, 0.25, 0.25}));
    Generator a(6), b(6);
    CHECK(bitwise_equal(multinomial(weights, 2, {.replacement = true}, a),
                        categorical(weights, {.count = 2}, b)));
  }

  TEST_CASE("sample: multinomial without replacement draws one after the other") {
    Generator generator(7);
    const std::vector<double> p{0.5, 0, 0.3, 0.2};
    std::vector<double> many;
    for (int r = 0; r < 20000; ++r) many.insert(many.end(), p.begin(), p.end());
    const Tensor x = multinomial(reals(many, {20000, 4}), 3, {}, generator);
    CHECK(x.shape() == Shape{20000, 3});
    std::vector<Index> first(4), pairs(16);
    for (Index r = 0; r < 20000; ++r) {
      const Index* row = x.data<Index>() + 3 * r;
      CHECK(std::set<Index>(row, row + 3) == std::set<Index>{0, 2, 3});
      ++first[static_cast<std::size_t>(row[0])];
      ++pairs[static_cast<std::size_t>(4 * row[0] + row[1])];
    }
    CHECK(plausible(first, p));
    std::vector<double> expected(16);
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = 0; j < 4; ++j)
        if (i != j) expected[4 * i + j] = p[i] * p[j] / (1 - p[i]);
    CHECK(plausible(pairs, expected));
    CHECK(multinomial(reals(p), 0).shape() == Shape{0});
    CHECK(multinomial(reals({1e-300, 1e300}), 2, {}, generator).span<Index>()[0] == 1);
  }

  TEST_CASE("sample: truncated normal stays within its bounds and has their moments") {
    struct Case {
      double mean, deviation, low, high;
    };
    for (const Case c : {Case{0, 1, -2, 2}, Case{1, 2, -1, 0}, Case{0, 1, 5, 6}, Case{0, 1, -30.5, -30},
                         Case{3, 0.1, 2.95, infinity}, Case{0, 1, -infinity, infinity}, Case{0, 1, 1, 1.001},
                         Case{0, 1, -0.1, 8}}) {
      CAPTURE(c.low);
      Generator generator(8);
      const Tensor x = truncated_normal({40000}, c.mean, c.deviation, c.low, c.high, float64, generator);
      // The distribution function of uniform cells, by independent numerical integration of the density.
      const double a = (c.low - c.mean) / c.deviation, b = (c.high - c.mean) / c.deviation;
      const double from = std::max(a, -9.0 - (b < -9 ? 30 : 0)), to = std::min(b, 9.0);
      constexpr int steps = 20000;
      const double peak = from > 0 ? from : to < 0 ? to : 0;
      std::vector<double> sums{0};
      for (int i = 0; i < steps; ++i) {
        const double z = from + (to - from) * (i + 0.5) / steps;
        sums.push_back(sums.back() + std::exp((peak * peak - z * z) / 2));
      }
      std::vector<Index> cells(10);
      for (const double value : x.span<double>()) {
        REQUIRE(value >= c.low);
        REQUIRE(value <= c.high);
        const double at = ((value - c.mean) / c.deviation - from) / (to - from) * steps;
        const auto i = static_cast<std::size_t>(std::clamp(at, 0.0, steps - 1.0));
        const double u = (sums[i] + (at - static_cast<double>(i)) * (sums[i + 1] - sums[i])) / sums.back();
        ++cells[static_cast<std::size_t>(std::clamp(u * 10, 0.0, 9.0))];
      }
      CHECK(plausible(cells, std::vector<double>(10, 0.1)));
    }
  }

  TEST_CASE("sample: truncated normal's bounds hold in float, too, and every draw inverts its word") {
    Generator generator(9), same(9);
    const Tensor x = truncated_normal({5000}, 0, 1, 0.7, 0.70001, float32, generator);
    for (const float value : x.span<float>()) {
      REQUIRE(static_cast<double>(value) >= 0.7);
      REQUIRE(static_cast<double>(value) <= 0.70001);
    }
    CHECK(bitwise_equal(truncated_normal({3}, 0, 1, 0.5, 0.5), full({3}, 0.5)));
    // Phi of a draw is the uniform number that made it: the first words of neighbouring blocks.
    const Tensor z = truncated_normal({2000}, 0, 1, -infinity, infinity, float64, same);
    Generator again(9);
    const Tensor u = uniform({4000}, 0, 1, float64, again);
    for (std::size_t i = 0; i < 2000; ++i)
      CHECK(phi(z.span<double>()[i]) == doctest::Approx(u.span<double>()[2 * i]).epsilon(1e-12));
  }

  TEST_CASE("sample: the same stream on any number of threads, which goes on") {
    Tensor weights = uniform({300, 40}, 0, 1, float64);
    const std::vector<std::function<Tensor(Generator&)>> draws = {
        [&](Generator& g) { return bernoulli(weights, float32, g); },
        [&](Generator& g) { return categorical(weights, {.count = 30}, g); },
        [&](Generator& g) { return multinomial(weights, 20, {}, g); },
        [&](Generator& g) { return truncated_normal({9001}, 0, 1, -1, 3, float32, g); }};
    for (std::size_t i = 0; i < draws.size(); ++i) {
      CAPTURE(i);
      Generator one(11), four(11);
      Tensor single, many;
      {
        const Threads threads(1);
        single = draws[i](one);
      }
      {
        const Threads threads(4);
        many = draws[i](four);
      }
      CHECK(bitwise_equal(single, many));
      CHECK(one.position() == four.position());
      CHECK(one.position() > 0);
      CHECK_FALSE(bitwise_equal(draws[i](one), single));
    }
  }

  TEST_CASE("sample: bad arguments throw, naming the element or the row, and draw nothing") {
    Generator generator(12);
    const auto bernoulli_of = [&](const Tensor& p) {
      return message_of<ValueError>([&] { static_cast<void>(bernoulli(p, float32, generator)); });
    };
    CHECK(contains(bernoulli_of(reals({0, 1, 0.5, 1.5}, {2, 2})),
                   {"sample_test.cpp:", "bernoulli: expects probabilities in [0, 1], got 1.5", "at (1, 1)"}));
    CHECK(contains(bernoulli_of(reals({0, nan_value})), "at (1)"));
    CHECK(contains(bernoulli_of(reals({-1e-9})), "at (0)"));
    CHECK_THROWS_AS(static_cast<void>(bernoulli(ones({2}, int64))), DTypeError);

    const auto categorical_of = [&](const Tensor& w, bool logits = false) {
      return message_of<ValueError>(
          [&] { static_cast<void>(categorical(w, {.logits = logits}, generator)); });
    };
    CHECK(contains(categorical_of(reals({1, 1, 0, 0}, {2, 2})),
                   {"sample_test.cpp:", "categorical: row (1) has no class of positive weight"}));
    CHECK(contains(categorical_of(reals({1, 1, 1, -1}, {2, 1, 2})),
                   {"at least 0, row (1, 0) has -1", "for class 1"}));
    CHECK(contains(categorical_of(reals({1, nan_value})), "the row has nan"));
    CHECK(contains(categorical_of(reals({1, infinity})), "the row has inf"));
    CHECK(contains(categorical_of(reals({1, infinity}), true), "the row has inf"));
    CHECK(contains(categorical_of(reals({1, nan_value}), true), "the row has nan"));
    CHECK(contains(categorical_of(reals({-infinity, -infinity}), true), "no class of positive weight"));
    CHECK(contains(categorical_of(zeros({2, 0})), "row (0) has no class of positive weight"));
    CHECK_THROWS_AS(static_cast<void>(categorical(ones({2}), {.count = -1})), ValueError);
    CHECK_THROWS_AS(static_cast<void>(categorical(scalar(1.0))), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(categorical(ones({2}, int64))), DTypeError);

    const auto few = [&] { static_cast<void>(multinomial(reals({1, 1, 0, 1}, {2, 2}), 2, {}, generator)); };
    CHECK(contains(message_of<ValueError>(few), "row (1) has 1 classes of positive weight, too few for 2"));
    CHECK_THROWS_AS(static_cast<void>(multinomial(ones({2}), 3)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(multinomial(ones({2}), -1)), ValueError);

    const auto truncated = [&](double mean, double deviation, double low, double high) {
      return message_of<ValueError>(
          [&] { static_cast<void>(truncated_normal({2}, mean, deviation, low, high, float32, generator)); });
    };
    CHECK(contains(truncated(0, 1, 2, 1), {"sample_test.cpp:", "expects low <= high"}));
    CHECK(contains(truncated(0, 1, nan_value, 1), "expects low <= high"));
    CHECK(contains(truncated(0, 0, -1, 1), "deviation > 0"));
    CHECK(contains(truncated(nan_value, 1, -1, 1), "finite mean"));
    CHECK(contains(truncated(0, 1, 40, 41), "within 37 deviations"));
    CHECK(contains(truncated(0, 1, -41, -40), "within 37 deviations"));
    CHECK(contains(truncated(0, 1, infinity, infinity), "within 37 deviations"));
    CHECK(contains(truncated(0, 1, 0.1, 0.1), "no float32 lies in"));
    CHECK_THROWS_AS(static_cast<void>(truncated_normal({2}, 0, 1, -2, 2, int64)), DTypeError);
    CHECK(generator.position() == 0);
  }

  TEST_CASE("sample: init::truncated_normal keeps the leaf") {
    Generator a(13), b(13);
    const Variable w(zeros({40, 5}), {.requires_grad = true}), handle = w;
    nn::init::truncated_normal(w, 0, 0.02, -0.04, 0.04, a);
    CHECK(handle.is(w));
    CHECK(bitwise_equal(handle.value(), truncated_normal({40, 5}, 0, 0.02, -0.04, 0.04, float32, b)));
    CHECK(contains(message_of<ValueError>([&] { nn::init::truncated_normal(w, 0, -1); }),
                   {"sample_test.cpp:", "deviation > 0"}));
    CHECK_THROWS_AS(nn::init::truncated_normal(Variable(zeros({2}, int64))), DTypeError);
  }
}
