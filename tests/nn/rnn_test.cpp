// RNN, the cells, and sequences of different lengths in all recurrent layers: values and gradients as
// PyTorch's; what stands beyond a length leaves no trace.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/cell.hpp>
#include <xgrad/nn/check.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/nn/sequence.hpp>
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
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Tensor lengths_of(const std::vector<std::int64_t>& lengths) {
  return Tensor::from(lengths, {static_cast<Index>(lengths.size())});
}

/// Output, then last states: hidden, and cell where there is one.
std::vector<Variable> results(nn::LSTM& layer, const Variable& x, const std::vector<Variable>& state,
                              const Tensor& lengths = {}) {
  const nn::LstmResult r =
      layer.run(x, state.empty() ? nn::LstmState() : nn::LstmState{state[0], state[1]}, lengths);
  return {r.output, r.state.hidden, r.state.cell};
}
template <class Layer>
std::vector<Variable> results(Layer& layer, const Variable& x, const std::vector<Variable>& state,
                              const Tensor& lengths = {}) {
  const auto r = layer.run(x, state.empty() ? Variable() : state[0], lengths);
  return {r.output, r.state};
}
std::vector<Variable> results(nn::LSTMCell& cell, const Variable& x, const std::vector<Variable>& state,
                              const Tensor& = {}) {
  const nn::LstmState r = cell.run(x, {state[0], state[1]});
  return {r.hidden, r.cell};
}
template <class Cell>
requires std::derived_from<Cell, nn::detail::RecurrentCell> std::vector<Variable> results(
    Cell& cell, const Variable& x, const std::vector<Variable>& state, const Tensor& = {}) {
  return {cell.run(x, state[0])};
}

template <class Layer>
void check_golden(const std::string& name, Layer layer, const Shape& shape, const Shape& state_shape,
                  const Tensor& lengths = {}) {
  CAPTURE(name);
  constexpr bool is_cell = std::derived_from<Layer, nn::detail::RecurrentCell>;
  constexpr bool has_cell = std::same_as<Layer, nn::LSTM> || std::same_as<Layer, nn::LSTMCell>;
  StateDict dict;
  for (const auto& [part, variable] : layer.named_parameters())
    dict.set(part, golden(name + "/" + part, variable.shape()));
  nn::load_torch(layer, dict);
  const StateDict back = nn::to_torch(layer);
  for (const auto& [part, value] : dict) CHECK(bitwise_equal(back.at(part), value));

  const Variable x = leaf(golden(name + "/x", shape));
  std::vector<Variable> state{leaf(golden(name + "/hidden", state_shape))};
  if (has_cell) state.push_back(leaf(golden(name + "/cell", state_shape)));
  const std::vector<Variable> r = results(layer, x, state, lengths);
  CHECK(allclose(r[0].value(), golden(name + "/output", r[0].shape()), tolerance));
  Variable loss = sum(r[0] * golden(name + "/cotangent", r[0].shape()));
  if (!is_cell) {
    CHECK(allclose(r[1].value(), golden(name + "/last_hidden", state_shape), tolerance));
    loss = loss + 0.3 * sum(r[1]);
  }
  if (has_cell) {
    CHECK(allclose(r.back().value(), golden(name + "/last_cell", state_shape), tolerance));
    loss = loss + 0.7 * sum(r.back());
  }
  loss.backward();
  CHECK(allclose(x.grad().value(), golden(name + "/grad/x", shape), tolerance));
  CHECK(allclose(state[0].grad().value(), golden(name + "/grad/hidden", state_shape), tolerance));
  if (has_cell) CHECK(allclose(state[1].grad().value(), golden(name + "/grad/cell", state_shape), tolerance));
  for (const auto& [part, variable] : layer.named_parameters()) {
    const std::string parameter = part;
    CAPTURE(parameter);
    CHECK(allclose(variable.grad().value(), golden(name + "/grad/" + part, variable.shape()), tolerance));
  }
}

