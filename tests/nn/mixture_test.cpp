// float64 data never meets float32 weights: every layer and every function of weights throws, with a remedy
// that compiles.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace xgrad;
using namespace xgrad::test;

namespace {

void check_layer(nn::Module& layer, const Variable& x) {
  CAPTURE(layer.describe());
  REQUIRE(x.dtype() == float32);
  CHECK(layer(x).dtype() == float32);
  CHECK_THROWS_AS(layer(cast(x, float64)), DTypeError);
  const std::string message = message_of([&] { layer(cast(x, float64)); });
  CAPTURE(message);
  CHECK(contains(message, "mixture_test.cpp:"));
  CHECK(contains(message, "x is float64"));
  CHECK(contains(message, "cast(x, float32)"));
  layer.to(float64);
  CHECK(layer(cast(x, float64)).dtype() == float64);
  CHECK_THROWS_AS(layer(x), DTypeError);
}

template <class M>
void check_layer(M layer, const Tensor& x) {
  check_layer(static_cast<nn::Module&>(layer), Variable(x));
  layer.eval();
  layer.to(float32);
  check_layer(static_cast<nn::Module&>(layer), Variable(x));
}

}  // namespace

TEST_CASE("float64 data in a float32 layer throws, as does the other way round") {
  const Tensor rows = normal({4, 3}), images = normal({2, 4, 4, 3}), sequence = normal({2, 2, 3});
  check_layer(nn::Linear(3, 2), rows);
  check_layer(nn::Linear(3, 2, {.bias = false}), rows);
  check_layer(nn::Conv2d(3, 2, {.kernel = 2}), images);
  check_layer(nn::ConvTranspose2d(3, 2, {.kernel = 2}), images);
  check_layer(nn::LSTM(3, 2), sequence);
  check_layer(nn::GRU(3, 2), sequence);
  check_layer(nn::MultiheadAttention(4, 2), normal({2, 3, 4}));
  check_layer(nn::LayerNorm(3), rows);
  check_layer(nn::LayerNorm(3, {.bias = false}), rows);
  check_layer(nn::RMSNorm(3), rows);
  check_layer(nn::GroupNorm(3, 3), rows);
  check_layer(nn::BatchNorm1d(3), rows);
  check_layer(nn::BatchNorm1d(3, {.affine = false}), rows);
  check_layer(nn::BatchNorm2d(3), images);
}

TEST_CASE("a layer without weights or statistics takes either type, one with weights takes integers") {
  CHECK(nn::LayerNorm(3, {.elementwise_affine = false})(ones({2, 3}, float64)).dtype() == float64);
  CHECK(nn::BatchNorm1d(3, {.affine = false, .track_running_stats = false})(normal({4, 3}, 0, 1, float64))
            .dtype() == float64);
  CHECK(nn::Linear(3, 2)(ones({2, 3}, int64)).dtype() == float32);
  CHECK(nn::Linear(3, 2, {.dtype = float64})(ones({2, 3}, uint8)).dtype() == float64);
  CHECK(nn::Conv2d(3, 2, {.kernel = 1})(ones({1, 2, 2, 3}, uint8)).dtype() == float32);
}

