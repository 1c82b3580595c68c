// Attention and MultiheadAttention: goldens, masks, parameters, errors.
#include <xgrad/xgrad.hpp>

#include "golden.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace xgrad;
using namespace xgrad::test;

namespace {

const Tensor allowed({{true, false, true, true, false},
                      {false, false, true, false, false},
                      {true, true, true, true, true}},
                     boolean);
const Tensor padding({{false, true, false, false, true}, {false, false, false, false, false}}, boolean);

nn::MultiheadAttention golden_layer() {
  nn::MultiheadAttention layer(8, 2, {.dtype = float64});
  StateDict dict;
  dict.set("in_proj_weight", golden("in_proj_weight", {24, 8}));
  dict.set("in_proj_bias", golden("in_proj_bias", {24}));
  dict.set("out_proj.weight", golden("out_proj.weight", {8, 8}));
  dict.set("out_proj.bias", golden("out_proj.bias", {8}));
  layer.load_state_dict(dict);
  return layer;
}

/// Value and gradients of f(inputs) against the goldens: the inputs' gradients first, then the parameters'.
template <class F>
void check_layer(const std::string& name, const std::vector<Tensor>& inputs, F f) {
  CAPTURE(name);
  nn::MultiheadAttention layer = golden_layer();
  std::vector<Variable> leaves;
  for (const Tensor& input : inputs) leaves.push_back(leaf(input));
  const Variable y = f(layer, leaves);
  const Tolerance tolerance{.rtol = 1e-8, .atol = 1e-11};
  CHECK(allclose(y.value(), golden(name, y.shape()), tolerance));
  y.backward(Variable(golden("tokens_cotangent", {2, 3, 8})));
  for (const Variable& parameter : layer.parameters()) leaves.push_back(parameter);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    CAPTURE(i);
    REQUIRE(leaves[i].grad().defined());
    CHECK(allclose(leaves[i].grad().value(), golden(name + "/grad" + std::to_string(i), leaves[i].shape()),
                   tolerance));
  }
}

}  // namespace

TEST_CASE("attention: goldens") {
  const Tensor q = golden("query", {2, 3, 3, 4}), k = golden("key", {2, 3, 5, 4}),
               v = golden("value", {2, 3, 5, 4}), g = golden("heads_cotangent", {2, 3, 3, 4});
  const auto check = [&](const std::string& name, const AttentionOptions& options) {
    check_golden("attention" + name,
                 [&](auto& x) { return scaled_dot_product_attention(x[0], x[1], x[2], options); }, g,
                 {q, k, v});
  };
  check("", {});
  check("/scale", {.scale = 1.7});
  check("/allowed", {.mask = Variable(allowed)});
  check("/causal", {.causal = true});
  check_golden("attention/added",
               [](auto& x) { return scaled_dot_product_attention(x[0], x[1], x[2], {.mask = x[3]}); }, g,
               {q, k, v, golden("added_mask", {2, 1, 3, 5})});
}

TEST_CASE("MultiheadAttention: goldens") {
  const Tensor tokens = golden("tokens", {2, 3, 8}), memory = golden("memory", {2, 5, 8});
  check_layer("multihead/self", {tokens}, [](auto& layer, auto& x) { return layer(x[0]); });
  check_layer("multihead/self", {tokens}, [](auto& layer, auto& x) { return layer(x[0], x[0], x[0]); });
  check_layer("multihead/causal", {tokens},
              [](auto& layer, auto& x) { return layer(x[0], x[0], x[0], {.causal = true}); });
  check_layer("multihead/cross", {tokens, memory}, [](auto& layer, auto& x) {
    return layer(x[0], x[1], x[1], {.mask = Variable(allowed), .key_padding_mask = Variable(padding)});
  });
  // The same with the mask as numbers.
  const Tensor added = where(Variable(allowed), Variable(zeros({3, 5}, float64)), -INFINITY).value();
  check_layer("multihead/cross", {tokens, memory}, [&](auto& layer, auto& x) {
    return layer(x[0], x[1], x[1], {.mask = Variable(added), .key_padding_mask = Variable(padding)});
  });
}

