// User code writes into everything that it is handed; nothing else may change.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;

namespace {

/// Writes through a copied handle, as user code can.
void spoil(Variable handle) {
  if (!handle.defined() || handle.dtype() == int64) return;
  if (handle.dtype() == float64)
    for (double& element : handle.mutable_span<double>()) element = -1e6;
  else
    for (float& element : handle.mutable_span<float>()) element = -1e6f;
}

Variable filled(double value) { return Variable(full({2}, value)); }

bool is(const Variable& x, double value) {
  for (const float element : Tensor(x.value()).span<float>())
    if (element != static_cast<float>(value)) return false;
  return true;
}

}  // namespace

TEST_CASE("handed out: the gradient that a hook sees") {
  for (const bool create_graph : {false, true}) {
    CAPTURE(create_graph);
    Variable a = leaf(ones({2})), b = leaf(ones({2})), c = leaf(ones({2}));
    Variable s = a + b;
    const auto hook = [](const Variable& g) {
      spoil(g);
      return Variable();
    };
    a.add_hook(hook);
    s.add_hook(hook);
    const Variable y = s + c, seed = filled(3);
    y.backward(seed, {.create_graph = create_graph});
    for (const Variable& x : {a, b, c}) CHECK(is(x.grad(), 3));
    CHECK(is(seed, 3));
    const auto g = grad({s + c}, {a, b, c, s}, {.seeds = {seed}, .create_graph = create_graph});
    for (const Variable& x : g) CHECK(is(x, 3));
    CHECK(is(seed, 3));
    for (Variable* x : {&a, &b, &c}) x->clear_grad();
  }
}

TEST_CASE("handed out: what a hook gave may be written to later") {
  Variable a = leaf(ones({2})), kept;
  Variable s = a * 1, t = s * 1;
  t.add_hook([&](const Variable& g) { return kept = g * 2; });
  a.add_hook([&](const Variable&) {
    spoil(kept);
    return Variable();
  });
  s.add_hook([&](const Variable&) {
    spoil(kept);
    return Variable();
  });
  t.backward(filled(3));
  CHECK(is(a.grad(), 6));
  spoil(kept);
  CHECK(is(a.grad(), 6));
}

TEST_CASE("handed out: all that a custom function sees") {
  std::vector<Variable> kept;
  const Function f(
      "test_spoiling",
      [&](FunctionForward& context, const std::vector<Variable>& x) {
        context.save(x[0]);
        const Variable y = x[0] * 2, between = x[0] * 3;
        context.save(y);
        context.save(between);
        spoil(x[0]);
        spoil(x[1]);
        spoil(between);
        kept = {x[0], x[1], y, between};
        return std::vector{y, x[1] * 1};
      },
      [&](const FunctionBackward& b) {
        CHECK(is(b.saved(0), 5));
        CHECK(is(b.saved(1), 10));
        CHECK(is(b.saved(2), 15));
        const std::vector<Variable> gradients{b.gradient(0) + b.gradient(0), b.gradient(0)};
        for (const std::size_t i : {0U, 1U, 2U}) spoil(b.saved(i));
        spoil(b.gradient(0));
        spoil(b.gradient(1));
        for (const std::size_t i : {0U, 1U, 2U}) CHECK(is(b.saved(i), i == 0 ? 5 : i == 1 ? 10 : 15));
        kept = gradients;
        return gradients;
      });
  const Variable x = leaf(full({2}, 5.0)), w = leaf(full({2}, 7.0)), other = leaf(ones({2}));
  const std::vector<Variable> y = f.apply({x * 1, w * 1});
  CHECK(is(y[0], 10));
  CHECK(is(x, 5));
  CHECK(is(w, 7));
  for (const Variable& each : kept) spoil(each);
  CHECK(is(y[0], 10));
  const Variable seed = filled(3);
  const Variable result = y[0] + other;
  result.backward(seed, {.retain_graph = true});
  for (const Variable& each : kept) spoil(each);
  CHECK(is(x.grad(), 6));
  CHECK(is(w.grad(), 3));
  CHECK(is(other.grad(), 3));
  CHECK(is(seed, 3));
  result.backward(seed);
  CHECK(is(x.grad(), 12));
}

