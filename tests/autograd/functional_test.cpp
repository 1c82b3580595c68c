// Jacobians, Hessians and their products against known derivatives and finite differences.
#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <doctest/doctest.h>

namespace {

using namespace xgrad;

using List = std::vector<Variable>;

Tensor real(std::initializer_list<Nested> items) { return Tensor(items, float64); }

Tensor noise(const Shape& shape, unsigned seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}

bool close(const Variable& actual, const Tensor& expected, double tolerance = 1e-12) {
  const CheckResult result = allclose(actual.value(), expected, {.rtol = tolerance, .atol = tolerance});
  INFO(result.text);
  CHECK(result.passed);
  return result.passed;
}

Variable item(const Variable& x, Index i) { return reshape(slice(x, 0, {i, i + 1}), {}); }

/// 100 (y - x^2)^2 + (1 - x)^2.
Variable rosenbrock(const Variable& p) {
  const Variable x = item(p, 0), y = item(p, 1), valley = y - x * x, slope = 1.0 - x;
  return 100.0 * valley * valley + slope * slope;
}

/// Polar to Cartesian without trigonometry: (a b, a - b, a a b).
Variable triple(const Variable& p) {
  const Variable a = item(p, 0), b = item(p, 1);
  return stack({a * b, a - b, a * a * b});
}

Variable cubes(const Variable& x) { return x * x * x; }

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("jacobian: known derivatives") {
    const Variable p(real({2.0, 3.0}));
    close(jacobian(triple, p), real({{3.0, 2.0}, {1.0, -1.0}, {12.0, 4.0}}));

    const Variable w(noise({3, 2}, 1));
    close(jacobian([&](const Variable& x) { return matmul(w, x); }, p), w.value());

    const Variable x(noise({2, 3}, 2));
    const Variable j = jacobian([](auto v) { return transpose(v); }, x);
    CHECK(j.shape() == Shape{3, 2, 2, 3});
    for (Index a = 0; a < 3; ++a)
      for (Index b = 0; b < 2; ++b)
        for (Index c = 0; c < 2; ++c)
          for (Index d = 0; d < 3; ++d) CHECK(j.value().at({a, b, c, d}) == (a == d && b == c ? 1.0 : 0.0));
  }

  TEST_CASE("jacobian: scalars, empty shapes, independence") {
    const Variable p(real({2.0, 3.0}));
    close(jacobian([](auto x) { return sum(x * x); }, p), real({4.0, 6.0}));
    close(jacobian([](auto x) { return x * x; }, Variable(scalar(3.0, float64))), scalar(6.0, float64));
    const FunctionalOptions lenient{.allow_unused = true};
    const auto constant = [](auto) { return Variable(real({1.0, 2.0, 3.0})); };
    close(jacobian(constant, p, lenient), zeros({3, 2}, float64));
    CHECK_THROWS_AS(jacobian(constant, p), GraphError);
    CHECK(jacobian([](auto x) { return x > 0.0; }, p, lenient).shape() == Shape{2, 2});
    CHECK(jacobian(cubes, Variable(zeros({0}, float64))).shape() == Shape{0, 0});
    CHECK(jacobian([](auto x) { return sum(x); }, Variable(zeros({0, 3}, float64))).shape() == Shape{0, 3});
    CHECK(jacobian([](auto x) { return slice(x, 0, {0, 0}); }, p).shape() == Shape{0, 2});
  }

  TEST_CASE("jacobian: several inputs and outputs") {
    const List x{Variable(real({2.0, 3.0})), Variable(scalar(5.0, float64)), Variable(real({7.0}))};
    const auto blocks = jacobian(
        [](const List& v) {
          return List{v[0] * v[1], v[1] * v[1]};
        },
        x, {.allow_unused = true});
    REQUIRE(blocks.size() == 2);
    REQUIRE(blocks[0].size() == 3);
    close(blocks[0][0], real({{5.0, 0.0}, {0.0, 5.0}}));
    close(blocks[0][1], real({2.0, 3.0}));
    close(blocks[0][2], zeros({2, 1}, float64));
    close(blocks[1][0], zeros({2}, float64));
    close(blocks[1][1], scalar(10.0, float64));
    close(blocks[1][2], zeros({1}, float64));
  }

  TEST_CASE("vjp: cotangent times Jacobian") {
    const Variable p(real({2.0, 3.0})), v(real({1.0, 10.0, 100.0}));
    const SingleVjp result = vjp(triple, p, v);
    close(result.output, real({6.0, -1.0, 12.0}));
    close(result.gradient, real({1213.0, 392.0}));
    close(vjp([](auto x) { return sum(x * x); }, p).gradient, real({4.0, 6.0}));

    const VjpResult many = vjp(
        [](const List& x) {
          return List{x[0] * x[1], x[0]};
        },
        {p, Variable(real({5.0, 7.0}))}, {Variable(real({1.0, 2.0})), p});
    close(many.outputs[0], real({10.0, 21.0}));
    close(many.gradients[0], real({7.0, 17.0}));
    close(many.gradients[1], real({2.0, 6.0}));
    const auto first = [](const List& x) { return sum(x[0]); };
    CHECK_THROWS_AS(vjp(first, {p, v}), GraphError);
    const VjpResult one = vjp(first, {p, v}, {}, {.allow_unused = true});
    close(one.gradients[1], zeros({3}, float64));
  }

