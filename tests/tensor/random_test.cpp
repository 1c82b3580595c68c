// The random streams: known answers, bounds, distributions, independence of threads.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/philox.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <thread>

namespace {

using namespace xgrad;
using detail::philox;
using detail::PhiloxCounter;

// The known answers that accompany the paper (Random123, kat_vectors, philox4x32 with 10 rounds).
static_assert(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

constexpr std::uint64_t seed = 0x0123456789abcdef;
constexpr detail::PhiloxKey key = {0x89abcdef, 0x01234567};

// Restores the number of threads.
struct Threads {
  int before = num_threads();
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
};

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};

Moments moments(const Tensor& tensor) {
  const Tensor values = tensor.to(float64);
  const auto n = static_cast<double>(values.count());
  Moments m;
  for (double x : values.span<double>()) m.mean += x / n;
  for (double x : values.span<double>()) m.variance += (x - m.mean) * (x - m.mean) / n;
  const double deviation = std::sqrt(m.variance);
  for (double x : values.span<double>()) {
    m.skewness += std::pow((x - m.mean) / deviation, 3) / n;
    m.kurtosis += std::pow((x - m.mean) / deviation, 4) / n;
  }
  return m;
}

// Pearson's statistic of equally likely cells; its mean is cells - 1, its variance twice that.
double chi_square(const std::vector<Index>& observed) {
  const auto total = static_cast<double>(std::accumulate(observed.begin(), observed.end(), Index{0}));
  const double expected = total / static_cast<double>(observed.size());
  double sum = 0;
  for (Index count : observed) {
    const double gap = static_cast<double>(count) - expected;
    sum += gap * gap / expected;
  }
  return sum;
}

// Within five standard deviations of the statistic's mean, on both sides: too even is no chance either.
bool plausible(const std::vector<Index>& observed) {
  const auto freedom = static_cast<double>(observed.size() - 1);
  return std::abs(chi_square(observed) - freedom) < 5 * std::sqrt(2 * freedom);
}

std::vector<Index> histogram(const Tensor& values, double low, double high, Index cells) {
  std::vector<Index> observed(static_cast<std::size_t>(cells));
  const Tensor reals = values.to(float64);
  for (double x : reals.span<double>())
    if (x >= low && x < high)
      ++observed[static_cast<std::size_t>((x - low) / (high - low) * static_cast<double>(cells))];
  return observed;
}

double largest(const Tensor& values) {
  const Tensor reals = values.to(float64);
  return *std::max_element(reals.span<double>().begin(), reals.span<double>().end());
}
double smallest(const Tensor& values) {
  const Tensor reals = values.to(float64);
  return *std::min_element(reals.span<double>().begin(), reals.span<double>().end());
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("random: the words of a block become the elements in order") {
    const PhiloxCounter first = philox({0, 0, 0, 0}, key), second = philox({1, 0, 0, 0}, key);
    Generator generator(seed);
    const Tensor single = uniform({2, 3}, 0, 1, float32, generator);
    CHECK(generator.position() == 2);
    for (Index i = 0; i < 6; ++i) {
      const std::uint32_t word =
          i < 4 ? first[static_cast<std::size_t>(i)] : second[static_cast<std::size_t>(i - 4)];
      CHECK(single.data<float>()[i] == static_cast<float>(word >> 8) / 16777216.0F);
    }
    Generator again(seed);
    const Tensor twice = uniform({3}, 0, 1, float64, again);
    CHECK(again.position() == 2);
    const auto joined = [](std::uint32_t low, std::uint32_t high) {
      return std::ldexp(static_cast<double>((std::uint64_t{high} << 32 | low) >> 11), -53);
    };
    CHECK(twice.data<double>()[0] == joined(first[0], first[1]));
    CHECK(twice.data<double>()[1] == joined(first[2], first[3]));
    CHECK(twice.data<double>()[2] == joined(second[0], second[1]));
  }

  TEST_CASE("random: normal is Box-Muller of neighbouring words") {
    const PhiloxCounter words = philox({0, 0, 0, 0}, key);
    Generator generator(seed);
    const Tensor x = normal({4}, 3, 2, float32, generator);
    for (std::size_t pair = 0; pair < 4; pair += 2) {
      const double u = (words[pair] + 0.5) * 0x1p-32, v = (words[pair + 1] >> 8) * 0x1p-24;
      const double radius = std::sqrt(-2 * std::log(u)), angle = 2 * 3.14159265358979323846 * v;
      CHECK(x.data<float>()[pair] == doctest::Approx(3 + 2 * radius * std::cos(angle)).epsilon(1e-5));
      CHECK(x.data<float>()[pair + 1] == doctest::Approx(3 + 2 * radius * std::sin(angle)).epsilon(1e-5));
    }
  }

  TEST_CASE("random: a stream continues, a copy repeats, a longer tensor starts alike") {
    Generator generator(7);
    const Tensor first = uniform({1000}, 0, 1, float32, generator);
    Generator copy = generator;
    const Tensor second = uniform({1000}, 0, 1, float32, generator);
    CHECK_FALSE(bitwise_equal(first, second));
    CHECK(bitwise_equal(second, uniform({1000}, 0, 1, float32, copy)));
    Generator fresh(7);
    const Tensor both = uniform({2000}, 0, 1, float32, fresh);
    CHECK(bitwise_equal(both.rows(0, 1000), first));
    CHECK(bitwise_equal(both.rows(1000, 2000), second));
    Generator other(8);
    CHECK_FALSE(bitwise_equal(first, uniform({1000}, 0, 1, float32, other)));
  }

  TEST_CASE("random: streams beyond the 32-bit block numbers") {
    Generator near(1), far(1);
    far.advance(std::uint64_t{1} << 32);
    CHECK_FALSE(bitwise_equal(uniform({64}, 0, 1, float32, near), uniform({64}, 0, 1, float32, far)));
    Generator edge(seed);
    edge.advance(0xffffffff);
    const Tensor across = uniform({8}, 0, 1, float32, edge);
    CHECK(across.data<float>()[4] == static_cast<float>(philox({0, 1, 0, 0}, key)[0] >> 8) / 16777216.0F);
  }

  TEST_CASE("random: a state goes on bitwise, with all 64 bits of seed and position") {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{1} << 63, most})
      for (const std::uint64_t position :
           {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 63, most}) {
        Generator whole(seed), other(5);
        whole.advance(position);
        const StateDict state = whole.state_dict();
        static_cast<void>(normal({3}, 0, 1, float32, other));
        other.load_state_dict(state);
        CHECK(other.seed() == seed);
        CHECK(other.position() == position);
        CHECK(bitwise_equal(normal({9}, 0, 1, float64, other), normal({9}, 0, 1, float64, whole)));
      }
    const StateDict state = Generator(most).state_dict();
    CHECK(state.size() == 2);
    CHECK(bitwise_equal(state.at("seed"), scalar(-1)));
    CHECK(bitwise_equal(state.at("position"), scalar(0)));
  }

  TEST_CASE("random: a state that does not fit lists every mismatch and changes nothing") {
    Generator generator(4);
    generator.advance(2);
    try {
      generator.load_state_dict({{"seed", scalar(1.0)}, {"extra", scalar(1)}});
      FAIL("nothing was thrown");
    } catch (const ValueError& error) {
      const std::string text = error.what();
      CAPTURE(text);
      for (const char* part :
           {"random_test.cpp", "Generator: the state does not fit this generator:",
            "seed: expects int64 (), got float32 ()", "position: missing", "extra: unexpected"})
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(generator.seed() == 4);
    CHECK(generator.position() == 2);
  }

  TEST_CASE("random: the default stream") {
    manual_seed(5);
    const Tensor a = uniform({10}), b = uniform({10});
    manual_seed(5);
    CHECK(bitwise_equal(a, uniform({10})));
    CHECK(bitwise_equal(b, uniform({10})));
    CHECK(default_generator().seed() == 5);
    manual_seed(0);
  }

  TEST_CASE("uniform: moments, bounds and evenness") {
    for (DType dtype : {float32, float64}) {
      Generator generator(11);
      const Tensor x = uniform({200000}, 0, 1, dtype, generator);
      CHECK(x.dtype() == dtype);
      CHECK(smallest(x) >= 0);
      CHECK(largest(x) < 1);
      const Moments m = moments(x);
      CHECK(std::abs(m.mean - 0.5) < 5 * std::sqrt(1.0 / 12 / 200000));
      CHECK(std::abs(m.variance - 1.0 / 12) < 5 * std::sqrt(1.0 / 180 / 200000));
      CHECK(plausible(histogram(x, 0, 1, 100)));
    }
  }

  TEST_CASE("uniform: float64 uses the low bits too") {
    Generator generator(3);
    const Tensor x = uniform({1000}, 0, 1, float64, generator);
    Index fine = 0;
    for (double v : x.span<double>()) fine += v * 0x1p52 != std::floor(v * 0x1p52) ? 1 : 0;
    CHECK(fine > 400);
    CHECK(fine < 600);
  }

  TEST_CASE("uniform: neighbours are independent") {
    Generator generator(17);
    const Tensor x = uniform({400000}, 0, 1, float32, generator);
    std::vector<Index> cells(256);
    const float* v = x.data<float>();
    for (Index i = 0; i + 1 < x.count(); i += 2)
      ++cells[static_cast<std::size_t>(v[i] * 16) * 16 + static_cast<std::size_t>(v[i + 1] * 16)];
    CHECK(plausible(cells));
  }

  TEST_CASE("uniform: rounding never reaches the upper bound nor leaves the lower one") {
    // Between these bounds float32 has two numbers only, so half of the draws round to the upper bound.
    const double one = 1, above = 1 + 2 * 0x1p-23;
    Generator generator(2);
    const Tensor x = uniform({4096}, one, above, float32, generator);
    CHECK(smallest(x) == 1);
    CHECK(largest(x) == 1 + 0x1p-23);
    // 0.7 is not a float32, and the nearest one lies below it.
    const Tensor y = uniform({4096}, 0.7, 0.7 + 0x1p-22, float32, generator);
    CHECK(smallest(y) >= 0.7);
    CHECK(largest(y) < 0.7 + 0x1p-22);
    // 1.5 is the only float32 within.
    const Tensor only = uniform({64}, 1.5 - 0x1.8p-24, 1.5 + 0x1.8p-24, float32, generator);
    CHECK(bitwise_equal(only, full({64}, 1.5)));
    const Tensor z = uniform({4096}, -1e-3, 16777216, float32, generator);
    CHECK(largest(z) < 16777216);
    CHECK(bitwise_equal(uniform({5}, 2.5, 2.5, float64, generator), full({5}, 2.5, float64)));
    constexpr double most = std::numeric_limits<double>::max();
    const Tensor wide = uniform({1000}, -most, most, float64, generator);
    CHECK(std::isfinite(largest(wide)));
    CHECK(largest(wide) > most / 2);
    CHECK(smallest(wide) < -most / 2);
  }

  TEST_CASE("normal: moments and tails") {
    for (DType dtype : {float32, float64}) {
      Generator generator(23);
      const Tensor x = normal({200000}, 0, 1, dtype, generator);
      const Moments m = moments(x);
      CHECK(std::abs(m.mean) < 5 / std::sqrt(200000));
      CHECK(std::abs(m.variance - 1) < 5 * std::sqrt(2.0 / 200000));
      CHECK(std::abs(m.skewness) < 5 * std::sqrt(6.0 / 200000));
      CHECK(std::abs(m.kurtosis - 3) < 5 * std::sqrt(24.0 / 200000));
      CHECK(largest(x) > 3.5);
      CHECK(largest(x) < 6.7);
      // The distribution function makes the values uniform.
      Tensor levels = x.to(float64);
      for (double& v : levels.mutable_span<double>()) v = 0.5 * std::erfc(-v / std::sqrt(2.0));
      CHECK(plausible(histogram(levels, 0, 1, 100)));
    }
    Generator generator(1);
    CHECK(bitwise_equal(normal({6}, 1.5, 0, float32, generator), full({6}, 1.5)));
  }

  TEST_CASE("randint: range, evenness, no modulo bias") {
    Generator generator(29);
    const Tensor dice = randint({60000}, 1, 7, generator);
    CHECK(dice.dtype() == int64);
    CHECK(smallest(dice) == 1);
    CHECK(largest(dice) == 6);
    CHECK(plausible(histogram(dice, 1, 7, 6)));
    // 2^64 draws on 3 * 2^62 numbers: a remainder alone gives the lower third twice as often as the others,
    // the high half of a product alone does so with every third number.
    const Index half = 3 * (Index{1} << 61);
    const Tensor wide = randint({30000}, -half, half, generator);
    CHECK(plausible(histogram(wide, static_cast<double>(-half), static_cast<double>(half), 3)));
    std::vector<Index> residues(3);
    for (Index value : wide.span<Index>()) ++residues[static_cast<std::size_t>((value % 3 + 3) % 3)];
    CHECK(plausible(residues));
    constexpr Index low = std::numeric_limits<Index>::min(), high = std::numeric_limits<Index>::max();
    const Tensor all = randint({1000}, low, high, generator);
    CHECK(smallest(all) < -0x1p62);
    CHECK(largest(all) > 0x1p62);
    CHECK(bitwise_equal(randint({4}, 9, 10, generator), full({4}, 9, int64)));
  }

  TEST_CASE("bernoulli: frequency, ends, dtypes") {
    Generator generator(31);
    const Tensor x = bernoulli({100000}, 0.3, float32, generator);
    const double mean = moments(x).mean;
    CHECK(std::abs(mean - 0.3) < 5 * std::sqrt(0.21 / 100000));
    CHECK(bitwise_equal(bernoulli({1000}, 0, float32, generator), zeros({1000})));
    CHECK(bitwise_equal(bernoulli({1000}, 1, boolean, generator), ones({1000}, boolean)));
    Generator a(1), b(1);
    CHECK(bitwise_equal(bernoulli({99}, 0.5, boolean, a).to(int64), bernoulli({99}, 0.5, int64, b)));
  }

  TEST_CASE("permutation: every number once, all orders alike") {
    Generator generator(37);
    for (Index count : {0, 1, 2, 3, 100, 3000}) {
      const Tensor order = permutation(count, generator);
      CHECK(order.shape() == Shape{count});
      const std::span<const Index> span = order.span<Index>();
      std::vector<Index> sorted(span.begin(), span.end());
      std::sort(sorted.begin(), sorted.end());
      bool valid = true;
      for (Index i = 0; i < count; ++i) valid = valid && sorted[static_cast<std::size_t>(i)] == i;
      CHECK(valid);
    }
    std::vector<Index> orders(24);
    for (int i = 0; i < 24000; ++i) {
      const Tensor order = permutation(4, generator);
      const Index* p = order.data<Index>();
      const Index rank = p[0] * 6 + (p[1] - (p[0] < p[1] ? 1 : 0)) * 2 + (p[2] > p[3] ? 1 : 0);
      ++orders[static_cast<std::size_t>(rank)];
    }
    CHECK(plausible(orders));
  }

  TEST_CASE("random: empty tensors and scalars") {
    Generator generator(1);
    CHECK(uniform({0, 3}, 0, 1, float32, generator).shape() == Shape{0, 3});
    CHECK(normal({0}, 0, 1, float64, generator).count() == 0);
    CHECK(randint({0}, 0, 1, generator).count() == 0);
    CHECK(generator.position() == 0);
    CHECK(uniform({}, 0, 1, float32, generator).rank() == 0);
    CHECK(generator.position() == 1);
  }

  TEST_CASE("random: bad arguments throw and leave the stream alone") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                     inf = std::numeric_limits<double>::infinity();
    Generator generator(1);
    CHECK_THROWS_AS(uniform({2}, 1, 0, float32, generator), ValueError);
    CHECK_THROWS_AS(uniform({2}, nan, 1, float32, generator), ValueError);
    CHECK_THROWS_AS(uniform({2}, 0, inf, float32, generator), ValueError);
    CHECK_THROWS_AS(uniform({2}, 0, 1e39, float32, generator), ValueError);
    CHECK_THROWS_AS(uniform({2}, 0, 1, int64, generator), DTypeError);
    CHECK_THROWS_AS(uniform({-2}, 0, 1, float32, generator), ShapeError);
    CHECK_THROWS_AS(normal({2}, 0, -1, float32, generator), ValueError);
    CHECK_THROWS_AS(normal({2}, 0, nan, float32, generator), ValueError);
    CHECK_THROWS_AS(normal({2}, 0, 1, boolean, generator), DTypeError);
    CHECK_THROWS_AS(randint({2}, 3, 3, generator), ValueError);
    CHECK_THROWS_AS(bernoulli({2}, -0.1, float32, generator), ValueError);
    CHECK_THROWS_AS(bernoulli({2}, 1.1, float32, generator), ValueError);
    CHECK_THROWS_AS(bernoulli({2}, nan, float32, generator), ValueError);
    CHECK_THROWS_AS(permutation(-1, generator), ValueError);
    CHECK(generator.position() == 0);
    CHECK_THROWS_WITH(randint({2}, 5, 3, generator),
                      doctest::Contains("randint: expects low < high, got [5, 3)"));
  }

  TEST_CASE("random: the stream does not depend on the number of threads") {
    const std::vector<std::function<Tensor(Generator&)>> draws = {
        [](Generator& g) { return uniform({100001}, -1, 3, float32, g); },
        [](Generator& g) { return uniform({100001}, -1, 3, float64, g); },
        [](Generator& g) { return normal({100003}, 0, 1, float32, g); },
        [](Generator& g) { return normal({100003}, 0, 1, float64, g); },
        [](Generator& g) { return randint({100001}, -5, 1000, g); },
        [](Generator& g) { return bernoulli({100002}, 0.5, uint8, g); },
        [](Generator& g) { return permutation(100001, g); },
    };
    for (const auto& draw : draws) {
      Generator a(41), b(41), c(41);
      const Tensor one = (Threads(1), draw(a));
      CHECK(bitwise_equal(one, (Threads(2), draw(b))));
      CHECK(bitwise_equal(one, (Threads(3), draw(c))));
      CHECK(a.position() == b.position());
    }
  }
}

TEST_SUITE("threads") {
  TEST_CASE("random: every thread has a stream of its own") {
    std::vector<std::uint64_t> seeds(4);
    std::vector<std::thread> threads;
    for (std::uint64_t& own : seeds) threads.emplace_back([&own] { own = default_generator().seed(); });
    for (std::thread& thread : threads) thread.join();
    seeds.push_back(default_generator().seed());
    CHECK(std::set<std::uint64_t>(seeds.begin(), seeds.end()).size() == 5);
    manual_seed(0);
    std::uint64_t other = 0;
    std::thread([&other] {
      manual_seed(99);
      other = default_generator().seed();
    }).join();
    CHECK(other == 99);
    CHECK(default_generator().seed() == 0);
  }
}
