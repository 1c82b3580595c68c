// Convolution kernels: float32, which goes through oneDNN where it is, against float64, which never does;
// many blocks; any number of threads; signals.
#include "support/reference.hpp"

#include "support/signal_storm.hpp"

#include <xgrad/kernels/conv.hpp>

using namespace xgrad;
using namespace xgrad::test;
using kernels::Convolution;
using kernels::Window;

namespace {

struct Operands {
  Tensor x, weight, bias, gradient;
  Operands(const Convolution& c, RandomTensors& random, DType dtype = float32)
      : x(random(c.x(), dtype)),
        weight(random(c.weight(), dtype)),
        bias(random({c.out}, dtype)),
        gradient(random(c.y(), dtype)) {}
  Operands(const Operands& other, DType dtype)
      : x(other.x.to(dtype)),
        weight(other.weight.to(dtype)),
        bias(other.bias.to(dtype)),
        gradient(other.gradient.to(dtype)) {}
};

std::array<Tensor, 4> results(const Convolution& c, const Operands& o) {
  return {kernels::conv2d(o.x, o.weight, o.bias, c), kernels::conv2d(o.x, o.weight, {}, c),
          kernels::conv2d_input_gradient(o.gradient, o.weight, c),
          kernels::conv2d_weight_gradient(o.gradient, o.x, c)};
}

/// Rounding grows with what is added up.
void check_close(const Tensor& actual, const Tensor& expected) {
  const Naive e(expected);
  double largest = 1;
  for (const double value : e.values) largest = std::max(largest, std::abs(value));
  const Naive a(actual);
  REQUIRE(a.shape == e.shape);
  double worst = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    worst = std::max(worst, std::abs(a.values[i] - e.values[i]));
  CHECK(worst <= 1e-5 * largest);
}

std::string named(const Convolution& c) {
  const auto axis = [](const Window& w) {
    return " stride " + std::to_string(w.stride) + " padding (" + std::to_string(w.before) + ", " +
           std::to_string(w.after) + ") dilation " + std::to_string(w.dilation);
  };
  return to_string(c.x()) + " with " + to_string(c.weight()) + axis(c.height) + axis(c.width);
}

Window random_window(RandomTensors& random) {
  Window w;
  do {
    w = {.input = random.integer(1, 17),
         .kernel = random.integer(1, 5),
         .stride = random.integer(1, 3),
         .before = random.integer(0, 3),
         .after = random.integer(0, 3),
         .dilation = random.integer(0, 3) == 0 ? random.integer(2, 3) : 1};
    // As a transposed convolution has it, whose last pixels no window reaches.
    if (random.integer(0, 5) == 0) w.after = -1;
  } while (w.extent() > w.padded() || w.padded() < 1);
  return w;
}

Convolution random_convolution(RandomTensors& random) {
  constexpr Index channels[] = {1, 2, 3, 5, 8, 16, 17, 32, 48};
  const auto pick = [&] { return channels[random.integer(0, 8)]; };
  Convolution c{random.integer(1, 3), random_window(random), random_window(random), pick(), pick(), 1};
  if (random.integer(0, 2) == 0) {
    c.groups = random.integer(2, 4);
    c.in *= c.groups;
    c.out *= c.groups;
  } else if (random.integer(0, 2) == 0) {
    c.groups = c.out = c.in;
  }
  return c;
}

/// The shapes that networks are made of.
std::vector<Convolution> usual() {
  const auto square = [](Index size, Index kernel, Index stride, Index padding) {
    return Window{.input = size, .kernel = kernel, .stride = stride, .before = padding, .after = padding};
  };
  const Window first = square(28, 3, 1, 1), second = square(14, 3, 2, 1), point = square(14, 1, 1, 0),
               seven = square(32, 7, 2, 3);
  // Stride 1 and about as many positions as pixels: the input's gradient may be a convolution itself.
  const Window tall{.input = 23, .kernel = 3, .before = 2, .after = 1},
      wide{.input = 29, .kernel = 3, .before = 1, .after = 4, .dilation = 2};
  // A kernel of one pixel that is not a product of matrices all the same.
  const Window shifted{.input = 14, .kernel = 1, .before = 1};
  return {{8, first, first, 1, 32, 1},     {4, first, first, 32, 64, 1}, {4, second, second, 64, 64, 1},
          {4, point, point, 64, 128, 1},   {2, seven, seven, 3, 64, 1},  {4, first, first, 32, 32, 32},
          {4, second, second, 64, 64, 4},  {4, first, first, 20, 50, 1}, {2, tall, wide, 40, 70, 1},
          {4, shifted, shifted, 16, 24, 1}};
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("convolution: float32 agrees with float64 on random shapes") {
    RandomTensors random(21);
    for (int i = 0; i < 150; ++i) {
      const Convolution c = random_convolution(random);
      CAPTURE(named(c));
      const Operands single(c, random), real(single, float64);
      const auto actual = results(c, single), expected = results(c, real);
      for (std::size_t k = 0; k < actual.size(); ++k) {
        CAPTURE(k);
        check_close(actual[k], expected[k]);
      }
    }
  }

  TEST_CASE("convolution: many blocks give what single images give") {
    // Large enough for several blocks of lines in each image.
    const Window h{.input = 90, .kernel = 3, .stride = 1, .before = 1, .after = 0},
        w{.input = 70, .kernel = 5, .stride = 2, .before = 2, .after = 2};
    const Convolution c{3, h, w, 12, 6, 2};
    RandomTensors random(22);
    const Operands all(c, random, float64);
    const auto whole = results(c, all);
    Naive weight_sum(c.weight());
    for (Index n = 0; n < 3; ++n) {
      Convolution one = c;
      one.batch = 1;
      Operands part = all;
      part.x = all.x.rows(n, n + 1);
      part.gradient = all.gradient.rows(n, n + 1);
      const auto single = results(one, part);
      for (std::size_t k = 0; k < 3; ++k) check_close(whole[k].rows(n, n + 1), single[k]);
      const Naive share(single[3]);
      for (std::size_t i = 0; i < share.values.size(); ++i) weight_sum.values[i] += share.values[i];
    }
    check_equal(whole[3], weight_sum, 1e-11);
    // Both gradients from the value: sum(y g) is linear in x and in the weight.
    const auto product = [](const Tensor& a, const Tensor& b) {
      double sum = 0;
      for (Index i = 0; i < a.count(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
      return sum;
    };
    const double expected = product(whole[1], all.gradient);
    CHECK(product(whole[2], all.x) == doctest::Approx(expected).epsilon(1e-10));
    CHECK(product(whole[3], all.weight) == doctest::Approx(expected).epsilon(1e-10));
  }

  TEST_CASE("convolution: results never read the memory they are written to") {
    RandomTensors random(23);
    for (int i = 0; i < 20; ++i) {
      const Convolution c = random_convolution(random);
      CAPTURE(named(c));
      for (const DType dtype : {float32, float64}) {
        const Operands operands(c, random, dtype);
        const auto first = results(c, operands);
        for (const Shape& shape : {c.x(), c.weight(), c.y()}) {
          Tensor poison = Tensor::uninitialized(shape, dtype);
          std::memset(poison.mutable_raw(), 0xff, static_cast<std::size_t>(poison.bytes()));
        }
        const auto again = results(c, operands);
        for (std::size_t k = 0; k < first.size(); ++k) check_close(again[k], first[k].to(float64));
      }
    }
  }

  TEST_CASE("convolution: NaN and infinity reach the result, padding makes none") {
    const Window w{.input = 3, .kernel = 3, .stride = 1, .before = 1, .after = 1};
    const Convolution c{1, w, w, 1, 1, 1};
    for (const DType dtype : {float32, float64}) {
      Tensor x = Tensor({0, 0, 0, 0, 0, 0, 0, 0, 1}, float64).reshape(c.x());
      Tensor weight = Tensor({1, 1, 1, 1, 1, 1, 1, 1, 1}, float64).reshape(c.weight());
      x.mutable_data<double>()[0] = std::nan("");
      const Tensor y = kernels::conv2d(x.to(dtype), weight.to(dtype), {}, c);
      CHECK(std::isnan(y.at({0, 0, 0, 0})));
      CHECK(std::isnan(y.at({0, 1, 1, 0})));
      CHECK(y.at({0, 0, 2, 0}) == 0);
      CHECK(y.at({0, 2, 2, 0}) == 1);
    }
  }

  TEST_CASE("convolution on any number of threads") {
    RandomTensors random(25);
    for (const Convolution& c : usual()) {
      CAPTURE(named(c));
      const Operands single(c, random), real(single, float64);
      const auto expected = results(c, real);
      for (const int count : {1, 3}) {
        const Threads threads(count);
        const auto actual = results(c, single), again = results(c, real);
        for (std::size_t k = 0; k < actual.size(); ++k) {
          check_close(actual[k], expected[k]);
          check_close(again[k], expected[k]);
        }
      }
    }
  }
}

TEST_SUITE("slow") {
  TEST_CASE("convolution: a signal handler may run at any moment") {
    RandomTensors random(26);
    std::vector<Convolution> all = usual();
    for (int i = 0; i < 40; ++i) all.push_back(random_convolution(random));
    const SignalStorm storm;
    for (const Convolution& c : all) {
      CAPTURE(named(c));
      const Operands operands(c, random);
      const auto first = results(c, operands);
      const auto expected = results(c, Operands(operands, float64));
      for (std::size_t k = 0; k < first.size(); ++k) check_close(first[k], expected[k]);
      const auto before = SignalStorm::count();
      while (SignalStorm::count() < before + 200) {
        const auto again = results(c, operands);
        for (std::size_t k = 0; k < first.size(); ++k) REQUIRE(same_bits(again[k], first[k]));
      }
    }
  }
}
