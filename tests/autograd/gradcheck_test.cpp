// The checker is checked: each kind of mistake in a rule or a function must be caught, by name.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <stdexcept>

namespace {

using namespace xgrad;
using test::contains;

using List = std::vector<Variable>;

const Tensor a({{0.5, -1.25, 2.0}, {1.5, 0.75, -0.25}}, float64);
const Tensor b({{1.0, 0.3, -0.7}, {2.0, -1.1, 0.9}}, float64);

/// x y with a rule for each operand.
template <class A, class B>
Variable product(const Operand& x, const Operand& y, A rule_x, B rule_y) {
  Op op("test_product", x, y);
  return op.record(mul(op.value(0), op.value(1)).value(), Rule{saves_input(1), rule_x},
                   Rule{saves_input(0), rule_y});
}
Variable right_x(Backward& r) { return r.gradient() * r.input(1); }
Variable right_y(Backward& r) { return r.gradient() * r.input(0); }

Variable wrong_factor(const Operand& x, const Operand& y) {
  return product(x, y, right_x, [](Backward& r) { return r.gradient() * r.input(0) * 1.01; });
}
Variable missing_term(const Operand& x, const Operand& y) {
  return product(
      x, y, [](Backward&) { return Variable(); }, right_y);
}
// The first order is right, but the factor has lost its history.
Variable wrong_second_order(const Operand& x, const Operand& y) {
  return product(
      x, y, [](Backward& r) { return r.gradient() * r.input(1).detach(); }, right_y);
}
Variable lost_cotangent(const Operand& x, const Operand& y) {
  return product(
      x, y, [](Backward& r) { return r.gradient().detach() * r.input(1); }, right_y);
}

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("gradcheck: right gradients pass") {
    CHECK(gradcheck([](auto x, auto y) { return x * y; }, a, b));
    CHECK(gradgradcheck([](auto x, auto y) { return x * y * y; }, a, b));
    CHECK(gradcheck([](const List& x) { return List{x[0] * x[1], x[0] + 2.0}; }, {a, b}));
    CHECK(gradgradcheck([](const List& x) { return List{x[0] * x[1], x[1] * x[1]}; }, {a, b}));
    CHECK(gradcheck([](auto x, auto y) { return product(x, y, right_x, right_y); }, a, b));
    CHECK(gradcheck([](auto x, auto y) { return x * y; }, {.max_elements = 1, .directions = 2}, a, b).text ==
          "gradcheck: 4 derivatives agree");
    CHECK(gradgradcheck([](auto x) { return x * x; }, {.max_elements = 1, .directions = 1}, a).text ==
          "gradgradcheck: 2 derivatives agree");
    const CheckResult result = gradcheck([](auto x) { return sum(x * x); }, a);
    CHECK(result.passed);
    CHECK(result.text == "gradcheck: 6 derivatives agree");
    std::ostringstream stream;
    stream << result;
    CHECK(stream.str() == result.text);
  }