TEST_CASE("handed out: a custom function's gradients, kept and written to within the run") {
  std::vector<Variable> kept;
  const Function outer(
      "test_keeping", [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 2}; },
      [&](const FunctionBackward& b) { return kept = std::vector{b.gradient() * 2}; });
  const Function inner(
      "test_reaching", [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 1}; },
      [&](const FunctionBackward& b) {
        for (const Variable& each : kept) spoil(each);
        return std::vector{b.gradient()};
      });
  const Variable x = leaf(ones({2}));
  outer(inner(x)).backward(filled(1));
  CHECK(is(x.grad(), 2));
}

TEST_CASE("handed out: a written output or input is saved as it was") {
  const Function f(
      "test_late_write",
      [](FunctionForward& context, const std::vector<Variable>& x) {
        Variable y = x[0] * 2;
        context.save(y);
        spoil(y);
        return std::vector{y};
      },
      [](const FunctionBackward& b) { return std::vector{b.saved(0)}; });
  const Variable x = leaf(full({2}, 5.0));
  const Variable y = f(x);
  CHECK(is(y, -1e6));
  y.backward(filled(1));
  CHECK(is(x.grad(), 10));
  // Its history would be another's.
  CHECK_THROWS_AS(f(x).backward(filled(1), {.create_graph = true}), GraphError);
}

TEST_CASE("handed out: results of grad(), stored gradients, captured ones") {
  for (const bool create_graph : {false, true}) {
    Variable a = leaf(ones({2})), b = leaf(ones({2}));
    const Variable s = a + b, seed = filled(3);
    auto g = grad({s}, {a, a, b, s}, {.seeds = {seed}, .retain_graph = true, .create_graph = create_graph});
    spoil(g[0]);
    for (std::size_t i = 1; i < 4; ++i) CHECK(is(g[i], 3));
    CHECK(is(seed, 3));
    s.backward(seed, {.inputs = {{a, b}}, .retain_graph = true});
    spoil(a.grad());
    CHECK(is(b.grad(), 3));
    CHECK(is(seed, 3));
    b.clear_grad();
    s.backward(seed);
    spoil(seed);
    CHECK(is(b.grad(), 3));
  }
}

TEST_CASE("handed out: inputs and results of checkpoint and of functional transforms") {
  const Variable x = leaf(full({2}, 5.0));
  Variable inside;
  const Variable y = checkpoint(
      [&](const std::vector<Variable>& v) {
        if (recomputing()) inside = v[0];
        const Variable result = v[0] * v[0];
        if (recomputing()) spoil(v[0]);
        return result;
      },
      {x});
  y.backward(filled(1), {.retain_graph = true});
  spoil(inside);
  y.backward(filled(1));
  CHECK(is(x, 5));
  CHECK(is(x.grad(), 20));

  const auto square = [](const Variable& v) {
    const Variable result = v * v;
    spoil(v);
    return result;
  };
  const Variable p(full({2}, 5.0)), t = filled(2);
  CHECK(is(vjp(square, p, t).gradient, 20));
  CHECK(is(jvp(square, p, t).tangent, 20));
  CHECK(is(hvp([&](const Variable& v) { return sum(square(v)); }, p, t).product, 4));
  CHECK(jacobian(square, p).value().at({0, 0}) == 10);
  CHECK(hessian([&](const Variable& v) { return sum(square(v)); }, p).value().at({1, 1}) == 2);
  CHECK(is(p, 5));
  CHECK(is(t, 2));
  const auto identity = [](const Variable& v) { return v; };
  spoil(vjp(identity, p, t).output);
  spoil(vjp(identity, p, t).gradient);
  spoil(jvp(identity, p, t).tangent);
  CHECK(is(p, 5));
  CHECK(is(t, 2));
}

