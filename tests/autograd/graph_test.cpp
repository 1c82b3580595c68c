// The graph as a structure: depth, destruction, exceptions at every node, threads.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <functional>
#include <stdexcept>
#include <thread>

using namespace xgrad;
using namespace xgrad::test;

namespace {

// Runs f on a thread with a stack of 256 KiB; exceptions and checks surface in the caller.
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

void deep_chain(int nodes) {
  double gradient = 0;
  std::size_t leaked = 1;
  on_small_stack([&] {
    const std::size_t before = memory_stats().live_buffers;
    {
      const Variable x = leaf(scalar(1.0));
      Variable y = x;
      for (int i = 0; i < nodes; ++i) y = i % 2 == 0 ? y * 1 : y + 1;
      y.backward({.retain_graph = true});
      gradient = x.grad().item();
    }
    leaked = memory_stats().live_buffers - before;
  });
  CHECK(gradient == 1);
  CHECK(leaked == 0);
}

Variable small_model(const Variable& x, const Variable& w) {
  Variable y = tanh(matmul(x, w));
  for (int i = 0; i < 10; ++i) y = sigmoid(y * y + sin(y)) - y / (1 + exp(y));
  return sum(log_softmax(y, 1));
}

}  // namespace

TEST_CASE("deep chains run and die within a small stack") { deep_chain(200000); }

TEST_SUITE("slow") {
  TEST_CASE("a chain of ten million nodes runs and dies within a small stack") { deep_chain(10000000); }
}

TEST_CASE("y = f(y, y) repeated many times is linear in time and memory") {
  on_small_stack([] {
    const Variable x = leaf(scalar(1.0, float64));
    Variable y = x;
    for (int i = 0; i < 150000; ++i) y = (y + y) * 0.5;
    y.backward();
    CHECK(x.grad().item() == 1);
  });
}

TEST_CASE("any order of destruction leaks nothing") {
  const std::size_t before = memory_stats().live_buffers;
  for (int order = 0; order < 6; ++order) {
    Variable x = leaf(uniform({4, 4})), y = exp(x), z = sum(y * y * x);
    Variable* all[3] = {&x, &y, &z};
    *all[order % 3] = {};
    *all[(order + 1 + order / 3) % 3] = {};
  }
  CHECK(memory_stats().live_buffers == before);
}

TEST_CASE("saved values are freed as soon as a run has used them, unless the graph is retained") {
  const Variable x = leaf(uniform({4, 4}));
  const Variable y = sum(exp(tanh(sin(x))));
  // The outputs of tanh and exp, kept for their rules; x gains a gradient.
  const std::size_t recorded = memory_stats().live_buffers;
  y.backward({.retain_graph = true});
  CHECK(memory_stats().live_buffers == recorded + 1);
  y.backward();
  CHECK(memory_stats().live_buffers == recorded + 1 - 2);
}

TEST_CASE("an exception at any node of a fifty-node graph leaves everything usable") {
  const std::size_t before = memory_stats().live_buffers;
  for (int bad = 0; bad < 50; ++bad) {
    bool armed = true;
    int calls = 0;
    const Function step(
        "test_step", [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 1.5}; },
        [&](const FunctionBackward& b) {
          if (armed && calls++ == bad) throw std::runtime_error("at this node");
          return std::vector{b.gradient() * 1.5};
        });
    const Variable x = leaf(Tensor({1.0}, float64)), w = leaf(Tensor({2.0}, float64));
    Variable y = x;
    for (int i = 0; i < 50; ++i) y = step(y);
    y = sum(y * w);
    CHECK_THROWS_AS(y.backward({.retain_graph = true}), std::runtime_error);
    CHECK_FALSE(x.grad().defined());
    CHECK_FALSE(w.grad().defined());
    armed = false;
    y.backward();
    CHECK(x.grad().item() == doctest::Approx(2 * std::pow(1.5, 50)));
    CHECK(grad_enabled());
  }
  CHECK(memory_stats().live_buffers == before);
}

TEST_CASE("a forward that throws leaves its inputs usable and leaks nothing") {
  const Variable x = leaf(ones({2, 3}));
  const std::size_t before = memory_stats().live_buffers;
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_AS(matmul(x, x), ShapeError);
    CHECK_THROWS_AS(x + ones({4}), ShapeError);
    CHECK_THROWS_AS(reshape(x, {4}), ShapeError);
    CHECK_THROWS_AS(sum(x, 2), IndexError);
  }
  CHECK(memory_stats().live_buffers == before);
  sum(x * 2).backward();
  CHECK(x.grad().value().at({0, 0}) == 2);
}

