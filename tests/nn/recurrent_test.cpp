// LSTM and GRU: values and gradients as PyTorch's, states, directions, errors.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/recurrent.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include "goldens/recurrent.hpp"
#include "support/signal_storm.hpp"

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace xgrad;
using test::leaf, test::message_of;

namespace {

Tensor golden(const std::string& name, const Shape& shape) {
  return Tensor::from(goldens::recurrent.at(name), shape);
}

constexpr nn::RecurrentOptions precise(nn::RecurrentOptions options) {
  options.dtype = float64;
  return options;
}

struct Golden {
  const char* name;
  Index input, hidden;
  Shape x;
  nn::RecurrentOptions options;
};
std::vector<Golden> goldens_of(const std::string& kind) {
  static const std::string names[2][3] = {{"lstm", "lstm_deep", "lstm_plain"},
                                          {"gru", "gru_deep", "gru_plain"}};
  const auto& own = names[kind == "gru" ? 1 : 0];
  return {{own[0].c_str(), 3, 5, {4, 2, 3}, precise({})},
          {own[1].c_str(), 4, 3, {3, 2, 4}, precise({.layers = 2, .bidirectional = true})},
          {own[2].c_str(), 2, 3, {2, 3, 2}, precise({.bias = false, .batch_first = true})}};
}

const Tolerance tolerance{.rtol = 1e-10, .atol = 1e-12};

template <class Layer>
void load(Layer& layer, const std::string& name) {
  for (auto& [parameter, variable] : layer.named_parameters())
    Variable(variable).set_value(golden(name + "/" + parameter, variable.shape()));
}

template <class Layer>
void check_gradients(Layer& layer, const std::string& name) {
  for (const auto& parameter : layer.named_parameters()) {
    const Variable& variable = parameter.second;
    CAPTURE(parameter.first);
    CHECK(allclose(variable.grad().value(), golden(name + "/grad/" + parameter.first, variable.shape()),
                   tolerance));
  }
}

Shape state_shape(const Golden& g) {
  return {g.options.layers * (g.options.bidirectional ? 2 : 1), g.x[g.options.batch_first ? 0 : 1], g.hidden};
}

}  // namespace

TEST_CASE("LSTM: goldens") {
  for (const Golden& g : goldens_of("lstm")) {
    CAPTURE(g.name);
    const std::string name = g.name;
    nn::LSTM layer(g.input, g.hidden, g.options);
    load(layer, name);
    const Variable x = leaf(golden(name + "/x", g.x)),
                   hidden = leaf(golden(name + "/hidden", state_shape(g))),
                   cell = leaf(golden(name + "/cell", state_shape(g)));
    const nn::LstmResult result = layer.run(x, {hidden, cell});
    CHECK(allclose(result.output.value(), golden(name + "/output", result.output.shape()), tolerance));
    CHECK(allclose(result.state.hidden.value(), golden(name + "/last_hidden", state_shape(g)), tolerance));
    CHECK(allclose(result.state.cell.value(), golden(name + "/last_cell", state_shape(g)), tolerance));
    const Variable loss = sum(result.output * golden(name + "/cotangent", result.output.shape())) +
                          0.3 * sum(result.state.hidden) + 0.7 * sum(result.state.cell);
    loss.backward();
    CHECK(allclose(x.grad().value(), golden(name + "/grad/x", g.x), tolerance));
    CHECK(allclose(hidden.grad().value(), golden(name + "/grad/hidden", state_shape(g)), tolerance));
    CHECK(allclose(cell.grad().value(), golden(name + "/grad/cell", state_shape(g)), tolerance));
    check_gradients(layer, name);
  }
}

TEST_CASE("GRU: goldens") {
  for (const Golden& g : goldens_of("gru")) {
    CAPTURE(g.name);
    const std::string name = g.name;
    nn::GRU layer(g.input, g.hidden, g.options);
    load(layer, name);
    const Variable x = leaf(golden(name + "/x", g.x)),
                   hidden = leaf(golden(name + "/hidden", state_shape(g)));
    const nn::GruResult result = layer.run(x, hidden);
    CHECK(allclose(result.output.value(), golden(name + "/output", result.output.shape()), tolerance));
    CHECK(allclose(result.state.value(), golden(name + "/last_hidden", state_shape(g)), tolerance));
    (sum(result.output * golden(name + "/cotangent", result.output.shape())) + 0.3 * sum(result.state))
        .backward();
    CHECK(allclose(x.grad().value(), golden(name + "/grad/x", g.x), tolerance));
    CHECK(allclose(hidden.grad().value(), golden(name + "/grad/hidden", state_shape(g)), tolerance));
    check_gradients(layer, name);
  }
}