  TEST_CASE("gradcheck: a wrong factor is caught") {
    const CheckResult result = gradcheck([](auto x, auto y) { return wrong_factor(x, y); }, a, b);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck: input 1 element ("));
    CHECK(contains(result.text, ", numeric "));
    CHECK(contains(result.text, " > allowed "));
    CHECK(contains(result.text, "(step "));
    CHECK(contains(result.text, ", error estimate "));
    CHECK(contains(result.text, "the worst of 6 failing among 6"));
    CHECK_FALSE(contains(result.text, "input 0"));
    CHECK(gradcheck([](const List& x) { return wrong_factor(x[0], x[1]); }, {a, b}, {.rtol = 0.02}));
  }

  TEST_CASE("gradcheck: the worst of several wrong derivatives is shown, wherever it stands") {
    const Tensor ones_of_three = ones({3}, float64);
    for (const Index worst : {0, 1, 2}) {
      CAPTURE(worst);
      Tensor error({1.1, 1.1, 1.1}, float64);
      error.mutable_data<double>()[worst] = 100;
      const auto f = [&](auto x) {
        return product(
            x, ones_of_three, [&](Backward& r) { return r.gradient() * error; }, right_y);
      };
      CHECK(contains(gradcheck(f, ones_of_three).text, "input 0 element (" + std::to_string(worst) + ",)"));
    }
  }

  TEST_CASE("gradcheck: the tolerance is relative to the numeric derivative") {
    // Twice the right gradient: the error is all of the numeric derivative, but half of the analytic one.
    const auto twice = [](const auto& x, const auto& y) {
      return product(
          x, y, [](Backward& r) { return r.gradient() * r.input(1) * 2; },
          [](Backward& r) { return r.gradient() * r.input(0) * 2; });
    };
    const auto checked = [&](double rtol) {
      return gradcheck([&](const List& x) { return twice(x[0], x[1]); }, std::vector<Tensor>{a, b},
                       {.rtol = rtol});
    };
    CHECK_FALSE(checked(0.9));
    CHECK(checked(1.1));
  }

  TEST_CASE("gradcheck: the defaults catch a factor of 1.00001") {
    const auto scaled = [](double factor) {
      return [factor](const List& x) {
        return product(x[0], x[1], right_x,
                       [factor](Backward& r) { return r.gradient() * r.input(0) * factor; });
      };
    };
    for (const double unit : {1e-2, 1.0, 1e6}) {
      CAPTURE(unit);
      const Tensor x = (a * Variable(full({}, unit, float64))).value();
      CHECK(gradcheck(scaled(1), {x, b}));
      CHECK_FALSE(gradcheck(scaled(1.00001), {x, b}));
    }
    // A small slope beside a large argument.
    const auto logarithm = [](double factor) {
      return [factor](const List& x) {
        Op op("test_log", x[0]);
        return op.record(log(Variable(op.value())).value(), Rule{saves_input(0), [factor](Backward& r) {
                                                                   return r.gradient() / r.input(0) * factor;
                                                                 }});
      };
    };
    CHECK(gradcheck(logarithm(1), {Tensor({3e5, 1e7, 1e-7}, float64)}));
    CHECK_FALSE(gradcheck(logarithm(1.001), {Tensor({1e7}, float64)}));
    CHECK_FALSE(gradcheck(logarithm(1.001), {Tensor({1e-7}, float64)}));
  }

  TEST_CASE("gradcheck: numeric derivatives are right to 1e-9") {
    const GradcheckOptions sharp{.atol = 1e-10, .rtol = 1e-9};
    const auto f = [](const List& x) { return exp(sin(3 * x[0])) + tanh(x[0]) / (2 + square(x[0])); };
    CHECK(gradcheck(f, {uniform({50}, -2, 2, float64)}, sharp));
    CHECK(gradgradcheck(f, {uniform({50}, -2, 2, float64)}, sharp));
  }

  TEST_CASE("gradcheck: the step falls where the function changes fast, the usual element takes two") {
    int calls = 0;
    const auto counted = [&](auto f) { return [&calls, f](const List& x) { return ++calls, f(x[0]); }; };
    CHECK(gradcheck(counted([](const Variable& x) { return exp(x); }), {a}));
    CHECK(calls == 3 + 4 * 6);
    calls = 0;
    CHECK(gradcheck(counted([](const Variable& x) { return sin(3000 * x); }), {a}));
    CHECK(calls > 3 + 4 * 6);
    // Beside a pole and the end of a domain.
    CHECK(gradcheck([](auto x) { return log(x); }, Tensor({1e-3, 1e-6, 1e-9}, float64)));
    CHECK(gradcheck([](auto x) { return sqrt(x); }, Tensor({1e-4, 1e-8, 1e-12}, float64)));
    CHECK(gradcheck([](auto x) { return 1 / x; }, Tensor({-1e-5, 1e-7}, float64)));
  }

  TEST_CASE("gradcheck: a kink near by neither fails nor passes by accident") {
    for (const double x : {1e-2, 1e-4, -1e-4, 3e-6, -1e-6, 1e-12}) {
      CAPTURE(x);
      CHECK(gradcheck([](auto v) { return relu(v); }, Tensor({x}, float64)));
      CHECK(gradcheck([](auto v) { return abs(v); }, Tensor({x}, float64)));
      // Too near to be told apart where the argument has fewer digits than that.
      const bool apart = std::abs(x) > 1e-10;
      CHECK(apart == bool(gradcheck([](auto v) { return relu(v - 1); }, Tensor({1 + x}, float64))));
      CHECK(apart == bool(gradcheck([](auto v) { return floor(v); }, Tensor({2 + x}, float64))));
    }
    // At the kink itself every slope between the two is a subgradient: nothing to hold the gradient to.
    for (auto f : {static_cast<Variable (*)(const Operand&)>(relu), static_cast<decltype(&relu)>(abs)}) {
      const CheckResult result = gradcheck([f](auto v) { return f(v); }, Tensor({0.0}, float64));
      CHECK_FALSE(result);
      CHECK(contains(result.text,
                     "gradcheck: input 0 element (0,): analytic 0, but no numeric derivative can "));
      CHECK(contains(result.text, "be trusted: the slope is "));
      CHECK(contains(result.text, " below and "));
    }
    CHECK_FALSE(gradcheck([](auto v) { return floor(v); }, Tensor({2.0}, float64)));
    CHECK_FALSE(gradcheck([](auto v) { return sign(v); }, Tensor({0.0}, float64)));
    // A kink in the slope alone is a kink of the second order alone.
    CHECK(gradcheck([](auto v) { return 3 * v + square(relu(v)); }, Tensor({0.0}, float64)));
    CHECK_FALSE(gradgradcheck([](auto v) { return square(relu(v)); }, Tensor({0.0}, float64)));
  }

  TEST_CASE("gradcheck: what has no numeric derivative says why") {
    const CheckResult pole = gradcheck([](auto v) { return log(v); }, Tensor({0.0}, float64));
    CHECK_FALSE(pole);
    CHECK(contains(pole.text, "not finite around this point"));
    const auto rough = [](const List& v) { return v[0] + 1e-2 * sin(1e9 * v[0]).detach(); };
    const CheckResult digits = gradcheck(rough, {Tensor({0.3}, float64)});
    CHECK_FALSE(digits);
    CHECK(contains(digits.text, "no numeric derivative can be trusted: "));
    CHECK(contains(digits.text, "computed with few digits"));
    const auto single = [](const List& v) { return cast(exp(cast(v[0], float32)), float64); };
    CHECK_FALSE(gradcheck(single, {Tensor({0.3}, float64)}));
    CHECK(gradcheck(single, std::vector<Tensor>{Tensor({0.3}, float64)}, {.step = 0.1, .rtol = 1e-3}));
    // Many such elements do not take long.
    int calls = 0;
    const CheckResult many =
        gradcheck([&](const List& v) { return ++calls, rough(v); }, {uniform({150}, 1, 2, float64)});
    CHECK(contains(many.text, "the rest is not tried"));
    CHECK(calls < 1000);
  }

  TEST_CASE("gradgradcheck: a recorded gradient that differs from the plain one is caught") {
    const auto f = [](auto x, auto y) {
      return product(
          x, y, [](Backward& r) { return r.gradient() * r.input(1) * (r.create_graph() ? 1.001 : 1); },
          right_y);
    };
    CHECK(gradcheck(f, a, b));
    const CheckResult result = gradgradcheck(f, a, b);
    CHECK_FALSE(result);
    CHECK(contains(result.text, "gradgradcheck: input 0 element (0, 0): the gradient is "));
    CHECK(contains(result.text, " under create_graph"));
  }

  TEST_CASE("gradcheck: a missing term is caught") {
    const CheckResult result = gradcheck([](auto x, auto y) { return missing_term(x, y); }, a, b);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, ": analytic 0, numeric "));
    CHECK(contains(result.text, "gradcheck: input 0 element ("));
    CHECK_FALSE(contains(result.text, "input 1"));
    CHECK_FALSE(gradcheck([](auto x) { return x * x.detach(); }, a));
    CHECK_FALSE(gradcheck([](auto x) { return x.detach(); }, a));
  }

  TEST_CASE("gradgradcheck: a wrong second order is caught") {
    const auto f = [](auto x, auto y) { return wrong_second_order(x, y); };
    CHECK(gradcheck(f, a, b));
    const CheckResult result = gradgradcheck(f, a, b);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradgradcheck: input 1 element ("));

    const auto g = [](auto x, auto y) { return lost_cotangent(x, y); };
    CHECK(gradcheck(g, a, b));
    const CheckResult lost = gradgradcheck(g, a, b);
    CHECK_FALSE(lost.passed);
    CHECK(contains(lost.text, "gradgradcheck: cotangent 0 element ("));
  }

  TEST_CASE("gradcheck: a function that is not deterministic is caught") {
    double scale = 1;
    const CheckResult outputs = gradcheck([&](auto x) { return x * (scale += 1e-9); }, a);
    CHECK_FALSE(outputs.passed);
    CHECK(contains(outputs.text, "gradcheck: not deterministic: output 0 differs"));
    const CheckResult gradients = gradcheck(
        [&](auto x, auto y) {
          return product(x, y, right_x,
                         [&](Backward& r) { return r.gradient() * r.input(0) * (scale += 1e-9); });
        },
        a, b);
    CHECK_FALSE(gradients.passed);
    CHECK(contains(gradients.text, "not deterministic: gradient 1 differs"));
    CHECK(
        gradcheck([&](const List& x) { return x[0] * (scale += 1e-12); }, {a}, {.check_determinism = false}));
  }

  TEST_CASE("gradcheck: a leak is caught") {
    std::vector<Variable> kept;
    const auto leaky = [&](const List& x) {
      kept.push_back(x[0] * 2.0);
      return kept.back() + 1.0;
    };
    const CheckResult result = gradcheck(leaky, {a});
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck: leak: "));
    CHECK(gradcheck(leaky, {a}, {.check_leaks = false}));
  }

  TEST_CASE("gradcheck: large inputs are checked along directions") {
    const Tensor many = linspace(-1, 1, 301, float64), others = linspace(1, 2, 301, float64);
    const CheckResult right = gradcheck([](auto x, auto y) { return x * y; }, many, others);
    CHECK(right.passed);
    CHECK(right.text == "gradcheck: 8 derivatives agree");
    const CheckResult result = gradcheck([](auto x, auto y) { return wrong_factor(x, y); }, many, others);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck: input 1 direction "));
    const CheckResult each =
        gradcheck([](const List& x) { return x[0] * 2.0; }, {many}, {.max_elements = 301});
    CHECK(each.text == "gradcheck: 301 derivatives agree");
  }

  TEST_CASE("gradcheck: inputs and outputs that are not float64") {
    const Tensor index({0, 1, 2});
    CHECK(gradcheck([](auto x, auto i) { return x * cast(i, float64); }, a, index));
    CHECK_THROWS_AS(gradcheck([](auto x) { return x * 2.0; }, Tensor{1.0, 2.0}), ValueError);
    CHECK_THROWS_AS(gradcheck([](auto x) { return cast(x, float32); }, a), DTypeError);
    CHECK(gradcheck([](const List& x) { return List{x[0] * x[0], x[0] > 0.0}; }, {a}));
    CHECK_THROWS_AS(gradcheck([](const List&) { return List{}; }, {a}), ValueError);
    CHECK_THROWS_AS(gradcheck([](auto x) { return x; }, Tensor()), GraphError);
    // Nothing to compare is no failure.
    CHECK(gradcheck([](auto x) { return x * 2.0; }, zeros({0, 3}, float64)));
    CHECK(gradgradcheck([](auto x) { return x * 2.0; }, zeros({0, 3}, float64)));
    CHECK(gradcheck([](auto x) { return x * 2.0; }, zeros({0, 3})));
  }

  TEST_CASE("gradcheck: what the function throws passes through, options are checked") {
    CHECK_THROWS_AS(gradcheck([](auto) -> Variable { throw std::domain_error("mine"); }, a),
                    std::domain_error);
    CHECK_THROWS_AS(gradcheck([](const List& x) { return x[0]; }, {a}, {.step = 0}), ValueError);
    CHECK_THROWS_AS(gradcheck([](const List& x) { return x[0]; }, {a}, {.atol = -1}), ValueError);
    CHECK_THROWS_AS(gradgradcheck([](const List& x) { return x[0]; }, {a}, {.directions = 0}), ValueError);
  }

  TEST_CASE("gradcheck: works on a copy, also within NoGrad") {
    const NoGrad off;
    const Tensor input = a, copy = Tensor::from(a.span<double>(), a.shape());
    CHECK(gradcheck([](auto x) { return x * x; }, input));
    CHECK(bitwise_equal(input, copy));
    CHECK_FALSE(grad_enabled());
  }

  TEST_CASE("gradcheck_leaves: captured leaves are perturbed and restored") {
    Variable weight(a, {.requires_grad = true}), scale(Tensor({2.0}, float64), {.requires_grad = true});
    weight.set_grad(Variable(b));
    CHECK(gradcheck_leaves([&] { return weight * weight * scale; }, {weight, scale}));
    CHECK(bitwise_equal(weight.value(), a));
    CHECK(bitwise_equal(weight.grad().value(), b));
    CHECK_FALSE(scale.grad().defined());

    const CheckResult result = gradcheck_leaves([&] { return wrong_factor(scale, weight); }, {scale, weight});
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck_leaves: leaf 1 element ("));

    int calls = 0;
    const auto throws_later = [&] {
      if (++calls == 5) throw std::runtime_error("later");
      return weight * 2.0;
    };
    CHECK_THROWS_AS(gradcheck_leaves(throws_later, {weight}), std::runtime_error);
    CHECK(calls == 5);
    CHECK(bitwise_equal(weight.value(), a));

    const Variable single(Tensor{1.0}, {.requires_grad = true});
    const auto f = [&] { return weight * 2.0; };
    CHECK_THROWS_AS(gradcheck_leaves(f, {single}), DTypeError);
    CHECK_THROWS_AS(gradcheck_leaves(f, {weight * 1.0}), GraphError);
    CHECK_THROWS_AS(gradcheck_leaves(f, {Variable(a)}), GraphError);
    CHECK_THROWS_AS(gradcheck_leaves(f, {}), ValueError);
  }
}
