// Normalisation layers and Embedding: goldens, running statistics, options, errors.
#include <xgrad/xgrad.hpp>

#include "golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>

using namespace xgrad;
using namespace xgrad::test;

namespace {

std::vector<std::string> names_of(nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : module.state_dict()) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("normalisation of rows: goldens") {
  const Tensor x = golden("norm_x", {2, 3, 4}), g = golden("norm_cotangent", {2, 3, 4});
  const Tensor weight = golden("norm_weight", {3, 4}), bias = golden("norm_bias", {3, 4});
  const Tensor row_weight = weight.rows(0, 1).reshape({4}), row_bias = bias.rows(0, 1).reshape({4});
  check_golden("layer_norm", [](auto& v) { return layer_norm(v[0], {4}, v[1], v[2]); }, g,
               {x, row_weight, row_bias});
  check_golden("layer_norm/two axes",
               [](auto& v) {
                 return layer_norm(v[0], {3, 4}, v[1], v[2], {.eps = 0.1});
               },
               g, {x, weight, bias});
  check_golden("layer_norm/plain", [](auto& v) { return layer_norm(v[0], {4}); }, g, {x});
  check_golden("rms_norm", [](auto& v) { return rms_norm(v[0], {4}, v[1], {.eps = 1e-3}); }, g,
               {x, row_weight});
}

TEST_CASE("normalisation of channels: goldens") {
  const Tensor images = golden("images", {3, 2, 5, 6}), g = golden("image_cotangent", {3, 2, 5, 6});
  const Tensor weight = golden("channel_weight", {6}), bias = golden("channel_bias", {6});
  for (const Index groups : {1, 3, 6})
    check_golden("group_norm/" + std::to_string(groups),
                 [&](auto& v) { return group_norm(v[0], groups, v[1], v[2]); }, g, {images, weight, bias});
  const Tensor mean = golden("running_mean", {6}), variance = golden("running_var", {6});
  for (const auto& [name, shape] :
       {std::pair{"2d", Shape{3, 2, 5, 6}}, {"3", Shape{2, 5, 6}}, {"2", Shape{5, 6}}}) {
    const auto part = [&, &of = shape](const Tensor& all) {
      return all.reshape({all.count()}).rows(0, of.count()).reshape(of);
    };
    const std::string path = std::string("batch_norm/") + name;
    check_golden(path, [](auto& v) { return batch_norm_training(v[0], v[1], v[2]).output; }, part(g),
                 {part(images), weight, bias});
    check_golden(path + "/given", [&](auto& v) { return batch_norm(v[0], mean, variance, v[1], v[2]); },
                 part(g), {part(images), weight, bias});
  }
}

TEST_CASE("BatchNorm: running statistics and evaluation as PyTorch's") {
  const Tensor images = golden("images", {3, 2, 5, 6});
  const auto check = [&](const std::string& name, const nn::BatchNormOptions& options) {
    CAPTURE(name);
    nn::BatchNorm2d layer(6, options);
    CHECK(allclose(layer.running_mean, zeros({6}, float64)));
    CHECK(allclose(layer.running_var, ones({6}, float64)));
    const Variable x(images);
    layer(x);
    layer(Variable(images.rows(0, 2)) * 3 + 1);
    layer(Variable(images.rows(1, 3)) - 2);
    CHECK(allclose(layer.running_mean, golden("batch_norm/" + name + "/mean", {6}),
                   {.rtol = 1e-12, .atol = 1e-12}));
    CHECK(allclose(layer.running_var, golden("batch_norm/" + name + "/var", {6}),
                   {.rtol = 1e-12, .atol = 1e-12}));
    CHECK(layer.num_batches_tracked.item<Index>() == 3);
    layer.eval();
    const Tensor before = layer.running_mean;
    CHECK(allclose(layer(x).value(), golden("batch_norm/" + name + "/eval", {3, 2, 5, 6}),
                   {.rtol = 1e-10, .atol = 1e-12}));
    CHECK(bitwise_equal(layer.running_mean, before));
    CHECK(layer.num_batches_tracked.item<Index>() == 3);
  };
  check("default", {.dtype = float64});
  check("cumulative", {.momentum = {}, .dtype = float64});
}

TEST_CASE("BatchNorm: names, options, an empty batch") {
  nn::BatchNorm1d layer(3);
  CHECK(names_of(layer) ==
        std::vector<std::string>{"weight", "bias", "running_mean", "running_var", "num_batches_tracked"});
  CHECK(layer.num_batches_tracked.dtype() == int64);
  CHECK(layer.describe() == "BatchNorm1d(3)");
  CHECK(nn::BatchNorm2d(4).describe() == "BatchNorm2d(4)");
  CHECK(layer.parameters().size() == 2);
  CHECK(layer(zeros({0, 3})).shape() == Shape{0, 3});
  CHECK(layer.num_batches_tracked.item<Index>() == 0);
  CHECK(allclose(layer.running_mean, zeros({3})));

  nn::BatchNorm1d untracked(3, {.affine = false, .track_running_stats = false});
  CHECK(names_of(untracked).empty());
  const Tensor x = normal({6, 3});
  const Tensor trained = untracked(x).value();
  untracked.eval();
  CHECK(bitwise_equal(untracked(x).value(), trained));

  layer(x);
  nn::BatchNorm1d copy = layer;
  copy(x);
  CHECK(layer.num_batches_tracked.item<Index>() == 1);
  CHECK(copy.num_batches_tracked.item<Index>() == 2);
  CHECK_FALSE(bitwise_equal(copy.running_mean, layer.running_mean));
  layer.to(float64);
  CHECK(layer.running_mean.dtype() == float64);
  CHECK(layer.num_batches_tracked.dtype() == int64);
}

TEST_CASE("normalisation layers: derivatives and parameters") {
  const Tensor x = uniform({4, 3, 6}, -1, 2, float64);
  const auto check = [&](auto layer, std::size_t parameters) {
    CAPTURE(layer.describe());
    for (Variable& parameter : layer.parameters())
      parameter.set_value(uniform(parameter.shape(), 0.5, 2, float64));
    CHECK(layer.parameters().size() == parameters);
    CHECK(gradcheck([&](auto input) { return layer(input); }, x));
    CHECK(gradgradcheck([&](auto input) { return layer(input); }, x));
    CHECK(gradcheck_leaves([&] { return square(layer(x)); }, layer.parameters()));
    CHECK(nn::check_parameters(layer, x));
  };
  check(nn::LayerNorm(6, {.dtype = float64}), 2);
  check(nn::LayerNorm({3, 6}, {.bias = false, .dtype = float64}), 1);
  check(nn::RMSNorm(6, {.dtype = float64}), 1);
  check(nn::GroupNorm(2, 6, {.dtype = float64}), 2);
  check(nn::BatchNorm1d(6, {.dtype = float64}), 2);
  nn::BatchNorm1d evaluated(6, {.dtype = float64});
  evaluated.eval();
  check(evaluated, 2);
  CHECK(nn::LayerNorm(6, {.elementwise_affine = false}).parameters().empty());
  CHECK(nn::RMSNorm(6, {.elementwise_affine = false}).parameters().empty());
  CHECK(nn::GroupNorm(2, 6, {.affine = false}).parameters().empty());
}

TEST_CASE("BatchNorm: statistics without a share do not enter the running ones") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const Tensor x({{1.0, 2.0}, {3.0, 8.0}}, float64), bad({{inf, nan}, {1.0, 2.0}}, float64);
  const Tensor mean({2.0, 5.0}, float64), variance({2.0, 18.0}, float64);
  for (const std::optional<double> momentum : {std::optional<double>(1), std::optional<double>()}) {
    // Without a momentum the first batch has the whole weight.
    nn::BatchNorm1d layer(2, {.momentum = momentum, .dtype = float64});
    layer.running_mean = Tensor({inf, nan}, float64);
    layer.running_var = Tensor({inf, nan}, float64);
    static_cast<void>(layer(x));
    CHECK(bitwise_equal(layer.running_mean, mean));
    CHECK(bitwise_equal(layer.running_var, variance));
  }
  nn::BatchNorm1d still(2, {.momentum = 0.0, .dtype = float64});
  still.running_mean = mean;
  still.running_var = variance;
  static_cast<void>(still(bad));
  CHECK(bitwise_equal(still.running_mean, mean));
  CHECK(bitwise_equal(still.running_var, variance));
  CHECK(still.num_batches_tracked.item<Index>() == 1);
}

