// Initialisers: distributions, gains as PyTorch's, and leaves that stay leaves.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/nn/init.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

using namespace xgrad;
using namespace xgrad::test;
namespace init = nn::init;

namespace {

struct Moments {
  double mean, deviation, low, high;
};

Moments moments(const Variable& x) {
  const Tensor values = x.value().to(float64);
  Moments m{0, 0, values.data<double>()[0], values.data<double>()[0]};
  const auto count = static_cast<double>(values.count());
  for (const double v : values.span<double>()) {
    m.mean += v / count;
    m.low = std::min(m.low, v);
    m.high = std::max(m.high, v);
  }
  for (const double v : values.span<double>()) m.deviation += (v - m.mean) * (v - m.mean) / count;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

void check_uniform(const Variable& x, double bound) {
  const Moments m = moments(x);
  CHECK(m.low >= -bound);
  CHECK(m.high <= bound);
  CHECK(m.high > 0.99 * bound);
  CHECK(m.low < -0.99 * bound);
  CHECK(m.deviation == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.03));
  CHECK(std::abs(m.mean) < 0.03 * bound);
}

void check_normal(const Variable& x, double mean, double deviation) {
  const Moments m = moments(x);
  CHECK(std::abs(m.mean - mean) < 0.03 * deviation);
  CHECK(m.deviation == doctest::Approx(deviation).epsilon(0.03));
  CHECK(m.high > mean + 3 * deviation);
}

double distance_to_identity(const Tensor& gram) {
  double worst = 0;
  for (Index i = 0; i < gram.size(0); ++i)
    for (Index j = 0; j < gram.size(1); ++j) worst = std::max(worst, std::abs(gram.at({i, j}) - (i == j)));
  return worst;
}

}  // namespace

TEST_CASE("constants") {
  nn::Parameter p(full({3, 2}, 7));
  init::zeros(p);
  CHECK(bitwise_equal(p.value(), zeros({3, 2})));
  init::ones(p);
  CHECK(bitwise_equal(p.value(), ones({3, 2})));
  init::constant(p, -0.5);
  CHECK(bitwise_equal(p.value(), full({3, 2}, -0.5)));
}

TEST_CASE("distributions") {
  // (out, in) = (120, 180)
  const Variable w = leaf(zeros({120, 180}));
  Generator generator(5);
  init::uniform(w, 2, 4, generator);
  CHECK(moments(w).low >= 2);
  CHECK(moments(w).high < 4);
  CHECK(moments(w).mean == doctest::Approx(3).epsilon(0.01));
  init::normal(w, 1, 0.5, generator);
  check_normal(w, 1, 0.5);
  init::xavier_uniform(w, 2, generator);
  check_uniform(w, 2 * std::sqrt(6.0 / 300));
  init::xavier_normal(w, 2, generator);
  check_normal(w, 0, 2 * std::sqrt(2.0 / 300));
  init::kaiming_uniform(w, {}, generator);
  check_uniform(w, std::sqrt(6.0 / 180));
  init::kaiming_uniform(w, {.slope = std::sqrt(5.0)}, generator);
  check_uniform(w, 1 / std::sqrt(180.0));
  init::kaiming_normal(w, {.mode = init::FanMode::out, .nonlinearity = init::Nonlinearity::relu}, generator);
  check_normal(w, 0, std::sqrt(2.0 / 120));
  init::kaiming_normal(w, {.nonlinearity = init::Nonlinearity::tanh}, generator);
  check_normal(w, 0, 5.0 / 3 / std::sqrt(180.0));
}

TEST_CASE("gains and fans are PyTorch's") {
  using enum init::Nonlinearity;
  const auto golden = [](const char* name) { return test::golden(name, {}).item<double>(); };
  CHECK(init::gain(linear) == golden("gain/linear"));
  CHECK(init::gain(sigmoid) == golden("gain/sigmoid"));
  CHECK(init::gain(init::Nonlinearity::tanh) == doctest::Approx(golden("gain/tanh")));
  CHECK(init::gain(relu) == doctest::Approx(golden("gain/relu")));
  CHECK(init::gain(selu) == golden("gain/selu"));
  CHECK(init::gain(leaky_relu, 0.3) == doctest::Approx(golden("gain/leaky_relu")));
  const Tensor fans_golden = test::golden("fans", {2});
  const init::Fans fans = init::fans({8, 3, 5, 6});
  CHECK(fans.in == static_cast<Index>(fans_golden.data<double>()[0]));
  CHECK(fans.out == static_cast<Index>(fans_golden.data<double>()[1]));
  CHECK_THROWS_AS(init::fans({4}), ShapeError);
}

