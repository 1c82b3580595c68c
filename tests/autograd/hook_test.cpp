// Hooks and leaves over time: state, handles, freezing, conversion, gradients of gradients.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;

TEST_CASE("hook: what it keeps by value stays between calls") {
  const Variable x = leaf(Tensor{1.0});
  std::vector<int> seen;
  Variable(x).add_hook([&seen, calls = 0](const Variable&) mutable {
    seen.push_back(++calls);
    return Variable();
  });
  for (int i = 0; i < 3; ++i) sum(x * 2).backward();
  CHECK(seen == std::vector{1, 2, 3});
}

TEST_CASE("function: what its two halves keep by value stays between calls") {
  std::vector<int> forward, backward;
  const Function f(
      "test_counting",
      [&forward, calls = 0](FunctionForward&, const std::vector<Variable>& x) mutable {
        forward.push_back(++calls);
        return std::vector{x[0] * 2};
      },
      [&backward, calls = 0](const FunctionBackward& b) mutable {
        backward.push_back(++calls);
        return std::vector{b.gradient() * 2};
      });
  const Variable x = leaf(Tensor{1.0});
  sum(f(x) + f(x)).backward();
  sum(f(x)).backward();
  CHECK(forward == std::vector{1, 2, 3});
  CHECK(backward == std::vector{1, 2, 3});
}

TEST_CASE("hook: a handle keeps neither graph nor hook alive") {
  const std::size_t before = memory_stats().live_buffers;
  HookHandle handle;
  {
    const Variable x = leaf(ones({1000}));
    Variable y = exp(x * 2);
    const Variable captured(ones({1000}));
    handle = y.add_hook([captured](const Variable&) { return captured; });
  }
  CHECK(memory_stats().live_buffers == before);
  handle.remove();
  handle.remove();
}

TEST_CASE("hook: removed while it runs, and dying with what it holds") {
  Variable x = leaf(Tensor{1.0});
  HookHandle handle;
  int calls = 0;
  handle = x.add_hook([&, held = std::vector<double>(100, 1.0)](const Variable& g) {
    handle.remove();
    ++calls;
    return g * held[99] * 3;
  });
  sum(x).backward();
  sum(x).backward();
  CHECK(calls == 1);
  CHECK(x.grad().item() == 4);
  CHECK_THROWS_AS(x.add_hook(nullptr), ValueError);
}

TEST_CASE("a frozen leaf takes no gradient, from earlier graphs either, and its hooks rest") {
  Variable x = leaf(Tensor{2.0}), w = leaf(Tensor{3.0});
  int calls = 0;
  w.add_hook([&](const Variable&) {
    ++calls;
    return Variable();
  });
  Variable y = sum(x * w);
  w.set_requires_grad(false);
  y.backward({.retain_graph = true});
  CHECK(x.grad().item() == 3);
  CHECK_FALSE(w.grad().defined());
  CHECK(calls == 0);
  CHECK_THROWS_AS(grad(y, w), GraphError);

  w.set_requires_grad(true);
  y.backward();
  CHECK(w.grad().item() == 2);
  CHECK(calls == 1);
  sum(x * w).backward();
  CHECK(calls == 2);
}

TEST_CASE("a hook may freeze its own leaf; a frozen leaf may die before its graph") {
  Variable y;
  const std::size_t before = memory_stats().live_buffers;
  {
    Variable x = leaf(Tensor{2.0});
    x.add_hook([&x](const Variable&) {
      x.set_requires_grad(false);
      return Variable();
    });
    sum(x * 3).backward();
    sum(Variable(ones({1})) * leaf(Tensor{1.0}) + x).backward();
    CHECK_FALSE(x.requires_grad());
    Variable z = leaf(Tensor{2.0});
    y = sum(z * z);
    z.set_requires_grad(false);
  }
  y.backward();
  y = Variable();
  CHECK(memory_stats().live_buffers == before);
}