/// f(layer) for each kind, of two layers and both directions.
template <class F>
void for_each_layer(DType dtype, const F& f) {
  f(nn::LSTM(3, 2, {.layers = 2, .bidirectional = true, .dtype = dtype}));
  f(nn::GRU(3, 2, {.layers = 2, .bidirectional = true, .dtype = dtype}));
  f(nn::RNN(3, 2, {.layers = 2, .bidirectional = true, .dtype = dtype}));
  f(nn::RNN(3, 2, {.nonlinearity = nn::Nonlinearity::relu, .bidirectional = true, .dtype = dtype}));
}

/// Results and gradients of x and all parameters for one loss of all results.
template <class Layer>
std::vector<Tensor> all_of(Layer& layer, const Tensor& value, const Tensor& lengths) {
  layer.zero_grad();
  const Variable x = leaf(value);
  const std::vector<Variable> r = results(layer, x, {}, lengths);
  std::vector<Tensor> all;
  Variable loss;
  for (const Variable& part : r) {
    all.push_back(part.value());
    loss = loss.defined() ? loss + sum(square(part)) : sum(square(part));
  }
  loss.backward();
  all.push_back(x.grad().value());
  for (const Variable& p : layer.parameters()) all.push_back(p.grad().value());
  return all;
}

}  // namespace

TEST_CASE("RNN and the cells: goldens") {
  check_golden("rnn", nn::RNN(3, 5, {.dtype = float64}), {4, 2, 3}, {1, 2, 5});
  check_golden("rnn_relu", nn::RNN(3, 5, {.nonlinearity = nn::Nonlinearity::relu, .dtype = float64}),
               {4, 2, 3}, {1, 2, 5});
  check_golden("rnn_deep", nn::RNN(4, 3, {.layers = 2, .bidirectional = true, .dtype = float64}), {3, 2, 4},
               {4, 2, 3});
  check_golden("rnn_plain", nn::RNN(4, 3, {.bias = false, .dtype = float64}), {3, 2, 4}, {1, 2, 3});
  check_golden("rnn_cell", nn::RNNCell(3, 4, {.dtype = float64}), {2, 3}, {2, 4});
  check_golden("rnn_cell_relu", nn::RNNCell(3, 4, {.nonlinearity = nn::Nonlinearity::relu, .dtype = float64}),
               {2, 3}, {2, 4});
  check_golden("rnn_cell_plain", nn::RNNCell(3, 4, {.bias = false, .dtype = float64}), {2, 3}, {2, 4});
  check_golden("lstm_cell", nn::LSTMCell(3, 4, {.dtype = float64}), {2, 3}, {2, 4});
  check_golden("lstm_cell_plain", nn::LSTMCell(3, 4, {.bias = false, .dtype = float64}), {2, 3}, {2, 4});
  check_golden("gru_cell", nn::GRUCell(3, 4, {.dtype = float64}), {2, 3}, {2, 4});
  check_golden("gru_cell_plain", nn::GRUCell(3, 4, {.bias = false, .dtype = float64}), {2, 3}, {2, 4});
}

TEST_CASE("cells start from zeros") {
  const auto check = [](const std::string& name, auto cell) {
    StateDict dict;
    for (const auto& [part, variable] : cell.named_parameters())
      dict.set(part, golden(name + "/" + part, variable.shape()));
    nn::load_torch(cell, dict);
    nn::Module& module = cell;
    CHECK(allclose(module(golden(name + "/x", {2, 3})).value(), golden(name + "/fresh", {2, 4}), tolerance));
  };
  check("rnn_cell", nn::RNNCell(3, 4, {.dtype = float64}));
  check("lstm_cell", nn::LSTMCell(3, 4, {.dtype = float64}));
  check("gru_cell", nn::GRUCell(3, 4, {.dtype = float64}));
}