TEST_CASE("orthogonal: orthonormal rows or columns, times the gain, in every shape") {
  for (const Shape& shape : {Shape{5, 5}, Shape{3, 7}, Shape{9, 4}, Shape{4, 3, 3, 2}, Shape{40, 2, 3},
                             Shape{1, 6}, Shape{200, 200}}) {
    CAPTURE(to_string(shape));
    const Variable w = leaf(zeros(shape, float64));
    init::orthogonal(w, 2);
    const Tensor q = (Variable(w.value().reshape({shape[0], -1})) / 2).value();
    const bool wide = q.size(0) <= q.size(1);
    const Tensor gram = matmul(q, q, {.transpose_a = !wide, .transpose_b = wide}).value();
    CHECK(distance_to_identity(gram) < 1e-14);
  }
  const Variable single = leaf(zeros({64, 64}));
  init::orthogonal(single);
  CHECK(distance_to_identity(matmul(single.value(), single.value(), {.transpose_b = true}).value()) < 1e-5);
  CHECK_NOTHROW(init::orthogonal(leaf(zeros({0, 3}))));
  CHECK_NOTHROW(init::orthogonal(leaf(zeros({3, 0}))));
  CHECK_THROWS_AS(init::orthogonal(leaf(zeros({3}))), ShapeError);
}

TEST_CASE("initialisers leave leaves as leaves, for every handle") {
  nn::Linear layer(6, 6);
  const Variable handle = layer.weight;
  const std::vector<std::function<void()>> all = {
      [&] { init::zeros(layer.weight); },          [&] { init::ones(layer.weight); },
      [&] { init::constant(layer.weight, 3); },    [&] { init::uniform(layer.weight); },
      [&] { init::normal(layer.weight); },         [&] { init::xavier_uniform(layer.weight); },
      [&] { init::xavier_normal(layer.weight); },  [&] { init::kaiming_uniform(layer.weight); },
      [&] { init::kaiming_normal(layer.weight); }, [&] { init::orthogonal(layer.weight); }};
  for (const auto& initialise : all) {
    const Tensor before = handle.value();
    initialise();
    CHECK_FALSE(bitwise_equal(before, handle.value()));
    CHECK(handle.is_leaf());
    CHECK(handle.requires_grad());
    CHECK(handle.is(layer.weight));
  }
}

TEST_CASE("initialisers take floating parameters only") {
  const Variable integers(zeros({2, 2}, int64));
  CHECK_THROWS_AS(init::ones(integers), DTypeError);
  CHECK_THROWS_AS(init::uniform(integers), DTypeError);
  CHECK_THROWS_AS(init::normal(integers), DTypeError);
  CHECK_THROWS_AS(init::orthogonal(integers), DTypeError);
  CHECK_THROWS_AS(init::xavier_normal(leaf(zeros({3}))), ShapeError);
}

TEST_CASE("what initialisers do when not told otherwise") {
  const Variable w = leaf(zeros({6, 4}));
  const auto drawn = [&](const auto& initialise) {
    manual_seed(3);
    initialise();
    return w.value();
  };
  const auto alike = [&](const auto& f, const auto& g) { return bitwise_equal(drawn(f), drawn(g)); };
  CHECK(alike([&] { init::uniform(w); }, [&] { init::uniform(w, 0, 1); }));
  CHECK(alike([&] { init::normal(w); }, [&] { init::normal(w, 0, 1); }));
  CHECK(alike([&] { init::xavier_uniform(w); }, [&] { init::xavier_uniform(w, 1); }));
  CHECK(alike([&] { init::xavier_normal(w); }, [&] { init::xavier_normal(w, 1); }));
  CHECK(alike([&] { init::orthogonal(w); }, [&] { init::orthogonal(w, 1); }));
  const init::KaimingOptions kaiming{
      .slope = 0, .mode = init::FanMode::in, .nonlinearity = init::Nonlinearity::leaky_relu};
  CHECK(alike([&] { init::kaiming_uniform(w); }, [&] { init::kaiming_uniform(w, kaiming); }));
  CHECK(alike([&] { init::kaiming_normal(w); }, [&] { init::kaiming_normal(w, kaiming); }));
  CHECK(init::gain(init::Nonlinearity::leaky_relu) == init::gain(init::Nonlinearity::leaky_relu, 0.01));
}

TEST_CASE("the same seed initialises alike") {
  manual_seed(9);
  const nn::Linear a(5, 4);
  manual_seed(9);
  const nn::Linear b(5, 4);
  CHECK(bitwise_equal(a.weight.value(), b.weight.value()));
  CHECK(bitwise_equal(a.bias.value(), b.bias.value()));
}