TEST_CASE("BatchNorm: the count of batches stays at its largest value") {
  const Index most = std::numeric_limits<Index>::max();
  nn::BatchNorm1d layer(2, {.momentum = {}, .dtype = float64});
  layer.num_batches_tracked = scalar(most, int64);
  for (int i = 0; i < 2; ++i) {
    static_cast<void>(layer(Tensor({{1.0, 2.0}, {3.0, 8.0}}, float64)));
    CHECK(layer.num_batches_tracked.item<Index>() == most);
  }
  CHECK(allclose(layer.running_mean, zeros({2}, float64)));
  CHECK(allclose(layer.running_var, ones({2}, float64)));
}

TEST_CASE("normalisation layers start as the plain normalisation") {
  const Tensor x = normal({5, 6});
  CHECK(bitwise_equal(nn::LayerNorm(6)(x).value(), layer_norm(x, {6}).value()));
  CHECK(bitwise_equal(nn::RMSNorm(6)(x).value(), rms_norm(x, {6}).value()));
  CHECK(bitwise_equal(nn::GroupNorm(3, 6)(x).value(), group_norm(x, 3).value()));
  CHECK(nn::LayerNorm({2, 3}).describe() == "LayerNorm((2, 3))");
  CHECK(nn::RMSNorm(6).describe() == "RMSNorm((6,))");
  CHECK(nn::GroupNorm(3, 6).describe() == "GroupNorm(3, 6)");
}