TEST_CASE("LSTM, GRU, RNN with lengths: goldens of packed sequences") {
  const Tensor lengths = lengths_of({3, 5, 1, 4});
  const nn::RecurrentOptions deep{.layers = 2, .bidirectional = true, .dtype = float64};
  check_golden("rnn_lengths", nn::RNN(3, 2, {.dtype = float64}), {6, 4, 3}, {1, 4, 2}, lengths);
  check_golden("rnn_lengths_deep", nn::RNN(3, 2, {.layers = 2, .bidirectional = true, .dtype = float64}),
               {6, 4, 3}, {4, 4, 2}, lengths);
  check_golden("lstm_lengths", nn::LSTM(3, 2, {.dtype = float64}), {6, 4, 3}, {1, 4, 2}, lengths);
  check_golden("lstm_lengths_deep", nn::LSTM(3, 2, deep), {6, 4, 3}, {4, 4, 2}, lengths);
  check_golden("gru_lengths", nn::GRU(3, 2, {.dtype = float64}), {6, 4, 3}, {1, 4, 2}, lengths);
  check_golden("gru_lengths_deep", nn::GRU(3, 2, deep), {6, 4, 3}, {4, 4, 2}, lengths);
}

TEST_CASE("lengths of T are bitwise no lengths, in values and gradients") {
  manual_seed(1);
  for (const DType dtype : {float32, float64})
    for_each_layer(dtype, [&](auto layer) {
      const Tensor x = normal({5, 3, 3}, 0, 1, dtype);
      const std::vector<Tensor> plain = all_of(layer, x, {}), full = all_of(layer, x, lengths_of({5, 5, 5}));
      REQUIRE(plain.size() == full.size());
      for (std::size_t i = 0; i < plain.size(); ++i) CHECK(bitwise_equal(plain[i], full[i]));
    });
}

TEST_CASE("what stands beyond a length leaves no trace, in values or gradients") {
  manual_seed(2);
  const Tensor lengths = lengths_of({2, 0, 5, 1});
  for_each_layer(float64, [&](auto layer) {
    const std::string name = layer.describe();
    CAPTURE(name);
    const Tensor x = normal({5, 4, 3}, 0, 1, float64);
    const Tensor counts = Tensor::from(
        std::vector<double>{1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0}, {5, 4, 1});
    const std::vector<Tensor> clean = all_of(layer, x, lengths);
    for (const double other : {not_a_number, std::numeric_limits<double>::infinity(), 1e300}) {
      const Variable keep = Variable(counts) > 0.0;
      const std::vector<Tensor> dirty = all_of(layer, where(keep, Variable(x), other).value(), lengths);
      for (std::size_t i = 0; i < clean.size(); ++i) CHECK(bitwise_equal(clean[i], dirty[i]));
    }
    // Beyond the lengths the output is 0.
    CHECK(bitwise_equal(where(Variable(counts) > 0.0, Variable(clean[0]), 0.0).value(), clean[0]));
    CHECK(bitwise_equal(all_of(layer, x, lengths_of({0, 0, 0, 0}))[0], zeros_like(clean[0])));
  });
}

TEST_CASE("an RNN of relu that grows does not grow in the padding") {
  nn::RNN layer(1, 1, {.nonlinearity = nn::Nonlinearity::relu});
  for (auto& parameter : layer.parameters()) Variable(parameter).set_value(full_like(parameter.value(), 1e6));
  const std::vector<Tensor> all = all_of(layer, ones({20, 1, 1}), lengths_of({1}));
  for (const Tensor& part : all) CHECK(sum(Variable(part) * 0.0).item<float>() == 0);  // all finite
}

