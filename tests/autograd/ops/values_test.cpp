// Values: subgradients, ties, NaN, stability over the range of the type, integer corner cases.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// The gradient of sum(f(x)) at x.
template <class F>
Tensor slope(F f, const Tensor& x) {
  const Variable v = leaf(x);
  return grad(sum(f(v)), v).value();
}

using Unary = Variable (*)(const Operand&);

}  // namespace

TEST_CASE("subgradients at kinks") {
  const Tensor zero = Tensor({0.0}, float64);
  CHECK(slope([](const Variable& x) { return relu(x); }, zero).item() == 0);
  CHECK(slope([](const Variable& x) { return abs(x); }, zero).item() == 0);
  CHECK(slope([](const Variable& x) { return sign(x); }, Tensor({-1.0, 0.0, 2.0}, float64)).at({0}) == 0);
  CHECK(slope([](const Variable& x) { return norm(x); }, Tensor({0.0, 0.0}, float64)).at({1}) == 0);
  CHECK(slope([](const Variable& x) { return sqrt(x); }, zero).item() == inf);
  CHECK(slope([](const Variable& x) { return hypot(x, 0.0); }, zero).item() == 0);
  CHECK(slope([](const Variable& x) { return elu(x); }, zero).item() == 1);
  CHECK(slope([](const Variable& x) { return pow(x, 0); }, zero).item() == 0);
  CHECK(slope([](const Variable& x) { return leaky_relu(x, 0.25); }, zero).item() == 0.25);
}

TEST_CASE("smooth functions are smooth at zero, in every order") {
  for (Unary f : {static_cast<Unary>(sigmoid), static_cast<Unary>(silu), static_cast<Unary>(mish),
                  static_cast<Unary>(logsigmoid), static_cast<Unary>(tanh)}) {
    CHECK(gradcheck([f](const Variable& x) { return f(x); }, Tensor({0.0}, float64)));
    CHECK(gradgradcheck([f](const Variable& x) { return f(x); }, Tensor({0.0}, float64)));
  }
  CHECK(gradgradcheck([](const Variable& x) { return softplus(x); }, Tensor({0.0}, float64)));
  CHECK(gradgradcheck(
      [](const Variable& x) {
        return map(
            "test_swish", [](auto v) { return v * sigmoid(v); }, x);
      },
      Tensor({0.0}, float64)));
}

TEST_CASE("ties") {
  const Tensor tied({3.0, 5.0, 5.0}, float64);
  CHECK(allclose(slope([](const Variable& x) { return amax(x); }, tied), Tensor({0.0, 0.5, 0.5}, float64)));
  CHECK(allclose(slope([](const Variable& x) { return max(x, 0).values; }, tied),
                 Tensor({0.0, 1.0, 0.0}, float64)));
  const Variable a = leaf(Tensor{2.0}), b = leaf(Tensor{2.0});
  maximum(a, b).backward();
  CHECK(a.grad().item() == 0.5);
  CHECK(b.grad().item() == 0.5);
  minimum(a, b).backward();
  CHECK(a.grad().item() == 1);
  CHECK(allclose(
      slope([](const Variable& x) { return clamp(x, -1, 1); }, Tensor({-2.0, -1.0, 0.0, 1.0, 2.0}, float64)),
      Tensor({0.0, 1.0, 1.0, 1.0, 0.0}, float64)));
}

TEST_CASE("relu: masked gradients, fused and composed, on any number of threads") {
  const Tensor x({-inf, -1.0, -0.0, 0.0, 2.0, inf, not_a_number, -1.0}, float64);
  const Tensor cotangent({1.0, inf, inf, not_a_number, -3.0, 4.0, 5.0, 0.0}, float64);
  const Tensor expected({0.0, 0.0, 0.0, 0.0, -3.0, 4.0, 5.0, 0.0}, float64);
  for (const DType dtype : {float32, float64}) {
    const Variable v = leaf(x.to(dtype)), y = relu(v);
    CHECK(std::signbit(y.value().at({2})) == false);
    CHECK(y.value().at({5}) == inf);
    for (const bool composed : {false, true}) {
      GradOptions options;
      options.seeds = {Variable(cotangent.to(dtype))};
      options.retain_graph = true;
      options.create_graph = composed;
      CHECK(bitwise_equal(grad(y, v, options).value(), expected.to(dtype)));
    }
  }
  const int threads = num_threads();
  const Tensor many = normal({100003});
  const auto run = [&](int count) {
    set_num_threads(count);
    const Variable v = leaf(many), y = relu(v);
    return std::pair{y.value(), grad(sum(y * v), v).value()};
  };
  const auto one = run(1), three = run(3);
  set_num_threads(threads);
  CHECK(bitwise_equal(one.first, three.first));
  CHECK(bitwise_equal(one.second, three.second));
}

