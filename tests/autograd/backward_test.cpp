// backward() and grad(): accumulation, seeds, reuse, order, many roots.
#include <xgrad/xgrad.hpp>

#include <xgrad/autograd/chain.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace xgrad;
using namespace xgrad::test;

TEST_CASE("a seed may be left out for one-element outputs only, and has the output's shape") {
  const Variable x = leaf(Tensor{1.0, 2.0});
  const Variable y = x * x;
  CHECK(contains(message_of([&] { y.backward(); }), "(2,)"));
  CHECK_THROWS_AS(y.backward(Variable(ones({3}))), ShapeError);
  CHECK_THROWS_AS(y.backward(Variable(ones({1}))), ShapeError);
  CHECK_THROWS_AS(y.backward(Variable(ones({2}, float64))), DTypeError);
  CHECK_FALSE(x.grad().defined());
  y.backward(Variable(Tensor{1.0, 10.0}));
  CHECK(allclose(x.grad().value(), Tensor{2.0, 40.0}));
}

TEST_CASE("backward without history throws") {
  const Variable x(ones({}));
  CHECK(contains(message_of([&] { x.backward(); }), "requires_grad"));
  CHECK(contains(message_of([&] { (x * 2).backward(); }), "history"));
}

TEST_CASE("gradients accumulate over calls") {
  const Variable x = leaf(Tensor{3.0});
  sum(x * 2).backward();
  sum(x * 5).backward();
  CHECK(x.grad().item() == 7);
}

TEST_CASE("several roots sum, repeated roots count twice, and a root may be an ancestor of another") {
  const Variable x = leaf(Tensor{3.0});
  const Variable y = x * 2, z = y * y;
  backward({y, y});
  CHECK(x.grad().item() == 4);
  Variable(x).clear_grad();
  const Variable v = x * 2, w = v * v;
  backward({v, w}, {Variable(Tensor{10.0}), Variable(Tensor{1.0})});
  CHECK(x.grad().item() == 20 + 24);
}

TEST_CASE("one bad root in a list changes nothing") {
  const Variable x = leaf(Tensor{3.0}), constant(Tensor{1.0});
  const Variable y = x * x;
  CHECK_THROWS_AS(backward({y, constant}), GraphError);
  CHECK_THROWS_AS(backward({y, y}, {Variable(Tensor{1.0}), Variable(ones({2}))}), ShapeError);
  CHECK_THROWS_AS(backward({y}, {Variable(Tensor{1.0}), Variable(Tensor{1.0})}), ValueError);
  CHECK_THROWS_AS(backward({}), ValueError);
  CHECK_FALSE(x.grad().defined());
  y.backward();
  CHECK(x.grad().item() == 6);
}

TEST_CASE("a second run over a freed graph throws and says how to retain") {
  const Variable x = leaf(Tensor{3.0});
  const Variable y = sum(x * x * x);
  y.backward();
  CHECK(contains(message_of([&] { y.backward(); }), "retain_graph"));
  CHECK(x.grad().item() == 27);
}

TEST_CASE("retain_graph allows repeated runs that do not leak into each other") {
  const Variable x = leaf(Tensor{3.0});
  const Variable y = exp(x * 0) * x * x;
  for (int run = 1; run <= 3; ++run) {
    y.backward({.retain_graph = true});
    CHECK(x.grad().item() == doctest::Approx(6.0 * run));
  }
}

TEST_CASE("backward into chosen inputs accumulates there only") {
  const Variable x = leaf(Tensor{3.0}), w = leaf(Tensor{2.0});
  const Variable h = x * w, y = h * h;
  y.backward({.inputs = std::vector{w}, .retain_graph = true});
  CHECK_FALSE(x.grad().defined());
  CHECK(w.grad().item() == 36);
  y.backward({.inputs = std::vector{h}, .retain_graph = true});
  CHECK(h.grad().item() == 12);
  CHECK_FALSE(x.grad().defined());
  CHECK_THROWS_AS(y.backward({.inputs = std::vector<Variable>{}}), ValueError);
}

TEST_CASE("grad returns gradients in order and leaves stored ones alone") {
  const Variable x = leaf(Tensor{3.0}), w = leaf(Tensor{2.0});
  const Variable h = x * w, y = h * h;
  const auto gradients = grad({y}, {w, h, x}, {.retain_graph = true});
  CHECK(gradients[0].item() == 36);
  CHECK(gradients[1].item() == 12);
  CHECK(gradients[2].item() == 24);
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(h.grad().defined());
}

