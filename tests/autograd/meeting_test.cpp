// Several runs in one graph at once, and graphs that hang together by what user code captures.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <functional>
#include <thread>

using namespace xgrad;
using namespace xgrad::test;

namespace {

/// Runs f on a thread with a stack of 256 KiB.
void on_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void* work) -> void* {
                (*static_cast<std::function<void()>*>(work))();
                return nullptr;
              },
              &f) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

/// What each of several threads, started together, made of f(its number): true, or false for GraphError.
std::vector<int> together(int count, const std::function<void(int)>& f) {
  std::atomic<int> waiting{count};
  std::vector<int> succeeded(static_cast<std::size_t>(count), -1);
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      try {
        f(t);
        succeeded[static_cast<std::size_t>(t)] = 1;
      } catch (const GraphError& error) {
        succeeded[static_cast<std::size_t>(t)] = contains(error.what(), "freed") ? 0 : -2;
      }
    });
  for (std::thread& thread : threads) thread.join();
  return succeeded;
}

/// A graph of chains, forks and joins with values that rules need; two results.
std::pair<Variable, Variable> graph(const Variable& x) {
  Variable y = x;
  for (int i = 0; i < 30; ++i) {
    y = tanh(y * 1.01 + 0.01);
    if (i % 7 == 3) y = exp(y * -1) + y * y;
  }
  const Variable left = sum(sin(y)), right = sum(y * sigmoid(y));
  return {left + right, right};
}

std::size_t count(const std::vector<int>& results, int value) {
  return static_cast<std::size_t>(std::count(results.begin(), results.end(), value));
}

}  // namespace

TEST_SUITE("threads") {
  TEST_CASE("one graph, many runs: one succeeds, the others say that it was freed") {
    for (int round = 0; round < 60; ++round) {
      const Variable x = leaf(uniform({5}, -1, 1, float64));
      const Tensor expected = grad(graph(x).first, x).value();
      const auto [y, other] = graph(x);
      const auto results = together(3, [&, &y = y](int) { y.backward(); });
      CHECK(count(results, 1) == 1);
      CHECK(count(results, 0) == 2);
      CHECK(bitwise_equal(x.grad().value(), expected));
    }
  }

  TEST_CASE("runs from two results of one graph: no crash, and gradients of those that succeed") {
    for (int round = 0; round < 60; ++round) {
      const Variable x = leaf(uniform({5}, -1, 1, float64));
      const auto [a, b] = graph(x);
      const Tensor by_a = grad(a, x, {.retain_graph = true}).value();
      const Tensor by_b = grad(b, x, {.retain_graph = true}).value();
      std::vector<Tensor> gradients(3);
      const auto results = together(3, [&, &a = a, &b = b](int t) {
        gradients[static_cast<std::size_t>(t)] = grad(t == 1 ? b : a, x).value();
      });
      CHECK(count(results, 1) >= 1);
      CHECK(count(results, 1) + count(results, 0) == 3);
      for (std::size_t t = 0; t < 3; ++t)
        if (results[t] == 1) CHECK(bitwise_equal(gradients[t], t == 1 ? by_b : by_a));
    }
  }

  TEST_CASE("runs that retain the graph beside one that frees it") {
    for (int round = 0; round < 60; ++round) {
      const Variable x = leaf(uniform({5}, -1, 1, float64));
      const auto [y, other] = graph(x);
      const Tensor expected = grad(y, x, {.retain_graph = true}).value();
      // A recorded run composes the rules of operations, whose last bits may be others.
      const Tensor recorded = grad(y, x, {.retain_graph = true, .create_graph = true}).value();
      std::vector<Tensor> gradients(4);
      const auto results = together(4, [&, &y = y](int t) {
        gradients[static_cast<std::size_t>(t)] =
            grad(y, x, {.retain_graph = t != 0, .create_graph = t == 1}).value();
      });
      CHECK(results[0] == 1);
      CHECK(count(results, 1) + count(results, 0) == 4);
      for (std::size_t t = 0; t < 4; ++t)
        if (results[t] == 1) CHECK(bitwise_equal(gradients[t], t == 1 ? recorded : expected));
      CHECK_THROWS_AS(grad(y, x), GraphError);
    }
  }

  TEST_CASE("runs that retain the graph all succeed, also where a checkpoint computes again") {
    for (int round = 0; round < 20; ++round) {
      const Variable x = leaf(uniform({5}, -1, 1, float64));
      const Variable y =
          checkpoint([](const std::vector<Variable>& v) { return graph(v[0]).first; }, {x * 1.0});
      std::vector<Tensor> gradients(3);
      const auto results = together(3, [&](int t) {
        gradients[static_cast<std::size_t>(t)] = grad(y, x, {.retain_graph = true}).value();
      });
      CHECK(count(results, 1) == 3);
      for (const Tensor& gradient : gradients) CHECK(bitwise_equal(gradient, gradients[0]));
    }
  }
}