TEST_CASE("a length of 0 gives the initial state, whose NaN stays its own") {
  manual_seed(3);
  const Tensor lengths = lengths_of({3, 0});
  for_each_layer(float64, [&](auto layer) {
    const Tensor x = normal({3, 2, 3}, 0, 1, float64);
    const Index count = static_cast<Index>(layer.weights.size());
    const Tensor plain = normal({count, 2, 2}, 0, 1, float64);
    const Variable second = Variable(Tensor::from(std::vector<double>{0, 1}, {1, 2, 1})) > 0.0;
    const auto run = [&](const Tensor& state) {
      layer.zero_grad();
      const std::vector<Variable> r =
          results(layer, Variable(x), {Variable(state), Variable(state)}, lengths);
      sum(square(r[0])).backward();
      std::vector<Tensor> all{r[0].value(), index(r[1], {Slice{}, 1}).value()};
      for (const Variable& p : layer.parameters()) all.push_back(p.grad().value());
      return all;
    };
    const std::vector<Tensor> clean = run(plain),
                              dirty = run(where(second, not_a_number, Variable(plain)).value());
    CHECK(bitwise_equal(clean[1], index(Variable(plain), {Slice{}, 1}).value()));
    for (std::size_t i = 0; i < clean.size(); ++i)
      if (i != 1) CHECK(bitwise_equal(clean[i], dirty[i]));
  });
  for_each_layer(float32, [&](auto layer) {
    const auto r = results(layer, Variable(zeros({0, 2, 3})), {}, lengths_of({0, 0}));
    CHECK(r[0].shape() == Shape{0, 2, 4});
    const auto none =
        results(layer, Variable(zeros({3, 0, 3})), {}, Tensor::from(std::vector<std::int64_t>{}, {0}));
    CHECK(none[0].shape() == Shape{3, 0, 4});
    CHECK(results(layer, Variable(zeros({0, 2, 3})), {})[0].shape() == Shape{0, 2, 4});
  });
}

TEST_CASE("RNN, lengths, cells: derivatives of both orders") {
  manual_seed(4);
  const Tensor x = normal({3, 2, 3}, 0, 1, float64), step = normal({2, 3}, 0, 1, float64);
  for_each_layer(float64, [&](auto layer) {
    const Tensor lengths = lengths_of({2, 3});
    CHECK(gradcheck([&](auto v) { return results(layer, v, {}, lengths)[1]; }, x));
    CHECK(gradgradcheck([&](auto v) { return results(layer, v, {}, lengths)[0]; }, x));
    CHECK(gradcheck_leaves([&] { return square(results(layer, Variable(x), {}, lengths)[1]); },
                           layer.parameters()));
    CHECK(nn::check_parameters(layer, Variable(x)));
  });
  nn::RNNCell rnn(3, 2, {.dtype = float64});
  nn::LSTMCell lstm(3, 2, {.dtype = float64});
  nn::GRUCell gru(3, 2, {.dtype = float64});
  for (nn::Module* cell : std::vector<nn::Module*>{&rnn, &lstm, &gru}) {
    CHECK(gradcheck([&](auto v) { return (*cell)(v); }, step));
    CHECK(gradgradcheck([&](auto v) { return (*cell)(v); }, step));
    CHECK(nn::check_parameters(*cell, Variable(step)));
  }
}

TEST_CASE("pad_sequence: values, lengths, gradients, errors") {
  const Variable a = leaf(arange(4).to(float64).reshape({2, 2})), b = leaf(ones({3, 2}, float64));
  const nn::PaddedSequences p = nn::pad_sequence({a, b}, {.batch_first = true, .padding_value = -1});
  CHECK(bitwise_equal(p.padded.value(),
                      Tensor::from(std::vector<double>{0, 1, 2, 3, -1, -1, 1, 1, 1, 1, 1, 1}, {2, 3, 2})));
  CHECK(bitwise_equal(p.lengths, lengths_of({2, 3})));
  sum(p.padded * 2.0).backward();
  CHECK(bitwise_equal(a.grad().value(), full({2, 2}, 2, float64)));
  CHECK(bitwise_equal(nn::pad_sequence({a, b}).padded.value(),
                      transpose(nn::pad_sequence({a, b}, {.batch_first = true}).padded, 0, 1).value()));
  CHECK(nn::pad_sequence(std::vector<Tensor>{zeros({0, 2}), zeros({2, 2})}).padded.shape() == Shape{2, 2, 2});
  CHECK_THROWS_AS(static_cast<void>(nn::pad_sequence(std::vector<Variable>{})), ValueError);
  CHECK_THROWS_AS(static_cast<void>(nn::pad_sequence({a, Variable()})), GraphError);
  CHECK_THROWS_AS(static_cast<void>(nn::pad_sequence({a, Variable(ones({2, 2}))})), DTypeError);
  CHECK_THROWS_AS(static_cast<void>(nn::pad_sequence({Variable(scalar(1.0))})), ShapeError);
  CHECK(contains(message_of<ShapeError>([&] {
                   static_cast<void>(nn::pad_sequence({a, b, leaf(ones({2, 3}))}));
                 }),
                 "got (2, 3) for sequence 2, after (2, 2)"));
}

