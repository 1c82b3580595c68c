// Single layers: values and gradients as PyTorch's, defaults, edges.
#include <xgrad/xgrad.hpp>

#include "golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <type_traits>

using namespace xgrad;
using namespace xgrad::test;

TEST_CASE("Linear: goldens and derivatives") {
  const Tensor x = golden("layer_x", {2, 3, 4});
  const Tensor weight = golden("layer_weight", {5, 4});
  const Tensor bias = golden("layer_bias", {5});
  const Tensor cotangent = golden("layer_cotangent", {2, 3, 5});
  nn::Linear layer(4, 5, {.dtype = float64});
  // The golden's leaves take the place of the parameters, so that their gradients are compared as well.
  const auto with = [&](const std::vector<Variable>& leaves) {
    struct Borrowed : nn::Module {
      Variable x, weight, bias;
      Variable forward(const Variable& input) override { return linear(input, weight, bias); }
    } borrowed;
    borrowed.weight = leaves[1];
    if (leaves.size() > 2) borrowed.bias = leaves[2];
    return borrowed(leaves[0]);
  };
  check_golden("linear", with, cotangent, {x, weight, bias});
  check_golden("linear/no_bias", with, cotangent, {x, weight});

  layer.weight.set_value(weight);
  layer.bias.set_value(bias);
  CHECK(allclose(layer(x).value(), golden("linear", {2, 3, 5}), {.rtol = 1e-12, .atol = 1e-12}));
  CHECK(gradcheck([&](auto input) { return layer(input); }, x));
  CHECK(gradgradcheck([&](auto input) { return layer(input); }, x));
  CHECK(gradcheck_leaves([&] { return square(layer(x)); }, layer.parameters()));
}

TEST_CASE("Linear: shapes, parameters, options") {
  nn::Linear layer(3, 2);
  CHECK(layer.weight.shape() == Shape{2, 3});
  CHECK(layer.bias.shape() == Shape{2});
  CHECK(layer.weight.requires_grad());
  CHECK(layer.weight.is_leaf());
  CHECK(layer.describe() == "Linear(3, 2)");
  CHECK(layer(zeros({3})).shape() == Shape{2});
  CHECK(layer(zeros({4, 5, 3})).shape() == Shape{4, 5, 2});
  CHECK(layer(zeros({0, 3})).shape() == Shape{0, 2});

  nn::Linear plain(3, 2, {.bias = false, .dtype = float64});
  CHECK_FALSE(plain.bias.defined());
  CHECK(plain.parameters().size() == 1);
  CHECK(plain.weight.dtype() == float64);
  CHECK(plain.describe() == "Linear(3, 2, no bias)");

  nn::Linear none(0, 2);
  CHECK(none(zeros({4, 0})).shape() == Shape{4, 2});
  CHECK_THROWS_AS(nn::Linear(-1, 2), ValueError);
  CHECK(contains(message_of([] { nn::Linear(2, -3); }), "layer_test.cpp:"));
}

TEST_CASE("Linear starts uniform within 1 / sqrt(inputs)") {
  manual_seed(3);
  nn::Linear layer(400, 300);
  for (const Variable& parameter : layer.parameters()) {
    const Tensor value = parameter.value().to(float64);
    double low = 1, high = -1, squares = 0;
    for (const double w : value.span<double>()) {
      low = std::min(low, w);
      high = std::max(high, w);
      squares += w * w;
    }
    CHECK(low >= -0.05);
    CHECK(high <= 0.05);
    CHECK(low < -0.049);
    CHECK(high > 0.049);
    const double variance = squares / static_cast<double>(value.count());
    CHECK(variance == doctest::Approx(0.05 * 0.05 / 3).epsilon(0.15));
  }
}