TEST_CASE("a rule that failed has used up nothing") {
  bool fails = true;
  const Function f(
      "test_once",
      [](FunctionForward& context, const std::vector<Variable>& x) {
        context.save(x[0]);
        return std::vector{x[0] * x[0]};
      },
      [&](const FunctionBackward& b) {
        if (fails) throw std::runtime_error("out");
        return std::vector{b.saved(0) * 2 * b.gradient()};
      });
  const Variable x = leaf(Tensor{3.0});
  const Variable y = f(x);
  CHECK_THROWS_AS(y.backward(), std::runtime_error);
  fails = false;
  y.backward();
  CHECK(x.grad().item() == 6);
  CHECK_THROWS_AS(y.backward(), GraphError);
}

TEST_CASE("a run within a rule cannot free what the rule is using") {
  Variable y;
  const Function f(
      "test_within",
      [](FunctionForward& context, const std::vector<Variable>& x) {
        context.save(x[0]);
        return std::vector{x[0] * x[0]};
      },
      [&](const FunctionBackward& b) {
        Variable again = y;
        y = Variable();
        if (again.defined()) again.backward();
        return std::vector{b.saved(0) * 2 * b.gradient()};
      });
  const Variable x = leaf(Tensor{3.0});
  for (const bool retain : {false, true}) {
    y = f(x);
    const Variable root = y;
    CHECK_THROWS_AS(root.backward({.retain_graph = retain}), GraphError);
  }
}

TEST_CASE("long chains by what is captured die within a small stack") {
  constexpr int length = 100000;
  const std::size_t before = memory_stats().live_buffers;
  const auto chain = [](const std::function<Variable(const Variable&)>& next) {
    on_small_stack([&] {
      Variable y = leaf(scalar(1.0));
      for (int i = 0; i < length; ++i) y = next(y);
    });
  };
  const auto pass = [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 1}; };
  SUBCASE("rules") {
    chain([&](const Variable& y) {
      return Function("test_holding", pass, [y](const FunctionBackward& b) {
        return std::vector{b.gradient() * y};
      })(leaf(scalar(1.0)));
    });
  }
  SUBCASE("rules of constants") {
    on_small_stack([&] {
      Variable y(scalar(1.0));
      const Variable x = leaf(scalar(1.0));
      for (int i = 0; i < length; ++i)
        y = Function("test_holding", pass,
                     [y](const FunctionBackward& b) { return std::vector{b.gradient() * y}; })(x);
    });
  }
  SUBCASE("hooks of leaves") {
    chain([](const Variable& y) {
      Variable z = leaf(scalar(1.0));
      z.add_hook([y](const Variable&) { return y; });
      return z;
    });
  }
  SUBCASE("hooks of results, removed from the end") {
    on_small_stack([&] {
      Variable y = leaf(scalar(1.0));
      HookHandle handle;
      for (int i = 0; i < length; ++i) {
        Variable z = leaf(scalar(1.0)) * 1;
        handle = z.add_hook([y, handle](const Variable&) { return y; });
        y = z;
      }
      const Variable last = y;
      y = Variable();
      handle.remove();
    });
  }
  SUBCASE("gradients of gradients") {
    on_small_stack([&] {
      std::vector<Variable> all;
      Variable first = leaf(scalar(1.0)), y = first;
      for (int i = 0; i < length; ++i) {
        y.set_grad(Variable(scalar(1.0)));
        y = y.grad();
        y.set_requires_grad(true);
      }
    });
  }
  SUBCASE("gradients that are the previous result") {
    chain([](const Variable& y) {
      Variable z = leaf(scalar(1.0));
      z.set_grad(y);
      return z;
    });
  }
  SUBCASE("kept gradients of results") {
    chain([](const Variable& y) {
      Variable z = leaf(scalar(1.0)) * 2;
      z.retain_grad();
      z.set_grad(y);
      return z;
    });
  }
  SUBCASE("checkpoints") {
    chain([](const Variable& y) {
      return checkpoint([y](const std::vector<Variable>& x) { return x[0] * x[0] * y; }, {leaf(scalar(1.0))});
    });
  }
  SUBCASE("frozen leaves with hooks") {
    chain([](const Variable& y) {
      Variable z = leaf(scalar(1.0));
      z.add_hook([y](const Variable&) { return y; });
      z.set_requires_grad(false);
      Variable next = leaf(scalar(1.0));
      next.add_hook([z](const Variable&) { return z; });
      return next;
    });
  }
  CHECK(memory_stats().live_buffers == before);
}