TEST_CASE("NaN passes through") {
  const Tensor x({not_a_number}, float64);
  for (Unary f : {static_cast<Unary>(exp), static_cast<Unary>(log), static_cast<Unary>(tanh),
                  static_cast<Unary>(relu), static_cast<Unary>(abs), static_cast<Unary>(sign),
                  static_cast<Unary>(sigmoid), static_cast<Unary>(relu6), static_cast<Unary>(hardsigmoid),
                  static_cast<Unary>(silu), static_cast<Unary>(hardswish), static_cast<Unary>(logsigmoid),
                  static_cast<Unary>(selu), static_cast<Unary>(floor), static_cast<Unary>(softsign)})
    CHECK(std::isnan(f(x).item()));
  CHECK(std::isnan(clamp(x, -1, 1).item()));
  CHECK(std::isnan(hardtanh(x).item()));
  CHECK(std::isnan(softshrink(x).item()));
  CHECK(std::isnan(hardshrink(x).item()));
  CHECK(std::isnan(threshold(x, 0, 1).item()));
  CHECK(std::isnan(leaky_relu(x).item()));
  CHECK(std::isnan(elu(x).item()));
  CHECK(std::isnan(gelu(x).item()));
  CHECK(std::isnan(softplus(x).item()));
  CHECK(std::isnan(maximum(x, 1.0).item()));
  CHECK(std::isnan(minimum(1.0, x).item()));
  CHECK(std::isnan(xlogy(0.0, x).item()));
  for (const Variable& y : {sum(x), mean(x), prod(x), amax(x), amin(x), var(x, {}, {.correction = 0}),
                            norm(x), logsumexp(x), softmax(x, 0), cumsum(x, 0)})
    CHECK(std::isnan(y.item()));
}

TEST_CASE("activations are stable over the whole range of the type") {
  const Tensor x{-1e30, -200.0, -100.0, -20.0, 0.0, 20.0, 100.0, 200.0, 1e30};
  CHECK(allclose(sigmoid(x).value(),
                 Tensor{0.0, 0.0, std::exp(-100.0), 2.0611537e-9, 0.5, 1.0, 1.0, 1.0, 1.0},
                 {.rtol = 1e-5, .atol = 1e-44}));
  CHECK(allclose(softplus(x).value(),
                 Tensor{0.0, 0.0, std::exp(-100.0), 2.0611537e-9, 0.6931472, 20.0, 100.0, 200.0, 1e30},
                 {.rtol = 1e-5, .atol = 1e-44}));
  CHECK(allclose(logsigmoid(x).value(),
                 Tensor{-1e30, -200.0, -100.0, -20.0, -0.6931472, -2.0611537e-9, -std::exp(-100.0), 0.0, 0.0},
                 {.rtol = 1e-5, .atol = 1e-44}));
  for (Unary f : {static_cast<Unary>(sigmoid), static_cast<Unary>(logsigmoid), static_cast<Unary>(silu),
                  static_cast<Unary>(mish), static_cast<Unary>(tanh), static_cast<Unary>(selu)}) {
    CHECK(all(isfinite(f(x))).item<bool>());
    CHECK(all(isfinite(slope([f](const Variable& v) { return f(v); }, x))).item<bool>());
  }
  for (const Tensor& gradient : {slope([](const Variable& v) { return softplus(v); }, x),
                                 slope([](const Variable& v) { return gelu(v); }, x),
                                 slope([](const Variable& v) { return gelu(v, GeluForm::tanh); }, x),
                                 slope([](const Variable& v) { return elu(v); }, x),
                                 slope([](const Variable& v) { return celu(v, 0.5); }, x)})
    CHECK(all(isfinite(gradient)).item<bool>());
  CHECK(log1p(Tensor{1e-10}).item() == doctest::Approx(1e-10).epsilon(1e-6));
  CHECK(expm1(Tensor{1e-10}).item() == doctest::Approx(1e-10).epsilon(1e-6));
}

TEST_CASE("gelu: fused and composed gradients agree") {
  for (const DType dtype : {float32, float64})
    for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
      const Variable x = leaf(linspace(-12, 12, 1001, dtype));
      GradOptions options;
      options.seeds = {Variable(linspace(-1, 2, 1001, dtype))};
      options.retain_graph = true;
      const Variable y = gelu(x, form);
      const Tensor fused = grad({y}, std::vector<Variable>{x}, options)[0].value();
      options.create_graph = true;
      const Tensor composed = grad({y}, std::vector<Variable>{x}, options)[0].value();
      const double near = dtype == float32 ? 1e-6 : 1e-14;
      CHECK(allclose(fused, composed, {.rtol = near, .atol = near}));
    }
}