TEST_CASE("functions of data and weights refuse every mixture of floating types") {
  using Arguments = std::vector<Variable>;
  const auto images = Shape{1, 3, 3, 2}, taps = Shape{2, 2, 2, 2}, pooled = Shape{1, 2, 2, 2};
  struct Row {
    std::string name;
    std::vector<Shape> shapes;
    std::function<void(const Arguments&)> call;
  };
  const std::vector<Row> rows{
      {"linear", {{2, 3}, {4, 3}, {4}}, [](auto& v) { linear(v[0], v[1], v[2]); }},
      {"linear", {{2, 3}, {4, 3}}, [](auto& v) { linear(v[0], v[1]); }},
      {"conv2d", {images, taps, {2}}, [](auto& v) { conv2d(v[0], v[1], v[2]); }},
      {"conv2d_input_gradient", {pooled, taps}, [=](auto& v) { conv2d_input_gradient(v[0], v[1], images); }},
      {"conv2d_weight_gradient",
       {pooled, images},
       [=](auto& v) { conv2d_weight_gradient(v[0], v[1], taps); }},
      {"conv_transpose2d", {images, taps, {2}}, [](auto& v) { conv_transpose2d(v[0], v[1], v[2]); }},
      {"lstm", {{2, 1, 8}, {1, 2}, {1, 2}, {8, 2}}, [](auto& v) { lstm(v[0], v[1], v[2], v[3]); }},
      {"gru", {{2, 1, 6}, {1, 2}, {6, 2}, {6}}, [](auto& v) { gru(v[0], v[1], v[2], v[3]); }},
      {"scaled_dot_product_attention",
       {{2, 3, 4}, {2, 3, 4}, {2, 3, 4}},
       [](auto& v) { scaled_dot_product_attention(v[0], v[1], v[2]); }},
      {"layer_norm", {{2, 3}, {3}, {3}}, [](auto& v) { layer_norm(v[0], {3}, v[1], v[2]); }},
      {"rms_norm", {{2, 3}, {3}}, [](auto& v) { rms_norm(v[0], {3}, v[1]); }},
      {"group_norm", {{2, 4}, {4}, {4}}, [](auto& v) { group_norm(v[0], 2, v[1], v[2]); }},
      {"batch_norm", {{4, 3}, {3}, {3}}, [](auto& v) { batch_norm_training(v[0], v[1], v[2]); }},
      {"batch_norm",
       {{4, 3}, {3}, {3}},
       [](auto& v) { batch_norm(v[0], zeros({3}), ones({3}), v[1], v[2]); }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto count = row.shapes.size();
    // Bit i: operand i is float64.
    for (unsigned wide = 0; wide < 1u << count; ++wide) {
      CAPTURE(wide);
      Arguments arguments;
      for (std::size_t i = 0; i < count; ++i)
        arguments.emplace_back(ones(row.shapes[i], (wide >> i & 1) != 0 ? float64 : float32));
      if (wide == 0 || wide == (1u << count) - 1) {
        CHECK_NOTHROW(row.call(arguments));
        continue;
      }
      CHECK_THROWS_AS(row.call(arguments), DTypeError);
      const std::string message = message_of([&] { row.call(arguments); });
      CAPTURE(message);
      CHECK(contains(message, row.name + ": "));
      CHECK(contains(message, (wide & 1) != 0 ? ", float32)" : ", float64)"));
    }
    Arguments whole;
    for (const Shape& shape : row.shapes) whole.emplace_back(ones(shape, int64));
    CHECK_NOTHROW(row.call(whole));
  }
}

TEST_CASE("LSTM and GRU of a sequence without steps give the initial state") {
  const Variable nothing(zeros({0, 2, 3}));
  nn::LSTM lstm_layer(3, 4, {.layers = 2, .bidirectional = true});
  const Variable h = leaf(normal({4, 2, 4})), c = leaf(normal({4, 2, 4}));
  const nn::LstmResult result = lstm_layer.run(nothing, {h, c});
  CHECK(result.output.shape() == Shape{0, 2, 8});
  CHECK(bitwise_equal(result.state.hidden.value(), h.value()));
  CHECK(bitwise_equal(result.state.cell.value(), c.value()));
  sum(result.state.cell * 3).backward();
  CHECK(bitwise_equal(c.grad().value(), full({4, 2, 4}, 3)));
  CHECK(bitwise_equal(lstm_layer.run(nothing).state.hidden.value(), zeros({4, 2, 4})));

  nn::GRU gru_layer(3, 4, {.batch_first = true});
  const Variable state = leaf(normal({1, 2, 4}));
  const nn::GruResult last = gru_layer.run(Variable(zeros({2, 0, 3})), state);
  CHECK(last.output.shape() == Shape{2, 0, 4});
  CHECK(bitwise_equal(last.state.value(), state.value()));
  sum(gru_layer(Variable(zeros({2, 0, 3})))).backward();
  for (const Variable& parameter : gru_layer.parameters())
    if (parameter.grad().defined()) CHECK(bitwise_equal(parameter.grad().value(), zeros(parameter.shape())));
}
