// Modes, hooks, custom functions, anomaly mode, checkpoints.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include <stdexcept>

using namespace xgrad;
using namespace xgrad::test;

namespace {

Function doubling(const char* name, Function::BackwardFunction backward, FunctionOptions options = {}) {
  return Function(
      name, [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 2}; },
      std::move(backward), options);
}

}  // namespace

TEST_CASE("NoGrad and EnableGrad nest, and return the former mode also on exceptions") {
  const Variable x = leaf(ones({2}));
  {
    const NoGrad off;
    CHECK_FALSE((x * 2).requires_grad());
    {
      const EnableGrad on;
      CHECK((x * 2).requires_grad());
    }
    CHECK_FALSE(grad_enabled());
  }
  try {
    const NoGrad off;
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
  }
  CHECK(grad_enabled());
}

TEST_CASE("backward runs without recording unless a graph is created") {
  const Variable x = leaf(Tensor{3.0});
  bool recorded = true;
  const Function probe = doubling("test_probe", [&](const FunctionBackward& b) {
    recorded = grad_enabled();
    return std::vector{b.gradient() * 2};
  });
  sum(probe(x)).backward();
  CHECK_FALSE(recorded);
  sum(probe(x)).backward({.create_graph = true});
  CHECK(recorded);
  CHECK(grad_enabled());
  Variable(x).clear_grad();
}

TEST_CASE("a hook runs once on the full gradient and may replace it, in order of registration") {
  const Variable x = leaf(Tensor{3.0});
  Variable h = x * 2;
  std::vector<double> seen;
  h.add_hook([&](const Variable& g) {
    seen.push_back(g.item());
    return g * 10;
  });
  h.add_hook([&](const Variable& g) {
    seen.push_back(g.item());
    return Variable();
  });
  sum(h + h * 4).backward();
  CHECK(seen == std::vector<double>{5, 50});
  CHECK(x.grad().item() == 100);
}

TEST_CASE("a hook is removable by its handle, also from inside itself") {
  Variable x = leaf(Tensor{3.0});
  int calls = 0;
  HookHandle handle;
  handle = x.add_hook([&](const Variable&) {
    ++calls;
    handle.remove();
    return Variable();
  });
  sum(x * 2).backward();
  sum(x * 2).backward();
  CHECK(calls == 1);
  handle.remove();
}

TEST_CASE("a replacement of wrong shape or dtype throws and changes no gradient") {
  Variable x = leaf(Tensor{3.0});
  HookHandle handle = x.add_hook([](const Variable&) { return Variable(ones({2})); });
  CHECK_THROWS_AS(sum(x * 2).backward(), ShapeError);
  CHECK_FALSE(x.grad().defined());
  handle.remove();
  x.add_hook([](const Variable&) { return Variable(ones({1}, float64)); });
  CHECK_THROWS_AS(sum(x * 2).backward(), DTypeError);
}

TEST_CASE("retain_grad keeps an interior gradient, once, without a cycle") {
  const std::size_t before = memory_stats().live_buffers;
  {
    const Variable x = leaf(Tensor{3.0});
    Variable h = x * 2;
    h.retain_grad();
    h.retain_grad();
    sum(h * h).backward();
    CHECK(h.grad().item() == 12);
    CHECK(x.grad().item() == 24);
  }
  CHECK(memory_stats().live_buffers == before);
}

TEST_CASE("a custom function finds its saved values unchanged and passes gradcheck") {
  const Function cube(
      "test_cube",
      [](FunctionForward& f, const std::vector<Variable>& x) {
        f.save(x[0]);
        return std::vector{x[0] * x[0] * x[0]};
      },
      [](const FunctionBackward& b) { return std::vector{3 * b.saved(0) * b.saved(0) * b.gradient()}; });
  const Tensor x = uniform({3, 2}, -2, 2, float64);
  CHECK(gradcheck([&](const Variable& v) { return cube(v); }, x));
  CHECK(gradgradcheck([&](const Variable& v) { return cube(v); }, x));
}