TEST_CASE("normalisation layers: errors name the shapes and the caller's line") {
  const auto expects = [](auto f, const std::string& part) {
    const std::string message = message_of([&] { f(); });
    CAPTURE(message);
    CHECK(contains(message, "normalize_test.cpp:"));
    CHECK(contains(message, part));
  };
  expects([] { nn::LayerNorm(4)(zeros({2, 3})); }, "normalized shape (4,), got (2, 3)");
  expects([] { nn::RMSNorm(4)(zeros({2, 3})); }, "normalized shape (4,), got (2, 3)");
  expects([] { nn::GroupNorm(2, 4)(zeros({2, 6})); }, "(N, ..., 4), got (2, 6)");
  expects([] { nn::BatchNorm1d(4)(zeros({2, 6})); }, "4 channels, got x of shape (2, 6)");
  expects([] { nn::BatchNorm1d(4)(zeros({2, 3, 3, 4})); }, "(N, C) or (N, L, C), got (2, 3, 3, 4)");
  expects([] { nn::BatchNorm2d(4)(zeros({2, 4})); }, "(N, H, W, C), got (2, 4)");
  expects([] { nn::BatchNorm1d(4)(zeros({1, 4})); }, "more than one value per channel");
  expects([] { nn::GroupNorm(3, 4); }, "divides 4 channels, got 3");
  expects([] { nn::LayerNorm(-1); }, "(-1,)");
  expects([] { nn::BatchNorm1d(4, {.momentum = 2.0}); }, "momentum in [0, 1]");
  expects([] { nn::LayerNorm(4, {.eps = -1}); }, "eps of at least 0");
  CHECK_THROWS_AS(nn::GroupNorm(3, 4), ValueError);
  CHECK_THROWS_AS(nn::BatchNorm2d(4)(zeros({2, 4})), ShapeError);
}

TEST_CASE("Embedding: goldens") {
  const Tensor table = golden("table", {5, 3}), g = golden("ids_cotangent", {2, 3, 3});
  const Tensor ids{{1, 4, 0}, {1, 2, 1}};
  check_golden("embedding", [&](auto& v) { return embedding(ids, v[0]); }, g, {table});
  check_golden("embedding/padding", [&](auto& v) { return embedding(ids, v[0], 1); }, g, {table});
}

TEST_CASE("Embedding: start, padding, errors") {
  manual_seed(2);
  nn::Embedding layer(400, 50, {.padding_idx = -399, .dtype = float64});
  CHECK(layer.describe() == "Embedding(400, 50)");
  CHECK(names_of(layer) == std::vector<std::string>{"weight"});
  CHECK(bitwise_equal(layer.weight.value().rows(1, 2), zeros({1, 50}, float64)));
  CHECK(mean(layer.weight).item() == doctest::Approx(0).epsilon(0.05));
  CHECK(mean(square(layer.weight)).item() == doctest::Approx(1).epsilon(0.05));
  const Variable y = layer(Tensor{{1, 2}, {1, 3}});
  CHECK(y.shape() == Shape{2, 2, 50});
  sum(y).backward();
  CHECK(bitwise_equal(layer.weight.grad().value().rows(1, 2), zeros({1, 50}, float64)));
  CHECK(bitwise_equal(layer.weight.grad().value().rows(2, 4), ones({2, 50}, float64)));

  const std::string message = message_of([&] { layer(Tensor{7, 400}); });
  CAPTURE(message);
  CHECK(contains(message, "normalize_test.cpp:"));
  CHECK(contains(message, "id 400 is outside [0, 400)"));
  CHECK_THROWS_AS(layer(Tensor{400}), IndexError);
  CHECK_THROWS_AS(nn::Embedding(4, 2, {.padding_idx = 4}), IndexError);
  CHECK_THROWS_AS(nn::Embedding(-1, 2), ValueError);
}