TEST_CASE("MultiheadAttention: parameters, shapes, modes") {
  manual_seed(8);
  nn::MultiheadAttention layer(64, 4);
  std::vector<std::string> names;
  for (const auto& [name, parameter] : layer.named_parameters()) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"});
  CHECK(layer.in_proj_weight.shape() == Shape{192, 64});
  const double bound = std::sqrt(6.0 / (192 + 64));
  double largest = 0;
  for (const float w : layer.in_proj_weight.value().span<float>())
    largest = std::max(largest, std::abs(double(w)));
  CHECK(largest <= bound);
  CHECK(largest > 0.99 * bound);
  CHECK(allclose(layer.in_proj_bias.value(), zeros({192})));
  CHECK(allclose(layer.out_proj.bias.value(), zeros({64})));
  CHECK(layer.describe() == "MultiheadAttention(64, 4 heads)");
  CHECK(nn::MultiheadAttention(8, 2, {.bias = false}).parameters().size() == 2);

  const Tensor x = normal({2, 5, 64});
  CHECK(layer(x).shape() == Shape{2, 5, 64});
  CHECK(layer(normal({5, 64})).shape() == Shape{5, 64});
  CHECK(allclose(layer(x.rows(0, 1).reshape({5, 64})).value(), layer(x).value().rows(0, 1).reshape({5, 64}),
                 {.rtol = 1e-4, .atol = 1e-5}));
  CHECK(layer(x, normal({2, 7, 64}), normal({2, 7, 64})).shape() == Shape{2, 5, 64});
  CHECK(layer(zeros({0, 5, 64})).shape() == Shape{0, 5, 64});

  nn::MultiheadAttention dropping(64, 4, {.dropout = 0.5});
  CHECK_FALSE(bitwise_equal(dropping(x).value(), dropping(x).value()));
  dropping.eval();
  CHECK(bitwise_equal(dropping(x).value(), dropping(x).value()));
}

TEST_CASE("MultiheadAttention: derivatives") {
  const Tensor x = golden("tokens", {2, 3, 8});
  nn::MultiheadAttention layer = golden_layer();
  CHECK(gradcheck([&](auto input) { return layer(input); }, x));
  CHECK(gradgradcheck([&](auto input) { return layer(input, input, input, {.causal = true}); }, x));
  CHECK(gradcheck_leaves([&] { return square(layer(x)); }, layer.parameters()));
}

TEST_CASE("MultiheadAttention: errors name the shapes and the caller's line") {
  nn::MultiheadAttention layer(8, 2);
  const auto expects = [](auto f, const std::string& part) {
    const std::string message = message_of([&] { f(); });
    CAPTURE(message);
    CHECK(contains(message, "attention_test.cpp:"));
    CHECK(contains(message, part));
  };
  const Tensor x = zeros({2, 3, 8}), memory = zeros({2, 5, 8});
  expects([] { nn::MultiheadAttention(8, 3); }, "embed_dim = 8, num_heads = 3");
  expects([] { nn::MultiheadAttention(8, 0); }, "num_heads = 0");
  expects([] { nn::MultiheadAttention(8, 2, {.dropout = 2}); }, "dropout in [0, 1]");
  expects([&] { layer(zeros({2, 3, 6})); }, "(2, 3, 6)");
  expects([&] { layer(x, memory, x); }, "key and value of one shape, got (2, 5, 8) and (2, 3, 8)");
  expects([&] { layer(x, zeros({3, 5, 8}), zeros({3, 5, 8})); }, "(3, 5, 8)");
  expects(
      [&] {
        layer(x, memory, memory, {.mask = Variable(zeros({5, 3}, boolean))});
      },
      "mask of shape (5, 3) does not broadcast to the scores' shape (2, 2, 3, 5)");
  expects(
      [&] {
        layer(x, memory, memory, {.key_padding_mask = Variable(zeros({2, 3}, boolean))});
      },
      "key_padding_mask of shape (2, 5), got");
  CHECK_THROWS_AS(nn::MultiheadAttention(8, 3), ValueError);
}