TEST_CASE("grad throws on an unused input unless allowed") {
  const Variable x = leaf(Tensor{3.0}), other = leaf(Tensor{2.0});
  const Variable y = x * x;
  CHECK(contains(message_of([&] { grad({y}, {x, other}, {.retain_graph = true}); }), "allow_unused"));
  const auto gradients = grad({y}, {other, x}, {.allow_unused = true});
  CHECK_FALSE(gradients[0].defined());
  CHECK(gradients[1].item() == 6);
  CHECK_THROWS_AS(grad({x * x}, std::vector<Variable>{}), ValueError);
}

TEST_CASE("grad executes only nodes on a path to the inputs") {
  int calls = 0;
  const Function counted(
      "test_counted", [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 2}; },
      [&](const FunctionBackward& b) {
        ++calls;
        return std::vector{b.gradient() * 2};
      });
  const Variable x = leaf(Tensor{3.0}), w = leaf(Tensor{2.0});
  const Variable y = counted(x) * exp(w);
  grad(y, w, {.retain_graph = true});
  CHECK(calls == 0);
  grad(y, x);
  CHECK(calls == 1);
}

TEST_CASE("grad keeps no gradients but those of its inputs") {
  constexpr Index count = 1 << 16;
  const Variable x = leaf(zeros({count}));
  Variable y = x;
  for (int i = 0; i < 40; ++i) y = y * 2;
  y = sum(y * y);
  const auto before = memory_stats().live_bytes;
  reset_peak_memory();
  CHECK(grad(y, x).count() == count);
  CHECK(memory_stats().peak_bytes - before < 8 * count * sizeof(float));
}

TEST_CASE("each rule runs once, after all its consumers") {
  int calls = 0;
  const Function counted(
      "test_counted", [](FunctionForward&, const std::vector<Variable>& x) { return std::vector{x[0] * 2}; },
      [&](const FunctionBackward& b) {
        ++calls;
        CHECK(b.gradient().item() == 1 + 2 + 3);
        return std::vector{b.gradient() * 2};
      });
  const Variable x = leaf(scalar(3.0));
  const Variable h = counted(x);
  (h + h * 2 + exp(log(h)) * 3).backward();
  CHECK(calls == 1);
  CHECK(x.grad().item() == doctest::Approx(12));
}

TEST_CASE("gradients never alias each other or the seed") {
  const Variable a = leaf(Tensor{1.0, 2.0}), b = leaf(Tensor{3.0, 4.0});
  Variable seed(Tensor{1.0, 1.0});
  (a + b).backward(seed);
  Variable gradient = a.grad();
  gradient.mutable_data<float>()[0] = 50;
  CHECK(b.grad().value().at({0}) == 1);
  CHECK(seed.value().at({0}) == 1);
  seed.mutable_data<float>()[1] = 60;
  CHECK(a.grad().value().at({1}) == 1);
  const auto gradients = grad({a + b}, {a, b}, {.seeds = {seed}});
  gradients[0].value();
  Variable first = gradients[0];
  first.mutable_data<float>()[0] = 70;
  CHECK(gradients[1].value().at({0}) == 1);
}

TEST_CASE("unused outputs contribute zeros, and empty variables keep their shapes") {
  const Variable x = leaf(Tensor{1.0, 2.0, 3.0, 4.0});
  const auto parts = split(x, {1, 3});
  sum(parts[1] * 2).backward();
  CHECK(allclose(x.grad().value(), Tensor{0.0, 2.0, 2.0, 2.0}));

  const Variable empty = leaf(zeros({0, 3}));
  sum(exp(empty) * 2).backward();
  CHECK(empty.grad().shape() == Shape{0, 3});
}

TEST_CASE("broadcast operands get gradients of their own shape") {
  const Variable a = leaf(ones({2, 3})), row = leaf(ones({3})), column = leaf(ones({2, 1})),
                 s = leaf(ones({}));
  sum(a * row + column * s).backward();
  CHECK(row.grad().shape() == Shape{3});
  CHECK(column.grad().shape() == Shape{2, 1});
  CHECK(s.grad().shape() == Shape{});
  CHECK(s.grad().item() == 6);
  CHECK(row.grad().value().at({0}) == 2);
}