TEST_CASE("activation modules: goldens and derivatives") {
  const Tensor grid = golden("grid", {17});
  const Tensor cotangent = golden("grid_cotangent", {17});
  const auto check = [&](const std::string& name, auto layer) {
    CAPTURE(name);
    check_golden(name, [&](auto& x) { return layer(x[0]); }, cotangent, {grid});
    CHECK(gradcheck([&](auto x) { return layer(x); }, grid));
    CHECK(gradgradcheck([&](auto x) { return layer(x); }, grid));
    CHECK(layer.parameters().empty());
    CHECK(layer.describe() == name.substr(0, name.find(' ')));
  };
  check("ReLU", nn::ReLU());
  check("ReLU6", nn::ReLU6());
  check("SELU", nn::SELU());
  check("SiLU", nn::SiLU());
  check("Mish", nn::Mish());
  check("Sigmoid", nn::Sigmoid());
  check("LogSigmoid", nn::LogSigmoid());
  check("Tanh", nn::Tanh());
  check("Hardsigmoid", nn::Hardsigmoid());
  check("Hardswish", nn::Hardswish());
  check("Softsign", nn::Softsign());
  check("Tanhshrink", nn::Tanhshrink());
  check("LeakyReLU", nn::LeakyReLU(0.2));
  check("ELU", nn::ELU(0.7));
  check("CELU", nn::CELU(1.3));
  check("GELU", nn::GELU());
  check("GELU tanh", nn::GELU(GeluForm::tanh));
  check("Softplus", nn::Softplus(2));
  check("Hardtanh", nn::Hardtanh(-0.5, 2));
  check("Softshrink", nn::Softshrink(0.4));
  check("Hardshrink", nn::Hardshrink(0.4));
  check("Threshold", nn::Threshold(0.3, -2));
  check("Softmax", nn::Softmax());
  check("LogSoftmax", nn::LogSoftmax());
}

TEST_CASE("Flatten merges all axes but the batch, or those it is given") {
  nn::Flatten flat;
  CHECK(flat(zeros({2, 3, 4, 5})).shape() == Shape{2, 60});
  CHECK(flat(zeros({0, 3, 4})).shape() == Shape{0, 12});
  CHECK(nn::Flatten(0)(zeros({2, 3})).shape() == Shape{6});
  CHECK(nn::Flatten(1, 2)(zeros({2, 3, 4, 5})).shape() == Shape{2, 12, 5});
  CHECK(gradcheck([&](auto x) { return square(flat(x)); }, uniform({2, 3, 2}, -1, 1, float64)));
}

TEST_CASE("Dropout is the identity in evaluation and for p = 0") {
  const Tensor x = uniform({100}, -1, 1);
  nn::Dropout half;
  half.eval();
  CHECK(bitwise_equal(half(x).value(), x));
  nn::Dropout none(0);
  CHECK(bitwise_equal(none(x).value(), x));
}

TEST_CASE("Dropout gives zeros for p = 1, of infinities too") {
  nn::Dropout all(1);
  const Variable x = leaf(Tensor{1.0, std::numeric_limits<double>::infinity(), -3.0});
  const Variable y = all(x);
  CHECK(bitwise_equal(y.value(), zeros({3})));
  sum(y).backward();
  CHECK(allclose(x.grad().value(), zeros({3})));
}

TEST_CASE("Dropout throws outside [0, 1] and on integers") {
  for (const double p : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(nn::Dropout{p}, ValueError);
    CHECK_THROWS_AS(nn::dropout(zeros({2}), p), ValueError);
  }
  CHECK_THROWS_AS(nn::dropout(zeros({2}, int64), 0.5), DTypeError);
  CHECK(contains(message_of([] { nn::Dropout(7); }), "layer_test.cpp:"));
}

TEST_CASE("Dropout keeps the expected value and draws the same elements for the gradient") {
  manual_seed(11);
  constexpr Index count = 100'000;
  nn::Dropout layer(0.3);
  const Variable x = leaf(ones({count}));
  const Variable y = layer(x);
  Index dropped = 0;
  for (const float v : y.value().span<float>()) {
    if (v == 0)
      ++dropped;
    else
      CHECK(v == doctest::Approx(1 / 0.7));
  }
  // Six standard deviations of a binomial count.
  const double expected = 0.3 * count;
  CHECK(std::abs(static_cast<double>(dropped) - expected) < 6 * std::sqrt(expected * 0.7));
  sum(y).backward();
  CHECK(bitwise_equal(x.grad().value(), y.value()));
  CHECK_FALSE(bitwise_equal(layer(x).value(), y.value()));
}

TEST_CASE("a layer's error names the line that called it") {
  nn::Linear layer(3, 2);
  const Variable x(zeros({4, 5}));
  const int line = __LINE__ + 1;
  const std::string message = message_of([&] { layer(x); });
  CAPTURE(message);
  CHECK(contains(message, "layer_test.cpp:" + std::to_string(line) + ": linear: "));
  CHECK(contains(message, "(4, 5)"));
  CHECK(contains(message, "(2, 3)"));
}
