// Convolution and pooling layers: values and gradients as PyTorch's, defaults, names, printing.
#include <xgrad/xgrad.hpp>

#include "golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace xgrad;
using namespace xgrad::test;

namespace {

const Shape image_shape{2, 5, 6, 4};

Tensor image() { return golden("image", image_shape); }

/// Compares a layer's output and all gradients with the golden of `name`, then checks its derivatives.
template <class Layer>
void check_layer(const std::string& name, Layer layer) {
  CAPTURE(name);
  layer.weight.set_value(golden(name + "/weight", layer.weight.shape()));
  layer.bias.set_value(golden(name + "/bias", layer.bias.shape()));
  const Shape shape = layer(image()).shape();
  const Variable x = leaf(image()), y = layer(x);
  const Tolerance tolerance{.rtol = 1e-11, .atol = 1e-12};
  CHECK(allclose(y.value(), golden(name, shape), tolerance));
  y.backward(Variable(golden(name + "/cotangent", shape)));
  CHECK(allclose(x.grad().value(), golden(name + "/grad0", x.shape()), tolerance));
  CHECK(allclose(layer.weight.grad().value(), golden(name + "/grad1", layer.weight.shape()), tolerance));
  CHECK(allclose(layer.bias.grad().value(), golden(name + "/grad2", layer.bias.shape()), tolerance));
  CHECK(nn::check_parameters(layer, image()));
  CHECK(gradcheck_leaves([&] { return square(layer(image())); }, layer.parameters()));

  // In float32 as well.
  layer.to(float32);
  CHECK(allclose(layer(image().to(float32)).value().to(float64), golden(name, shape),
                 {.rtol = 1e-4, .atol = 1e-4}));
}

template <class Layer>
void check_pool(const std::string& name, Layer layer, const Shape& shape) {
  const Tensor cotangent = golden(name + "/cotangent", shape);
  check_golden(name, [&](auto& x) { return layer(x[0]); }, cotangent, {image()});
  CHECK(layer.parameters().empty());
}

}  // namespace

TEST_CASE("Conv2d: goldens and derivatives") {
  check_layer("conv2d/plain", nn::Conv2d(4, 6, {.kernel = {3, 2}, .dtype = float64}));
  check_layer("conv2d/stride_padding",
              nn::Conv2d(4, 6, {.kernel = 3, .stride = 2, .padding = 1, .dtype = float64}));
  check_layer("conv2d/dilation_groups", nn::Conv2d(4, 6,
                                                   {.kernel = 2,
                                                    .stride = {1, 2},
                                                    .padding = {1, 0},
                                                    .dilation = {2, 3},
                                                    .groups = 2,
                                                    .dtype = float64}));
  check_layer("conv2d/depthwise",
              nn::Conv2d(4, 4, {.kernel = 3, .padding = 1, .groups = 4, .dtype = float64}));
  check_layer("conv2d/same",
              nn::Conv2d(4, 3, {.kernel = {2, 4}, .padding = Padding2d::same, .dtype = float64}));
}

TEST_CASE("ConvTranspose2d: goldens and derivatives") {
  check_layer("conv_transpose2d/plain", nn::ConvTranspose2d(4, 3, {.kernel = {3, 2}, .dtype = float64}));
  check_layer(
      "conv_transpose2d/stride_padding",
      nn::ConvTranspose2d(
          4, 3, {.kernel = 3, .stride = 2, .padding = 1, .output_padding = {1, 0}, .dtype = float64}));
  check_layer("conv_transpose2d/dilation_groups", nn::ConvTranspose2d(4, 6,
                                                                      {.kernel = 2,
                                                                       .stride = {1, 2},
                                                                       .padding = {1, 0},
                                                                       .dilation = {2, 3},
                                                                       .groups = 2,
                                                                       .dtype = float64}));
}

