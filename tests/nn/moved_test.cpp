// Modules that were moved from: every public member throws an Error or works, and assigning makes them whole
// again.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/attention.hpp>
#include <xgrad/nn/cell.hpp>
#include <xgrad/nn/check.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/conv.hpp>
#include <xgrad/nn/conv1d.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/embedding.hpp>
#include <xgrad/nn/flatten.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/nn/pooling.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/nn/summary.hpp>
#include <xgrad/nn/torch.hpp>
#include <xgrad/nn/upsample.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace {

using namespace xgrad;

/// Runs f, which may throw an Error and nothing else. False when it threw.
template <class F>
bool survives(F f) {
  try {
    f();
    return true;
  } catch (const Error& error) {
    CHECK_FALSE(std::string(error.what()).empty());
    return false;
  }
}

/// What every module offers.
void use_all(nn::Module& m, const Variable& x) {
  CHECK(survives([&] { CHECK_FALSE(m.describe().empty()); }));
  CHECK(survives([&] { CHECK_FALSE(to_string(m).empty()); }));
  survives([&] { static_cast<void>(m.named_parameters()); });
  survives([&] { static_cast<void>(m.parameters()); });
  survives([&] { static_cast<void>(m.named_buffers()); });
  survives([&] { static_cast<void>(m.children()); });
  survives([&] { static_cast<void>(m.named_modules()); });
  survives([&] { m.train(); });
  survives([&] { m.eval(); });
  survives([&] { m.train(m.training()); });
  survives([&] { m.freeze(); });
  survives([&] { m.unfreeze(); });
  survives([&] { m.to(float64); });
  survives([&] { m.to(float32); });
  survives([&] { m.zero_grad(); });
  survives([&] { static_cast<void>(m.state_dict()); });
  survives([&] { m.load_state_dict({{"weight", ones({2, 2})}}); });
  survives([&] { m.load_state_dict({{"weight", ones({2, 2})}}, {.strict = false}); });
  survives([&] { nn::load_torch(m, nn::to_torch(m)); });
  survives([&] { static_cast<void>(m.forward(x)); });
  // A result would be that of another module.
  CHECK_FALSE(survives([&] { static_cast<void>(m(x)); }));
  survives([&] { static_cast<void>(summary(m, x)); });
  survives([&] { static_cast<void>(check_parameters(m, x)); });
}

template <class M>
void check(M module, const Variable& x) {
  const std::string name = module.describe();
  CAPTURE(name);
  module.eval();
  nn::Module& base = module;
  const Variable expected = base(x);

  M taken = std::move(module);
  use_all(module, x);  // NOLINT: moved from on purpose
  const M copy = module;
  M taken_again = std::move(module);
  use_all(taken_again, x);

  module = taken;
  CHECK(bitwise_equal(base(x).value(), expected.value()));
  M whole = std::move(taken);
  taken = std::move(whole);
  CHECK(bitwise_equal(static_cast<nn::Module&>(taken)(x).value(), expected.value()));
  use_all(whole, x);
  std::swap(taken, module);
  CHECK(bitwise_equal(base(x).value(), expected.value()));
  M& self = module;
  module = std::move(self);
  survives([&] { static_cast<void>(base(x)); });
}

struct Block : nn::Module {
  nn::Linear first{3, 4};
  nn::LayerNorm norm{4};
  nn::Sequential rest{nn::ReLU(), nn::Linear(4, 2)};
  nn::Buffer scale = ones({2});
  Variable forward(const Variable& x) override { return rest(norm(first(x))) * scale; }
  XGRAD_VISIT(first, norm, rest, scale)
};

}  // namespace

TEST_CASE("a module that was moved from throws or works, in every member") {
  const Variable rows(ones({2, 3})), images(ones({2, 4, 4, 3})), sequence(ones({2, 1, 3}));
  check(nn::Linear(3, 2), rows);
  check(nn::Linear(3, 2, {.bias = false}), rows);
  check(nn::Conv2d(3, 2, {.kernel = 2}), images);
  check(nn::ConvTranspose2d(3, 2, {.kernel = 2}), images);
  check(nn::MaxPool2d({.kernel = 2}), images);
  check(nn::AvgPool2d({.kernel = 2}), images);
  check(nn::AdaptiveAvgPool2d(1), images);
  check(nn::Embedding(3, 2), Variable(zeros({2}, int64)));
  check(nn::LSTM(3, 2), sequence);
  check(nn::GRU(3, 2, {.layers = 2, .bidirectional = true}), sequence);
  check(nn::RNN(3, 2, {.nonlinearity = nn::Nonlinearity::relu}), sequence);
  check(nn::RNNCell(3, 2), rows);
  check(nn::LSTMCell(3, 2), rows);
  check(nn::GRUCell(3, 2, {.bias = false}), rows);
  check(nn::Conv1d(3, 2, 1), sequence);
  check(nn::MaxPool1d(1), sequence);
  check(nn::AvgPool1d(1), sequence);
  check(nn::Upsample(2), images);
  check(nn::MultiheadAttention(4, 2), Variable(ones({1, 2, 4})));
  check(nn::LayerNorm(3), rows);
  check(nn::RMSNorm(3), rows);
  check(nn::GroupNorm(1, 3), rows);
  check(nn::BatchNorm1d(3), rows);
  check(nn::BatchNorm2d(3), images);
  check(nn::Dropout(0.5), rows);
  check(nn::Dropout1d(0.5), sequence);
  check(nn::Dropout2d(0.5), images);
  check(nn::Flatten(), images);
  check(nn::Flatten({.order = nn::FlattenOrder::pytorch}), images);
  check(nn::ReLU(), rows);
  check(nn::LeakyReLU(), rows);
  check(nn::ELU(), rows);
  check(nn::CELU(), rows);
  check(nn::GELU(), rows);
  check(nn::Softplus(), rows);
  check(nn::Hardtanh(), rows);
  check(nn::Softshrink(), rows);
  check(nn::Hardshrink(), rows);
  check(nn::Threshold(0, 1), rows);
  check(nn::Softmax(), rows);
  check(nn::LogSoftmax(), rows);
  check(nn::Lambda([](const Variable& x) { return sin(x); }), rows);
  check(nn::Sequential(nn::Linear(3, 4), nn::ReLU(), nn::Linear(4, 2)), rows);
  check(Block(), rows);
}