TEST_CASE("LSTM, GRU: derivatives of both orders through the whole layer") {
  manual_seed(1);
  const Tensor x = normal({3, 2, 2}, 0, 1, float64);
  nn::LSTM lstm(2, 2, precise({.layers = 2, .bidirectional = true}));
  nn::GRU gru(2, 2, precise({.layers = 2, .bidirectional = true}));
  CHECK(gradcheck([&](auto v) { return lstm(v); }, x));
  CHECK(gradgradcheck([&](auto v) { return lstm(v); }, x));
  CHECK(gradcheck_leaves([&] { return square(lstm.run(x).state.cell); }, lstm.parameters()));
  CHECK(gradcheck([&](auto v) { return gru(v); }, x));
  CHECK(gradgradcheck([&](auto v) { return gru(v); }, x));
  CHECK(gradcheck_leaves([&] { return square(gru.run(x).state); }, gru.parameters()));
}

TEST_CASE("LSTM, GRU: a sequence in two pieces is the sequence in one") {
  manual_seed(2);
  const Variable x(normal({7, 3, 4}));
  nn::LSTM lstm(4, 6);
  nn::GRU gru(4, 6);
  const Variable front = slice(x, 0, {.begin = 0, .end = 3}), back = slice(x, 0, {.begin = 3, .end = 7});
  const nn::LstmResult first = lstm.run(front), whole = lstm.run(x);
  CHECK(allclose(lstm.run(back, first.state).state.cell.value(), whole.state.cell.value(),
                 {.rtol = 1e-5, .atol = 1e-6}));
  const nn::GruResult start = gru.run(front);
  CHECK(allclose(gru.run(back, start.state).state.value(), gru.run(x).state.value(),
                 {.rtol = 1e-5, .atol = 1e-6}));
}

TEST_CASE("LSTM: names, modes, edges") {
  nn::LSTM layer(3, 4, {.layers = 2, .dropout = 1, .bidirectional = true});
  std::vector<std::string> names;
  for (const auto& [name, parameter] : layer.named_parameters()) names.push_back(name);
  REQUIRE(names.size() == 16);
  CHECK(names[0] == "weight_ih_l0");
  CHECK(names[3] == "bias_hh_l0");
  CHECK(names[4] == "weight_ih_l0_reverse");
  CHECK(names[8] == "weight_ih_l1");
  CHECK(layer.weights[2].weight_ih.shape() == Shape{16, 8});
  CHECK(nn::GRU(3, 4).weights[0].weight_hh.shape() == Shape{12, 4});
  CHECK(layer.describe() == "LSTM(3, 4, layers 2, bidirectional, dropout 1)");

  // With all of it dropped, the second layer sees zeros whatever the input; in evaluation it does not.
  const Variable x(normal({2, 1, 3})), other(normal({2, 1, 3}));
  CHECK(bitwise_equal(layer(x).value(), layer(other).value()));
  layer.eval();
  CHECK_FALSE(bitwise_equal(layer(x).value(), layer(other).value()));

  nn::Sequential stack(nn::LSTM(3, 4), nn::GRU(4, 2));
  CHECK(stack(x).shape() == Shape{2, 1, 2});
  CHECK(layer(Variable(zeros({0, 2, 3}))).shape() == Shape{0, 2, 8});
  CHECK(layer.run(Variable(zeros({3, 0, 3}))).state.cell.shape() == Shape{4, 0, 4});
}

TEST_CASE("LSTM, GRU: results do not depend on the number of threads beyond rounding") {
  manual_seed(3);
  const Variable x(normal({8, 40, 64}), {.requires_grad = true});
  nn::LSTM lstm(64, 64);
  const int before = num_threads();
  Tensor outputs[2], gradients[2];
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    Variable input = x;
    input.clear_grad();
    const Variable output = lstm(input);
    sum(square(output)).backward();
    outputs[threads / 2] = output.value();
    gradients[threads / 2] = input.grad().value();
  }
  set_num_threads(before);
  CHECK(allclose(outputs[0], outputs[1], {.rtol = 1e-4, .atol = 1e-6}));
  CHECK(allclose(gradients[0], gradients[1], {.rtol = 1e-4, .atol = 1e-6}));
}