TEST_CASE("pooling layers: goldens") {
  check_pool("max_pool2d/plain", nn::MaxPool2d({.kernel = 2}), {2, 2, 3, 4});
  check_pool("max_pool2d/options",
             nn::MaxPool2d({.kernel = {2, 3}, .stride = {2, 1}, .padding = 1, .dilation = {1, 2}}),
             {2, 3, 4, 4});
  check_pool("avg_pool2d/plain", nn::AvgPool2d({.kernel = 2}), {2, 2, 3, 4});
  check_pool("avg_pool2d/padding", nn::AvgPool2d({.kernel = 3, .stride = {2, 1}, .padding = 1}),
             {2, 3, 6, 4});
  check_pool("avg_pool2d/not_counted",
             nn::AvgPool2d({.kernel = 3, .stride = {2, 1}, .padding = 1, .count_include_pad = false}),
             {2, 3, 6, 4});
  check_pool("adaptive_avg_pool2d/global", nn::AdaptiveAvgPool2d(1), {2, 1, 1, 4});
  check_pool("adaptive_avg_pool2d/uneven", nn::AdaptiveAvgPool2d({3, 4}), {2, 3, 4, 4});
}

TEST_CASE("convolution layers: parameters, options, printing") {
  nn::Conv2d layer(3, 8, {.kernel = 3});
  CHECK(layer.weight.shape() == Shape{8, 3, 3, 3});
  CHECK(layer.bias.shape() == Shape{8});
  CHECK(layer.weight.dtype() == float32);
  CHECK(layer.named_parameters()[0].first == "weight");
  CHECK(layer.named_parameters()[1].first == "bias");
  CHECK(layer.describe() == "Conv2d(3, 8, kernel 3 x 3)");
  CHECK(layer(zeros({2, 6, 5, 3})).shape() == Shape{2, 4, 3, 8});
  CHECK(layer(zeros({0, 6, 5, 3})).shape() == Shape{0, 4, 3, 8});

  nn::Conv2d plain(4, 8,
                   {.kernel = {3, 1},
                    .stride = {2, 1},
                    .padding = {{0, 1}, {0, 0}},
                    .dilation = 2,
                    .groups = 2,
                    .bias = false});
  CHECK(plain.parameters().size() == 1);
  CHECK(plain.weight.shape() == Shape{8, 3, 1, 2});
  CHECK(plain.describe() ==
        "Conv2d(4, 8, kernel 3 x 1, stride 2 x 1, padding (0, 1) x 0, dilation 2 x 2, groups 2, no bias)");
  CHECK(nn::Conv2d(1, 1, {.kernel = 3, .padding = Padding2d::same}).describe() ==
        "Conv2d(1, 1, kernel 3 x 3, padding same)");

  nn::ConvTranspose2d up(4, 6, {.kernel = 2, .stride = 2, .output_padding = 1, .groups = 2});
  CHECK(up.weight.shape() == Shape{4, 2, 2, 3});
  CHECK(up.bias.shape() == Shape{6});
  CHECK(up.describe() == "ConvTranspose2d(4, 6, kernel 2 x 2, stride 2 x 2, output padding 1 x 1, groups 2)");
  CHECK(up(zeros({1, 3, 3, 4})).shape() == Shape{1, 7, 7, 6});

  CHECK(nn::MaxPool2d({.kernel = 2}).describe() == "MaxPool2d(kernel 2 x 2)");
  CHECK(nn::MaxPool2d({.kernel = 3, .stride = 2, .padding = 1, .dilation = 2}).describe() ==
        "MaxPool2d(kernel 3 x 3, stride 2 x 2, padding 1 x 1, dilation 2 x 2)");
  CHECK(nn::AvgPool2d({.kernel = 2, .count_include_pad = false}).describe() ==
        "AvgPool2d(kernel 2 x 2, padding not counted)");
  CHECK(nn::AdaptiveAvgPool2d({3, 4}).describe() == "AdaptiveAvgPool2d(3 x 4)");
}