TEST_CASE("a custom function may save outputs and intermediates") {
  double intermediate = 0;
  const Function both(
      "test_both",
      [](FunctionForward& f, const std::vector<Variable>& x) {
        const Variable doubled = x[0] * 2, out = exp(doubled);
        f.save(doubled);
        f.save(out);
        return std::vector{out};
      },
      [&](const FunctionBackward& b) {
        intermediate = b.saved(0).item();
        CHECK_THROWS_AS(b.saved(2), IndexError);
        return std::vector{b.gradient() * b.saved(1) * 2};
      });
  const Variable x = leaf(Tensor{2.0});
  both(x).backward();
  CHECK(intermediate == 4);
  CHECK(x.grad().item() == doctest::Approx(2 * std::exp(4)));
  CHECK_THROWS_AS(grad(both(x), x, {.create_graph = true}), GraphError);
}

TEST_CASE("Function: 32 inputs and saved values, and 32 outputs, are the most") {
  const auto gradients_of = [](std::size_t inputs, std::size_t saved, std::size_t outputs) {
    const Function wide(
        "test_wide",
        [=](FunctionForward& f, const std::vector<Variable>& x) {
          for (std::size_t i = 0; i < saved; ++i) f.save(Variable(x.back() * 2));
          return std::vector<Variable>(outputs, x.back() * 3);
        },
        [=](const FunctionBackward& b) {
          Variable total = b.gradient(0);
          for (std::size_t k = 1; k < outputs; ++k) total = total + b.gradient(k);
          for (std::size_t i = 0; i < saved; ++i) total = total * b.saved(i);
          std::vector<Variable> gradients(inputs);
          gradients.back() = total * 3;
          return gradients;
        });
    std::vector<Variable> x(inputs, Variable(ones({2})));
    x.back() = leaf(full({2}, 0.5));
    Variable total(zeros({2}));
    for (const Variable& y : wide.apply(x)) total = total + y;
    return grad(sum(total), x.back()).value();
  };
  CHECK(bitwise_equal(gradients_of(32, 0, 1), full({2}, 3)));
  CHECK(bitwise_equal(gradients_of(20, 12, 1), full({2}, 3)));
  CHECK(bitwise_equal(gradients_of(1, 31, 1), full({2}, 3)));
  CHECK(bitwise_equal(gradients_of(1, 0, 32), full({2}, 96)));
  CHECK_THROWS_AS(gradients_of(33, 0, 1), ValueError);
  CHECK_THROWS_AS(gradients_of(20, 13, 1), ValueError);
  CHECK_THROWS_AS(gradients_of(1, 0, 33), ValueError);
}

TEST_CASE("a custom function with more outputs than it may have throws, also when it saves the last") {
  const Function many(
      "test_many",
      [](FunctionForward& f, const std::vector<Variable>& x) {
        std::vector<Variable> outputs;
        for (int k = 0; k < 40; ++k) outputs.push_back(x[0] * k);
        f.save(outputs.back());
        return outputs;
      },
      [](const FunctionBackward& b) { return std::vector{b.gradient()}; });
  const Variable x = leaf(Tensor{2.0});
  CHECK(contains(message_of([&] { many.apply({x}); }), "and 40"));
}

TEST_CASE("undefined incoming gradients are zeros by default, undefined results no contribution") {
  bool defined = false;
  const auto two_outputs = [&](FunctionOptions options) {
    return Function(
        "test_two",
        [](FunctionForward&, const std::vector<Variable>& x) {
          return std::vector{x[0] * 2, x[0] * 3};
        },
        [&](const FunctionBackward& b) {
          defined = b.gradient(1).defined();
          return std::vector{b.gradient(0) * 2};
        },
        options);
  };
  const Variable x = leaf(Tensor{2.0});
  two_outputs({}).apply({x})[0].backward();
  CHECK(defined);
  two_outputs({.zero_gradients = false}).apply({x})[0].backward();
  CHECK_FALSE(defined);

  const Variable y = leaf(Tensor{2.0});
  doubling("test_silent", [](const FunctionBackward&) { return std::vector{Variable()}; })(y).backward();
  CHECK_FALSE(y.grad().defined());
}