TEST_CASE("containers that were moved from, and what they hold, throw or work") {
  nn::AnyModule any = nn::Linear(3, 2);
  nn::AnyModule taken = std::move(any);
  CHECK_THROWS_AS(static_cast<void>(*any), GraphError);  // NOLINT: moved from on purpose
  CHECK_THROWS_AS(static_cast<void>(any->training()), GraphError);
  const nn::AnyModule copy = any;
  CHECK_THROWS_AS(static_cast<void>(*copy), GraphError);
  nn::ModuleList list(nn::Linear(3, 2), nn::ReLU());
  CHECK_THROWS_AS(list.push_back(any), GraphError);
  CHECK(list.size() == 2);
  any = taken;
  CHECK((*any)(ones({1, 3})).shape() == Shape{1, 2});

  const nn::ModuleList owner = std::move(list);
  CHECK(list.size() == 0);  // NOLINT: moved from on purpose
  CHECK(list.empty());
  CHECK_THROWS_AS(static_cast<void>(list[0]), IndexError);
  CHECK_THROWS_AS(static_cast<void>(list.at<nn::Linear>(-1)), IndexError);
  for (nn::Module& module : list) static_cast<void>(module);
  list.push_back(nn::Linear(1, 1));
  CHECK(list.size() == 1);
}

TEST_CASE("members of recurrent and attention layers that were moved from") {
  nn::LSTM lstm(3, 2);
  const nn::LSTM lstm_owner = std::move(lstm);
  const Tensor x = ones({2, 1, 3});
  CHECK_THROWS_AS(static_cast<void>(lstm(x)), GraphError);  // NOLINT: moved from on purpose
  CHECK_THROWS_AS(static_cast<void>(lstm.run(x, {ones({1, 1, 2}), ones({1, 1, 2})})), GraphError);
  CHECK(lstm.input_size() == 3);
  CHECK(lstm.hidden_size() == 2);
  CHECK(lstm.options().layers == 1);
  nn::GRU gru(3, 2);
  const nn::GRU gru_owner = std::move(gru);
  CHECK_THROWS_AS(static_cast<void>(gru(x)), GraphError);  // NOLINT: moved from on purpose
  nn::LSTMCell cell(3, 2);
  const nn::LSTMCell cell_owner = std::move(cell);
  CHECK_THROWS_AS(static_cast<void>(cell.run(ones({2, 3}))), GraphError);  // NOLINT: moved from on purpose
  nn::RNN rnn(3, 2);
  const nn::RNN rnn_owner = std::move(rnn);
  CHECK_THROWS_AS(static_cast<void>(rnn.run(x)), GraphError);  // NOLINT: moved from on purpose
  nn::MultiheadAttention attention(4, 2);
  const nn::MultiheadAttention attention_owner = std::move(attention);
  const Variable q(ones({1, 2, 4}));
  CHECK_THROWS_AS(static_cast<void>(attention(q, q, q)), GraphError);  // NOLINT: moved from on purpose
}

TEST_CASE("an empty function throws where it would be called") {
  CHECK_THROWS_AS(nn::Lambda({}), ValueError);
  nn::Linear linear(3, 2);
  CHECK_THROWS_AS(static_cast<void>(summary(linear, Callback<void()>())), GraphError);
  CHECK_THROWS_AS(static_cast<void>(check_parameters(linear, Callback<Variable()>())), GraphError);
  Callback<int(int)> f = [](int i) { return i + 1; };
  const Callback<int(int)> owner = std::move(f);
  CHECK(owner(1) == 2);
  CHECK_FALSE(static_cast<bool>(f));  // NOLINT: moved from on purpose
  CHECK_THROWS_AS(f(1), GraphError);
  CHECK_THROWS_AS((Callback<int(int)>()(1)), GraphError);
}