// The rules of reductions give gradients that broadcast; the engine spreads them out.
TEST_CASE("gradients of several reductions of one value add up in any order, to any order of derivative") {
  const Tensor given = uniform({3, 2, 2}, -1, 1, float64);
  using Term = Variable (*)(const Variable&);
  const std::vector<Term> terms{[](const Variable& x) { return sum(square(sum(x, 1))); },
                                [](const Variable& x) { return sum(pow(mean(x, 0), 3)); },
                                [](const Variable& x) { return sum(square(sum_to(x, {2}))); },
                                [](const Variable& x) { return sum(pow(x, 3)); }};
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    for (std::size_t count : {2u, 4u}) {
      const auto total = [&](const Variable& x) {
        Variable value = terms[order[0]](x);
        for (std::size_t k = 1; k < count; ++k) value = value + terms[order[k]](x);
        return value;
      };
      CHECK(gradcheck(total, given));
      CHECK(gradgradcheck(total, given));

      Variable inner = leaf(given) * 1;
      inner.retain_grad();
      Shape seen;
      inner.add_hook([&](const Variable& g) {
        seen = g.shape();
        return Variable();
      });
      const Variable y = total(inner);
      CHECK(grad(y, inner, {.retain_graph = true}).shape() == given.shape());
      seen = {};
      y.backward();
      CHECK(seen == given.shape());
      CHECK(inner.grad().shape() == given.shape());
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("gradients that wait until others are spread out are summed") {
  const Variable x = leaf(ones({3, 4}));
  (sum(sum(x, 0) * 2) + sum(sum(x, 1) * 3) + sum(sum(x, 0) * 5) + sum(sum(x, 1) * 7)).backward();
  CHECK(allclose(x.grad().value(), full({3, 4}, 17)));
}

TEST_CASE("the sum of reductions' gradients is named by the line of the value that was reduced") {
  const Variable w = leaf(full({3, 4}, 1.0));
  const int line = __LINE__ + 1;
  const Variable x = w * 1.0;
  const Variable y = sum(sum(x, 0)) * 3e38 + sum(sum(x, 1)) * 3e38;
  const AnomalyMode anomalies;
  CHECK(contains(message_of([&] { grad(y, w, {.create_graph = true}); }),
                 "backward_test.cpp:" + std::to_string(line)));
}

TEST_CASE("create_graph makes gradients differentiable to any order") {
  const Variable x = leaf(scalar(0.7, float64));
  Variable y = sin(x);
  double expected[] = {std::cos(0.7), -std::sin(0.7), -std::cos(0.7), std::sin(0.7), std::cos(0.7)};
  for (double value : expected) {
    y = grad(y, x, {.create_graph = true});
    CHECK(y.item() == doctest::Approx(value).epsilon(1e-12));
  }
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a stored gradient with history makes no cycle") {
  const std::size_t before = memory_stats().live_buffers;
  {
    const Variable x = leaf(Tensor{3.0});
    sum(x * x * x).backward({.create_graph = true});
    CHECK(x.grad().requires_grad());
    Variable(x).clear_grad();
    sum(x * x * x).backward({.create_graph = true});
  }
  CHECK(memory_stats().live_buffers == before);
}

TEST_CASE("graphs are not freed early by repeated use") {
  const Variable x = leaf(scalar(2.0, float64));
  const Variable y = x * x * x;
  const Variable first = grad(y, x, {.create_graph = true});
  const Variable again = grad(y, x, {.create_graph = true});
  CHECK(grad(first + again, x).item() == doctest::Approx(24));
}

TEST_CASE("where masks gradients: the branch not taken contributes zero even if its derivative is infinite") {
  const Variable x = leaf(Tensor{0.0, 4.0});
  sum(where(x > 0, sqrt(x), 0.0)).backward();
  CHECK(allclose(x.grad().value(), Tensor{0.0, 0.25}));
  Variable(x).clear_grad();
  sum(map(
          "test_safe_sqrt", [](auto v) { return where(v > 0, sqrt(v), 0.0); }, x))
      .backward();
  CHECK(allclose(x.grad().value(), Tensor{0.0, 0.25}));
}

TEST_CASE("a gradient that somebody else holds is not written over") {
  const Tensor value({-1.0, 2.0, -3.0, 4.0}, float64), ones_above_zero({0.0, 1.0, 0.0, 1.0}, float64);
  const Tensor given = full({4}, 5, float64), masked = full({4}, 5, float64);
  const auto below = [](const Variable& v) { return relu(v); };
  const auto expected = Tensor({0.0, 5.0, 0.0, 5.0}, float64);

  Variable x = leaf(value);
  const Variable seed(given);
  below(x).backward(seed);
  CHECK(bitwise_equal(seed.value(), masked));
  CHECK(bitwise_equal(x.grad().value(), expected));

  // By a hook, by retain_grad, by a capture.
  x.clear_grad();
  Variable interior = below(x), held;
  interior.add_hook([&](const Variable& g) {
    held = g;
    return Variable();
  });
  (interior * 5).backward(Variable(ones({4}, float64)));
  CHECK(bitwise_equal(held.value(), masked));
  CHECK(bitwise_equal(x.grad().value(), expected));

  x.clear_grad();
  interior = below(x);
  interior.retain_grad();
  (interior * 5).backward(Variable(ones({4}, float64)));
  CHECK(bitwise_equal(interior.grad().value(), masked));
  CHECK(bitwise_equal(x.grad().value(), expected));

  interior = below(x);
  const auto both = grad({sum(interior * 5)}, {interior, x});
  CHECK(bitwise_equal(both[0].value(), masked));
  CHECK(bitwise_equal(both[1].value(), expected));

  // By the other operand of a sum, and once more by a second run over a retained graph.
  const Variable a = leaf(value), b = leaf((-1 * value).value());
  const Variable y = sum((below(a) + below(b)) * 5);
  y.backward({}, {.retain_graph = true});
  CHECK(bitwise_equal(a.grad().value(), expected));
  CHECK(bitwise_equal(b.grad().value(), Tensor({5.0, 0.0, 5.0, 0.0}, float64)));
  y.backward();
  CHECK(bitwise_equal(a.grad().value(), Tensor({0.0, 10.0, 0.0, 10.0}, float64)));

  // Anomaly mode compares the gradient with what the rule made of it.
  const AnomalyMode anomalies;
  const Variable zero = leaf(Tensor({0.0}, float64));
  CHECK_THROWS_AS((sqrt(zero) * 2).backward(), NumericError);
}

TEST_CASE("a rule that reads its gradient after taking it throws in every mode") {
  const auto doubled = [](const Operand& x) {
    Op op("test_doubled", x);
    return op.record(op.value(), Rule{saves_nothing, [](Backward& r) {
                                        const Variable taken = r.take_gradient();
                                        return taken + r.gradient();
                                      }});
  };
  const Variable x = leaf(Tensor{1.0, 2.0});
  const auto rejected = [&](const GradOptions& options) {
    CHECK(contains(message_of([&] { grad(sum(doubled(x)), x, options); }), "after it has taken it"));
  };
  rejected({});
  rejected({.create_graph = true});
  const AnomalyMode anomaly;
  rejected({});
}

TEST_CASE("each of two rules may take the gradient: the last one owns it") {
  const auto first = [](Backward& r) { return r.take_gradient() * r.input(1); };
  const auto second = [](Backward& r) {
    Tensor taken = xgrad::detail::released_value(r.take_gradient());
    for (float& g : taken.mutable_span<float>()) g *= 2;
    return Variable(taken);
  };
  const auto product = [](const Operand& a, const Operand& b, auto rule_a, auto rule_b) {
    Op op("test_product", a, b);
    return op.record(op.value(), Rule{saves_input(1), rule_a}, Rule{saves_input(1), rule_b});
  };
  const Variable x = leaf(Tensor{1.0, 2.0}), y = leaf(Tensor{3.0, 4.0});
  const Tensor times_y{30.0, 40.0}, doubled{20.0, 20.0};
  const GradOptions options{.seeds = {Variable(Tensor{10.0, 10.0})}};
  const auto one = grad({product(x, y, first, second)}, {x, y}, options);
  CHECK(bitwise_equal(one[0].value(), times_y));
  CHECK(bitwise_equal(one[1].value(), doubled));
  const auto other = grad({product(x, y, second, first)}, {x, y}, options);
  CHECK(bitwise_equal(other[0].value(), doubled));
  CHECK(bitwise_equal(other[1].value(), times_y));
}
