// Clipping of gradients by norm and by value.
#include <xgrad/optim/clip.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace {

using namespace xgrad;

constexpr double inf = std::numeric_limits<double>::infinity();

Variable with_gradient(const Tensor& gradient) {
  Variable p(zeros_like(gradient), {.requires_grad = true});
  p.set_grad(Variable(gradient));
  return p;
}

}  // namespace

TEST_CASE("clip_grad_norm: returns the norm before and scales all gradients alike") {
  const Variable a = with_gradient(Tensor{{3.0, 0.0}}), b = with_gradient(Tensor({4.0, 12.0}, float64));
  const Variable none(zeros({2}), {.requires_grad = true});
  CHECK(optim::clip_grad_norm({a, none, b}, 6.5) == doctest::Approx(13).epsilon(1e-12));
  CHECK(allclose(a.grad().value(), Tensor{{1.5, 0.0}}));
  CHECK(allclose(b.grad().value(), Tensor({2.0, 6.0}, float64), {.rtol = 1e-6}));
  CHECK_FALSE(none.grad().defined());
  CHECK(optim::clip_grad_norm({a, b}, inf) == doctest::Approx(6.5).epsilon(1e-6));
}

TEST_CASE("clip_grad_norm: other norms") {
  const auto norm = [](double p) {
    return optim::clip_grad_norm({with_gradient(Tensor{3.0, -4.0}), with_gradient(Tensor{12.0})}, inf,
                                 {.p = p});
  };
  CHECK(norm(1) == doctest::Approx(19));
  CHECK(norm(3) == doctest::Approx(std::cbrt(27 + 64 + 1728)));
  CHECK(norm(inf) == 12);
}

TEST_CASE("clip_grad_norm: a small norm leaves every bit, zeros stay zeros") {
  const Variable a = with_gradient(Tensor{0.1, 0.2});
  CHECK(optim::clip_grad_norm({a}, 1) == doctest::Approx(std::sqrt(0.05)));
  CHECK(bitwise_equal(a.grad().value(), Tensor{0.1, 0.2}));
  const Variable zero = with_gradient(zeros({3}));
  CHECK(optim::clip_grad_norm({zero}, 0.5) == 0);
  CHECK(bitwise_equal(zero.grad().value(), zeros({3})));
  CHECK(optim::clip_grad_norm({zero}, 0) == 0);
  CHECK(bitwise_equal(zero.grad().value(), zeros({3})));
  CHECK(optim::clip_grad_norm({}, 1) == 0);
}

TEST_CASE("clip_grad_norm: norms that are not finite") {
  for (const double bad : {inf, std::numeric_limits<double>::quiet_NaN()}) {
    const Variable a = with_gradient(Tensor{1.0, bad});
    const Tensor before = a.grad().value();
    CHECK_THROWS_AS(optim::clip_grad_norm({a}, 1, {.error_if_nonfinite = true}), NumericError);
    CHECK(bitwise_equal(a.grad().value(), before));
    CHECK_FALSE(std::isfinite(optim::clip_grad_norm({a}, 1)));
    CHECK(std::isnan(a.grad().value().at({1})));
  }
}

TEST_CASE("clip_grad_norm: bad arguments throw") {
  const Variable a = with_gradient(Tensor{3.0});
  CHECK_THROWS_AS(optim::clip_grad_norm({a}, -1), ValueError);
  CHECK_THROWS_AS(optim::clip_grad_norm({a}, std::nan("")), ValueError);
  CHECK_THROWS_AS(optim::clip_grad_norm({a}, 1, {.p = 0}), ValueError);
  CHECK_THROWS_AS(optim::clip_grad_norm({Variable()}, 1), GraphError);
  CHECK(a.grad().item() == 3);
}

TEST_CASE("clip_grad_norm: a gradient's other holders keep their values") {
  const Tensor gradient{3.0, 4.0};
  const Variable a = with_gradient(gradient);
  optim::clip_grad_norm({a}, 1);
  CHECK(bitwise_equal(gradient, Tensor{3.0, 4.0}));
}

TEST_CASE("clip_grad_value: clamps both ways, a NaN stays") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Variable a = with_gradient(Tensor{-3.0, -0.5, 0.0, 0.25, inf, nan});
  optim::clip_grad_value({a, Variable(zeros({1}))}, 0.5);
  CHECK(allclose(a.grad().value(), Tensor{-0.5, -0.5, 0.0, 0.25, 0.5, nan}, {.rtol = 0, .atol = 0}));
  CHECK_THROWS_AS(optim::clip_grad_value({a}, -1), ValueError);
  CHECK_THROWS_AS(optim::clip_grad_value({a}, nan), ValueError);
}