TEST_CASE("freezing and conversion of a module keep hooks and their handles") {
  nn::Linear layer(2, 1);
  int calls = 0;
  HookHandle handle = layer.weight.add_hook([&](const Variable& g) {
    ++calls;
    return g * 2;
  });
  const auto run = [&](DType dtype) {
    layer.zero_grad();
    sum(layer(Variable(ones({1, 2}, dtype)))).backward();
    return layer.weight.grad();
  };
  CHECK(run(float32).value().at({0, 0}) == 2);
  layer.freeze();
  layer.unfreeze();
  CHECK(run(float32).value().at({0, 0}) == 2);
  layer.to(float64);
  CHECK(run(float64).value().at({0, 0}) == 2);
  CHECK(layer.weight.grad().dtype() == float64);
  layer.freeze();
  layer.to(float32);
  layer.unfreeze();
  CHECK(run(float32).value().at({0, 0}) == 2);
  CHECK(calls == 4);
  handle.remove();
  CHECK(run(float32).value().at({0, 0}) == 1);
  CHECK(calls == 4);
}

TEST_CASE("a leaf that holds another shape or dtype by now takes no gradient of the old one") {
  Variable x = leaf(ones({2})), other = leaf(ones({2}));
  const Variable y = sum(x * other);
  detail::Access::mutable_value(x) = ones({3});
  const std::string text = message_of([&] { y.backward(); });
  CHECK(contains(text, "float32 (2,)"));
  CHECK(contains(text, "float32 (3,)"));
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(other.grad().defined());

  // The new value is used, the leaf is the old one: even where shapes broadcast.
  Variable one = leaf(ones({1}));
  detail::Access::mutable_value(one) = ones({3});
  CHECK_THROWS_AS(sum(one * 2).backward(), GraphError);
  CHECK_THROWS_AS(grad(sum(one * 2), one), GraphError);
  Variable wide = leaf(ones({2}));
  const Variable recorded = sum(wide * 2);
  detail::Access::mutable_value(wide) = ones({2}, float64);
  CHECK_THROWS_AS(recorded.backward(), GraphError);
  CHECK_THROWS_AS(sum(wide * 2).backward(), Error);

  nn::Linear layer(2, 1);
  const Variable before = sum(layer(Variable(ones({1, 2}))));
  layer.to(float64);
  CHECK_THROWS_AS(before.backward(), GraphError);
  sum(layer(Variable(ones({1, 2}, float64)))).backward();
  CHECK(layer.weight.grad().dtype() == float64);
}

TEST_CASE("a variable cannot be its own gradient; one gradient given to two stays two") {
  const std::size_t before = memory_stats().live_buffers;
  {
    Variable x = leaf(ones({2})), y = leaf(ones({2}));
    CHECK_THROWS_AS(x.set_grad(x), GraphError);
    CHECK_FALSE(x.grad().defined());
    x.set_grad(x.detach());
    CHECK(x.grad().value().at({0}) == 1);
    const Variable shared(full({2}, 4.0));
    x.set_grad(shared);
    y.set_grad(shared);
    Variable gradient = x.grad();
    detail::Access::mutable_value(gradient) = full({2}, 5.0);
    CHECK(y.grad().value().at({0}) == 4);
    CHECK(shared.value().at({0}) == 4);
    // Histories that lead back are no cycle either.
    x.set_grad(x * 2);
    Variable z = x * 3;
    z.retain_grad();
    z.set_grad(z * 2);
  }
  CHECK(memory_stats().live_buffers == before);
}

TEST_CASE("errors of hooks and leaves in a backward run name a line of the user's") {
  const auto here = [](int line) { return "hook_test.cpp:" + std::to_string(line) + ": "; };
  const Variable x = leaf(ones({2}));
  const int made = __LINE__ + 1;
  Variable y = x * 3;
  y.add_hook([](const Variable&) { return Variable(ones({3})); });
  CHECK(message_of([&] { sum(y).backward(); }) ==
        here(made) + "mul: a hook gave a gradient of shape (3,), expects (2,)");

  Variable w = leaf(ones({2}));
  w.add_hook([](const Variable&) { return Variable(ones({2}, float64)); });
  const Variable z = sum(w * 3);
  const std::string run = message_of([&] { z.backward(); });
  CHECK(run == here(__LINE__ - 1) + "leaf: a hook gave a gradient of float64, expects float32");

  Variable v = leaf(ones({2}));
  const Variable u = sum(v * 3);
  detail::Access::mutable_value(v) = ones({3});
  const std::string again = message_of([&] { u.backward(); });
  CHECK(again.find(here(__LINE__ - 1) + "leaf: a leaf was recorded as") == 0);
}
