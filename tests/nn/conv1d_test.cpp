// Convolution, pooling and dropout of sequences, and dropout of whole channels.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/check.hpp>
#include <xgrad/nn/conv1d.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/summary.hpp>
#include <xgrad/nn/torch.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "nn/golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace xgrad;
using test::contains, test::golden, test::leaf, test::message_of;

namespace {

const Tolerance tolerance{.rtol = 1e-10, .atol = 1e-12};

Tensor swapped(const Tensor& x) { return transpose(x, 1, 2).value(); }

void check_conv(const std::string& name, nn::Conv1d layer, const Shape& torch_weight) {
  CAPTURE(name);
  const StateDict dict{{"weight", golden(name + "/weight", torch_weight)},
                       {"bias", golden(name + "/bias", {6})}};
  nn::load_torch(layer, dict);
  CHECK(bitwise_equal(layer.weight.value(), swapped(dict.at("weight"))));
  CHECK(bitwise_equal(nn::to_torch(layer).at("weight"), dict.at("weight")));
  CHECK(layer.state_dict().at("weight").shape() == layer.weight.shape());
  const Variable x = leaf(golden("series", {2, 9, 4})), y = layer(x);
  CHECK(allclose(y.value(), golden(name, y.shape()), tolerance));
  y.backward(Variable(golden(name + "/cotangent", y.shape())));
  CHECK(allclose(x.grad().value(), golden(name + "/grad0", x.shape()), tolerance));
  CHECK(allclose(layer.weight.grad().value(), swapped(golden(name + "/grad1", torch_weight)), tolerance));
  CHECK(allclose(layer.bias.grad().value(), golden(name + "/grad2", {6}), tolerance));
  CHECK(nn::check_parameters(layer, x));
}

template <class Layer>
void check_pool(const std::string& name, Layer layer, Index length) {
  test::check_golden(name, [&](const auto& x) { return layer(x[0]); },
                     golden(name + "/cotangent", {2, length, 4}), {golden("series", {2, 9, 4})});
}

/// Whether every channel of every example is all 0, or x / (1 - p).
void check_channels(const Tensor& y, const Tensor& x, double p) {
  const Index n = x.size(0), c = x.size(x.rank() - 1);
  const Variable kept = mean(reshape(where(Variable(y) != 0.0, Variable(ones_like(x)), 0.0), {n, -1, c}), 1);
  CHECK(bitwise_equal((kept * kept).value(), kept.value()));
  CHECK(allclose(y, where(Variable(y) != 0.0, Variable(x) / (1 - p), 0.0).value()));
}

}  // namespace

TEST_CASE("Conv1d: goldens, exchange with PyTorch") {
  check_conv("conv1d/plain", nn::Conv1d(4, 6, {.kernel = 3, .dtype = float64}), {6, 4, 3});
  check_conv(
      "conv1d/options",
      nn::Conv1d(4, 6,
                 {.kernel = 3, .stride = 2, .padding = 1, .dilation = 2, .groups = 2, .dtype = float64}),
      {6, 2, 3});
  check_conv("conv1d/same", nn::Conv1d(4, 6, {.kernel = 4, .padding = nn::Padding1d::same, .dtype = float64}),
             {6, 4, 4});
}

TEST_CASE("MaxPool1d, AvgPool1d: goldens") {
  check_pool("max_pool1d/plain", nn::MaxPool1d(2), 4);
  check_pool("max_pool1d/options", nn::MaxPool1d({.kernel = 3, .stride = 1, .padding = 1, .dilation = 2}), 7);
  check_pool("avg_pool1d/plain", nn::AvgPool1d(3), 3);
  check_pool("avg_pool1d/padding", nn::AvgPool1d({.kernel = 3, .stride = 2, .padding = 1}), 5);
  check_pool("avg_pool1d/not_counted",
             nn::AvgPool1d({.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}), 5);
}

