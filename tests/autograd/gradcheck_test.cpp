// The checker is checked: each kind of mistake in a rule or a function must be caught, by name.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/elementwise.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <sstream>
#include <stdexcept>

namespace {

using namespace xgrad;

using List = std::vector<Variable>;

const Tensor a({{0.5, -1.25, 2.0}, {1.5, 0.75, -0.25}}, float64);
const Tensor b({{1.0, 0.3, -0.7}, {2.0, -1.1, 0.9}}, float64);

/// x y with a rule for each operand.
template <class A, class B>
Variable product(const Operand& x, const Operand& y, A rule_x, B rule_y) {
  Op op("test_product", x, y);
  return op.record(kernels::mul(op.value(0), op.value(1)), Rule{saves_input(1), rule_x},
                   Rule{saves_input(0), rule_y});
}
Variable right_x(const Backward& r) { return r.gradient() * r.input(1); }
Variable right_y(const Backward& r) { return r.gradient() * r.input(0); }

Variable wrong_factor(const Operand& x, const Operand& y) {
  return product(x, y, right_x, [](const Backward& r) { return r.gradient() * r.input(0) * 1.01; });
}
Variable missing_term(const Operand& x, const Operand& y) {
  return product(
      x, y, [](const Backward&) { return Variable(); }, right_y);
}
// The first order is right, but the factor has lost its history.
Variable wrong_second_order(const Operand& x, const Operand& y) {
  return product(
      x, y, [](const Backward& r) { return r.gradient() * r.input(1).detach(); }, right_y);
}
Variable lost_cotangent(const Operand& x, const Operand& y) {
  return product(
      x, y, [](const Backward& r) { return r.gradient().detach() * r.input(1); }, right_y);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("gradcheck: right gradients pass") {
    CHECK(gradcheck([](auto x, auto y) { return x * y; }, a, b));
    CHECK(gradgradcheck([](auto x, auto y) { return x * y * y; }, a, b));
    CHECK(gradcheck([](const List& x) { return List{x[0] * x[1], x[0] + 2.0}; }, {a, b}));
    CHECK(gradgradcheck([](const List& x) { return List{x[0] * x[1], x[1] * x[1]}; }, {a, b}));
    CHECK(gradcheck([](auto x, auto y) { return product(x, y, right_x, right_y); }, a, b));
    const GradcheckResult result = gradcheck([](auto x) { return sum(x * x); }, a);
    CHECK(result.passed);
    CHECK(result.text == "gradcheck: 6 derivatives agree");
    std::ostringstream stream;
    stream << result;
    CHECK(stream.str() == result.text);
  }

  TEST_CASE("gradcheck: a wrong factor is caught") {
    const GradcheckResult result = gradcheck([](auto x, auto y) { return wrong_factor(x, y); }, a, b);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck: input 1 element ("));
    CHECK(contains(result.text, ", numeric "));
    CHECK(contains(result.text, " > allowed "));
    CHECK(contains(result.text, "(step 1e-06)"));
    CHECK(contains(result.text, "the worst of 6 wrong among 6"));
    CHECK_FALSE(contains(result.text, "input 0"));
    CHECK(gradcheck([](const List& x) { return wrong_factor(x[0], x[1]); }, {a, b}, {.rtol = 0.02}));
  }

  TEST_CASE("gradcheck: the tolerance is relative to the numeric derivative") {
    // Twice the right gradient: the error is all of the numeric derivative, but half of the analytic one.
    const auto twice = [](const auto& x, const auto& y) {
      return product(
          x, y, [](const Backward& r) { return r.gradient() * r.input(1) * 2; },
          [](const Backward& r) { return r.gradient() * r.input(0) * 2; });
    };
    const auto checked = [&](double rtol) {
      return gradcheck([&](const List& x) { return twice(x[0], x[1]); }, std::vector<Tensor>{a, b},
                       {.rtol = rtol});
    };
    CHECK_FALSE(checked(0.9));
    CHECK(checked(1.1));
  }

  TEST_CASE("gradcheck: a missing term is caught") {
    const GradcheckResult result = gradcheck([](auto x, auto y) { return missing_term(x, y); }, a, b);
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
    const GradcheckResult result = gradgradcheck(f, a, b);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradgradcheck: input 1 element ("));

    const auto g = [](auto x, auto y) { return lost_cotangent(x, y); };
    CHECK(gradcheck(g, a, b));
    const GradcheckResult lost = gradgradcheck(g, a, b);
    CHECK_FALSE(lost.passed);
    CHECK(contains(lost.text, "gradgradcheck: cotangent 0 element ("));
  }

  TEST_CASE("gradcheck: a function that is not deterministic is caught") {
    double scale = 1;
    const GradcheckResult outputs = gradcheck([&](auto x) { return x * (scale += 1e-9); }, a);
    CHECK_FALSE(outputs.passed);
    CHECK(contains(outputs.text, "gradcheck: not deterministic: output 0 differs"));
    const GradcheckResult gradients = gradcheck(
        [&](auto x, auto y) {
          return product(x, y, right_x,
                         [&](const Backward& r) { return r.gradient() * r.input(0) * (scale += 1e-9); });
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
    const GradcheckResult result = gradcheck(leaky, {a});
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck: leak: "));
    CHECK(gradcheck(leaky, {a}, {.check_leaks = false}));
  }

  TEST_CASE("gradcheck: large inputs are checked along directions") {
    const Tensor many = linspace(-1, 1, 301, float64), others = linspace(1, 2, 301, float64);
    const GradcheckResult right = gradcheck([](auto x, auto y) { return x * y; }, many, others);
    CHECK(right.passed);
    CHECK(right.text == "gradcheck: 8 derivatives agree");
    const GradcheckResult result = gradcheck([](auto x, auto y) { return wrong_factor(x, y); }, many, others);
    CHECK_FALSE(result.passed);
    CHECK(contains(result.text, "gradcheck: input 1 direction "));
    const GradcheckResult each =
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

    const GradcheckResult result =
        gradcheck_leaves([&] { return wrong_factor(scale, weight); }, {scale, weight});
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