TEST_CASE("handed out: the inputs that gradcheck gives its function") {
  const Tensor x = Tensor({1.0, 2.0}, float64);
  const auto f = [](const Variable& v) {
    const Variable result = v * v;
    spoil(v);
    return result;
  };
  CHECK(gradcheck(f, x));
  CHECK(gradgradcheck(f, x));
  CHECK(x.at({0}) == 1);
}

TEST_CASE("handed out: state_dict, buffers and batches") {
  nn::BatchNorm1d layer(2);
  const StateDict dict = layer.state_dict();
  for (const auto& [name, tensor] : dict) spoil(Variable(tensor));
  for (auto& [name, tensor] : layer.named_buffers()) spoil(Variable(tensor));
  Tensor mean = dict.at("running_mean");
  mean.mutable_data<float>()[0] = 9;
  CHECK(dict.at("running_mean").at({0}) == 0);
  CHECK(is(layer.weight, 1));
  CHECK(is(Variable(layer.running_var), 1));
  nn::BatchNorm1d other(2);
  other.load_state_dict(dict);
  spoil(other.weight);
  CHECK(is(Variable(dict.at("weight")), 1));
  CHECK(is(layer.weight, 1));

  const data::TensorDataset dataset(ones({4, 2}), full({4, 2}, 2.0));
  for (const Index prefetch : {0, 2}) {
    data::DataLoader loader(dataset, {.batch_size = 4, .prefetch = prefetch});
    for (int epoch = 0; epoch < 2; ++epoch)
      for (auto& [x, y] : loader) {
        CHECK(is(Variable(x), 1));
        CHECK(is(Variable(y), 2));
        for (float& element : x.template mutable_span<float>()) element = -1;
        y.template mutable_data<float>()[0] = -1;
      }
    CHECK(is(Variable(std::get<0>(make_batch(loader.dataset(), Tensor{0, 1}))), 1));
  }
}

TEST_CASE("function: undefined saved values and surplus gradients") {
  const Function f(
      "test_spare",
      [](FunctionForward& context, const std::vector<Variable>& x) {
        context.save(Variable());
        context.save(x[0]);
        context.save(Variable());
        return std::vector{x[0] * x[0]};
      },
      [](const FunctionBackward& b) {
        CHECK_FALSE(b.saved(0).defined());
        CHECK_FALSE(b.saved(2).defined());
        return std::vector{b.saved(1) * 2 * b.gradient(), Variable(), Variable()};
      });
  const Variable x = leaf(Tensor{3.0});
  sum(f(x)).backward();
  CHECK(x.grad().item() == 6);
  const Variable g = grad(sum(f(x)), x, {.create_graph = true});
  CHECK(grad(sum(g), x).item() == 2);

  const Function surplus(
      "test_surplus", [](FunctionForward&, const std::vector<Variable>& v) { return std::vector{v[0] * 1}; },
      [](const FunctionBackward& b) {
        return std::vector{b.gradient(), b.gradient()};
      });
  CHECK_THROWS_AS(sum(surplus(x)).backward(), GraphError);
}

TEST_CASE("function: a gradient of another dtype is refused by name") {
  const Function f(
      "test_narrow", [](FunctionForward&, const std::vector<Variable>& v) { return std::vector{v[0] * 1}; },
      [](const FunctionBackward& b) { return std::vector{cast(b.gradient(), float32)}; });
  const Variable x = leaf(ones({2}, float64));
  CHECK_THROWS_AS(sum(f(x)).backward(), DTypeError);
  const std::string text = message_of([&] { sum(f(x)).backward(); });
  CHECK(contains(text, "test_narrow"));
  CHECK(contains(text, "float32 for input 0 of float64"));
  CHECK_FALSE(x.grad().defined());
}