TEST_CASE("convolution layers reject what is not possible") {
  CHECK_THROWS_AS(nn::Conv2d(3, 8, 0), ValueError);
  CHECK_THROWS_AS(nn::Conv2d(-3, 8, {.kernel = 3}), ValueError);
  CHECK_THROWS_AS(nn::Conv2d(3, 8, {.kernel = {3, 0}}), ValueError);
  CHECK_THROWS_AS(nn::Conv2d(3, 8, {.kernel = 3, .stride = 0}), ValueError);
  CHECK_THROWS_AS(nn::Conv2d(3, 8, {.kernel = 3, .groups = 2}), ValueError);
  CHECK_THROWS_AS(nn::Conv2d(3, 8, {.kernel = 3, .groups = 0}), ValueError);
  CHECK_THROWS_AS(nn::ConvTranspose2d(4, 3, {.kernel = 3, .groups = 2}), ValueError);
  CHECK_THROWS_AS(nn::MaxPool2d(0), ValueError);
  CHECK_THROWS_AS(nn::AvgPool2d({.kernel = 0, .stride = 2}), ValueError);
  CHECK_THROWS_AS(nn::AdaptiveAvgPool2d(0), ValueError);
  const std::string groups = message_of([] { nn::Conv2d(3, 8, {.kernel = 3, .groups = 2}); });
  const std::string place = "conv_test.cpp:" + std::to_string(__LINE__ - 1);
  CHECK(
      contains(groups, place + ": Conv2d: groups must divide the channels, got groups = 2, in = 3, out = 8"));
  nn::Conv2d layer(3, 8, {.kernel = 3});
  const std::string message = message_of([&] { layer(zeros({2, 2, 6, 3})); });
  CHECK(contains(message, "conv_test.cpp:" + std::to_string(__LINE__ - 1) + ": conv2d: "));
  CHECK(contains(message, "x (2, 2, 6, 3), weight (8, 3, 3, 3)"));
}

TEST_CASE("convolution layers start uniform within 1 / sqrt(fan_in)") {
  manual_seed(5);
  nn::Conv2d layer(32, 64, {.kernel = {4, 2}, .groups = 2});
  nn::ConvTranspose2d up(64, 32, {.kernel = {4, 2}, .groups = 2});
  // Both have 2 * 4 * 16 inputs to a unit, as PyTorch counts them.
  const double bound = 1 / std::sqrt(128.0);
  for (nn::Module* module : std::initializer_list<nn::Module*>{&layer, &up})
    for (const Variable& parameter : module->parameters()) {
      const Tensor value = parameter.value().to(float64);
      double low = 1, high = -1, squares = 0;
      for (const double w : value.span<double>()) {
        low = std::min(low, w);
        high = std::max(high, w);
        squares += w * w;
      }
      CHECK(low >= -bound);
      CHECK(high <= bound);
      if (value.rank() == 1) continue;
      CHECK(low < -0.98 * bound);
      CHECK(high > 0.98 * bound);
      CHECK(squares / static_cast<double>(value.count()) == doctest::Approx(bound * bound / 3).epsilon(0.1));
    }
}

TEST_CASE("a small convolutional network: summary, copies, training") {
  struct Net : nn::Module {
    nn::Conv2d first{1, 4, {.kernel = 3, .padding = 1}};
    nn::MaxPool2d pool{{.kernel = 2}};
    nn::Conv2d second{4, 8, {.kernel = 3, .bias = false}};
    nn::AdaptiveAvgPool2d mean{1};
    nn::Linear head{8, 3};
    Variable forward(const Variable& x) override {
      return head(flatten(mean(relu(second(pool(relu(first(x)))))), 1));
    }
    void visit(nn::Visitor& v) override {
      v("first", first);
      v("pool", pool);
      v("second", second);
      v("mean", mean);
      v("head", head);
    }
  } net;
  const std::string text = nn::summary(net, zeros({2, 8, 8, 1}));
  CAPTURE(text);
  CHECK(contains(text, "first: Conv2d(1, 4, kernel 3 x 3, padding 1 x 1)"));
  CHECK(contains(text, "(2, 8, 8, 4)"));
  CHECK(contains(text, "pool: MaxPool2d(kernel 2 x 2)"));
  CHECK(contains(text, "(2, 2, 2, 8)"));
  CHECK(contains(text, "355 parameters"));
  Net copy = net;
  copy.first.weight.set_value(zeros({4, 3, 3, 1}));
  CHECK_FALSE(bitwise_equal(net.first.weight.value(), copy.first.weight.value()));

  // Fifty steps downhill.
  manual_seed(9);
  const Tensor x = normal({12, 8, 8, 1});
  const Tensor labels = Tensor{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
  const auto loss = [&] { return nn::cross_entropy(net(x), labels); };
  const double before = loss().item();
  for (int step = 0; step < 50; ++step) {
    net.zero_grad();
    loss().backward();
    for (Variable& parameter : net.parameters())
      parameter.set_value((parameter.detach() - 0.5 * parameter.grad()).value());
  }
  CHECK(loss().item() < 0.8 * before);
}