TEST_CASE("Conv1d, pooling of sequences: both orders, descriptions, modes, what does not fit") {
  manual_seed(5);
  nn::Conv1d conv(
      2, 4, {.kernel = 2, .stride = 2, .padding = {1, 0}, .groups = 2, .bias = false, .dtype = float64});
  const Tensor x = normal({2, 5, 2}, 0, 1, float64);
  CHECK(gradgradcheck([&](auto v) { return square(conv(v)); }, x));
  CHECK(conv.describe() == "Conv1d(2, 4, kernel 2, stride 2, padding (1, 0), groups 2, no bias)");
  CHECK(nn::MaxPool1d({.kernel = 3, .stride = 1, .padding = 1, .dilation = 2}).describe() ==
        "MaxPool1d(kernel 3, stride 1, padding 1, dilation 2)");
  CHECK(nn::AvgPool1d({.kernel = 3, .count_include_pad = false}).describe() ==
        "AvgPool1d(kernel 3, padding not counted)");
  CHECK(contains(nn::summary(conv, Variable(x)), "Conv1d(2, 4"));
  conv.to(float32);
  CHECK(conv(ones({1, 4, 2})).dtype() == float32);
  CHECK(conv(ones({0, 4, 2})).shape() == Shape{0, 2, 4});
  CHECK(contains(message_of<DTypeError>([&] { conv(x); }), "conv1d_test.cpp"));
  CHECK(contains(message_of<ValueError>([&] { nn::MaxPool1d({.kernel = 1, .padding = -1})(x); }),
                 "conv1d_test.cpp"));
  CHECK_THROWS_AS(nn::MaxPool1d({.kernel = 3, .dilation = Index(1) << 62})(x), ShapeError);
  CHECK(contains(message_of<ShapeError>([&] {
                   conv(ones({1, 2, 4}));
                 }),
                 {"of 2 channels, got x of shape (1, 2, 4)", "second in PyTorch", "conv1d_test.cpp"}));
  CHECK(contains(message_of<ShapeError>([&] { conv(ones({4, 2})); }), "expects sequences (N, L, C)"));
  CHECK(contains(message_of<ShapeError>([&] {
                   nn::MaxPool1d(5)(ones({1, 4, 2}));
                 }),
                 "a kernel of 5 is longer"));
  CHECK_THROWS_AS(nn::AvgPool1d(5)(ones({1, 4, 2})), ShapeError);
  CHECK_THROWS_AS(nn::Conv1d(2, 2, 0), ValueError);
  CHECK_THROWS_AS(nn::Conv1d(2, 3, {.kernel = 1, .groups = 2}), ValueError);
  CHECK_THROWS_AS(nn::Conv1d(-1, 3, 1), ValueError);
  CHECK_THROWS_AS(nn::Conv1d(1, 3, {.kernel = 1, .stride = 0}), ValueError);
  CHECK_THROWS_AS(nn::MaxPool1d(0), ValueError);
  CHECK_THROWS_AS(nn::AvgPool1d({.kernel = 1, .stride = -1}), ValueError);
}

TEST_CASE("Dropout1d, Dropout2d: whole channels, gradients, modes, errors") {
  manual_seed(6);
  const Tensor x = ones({40, 5, 8}), image = ones({40, 3, 2, 8});
  const Tensor y = nn::dropout1d(x, 0.25).value();
  check_channels(y, x, 0.25);
  check_channels(nn::dropout2d(image, 0.25).value(), image, 0.25);
  const double kept = sum(Variable(y)).item<float>() * 0.75 / static_cast<double>(x.count());
  CHECK(kept > 0.65);
  CHECK(kept < 0.85);
  // Some examples keep a channel that others lose.
  const Variable of_channel = sum(Variable(y), {0, 1});
  CHECK(amin(of_channel).item<float>() > 0);

  const Variable v = leaf(image), out = nn::dropout2d(v, 0.5);
  sum(out).backward();
  CHECK(bitwise_equal(v.grad().value(), out.value()));
  const Tensor bad = full({3, 2, 2, 50}, std::numeric_limits<double>::infinity());
  CHECK(amin(nn::dropout2d(bad, 0.5)).item<float>() == 0);
  CHECK(bitwise_equal(nn::dropout1d(x, 1).value(), zeros_like(x)));
  CHECK(bitwise_equal(nn::dropout1d(x, 0).value(), x));

  nn::Dropout1d one(0.5);
  nn::Dropout2d two(0.25);
  CHECK(one.describe() == "Dropout1d(0.5)");
  CHECK(two.describe() == "Dropout2d(0.25)");
  CHECK_FALSE(bitwise_equal(one(x).value(), x));
  CHECK_FALSE(bitwise_equal(two(image).value(), image));
  one.eval();
  two.eval();
  CHECK(bitwise_equal(one(x).value(), x));
  CHECK(bitwise_equal(two(image).value(), image));
  CHECK_THROWS_AS(nn::Dropout1d(1.5), ValueError);
  CHECK_THROWS_AS(nn::Dropout2d(-1), ValueError);
  CHECK_THROWS_AS(nn::dropout1d(image), ShapeError);
  CHECK_THROWS_AS(nn::dropout2d(x), ShapeError);
  CHECK_THROWS_AS(nn::dropout1d(zeros({1, 2, 3}, int64)), DTypeError);
}