TEST_CASE("softmax and its kin are stable") {
  const Tensor x{{1e30, 0.0, -1e30}, {-1000.0, -1001.0, -1002.0}};
  const Tensor p = softmax(x, 1).value();
  CHECK(allclose(p, Tensor{{1.0, 0.0, 0.0}, {0.66524096, 0.24472847, 0.09003057}}, {.rtol = 1e-5}));
  CHECK(allclose(log_softmax(x, 1).value().rows(1, 2), Tensor{{-0.4076059, -1.4076059, -2.4076059}},
                 {.rtol = 1e-5}));
  CHECK(logsumexp(Tensor{1000.0, 1000.0}).item() == doctest::Approx(1000 + std::log(2.0)));
  CHECK(logsumexp(Tensor{-inf, -inf}).item() == -inf);
  const Tensor gradient = slope([](const Variable& v) { return logsumexp(v); }, Tensor{-inf, -inf});
  CHECK(all(isfinite(gradient)).item<bool>());
}

TEST_CASE("variance and long sums keep their digits") {
  const Variable x(uniform({100000}, 0, 1) + 10000);
  CHECK(var(cast(x, float32)).item() == doctest::Approx(var(cast(x, float64)).item()).epsilon(1e-3));
  CHECK(sum(full({10000000}, 0.1)).item() == doctest::Approx(1e6).epsilon(1e-6));
}

TEST_CASE("norms neither overflow nor underflow where the result fits") {
  CHECK(norm(Tensor{3e30, 4e30}).item() == doctest::Approx(5e30));
  CHECK(norm(Tensor{3e-30, 4e-30}).item() == doctest::Approx(5e-30));
  CHECK(allclose(slope([](const Variable& v) { return norm(v); }, Tensor{3e30, 4e30}), Tensor{0.6, 0.8},
                 {.rtol = 1e-5}));
  CHECK(hypot(Tensor{3e30}, Tensor{4e30}).item() == doctest::Approx(5e30));
}

TEST_CASE("a zero cotangent stops infinite derivatives") {
  CHECK(allclose(slope([](const Variable& v) { return where(v > 0, log(v), 0.0); }, Tensor{0.0, 2.0}),
                 Tensor{0.0, 0.5}));
  CHECK(allclose(slope([](const Variable& v) { return where(v != 0, sin(v) / v, 1.0); }, Tensor{0.0}),
                 Tensor{0.0}));
}

TEST_CASE("integers: division by zero and overflow are defined") {
  const Tensor low({std::numeric_limits<std::int64_t>::min(), 7, -7}, int64);
  CHECK_THROWS_AS(floor_divide(low, 0), ValueError);
  CHECK_THROWS_AS(remainder(low, 0), ValueError);
  CHECK_THROWS_AS(fmod(low, 0), ValueError);
  CHECK_THROWS_AS(pow(low, -1), ValueError);
  CHECK(floor_divide(low, -1).value().at<std::int64_t>({0}) == std::numeric_limits<std::int64_t>::min());
  CHECK(remainder(low, -1).value().at<std::int64_t>({0}) == 0);
  CHECK(fmod(low, -1).value().at<std::int64_t>({0}) == 0);
  CHECK(abs(low).value().at<std::int64_t>({0}) == std::numeric_limits<std::int64_t>::min());
  CHECK(neg(low).value().at<std::int64_t>({0}) == std::numeric_limits<std::int64_t>::min());
  CHECK((low - 1).value().at<std::int64_t>({0}) == std::numeric_limits<std::int64_t>::max());
  CHECK(floor_divide(low, 2).value().at<std::int64_t>({2}) == -4);
  CHECK(remainder(low, 4).value().at<std::int64_t>({2}) == 1);
  CHECK(fmod(low, 4).value().at<std::int64_t>({2}) == -3);
  CHECK(pow(Tensor({3}, int64), 4).value().at<std::int64_t>({0}) == 81);
  CHECK(sign(low).value().at<std::int64_t>({2}) == -1);
  CHECK_THROWS_AS(cast(Tensor{not_a_number}, int64), ValueError);
  CHECK_THROWS_AS(cast(Tensor{inf}, uint8), ValueError);
  CHECK_THROWS_AS(cast(Tensor{1e30}, int64), ValueError);
  CHECK(cast(Tensor{2.9}, int64).item() == 2);
  CHECK((Tensor({250}, uint8) + Tensor({10}, uint8)).value().at({0}) == 4);
}