  TEST_CASE("jvp: Jacobian times tangent, against a difference") {
    const Variable p(real({2.0, 3.0})), t(real({0.3, -0.7}));
    const SingleJvp result = jvp(triple, p, t);
    close(result.output, real({6.0, -1.0, 12.0}));
    close(result.tangent, real({-0.5, 1.0, 0.8}));
    const double h = 1e-6;
    const Variable difference = (triple(p + t * h) - triple(p - t * h)) / (2 * h);
    close(result.tangent, difference.value(), 1e-8);

    const JvpResult many = jvp(
        [](const List& x) {
          return List{x[0] * x[1], x[1], Variable(real({1.0})), x[0] > 0.0};
        },
        {p, Variable(real({5.0, 7.0}))}, {t, Variable(real({1.0, 2.0}))});
    close(many.tangents[0], real({3.5, 1.1}));
    close(many.tangents[1], real({1.0, 2.0}));
    close(many.tangents[2], zeros({1}, float64));
    CHECK(many.tangents[3].shape() == Shape{2});
    const auto detached = [](auto x) { return x.detach(); };
    close(jvp(detached, p, t, {.allow_unused = true}).tangent, zeros({2}, float64));
    CHECK_THROWS_AS(jvp(detached, p, t), GraphError);
  }

  TEST_CASE("hessian: Rosenbrock's function") {
    const Variable p(real({-1.2, 1.0}));
    close(hessian(rosenbrock, p), real({{1200 * 1.44 - 400 + 2, 480.0}, {480.0, 200.0}}), 1e-11);
    const Variable minimum(real({1.0, 1.0}));
    close(hessian(rosenbrock, minimum), real({{802.0, -400.0}, {-400.0, 200.0}}), 1e-11);
  }

  TEST_CASE("hessian: shapes, several inputs, linear functions") {
    const Variable x(noise({2, 2}, 1)), y(noise({3}, 2));
    CHECK(hessian([](auto v) { return sum(cubes(v)); }, x).shape() == Shape{2, 2, 2, 2});
    close(hessian([](auto v) { return sum(v) * 2.0; }, y), zeros({3, 3}, float64));
    const auto constant = [](auto) { return Variable(scalar(1.0, float64)); };
    close(hessian(constant, y, {.allow_unused = true}), zeros({3, 3}, float64));
    CHECK_THROWS_AS(hessian(constant, y), GraphError);
    CHECK_THROWS_AS(hvp(constant, y, y), GraphError);
    const auto blocks = hessian([](const List& v) { return sum(v[0]) * sum(v[1] * v[1]); }, {x, y});
    CHECK(blocks[0][1].shape() == Shape{2, 2, 3});
    CHECK(blocks[1][0].shape() == Shape{3, 2, 2});
    close(blocks[0][0], zeros({2, 2, 2, 2}, float64));
    close(reshape(blocks[0][1], {4, 3}), (ones({4, 1}, float64) * (2.0 * y)).value());
    close(blocks[1][1], (Variable(eye(3, 3, float64)) * (2.0 * sum(x))).value());
    CHECK_THROWS_AS(hessian(cubes, y), ShapeError);
  }

  TEST_CASE("hvp: Hessian times vector") {
    const Variable p(real({-1.2, 1.0})), v(real({0.5, -2.0}));
    const SingleHvp result = hvp(rosenbrock, p, v);
    close(result.value, scalar(24.2, float64));
    close(result.product, matmul(hessian(rosenbrock, p), v).value(), 1e-11);
    const HvpResult many = hvp([](const List& x) { return sum(x[0]) * sum(x[1] * x[1]); },
                               {Variable(real({1.0, 2.0})), Variable(real({3.0}))},
                               {Variable(real({1.0, 1.0})), Variable(real({2.0}))});
    close(many.value, scalar(27.0, float64));
    close(many.products[0], real({12.0, 12.0}));
    close(many.products[1], real({24.0}));
    close(hvp([](auto x) { return sum(x); }, p, v).product, zeros({2}, float64));
    CHECK_THROWS_AS(hvp(cubes, p, v), ShapeError);
  }

  TEST_CASE("functional: derivatives of derivatives") {
    const Tensor x = noise({3}, 1), t = noise({3}, 2);
    CHECK(gradcheck([](auto a, auto b) { return vjp(cubes, a, b, {.create_graph = true}).gradient; }, x, t));
    CHECK(gradcheck([](auto a, auto b) { return jvp(cubes, a, b, {.create_graph = true}).tangent; }, x, t));
    CHECK(gradcheck([](auto a) { return jacobian(cubes, a, {.create_graph = true}); }, x));
    CHECK(gradcheck(
        [](auto a) { return hessian([](auto v) { return sum(cubes(v)); }, a, {.create_graph = true}); }, x));
    CHECK(gradcheck(
        [](auto a, auto b) {
          return hvp([](auto v) { return sum(cubes(v)); }, a, b, {.create_graph = true}).product;
        },
        x, t));
    // A derivative by what f captures.
    CHECK(gradcheck(
        [&](auto a) {
          return vjp([&](auto v) { return v * a * a; }, Variable(x), Variable(t), {.create_graph = true})
              .gradient;
        },
        t));
    // Only the way through the argument counts, though the captured variable is the same one.
    const Variable leaf(x, {.requires_grad = true});
    close(vjp([&](auto v) { return sum(v * leaf); }, leaf, {}, {.create_graph = true}).gradient, x);
  }