TEST_CASE("needs tells the truth, also under grad for a subset") {
  std::vector<bool> needs;
  const Function product(
      "test_product",
      [](FunctionForward& f, const std::vector<Variable>& x) {
        f.save(x[0]);
        f.save(x[1]);
        return std::vector{x[0] * x[1]};
      },
      [&](const FunctionBackward& b) {
        needs = {b.needs(0), b.needs(1)};
        CHECK_THROWS_AS(b.needs(2), IndexError);
        return std::vector{b.gradient() * b.saved(1), b.gradient() * b.saved(0)};
      });
  const Variable a = leaf(Tensor{2.0}), b = leaf(Tensor{3.0}), constant(Tensor{4.0});
  product(a, constant).backward();
  CHECK(needs == std::vector<bool>{true, false});
  grad(product(a, b), b);
  CHECK(needs == std::vector<bool>{false, true});
}

TEST_CASE("too few gradients or a wrong shape throws by name") {
  const Variable x = leaf(ones({2}));
  const std::string few = message_of([&] {
    sum(doubling("test_few", [](const FunctionBackward&) { return std::vector<Variable>{}; })(x)).backward();
  });
  CHECK(contains(few, "test_few"));
  CHECK(contains(few, "0 gradients"));
  for (Index size : {5, 1}) {
    const std::string shape = message_of([&] {
      sum(doubling("test_bad_shape",
                   [&](const FunctionBackward&) { return std::vector{Variable(ones({size}))}; })(x))
          .backward();
    });
    CHECK(contains(shape, "test_bad_shape"));
    CHECK(contains(shape, to_string(Shape{size})));
  }
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("an output marked non-differentiable requires no gradient") {
  const Function split_parts(
      "test_split_parts",
      [](FunctionForward& f, const std::vector<Variable>& x) {
        const Variable constant = x[0] * 5;
        f.mark_non_differentiable(constant);
        return std::vector{x[0] * 2, constant};
      },
      [](const FunctionBackward& b) { return std::vector{b.gradient(0) * 2}; });
  const auto outputs = split_parts.apply({leaf(Tensor{1.0})});
  CHECK(outputs[0].requires_grad());
  CHECK_FALSE(outputs[1].requires_grad());
}

TEST_CASE("a function without backward throws in backward only, by name") {
  const Variable x = leaf(Tensor{1.0});
  const Variable y = doubling("test_forward_only", nullptr)(x);
  CHECK(y.item() == 2);
  CHECK(contains(message_of([&] { y.backward(); }), "test_forward_only"));
}

TEST_CASE("a first-order-only function throws at second order") {
  const Variable x = leaf(Tensor{1.0});
  const Function f =
      doubling("test_first_only", [](const FunctionBackward& b) { return std::vector{b.gradient() * 2}; },
               {.first_order_only = true});
  f(x).backward();
  CHECK(x.grad().item() == 2);
  CHECK(contains(message_of([&] { grad(f(x), x, {.create_graph = true}); }), "test_first_only"));
}

TEST_CASE("an exception inside a rule keeps its type, names the operation and changes no gradient") {
  struct Own : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  bool fail_now = true;
  const Variable x = leaf(Tensor{1.0}), w = leaf(Tensor{2.0});
  const Function faulty = doubling("test_faulty", [&](const FunctionBackward& b) {
    if (fail_now) throw std::runtime_error("broken");
    return std::vector{b.gradient() * 2};
  });
  const Variable y = faulty(x) * w;
  try {
    y.backward({.retain_graph = true});
    FAIL("no exception");
  } catch (const std::runtime_error& error) {
    CHECK(contains(error.what(), "test_faulty"));
    CHECK(contains(error.what(), "broken"));
  }
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(w.grad().defined());
  fail_now = false;
  y.backward({.retain_graph = true});
  CHECK(x.grad().item() == 4);
  CHECK(w.grad().item() == 2);

  const Function own =
      doubling("test_own", [](const FunctionBackward&) -> std::vector<Variable> { throw Own("mine"); });
  CHECK_THROWS_AS(own(x).backward(), Own);
  sum(x * 2).backward();
  CHECK(x.grad().item() == 6);
}

TEST_CASE("anomaly mode names the operation where a NaN or an infinity is born") {
  const AnomalyMode anomaly;
  const Variable x = leaf(Tensor{0.0, 1.0});
  const std::string forward = message_of([&] { log(x); });
  CHECK(contains(forward, "modes_test.cpp:" + std::to_string(__LINE__ - 1)));
  CHECK(contains(forward, "log"));
  const Variable y = sqrt(x);
  const std::string backward = message_of([&] { sum(y).backward(); });
  CHECK(contains(backward, "sqrt"));
  CHECK(contains(backward, "modes_test.cpp:" + std::to_string(__LINE__ - 3)));
  CHECK_FALSE(x.grad().defined());
  const Variable masked(Tensor{-INFINITY, 0.0});
  CHECK_NOTHROW(masked + 1);
  // Finite gradients whose sum is not.
  const Variable low = leaf(Tensor{-5.0});
  const Variable e = exp(low);
  const std::string summed = message_of([&] { sum(e * 3e38 + e * 2e38).backward(); });
  CHECK(contains(summed, "sum of the gradients of the result of exp"));
  CHECK_FALSE(low.grad().defined());
  const Variable half = leaf(Tensor{0.5});
  sum(half * 3e38).backward();
  CHECK(contains(message_of([&] { sum(half * 3e38).backward(); }), "stored before"));
  CHECK(half.grad().item() == doctest::Approx(3e38));
}

TEST_CASE("checkpoint recomputes with the same random numbers and gives bitwise the same gradients") {
  const Variable w = leaf(uniform({8, 8}, -1, 1));
  const Variable x = leaf(uniform({4, 8}, -1, 1));
  int calls = 0;
  const auto block = [&](const std::vector<Variable>& in) {
    ++calls;
    return tanh(matmul(in[0], w)) * bernoulli({4, 8}, 0.5) * exp(in[0]);
  };
  const auto gradients = [&](bool checkpointed) {
    manual_seed(5);
    const Variable y = checkpointed ? checkpoint(block, {x}) : block({x});
    const Variable z = sum(y * y) + sum(Variable(uniform({3})));
    auto result = grad({z}, {x, w});
    result.push_back(z.detach());
    return result;
  };
  const auto plain = gradients(false);
  calls = 0;
  const auto recomputed = gradients(true);
  CHECK(calls == 2);
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(bitwise_equal(plain[i].value(), recomputed[i].value()));

  const Variable y = checkpoint(block, {x});
  const Variable first = grad(sum(y), x, {.create_graph = true});
  CHECK(first.requires_grad());
}

TEST_CASE("a function under checkpoint may differentiate") {
  const Variable w = leaf(uniform({8, 8}, -1, 1));
  const Variable x = leaf(uniform({4, 8}, -1, 1));
  const auto penalty = [&](const std::vector<Variable>& in) {
    const Variable y = tanh(matmul(in[0], w)) * bernoulli({4, 8}, 0.5);
    const Variable slope = grad(sum(y * y), in[0], {.create_graph = true});
    return sum(slope * slope) + sum(exp(y));
  };
  const auto gradients = [&](bool checkpointed) {
    manual_seed(5);
    return grad({checkpointed ? checkpoint(penalty, {x}) : penalty({x})}, {x, w});
  };
  const auto plain = gradients(false), recomputed = gradients(true);
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(bitwise_equal(plain[i].value(), recomputed[i].value()));
}

TEST_CASE("a checkpoint saves memory between forward and backward") {
  const Variable x = leaf(ones({100000}));
  const auto chain = [](const std::vector<Variable>& in) {
    Variable y = in[0];
    for (int i = 0; i < 20; ++i) y = sin(y);
    return y;
  };
  const std::size_t before = memory_stats().live_bytes;
  const Variable plain = chain({x});
  const std::size_t without = memory_stats().live_bytes - before;
  const Variable checkpointed = checkpoint(chain, {x});
  const std::size_t with = memory_stats().live_bytes - before - without;
  CHECK(with * 10 <= without);
  CHECK(allclose(grad(sum(plain), x).value(), grad(sum(checkpointed), x).value()));
}

TEST_CASE("backward inside a rule and inside a hook works") {
  const Variable inner = leaf(Tensor{3.0});
  Variable x = leaf(Tensor{2.0});
  const Function nested = doubling("test_nested", [&](const FunctionBackward& b) {
    const EnableGrad on;
    sum(inner * inner).backward();
    return std::vector{b.gradient() * 2};
  });
  x.add_hook([&](const Variable&) {
    const EnableGrad on;
    sum(inner * 10).backward();
    return Variable();
  });
  nested(x).backward();
  CHECK(inner.grad().item() == 16);
  CHECK(x.grad().item() == 2);
}