TEST_CASE("bad options throw") {
  const Variable x(ones({2}));
  CHECK_THROWS_AS(clamp(x, 1, 0), ValueError);
  CHECK_THROWS_AS(clamp(x, ClampOptions()), ValueError);
  CHECK_THROWS_AS(clamp(x, {.max = not_a_number}), ValueError);
  CHECK_THROWS_AS(hardtanh(x, 1, 0), ValueError);
  CHECK_THROWS_AS(softshrink(x, -1), ValueError);
  CHECK_THROWS_AS(softplus(x, 0), ValueError);
  CHECK_THROWS_AS(celu(x, 0), ValueError);
  CHECK_THROWS_AS(polygamma(-1, x), ValueError);
  CHECK_THROWS_AS(where(x, x, x), DTypeError);
  CHECK_THROWS_AS(maximum(x, ones({3})), ShapeError);
}

TEST_CASE("map: mixed second derivatives across a broadcast, third derivatives, constants") {
  const auto f = [](auto x, auto y) { return x * x * y + sin(x * y) / (2 + y); };
  const Tensor a = uniform({3, 4}, -1, 1, float64), b = uniform({4}, -1, 1, float64);
  const auto mapped = [f](const Variable& x, const Variable& y) { return map("test_mixed", f, x, y); };
  CHECK(gradcheck(mapped, a, b));
  CHECK(gradgradcheck(mapped, a, b));

  const Variable x = leaf(Tensor({0.3}, float64));
  Variable y = map(
      "test_quartic", [](auto v) { return v * v * v * v; }, x);
  for (double expected : {4 * 0.027, 12 * 0.09, 24 * 0.3, 24.0}) {
    y = grad(sum(y), x, {.create_graph = true});
    CHECK(y.item() == doctest::Approx(expected));
  }
  const auto constant = [](const Variable& v) {
    return map(
        "test_half", [](auto u) { return where(u > 0, 0.1 * u, u / 3); }, v);
  };
  CHECK(gradgradcheck(constant, Tensor({-1.0, 2.0}, float64)));
  CHECK(gradgradcheck(
      [](const Variable& p, const Variable& q, const Variable& r, const Variable& s) {
        return map(
            "test_four", [](auto k, auto l, auto m, auto n) { return k * l - m / (1 + n * n) + exp(k * n); },
            p, q, r, s);
      },
      uniform({2, 3}, -1, 1, float64), uniform({3}, -1, 1, float64), uniform({2, 1}, -1, 1, float64),
      uniform({}, -1, 1, float64)));
}

TEST_CASE("the fused backward of map equals the composed one") {
  const auto f = [](auto x, auto y) {
    return tanh(x) * sigmoid(y) + exp(-x * x) / (1 + y * y) + maximum(x, y);
  };
  const Variable x = leaf(uniform({37, 5}, -2, 2, float64)), y = leaf(uniform({5}, -2, 2, float64));
  const Variable z = sum(map("test_fused", f, x, y));
  const auto fused = grad({z}, {x, y}, {.retain_graph = true});
  const auto composed = grad({z}, {x, y}, {.create_graph = true});
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(allclose(fused[i].value(), composed[i].value(), {.rtol = 1e-12, .atol = 1e-14}));
}

TEST_CASE("elementwise: the gradient of a sum reaches rules as one element, and everybody else in full") {
  const auto check = [](const char* name, auto f) {
    CAPTURE(name);
    for (Index n : {1, 7, 1024, 3000}) {
      CAPTURE(n);
      const Tensor values = uniform({n}, 0.2, 2, float64);
      const Variable x = leaf(values), y = leaf(values);
      sum(3 * sum(f(x))).backward();
      f(y).backward(Variable(full({n}, 3.0, float64)));
      CHECK(x.grad().shape() == Shape{n});
      CHECK(allclose(x.grad().value(), y.grad().value(), {.rtol = 1e-15, .atol = 0}));

      Variable z = leaf(values), inner = f(z);
      Shape seen;
      inner.retain_grad();
      inner.add_hook([&](const Variable& gradient) {
        seen = gradient.shape();
        return Variable();
      });
      (3 * sum(inner)).backward();
      CHECK(seen == Shape{n});
      CHECK(inner.grad().shape() == Shape{n});
      CHECK(allclose(z.grad().value(), y.grad().value(), {.rtol = 1e-15, .atol = 0}));
    }
    CHECK(gradgradcheck([f](const Variable& x) { return sum(f(x)); }, uniform({5}, 0.2, 2, float64)));
  };
  check("by its input", [](const Variable& x) { return log(x); });
  check("by its output", [](const Variable& x) { return tanh(x); });
  check("relu", [](const Variable& x) { return relu(x - 1); });
  check("gelu", [](const Variable& x) { return gelu(x); });
  check("map", [](const Variable& x) {
    return map(
        "test_formula", [](auto v) { return v * exp(-v); }, x);
  });
}