TEST_CASE("LSTM, GRU: long sequences in float32 agree with float64") {
  manual_seed(4);
  const Index steps = 12, batch = 32, h = 64;
  const int before = num_threads();
  set_num_threads(2);  // of 16 rows each, whose products are worth packing
  const auto check = [&](const std::vector<Shape>& shapes, const auto& function) {
    std::vector<Variable> single, precise;
    for (const Shape& shape : shapes) {
      const Tensor value = normal(shape, 0, 0.3);
      single.push_back(leaf(value));
      precise.push_back(leaf(value.to(float64)));
    }
    const Variable y = function(single), exact = function(precise);
    sum(square(y)).backward();
    sum(square(exact)).backward();
    const Tolerance rounding{.rtol = 1e-3, .atol = 1e-4};
    CHECK(allclose(y.value().to(float64), exact.value(), rounding));
    for (std::size_t i = 0; i < single.size(); ++i)
      CHECK(allclose(single[i].grad().value().to(float64), precise[i].grad().value(), rounding));
  };
  check({{steps, batch, 4 * h}, {batch, h}, {batch, h}, {4 * h, h}},
        [](const auto& x) { return lstm(x[0], x[1], x[2], x[3]).hidden; });
  check({{steps, batch, 3 * h}, {batch, h}, {3 * h, h}, {3 * h}},
        [](const auto& x) { return gru(x[0], x[1], x[2], x[3]); });
  set_num_threads(before);
}

TEST_CASE("LSTM, GRU: what does not fit is named") {
  nn::LSTM lstm(3, 4);
  nn::GRU gru(3, 4, {.batch_first = true});
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(message_of([&] {
              lstm(Variable(zeros({5, 2, 4})));
            }),
            "expects a sequence (T, N, 3), got (5, 2, 4)"));
  CHECK(has(message_of([&] { gru(Variable(zeros({5, 3}))); }), "expects a sequence (N, T, 3), got (5, 3)"));
  CHECK(has(message_of([&] {
              lstm.run(Variable(zeros({5, 2, 3})), {Variable(zeros({1, 3, 4})), {}});
            }),
            "expects the initial hidden state (layers * directions, N, H) = (1, 2, 4), got (1, 3, 4)"));
  CHECK(has(message_of([&] {
              xgrad::lstm(zeros({2, 3, 8}), zeros({3, 2}), zeros({3, 2}), zeros({8, 3}));
            }),
            "recurrent_test.cpp"));
  CHECK_THROWS_AS(xgrad::gru(zeros({2, 3, 8}), zeros({3, 2}), zeros({6, 2}), zeros({6})), ShapeError);
  CHECK_THROWS_AS(nn::LSTM(3, 0), ValueError);
  CHECK_THROWS_AS(nn::GRU(3, 4, {.dropout = 1.5}), ValueError);
}

TEST_SUITE("slow") {
  TEST_CASE("LSTM, GRU: a signal handler may run at any moment") {
    manual_seed(5);
    const Index steps = 12, batch = 32, h = 64;
    const auto run = [&](const std::vector<Variable>& x, const auto& function) {
      for (const Variable& leaf : x) Variable(leaf).clear_grad();
      const Variable y = function(x);
      sum(square(y)).backward();
      std::vector<Tensor> results{y.value()};
      for (const Variable& leaf : x) results.push_back(leaf.grad().value());
      return results;
    };
    const auto check = [&](const std::vector<Shape>& shapes, const auto& function) {
      std::vector<Variable> x;
      for (const Shape& shape : shapes) x.push_back(leaf(normal(shape, 0, 0.3)));
      const std::vector<Tensor> first = run(x, function);
      const test::SignalStorm storm;
      const auto before = test::SignalStorm::count();
      while (test::SignalStorm::count() < before + 300) {
        const std::vector<Tensor> again = run(x, function);
        for (std::size_t i = 0; i < first.size(); ++i)
          REQUIRE(std::memcmp(again[i].raw(), first[i].raw(), static_cast<std::size_t>(first[i].bytes())) ==
                  0);
      }
    };
    check({{steps, batch, 4 * h}, {batch, h}, {batch, h}, {4 * h, h}},
          [](const auto& x) { return lstm(x[0], x[1], x[2], x[3]).hidden; });
    check({{steps, batch, 3 * h}, {batch, h}, {3 * h, h}, {3 * h}},
          [](const auto& x) { return gru(x[0], x[1], x[2], x[3]); });
  }
}