namespace {

/// Throws when it is moved or copied for the last time allowed.
struct Fragile {
  explicit Fragile(int& moves) : left(&moves) {}
  Fragile(const Fragile& other) : left(other.left) {
    if (--*left == 0) throw std::runtime_error("moved too often");
  }
  int* left;
};

}  // namespace

TEST_CASE("a rule that throws while it is moved leaves nothing behind") {
  const Variable x = leaf(ones({3}));
  const std::size_t before = memory_stats().live_buffers;
  bool recorded = false;
  for (int moves = 1; !recorded; ++moves) {
    int left = moves;
    try {
      const Op op("test_fragile", x);
      const Fragile fragile(left);
      const Variable y = op.record(
          op.value(), JointRule{saves_input(0), [fragile](Backward& r) { r.give(0, r.gradient()); }});
      recorded = y.requires_grad();
      y.backward(Variable(ones({3})));
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()) == "moved too often");
      CHECK(memory_stats().live_buffers == before);
    }
    REQUIRE(moves < 100);
  }
  CHECK(allclose(x.grad().value(), ones({3})));
}

TEST_CASE("an operation keeps what only its temporary operands hold") {
  static_assert(std::is_constructible_v<Op, const char*, const Variable&>);
  static_assert(!std::is_constructible_v<Op, const char*, Variable>);
  const Variable x = leaf(full({2}, 3));
  Op op("test_scaled", x, Operand(full({2}, 4)), Operand(2));
  op.replace(2, op[2] * 5);
  const Variable y = op.record(
      op.value(0), JointRule{saves_input(1), [](Backward& r) { r.give(0, r.gradient() * r.input(1)); }});
  CHECK(op[2].item() == 10);
  y.backward(Variable(ones({2})));
  CHECK(allclose(x.grad().value(), full({2}, 4)));
}

TEST_SUITE("threads") {
  TEST_CASE("independent graphs on many threads give bitwise the sequential result") {
    const Tensor x = uniform({5, 6}, -1, 1), w = uniform({6, 4}, -1, 1);
    const auto gradients = [&] {
      const Variable vx = leaf(x), vw = leaf(w);
      small_model(vx, vw).backward();
      return std::pair(vx.grad().value(), vw.grad().value());
    };
    const auto expected = gradients();
    std::vector<std::pair<Tensor, Tensor>> results(8);
    std::vector<std::thread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = gradients(); });
    for (std::thread& thread : threads) thread.join();
    for (const auto& [gx, gw] : results) {
      CHECK(bitwise_equal(gx, expected.first));
      CHECK(bitwise_equal(gw, expected.second));
    }
  }

  TEST_CASE("a graph may be built in one thread, differentiated in another and destroyed in a third") {
    const std::size_t before = memory_stats().live_buffers;
    {
      Variable x = leaf(uniform({5, 6})), w = leaf(uniform({6, 4})), y;
      std::thread([&] { y = small_model(x, w); }).join();
      std::thread([&] { y.backward(); }).join();
      CHECK(x.grad().defined());
      std::thread([dead = std::move(y)]() mutable { dead = {}; }).join();
    }
    CHECK(memory_stats().live_buffers == before);
  }

  TEST_CASE("grad through shared read-only leaves is safe") {
    const Variable x = leaf(uniform({5, 6})), w = leaf(uniform({6, 4}));
    const Tensor expected = grad(small_model(x, w), w).value();
    std::vector<Tensor> results(6);
    std::vector<std::thread> threads;
    for (Tensor& result : results)
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) result = grad(small_model(x, w), w).value();
      });
    for (std::thread& thread : threads) thread.join();
    for (const Tensor& result : results) CHECK(bitwise_equal(result, expected));
    CHECK_FALSE(w.grad().defined());
  }

  TEST_CASE("backward from several threads accumulates into shared leaves") {
    const Variable w = leaf(ones({3}));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) sum(w * 2).backward();
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(w.grad().value().at({0}) == 400);
  }

  TEST_CASE("modes are per thread") {
    const NoGrad off;
    bool enabled = false;
    std::thread([&] { enabled = grad_enabled(); }).join();
    CHECK(enabled);
  }

  TEST_CASE("ranks order a graph that several threads built") {
    const Variable x = leaf(scalar(0.5, float64));
    Variable a, b;
    std::thread([&] {
      a = x;
      for (int i = 0; i < 100; ++i) a = sin(a) + x;
    }).join();
    std::thread([&] { b = a * exp(a); }).join();
    const Variable y = b * a;
    const double step = 1e-6;
    const auto value = [](double v) {
      double u = v;
      for (int i = 0; i < 100; ++i) u = std::sin(u) + v;
      return u * std::exp(u) * u;
    };
    CHECK(grad(y, x).item() ==
          doctest::Approx((value(0.5 + step) - value(0.5 - step)) / (2 * step)).epsilon(1e-6));
  }
}