TEST_CASE("RNN, lengths, cells: names, descriptions, what does not fit") {
  nn::RNN rnn(3, 4, {.nonlinearity = nn::Nonlinearity::relu, .layers = 2, .batch_first = true});
  CHECK(rnn.describe() == "RNN(3, 4, layers 2, batch first, relu)");
  CHECK(rnn.named_parameters()[4].first == "weight_ih_l1");
  CHECK(rnn(ones({2, 5, 3})).shape() == Shape{2, 5, 4});
  CHECK(rnn.run(ones({2, 5, 3}), {}, lengths_of({5, 2})).output.shape() == Shape{2, 5, 4});
  CHECK(contains(nn::summary(rnn, Variable(ones({2, 5, 3}))), "RNN(3, 4"));
  rnn.to(float64);
  CHECK(rnn.run(ones({2, 5, 3}, float64), {}, lengths_of({5, 2})).state.dtype() == float64);
  CHECK(nn::RNNCell(3, 4).describe() == "RNNCell(3, 4)");
  CHECK(nn::LSTMCell(3, 4, {.bias = false}).describe() == "LSTMCell(3, 4, no bias)");
  CHECK(nn::GRUCell(3, 4).named_parameters()[0].second.shape() == Shape{12, 3});

  nn::LSTM lstm(3, 4);
  const Tensor x = zeros({5, 2, 3});
  const auto run = [&](const Tensor& lengths) {
    return [&, lengths] { static_cast<void>(lstm.run(x, {}, lengths)); };
  };
  CHECK(contains(message_of<ValueError>(run(lengths_of({5, 6}))),
                 {"lengths must be in [0, T] = [0, 5], got lengths[1] = 6", "rnn_test.cpp"}));
  CHECK(contains(message_of<ValueError>(run(lengths_of({-1, 6}))), "lengths[0] = -1"));
  CHECK(contains(message_of<ShapeError>(run(lengths_of({1, 2, 3}))), "a length for each of 2 sequences"));
  CHECK(contains(message_of<DTypeError>(run(ones({2}))), "int64"));
  CHECK_THROWS_AS(nn::RNN(3, 0), ValueError);
  CHECK_THROWS_AS(nn::GRUCell(-1, 2), ValueError);
  nn::LSTMCell cell(3, 4);
  CHECK(contains(message_of<ShapeError>([&] { cell(x); }), "expects (N, 3), one step, got (5, 2, 3)"));
  CHECK(contains(message_of<ShapeError>([&] {
                   static_cast<void>(cell.run(ones({2, 3}), {ones({1, 4}), {}}));
                 }),
                 "expects the hidden state (N, H) = (2, 4), got (1, 4)"));
  const Tensor wide = ones({2, 3}, float64);
  CHECK(contains(message_of<DTypeError>([&] { nn::RNNCell(3, 4)(wide); }), "rnn_test.cpp"));
  CHECK(contains(message_of<DTypeError>([&] { cell(wide); }), "rnn_test.cpp"));
  CHECK(contains(message_of<DTypeError>([&] { nn::GRUCell(3, 4)(wide); }), "rnn_test.cpp"));
  CHECK(contains(message_of<DTypeError>([&] { nn::RNN(3, 4)(ones({1, 2, 3}, float64)); }), "rnn_test.cpp"));
}