  TEST_CASE("functional: results have no history unless asked, inputs stay as they are") {
    const NoGrad off;
    Variable p(real({2.0, 3.0}), {.requires_grad = true});
    p.set_grad(Variable(real({1.0, 1.0})));
    const SingleVjp result = vjp(triple, p, Variable(ones({3}, float64)));
    CHECK_FALSE(result.output.requires_grad());
    CHECK_FALSE(result.gradient.requires_grad());
    CHECK_FALSE(jacobian(triple, p).requires_grad());
    CHECK_FALSE(hessian(rosenbrock, p).requires_grad());
    CHECK(jacobian(triple, p, {.create_graph = true}).requires_grad());
    close(p.grad(), real({1.0, 1.0}));
    CHECK_FALSE(grad_enabled());
  }

  TEST_CASE("functional: derivatives by variables that a function without arguments uses") {
    Variable a(noise({2, 2}, 1), {.requires_grad = true}), b(noise({2}, 2), {.requires_grad = true});
    const Variable x(noise({3, 2}, 3));
    const auto formula = [&](const Variable& w, const Variable& v) { return cubes(matmul(x, w) * v + v); };
    const auto used = [&] { return sum(formula(a, b)); };
    const auto given = [&](const List& p) { return sum(formula(p[0], p[1])); };
    const List both{a, b}, vectors{Variable(noise({2, 2}, 4)), Variable(noise({2}, 5))};
    a.set_grad(Variable(ones({2, 2}, float64)));
    for (const bool create_graph : {false, true}) {
      const FunctionalOptions options{.create_graph = create_graph};
      const auto h = hessian(used, both, options), expected = hessian(given, both);
      for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t j = 0; j < 2; ++j) close(h[i][j], expected[i][j].value());
      const HvpResult products = hvp(used, both, vectors, options), known = hvp(given, both, vectors);
      close(products.value, known.value.value());
      for (std::size_t i = 0; i < 2; ++i) close(products.products[i], known.products[i].value());
      const auto rows = [&] { return formula(a, b); };
      const auto rows_of = [&](const List& p) { return formula(p[0], p[1]); };
      const auto j = jacobian(rows, both, options), j_known = jacobian(rows_of, both);
      for (std::size_t i = 0; i < 2; ++i) close(j[0][i], j_known[0][i].value());
      close(jvp(rows, both, vectors, options).tangents[0], jvp(rows_of, both, vectors).tangents[0].value());
      const Variable seed(noise({3, 2}, 6));
      close(vjp(rows, both, {seed}, options).gradients[1], vjp(rows_of, both, {seed}).gradients[1].value());
      CHECK(h[0][0].requires_grad() == create_graph);
    }
    close(hessian(used, b), hessian([&](const Variable& v) { return sum(formula(a, v)); }, b).value());
    close(a.grad(), ones({2, 2}, float64));
    CHECK_FALSE(b.grad().defined());
    // The natural mistakes.
    CHECK_THROWS_AS(hessian([&](const List&) { return used(); }, both), GraphError);
    CHECK_THROWS_AS(jacobian([&] { return sum(b * b); }, both), GraphError);
    b.set_requires_grad(false);
    CHECK_THROWS_AS(hessian(used, both), GraphError);
  }

  TEST_CASE("functional: misuse") {
    const Variable p(real({2.0, 3.0})), three(ones({3}, float64));
    CHECK_THROWS_AS(vjp(triple, p), ShapeError);
    CHECK_THROWS_AS(vjp(triple, p, p), ShapeError);
    CHECK_THROWS_AS(jvp(triple, p, three), ShapeError);
    CHECK_THROWS_AS(hvp(rosenbrock, p, three), ShapeError);
    CHECK_THROWS_AS(vjp([](const List& x) { return x; }, {p, p}, {p}), ValueError);
    CHECK_THROWS_AS(jacobian([](const List& x) { return x; }, List{}), ValueError);
    CHECK_THROWS_AS(jacobian(triple, Variable()), GraphError);
    CHECK_THROWS_AS(jacobian([](auto) { return Variable(); }, p), GraphError);
    CHECK_THROWS_AS(jacobian([](auto x) { return x; }, Variable(Tensor{1, 2})), DTypeError);
    try {
      jvp(triple, p, three);
    } catch (const ShapeError& error) {
      CHECK(std::string(error.what()) == "functional_test.cpp:" + std::to_string(__LINE__ - 2) +
                                             ": jvp: tangent 0 is float64 (3,), expects float64 (2,)");
    }
  }
}
