// Guards of losses, dropout and attention, each on both of its sides: what does not count leaves no trace,
// what does is as smooth as without the guard, mixed second derivatives in both orders.
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan_value = std::numeric_limits<double>::quiet_NaN();

struct Derivatives {
  double x, t, xt, tx;
};

using Loss = std::function<Variable(const Variable& x, const Variable& t)>;

Derivatives derivatives(const Loss& f, double at_x, double at_t) {
  const Variable x = leaf(scalar(at_x, float64)), t = leaf(scalar(at_t, float64));
  const auto plain = grad({f(x, t)}, {x, t}, {});
  const auto first = grad({f(x, t)}, {x, t}, {.create_graph = true});
  for (std::size_t i = 0; i < 2; ++i) {
    const double a = plain[i].item(), b = first[i].item();
    CHECK((a == b || a == doctest::Approx(b)));
  }
  const auto again = [](const Variable& slope, const Variable& leaf) {
    if (!slope.requires_grad()) return 0.0;
    const Variable g = grad(slope, leaf, {.retain_graph = true, .allow_unused = true});
    return g.defined() ? g.item() : 0.0;
  };
  return {first[0].item(), first[1].item(), again(first[0], t), again(first[1], x)};
}

Variable bce(const Variable& p, const Variable& t) { return nn::binary_cross_entropy(p, t); }

}  // namespace

TEST_CASE("guards: binary_cross_entropy is smooth at the end that its target agrees with") {
  for (const double near : {0.0, 1e-14, 1e-9, 0.25}) {
    CAPTURE(near);
    CHECK(derivatives(bce, near, 0).x == doctest::Approx(1 / (1 - near)));
    CHECK(derivatives(bce, 1 - near, 1).x == doctest::Approx(-1 / (1 - near)));
  }
  // Against a probability of 0 the slope is bounded rather than infinite.
  CHECK(derivatives(bce, 0, 1).x == doctest::Approx(-1e12));
  CHECK(derivatives(bce, 1, 0).x == doctest::Approx(1e12));
  for (const double p : {0.1, 0.5, 0.9})
    for (const double t : {0.0, 0.3, 1.0}) {
      const Derivatives d = derivatives(bce, p, t);
      CHECK(d.x == doctest::Approx((p - t) / (p * (1 - p))));
      CHECK(d.t == doctest::Approx(std::log1p(-p) - std::log(p)));
      CHECK(d.xt == doctest::Approx(-1 / (p * (1 - p))));
      CHECK(d.tx == doctest::Approx(d.xt));
    }
  // The curvature there, t / p^2 + (1 - t) / (1 - p)^2.
  const Variable p = leaf(scalar(0.0, float64));
  const Variable slope = grad(nn::binary_cross_entropy(p, scalar(0.0, float64)), p, {.create_graph = true});
  CHECK(grad(slope, p).item() == doctest::Approx(1));
}

TEST_CASE("guards: bce_with_logits where one of its terms has no weight") {
  const Loss loss = [](const Variable& x, const Variable& t) { return nn::bce_with_logits(x, t); };
  for (const double x : {-3.0, 0.0, 2.0})
    for (const double t : {0.0, 0.4, 1.0}) {
      const Derivatives d = derivatives(loss, x, t);
      CHECK(d.x == doctest::Approx(1 / (1 + std::exp(-x)) - t));
      CHECK(d.t == doctest::Approx(-x));
      CHECK(d.xt == doctest::Approx(-1));
      CHECK(d.tx == doctest::Approx(-1));
    }
  CHECK(derivatives(loss, inf, 1).x == 0);
  CHECK(derivatives(loss, -inf, 0).x == 0);
  CHECK(derivatives(loss, inf, 0).x == 1);
  CHECK(derivatives(loss, -inf, 1).x == -1);
  const Tensor positive = Tensor({0.0, 2.0}, float64);
  CHECK(gradgradcheck([&](const Variable& x,
                          const Variable& t) { return nn::bce_with_logits(x, t, {.pos_weight = positive}); },
                      Tensor({{0.5, -1.0}, {2.0, 0.1}}, float64), Tensor({{0.0, 1.0}, {0.3, 0.0}}, float64)));
}

TEST_CASE("guards: kl_div where the target is nothing") {
  const Loss loss = [](const Variable& x, const Variable& t) { return nn::kl_div(x, t); };
  for (const double x : {-3.0, -0.2}) {
    const Derivatives d = derivatives(loss, x, 0.4);
    CHECK(d.x == doctest::Approx(-0.4));
    CHECK(d.t == doctest::Approx(std::log(0.4) + 1 - x));
    CHECK(d.xt == doctest::Approx(-1));
    CHECK(d.tx == doctest::Approx(-1));
    // t log t alone has no derivative at 0; what is linear in t has.
    const Derivatives nothing = derivatives(loss, x, 0);
    CHECK(nothing.x == 0);
    CHECK(nothing.t == doctest::Approx(-x));
    CHECK(nothing.xt == doctest::Approx(-1));
    CHECK(nothing.tx == doctest::Approx(-1));
  }
  CHECK(derivatives(loss, -inf, 0).x == 0);
  CHECK(nn::kl_div(scalar(-inf, float64), scalar(0.0, float64)).item() == 0);
  const Loss by_logarithm = [](const Variable& x, const Variable& t) {
    return nn::kl_div(x, t, {.log_target = true});
  };
  const Derivatives d = derivatives(by_logarithm, -0.5, -1);
  CHECK(d.x == doctest::Approx(-std::exp(-1.0)));
  CHECK(d.t == doctest::Approx(std::exp(-1.0) * (1 - 0.5)));
  CHECK(d.xt == doctest::Approx(-std::exp(-1.0)));
  CHECK(d.tx == doctest::Approx(d.xt));
  for (const double x : {-0.5, -inf}) {
    const Derivatives nothing = derivatives(by_logarithm, x, -inf);
    CHECK(nothing.x == 0);
    CHECK(nothing.t == 0);
  }
}

TEST_CASE("guards: huber on each side of its bend") {
  for (const double x : {-3.0, -0.5, 0.5, 3.0})
    CHECK(gradgradcheck(
        [](const Variable& a, const Variable& b) { return nn::huber_loss(a, b, {.delta = 1.5}); },
        Tensor({x}, float64), Tensor({0.1}, float64)));
  for (const double x : {-inf, inf}) {
    const Variable v = leaf(scalar(x, float64));
    CHECK(grad(nn::huber_loss(v, scalar(0.0, float64)), v).item() == (x < 0 ? -1 : 1));
  }
}

TEST_CASE("guards: rows of class losses that count and rows that do not") {
  const Tensor scores({{0.5, -1.0, 0.2}, {nan_value, inf, 1.0}, {1.5, 0.3, -0.4}}, float64);
  const Tensor targets({2, -100, 0});
  const Tensor ordinary({{0.5, -1.0, 0.2}, {1.5, 0.3, -0.4}}, float64);
  const Tensor counted({2, 0});
  const auto row = [](const Tensor& x, Index i) { return x.rows(i, i + 1); };
  const auto check_loss = [&](const std::function<Variable(const Variable&, const Tensor&)>& loss) {
    CHECK(gradcheck([&](const Variable& x) { return loss(x, counted); }, ordinary));
    CHECK(gradgradcheck([&](const Variable& x) { return loss(x, counted); }, ordinary));
    const Variable all_rows = leaf(scores), two = leaf(ordinary);
    const Variable expected = grad(loss(two, counted), two, {.create_graph = true});
    const Variable curvature = grad(sum(expected * ordinary), two);
    for (const bool recorded : {false, true}) {
      CAPTURE(recorded);
      const Variable g = grad(loss(all_rows, targets), all_rows, {.create_graph = recorded});
      CHECK(all(equal(row(g.value(), 1), 0.0)).item<bool>());
      CHECK(allclose(row(g.value(), 0), row(expected.value(), 0)));
      CHECK(allclose(row(g.value(), 2), row(expected.value(), 1)));
      if (!recorded || !g.requires_grad()) continue;
      const Tensor factors({{0.5, -1.0, 0.2}, {1.0, 1.0, 1.0}, {1.5, 0.3, -0.4}}, float64);
      const Variable second = grad(sum(g * factors), all_rows);
      CHECK(all(equal(row(second.value(), 1), 0.0)).item<bool>());
      CHECK(allclose(row(second.value(), 0), row(curvature.value(), 0)));
      CHECK(allclose(row(second.value(), 2), row(curvature.value(), 1)));
    }
  };
  const Tensor weight({0.5, 0.0, 2.0}, float64);
  for (const double smoothing : {0.0, 0.1}) {
    check_loss([=](const Variable& x, const Tensor& y) {
      return nn::cross_entropy(x, Variable(y), {.label_smoothing = smoothing});
    });
    check_loss([=](const Variable& x, const Tensor& y) {
      return nn::cross_entropy(x, Variable(y), {.weight = weight, .label_smoothing = smoothing});
    });
  }
  check_loss([](const Variable& x, const Tensor& y) {
    return sum(square(nn::cross_entropy(x, Variable(y), {.reduction = nn::Reduction::none})));
  });
  check_loss([](const Variable& x, const Tensor& y) { return nn::nll_loss(square(x), Variable(y)); });
  check_loss([=](const Variable& x, const Tensor& y) {
    return nn::nll_loss(square(x), Variable(y), {.weight = weight});
  });
}

TEST_CASE("guards: classes without probability, and the derivative by the probability") {
  const auto loss = [](const Variable& x, const Variable& t) { return nn::cross_entropy(x, t); };
  const Tensor scores({{0.5, -1.0, 0.2}, {1.5, 0.3, -0.4}}, float64);
  const Tensor shares({{0.0, 0.4, 0.6}, {1.0, 0.0, 0.0}}, float64);
  CHECK(gradcheck(loss, scores, shares));
  CHECK(gradgradcheck(loss, scores, shares));
  const Variable x = leaf(Tensor({{0.5, -inf, 0.2}}, float64));
  const Variable target(Tensor({{0.25, 0.0, 0.75}}, float64));
  for (const bool recorded : {false, true}) {
    const Variable g = grad(nn::cross_entropy(x, target), x, {.create_graph = recorded});
    CHECK(all(isfinite(g)).item<bool>());
    CHECK(g.value().at({0, 1}) == 0);
  }
}

TEST_CASE("guards: dropout of everything, of something and of nothing") {
  const Tensor x({0.5, inf, nan_value, -2.0}, float64);
  for (const bool recorded : {false, true}) {
    const Variable v = leaf(x);
    const Variable y = nn::dropout(v, 1);
    CHECK(all(equal(y, 0.0)).item<bool>());
    CHECK(all(equal(grad(sum(y), v, {.create_graph = recorded}), 0.0)).item<bool>());
  }
  const Tensor finite({0.5, 1.0, -0.3, -2.0}, float64);
  CHECK(gradgradcheck([](const Variable& v) { return square(nn::dropout(v, 0)); }, finite));
  CHECK(gradgradcheck([](const Variable& v) { return square(nn::dropout(v, 1)); }, finite));
  const auto some = [](const Variable& v) {
    manual_seed(3);
    return square(nn::dropout(v, 0.5));
  };
  CHECK(gradcheck(some, finite));
  CHECK(gradgradcheck(some, finite));
}

TEST_CASE("guards: keys that are padding under a mask that is learnt") {
  nn::MultiheadAttention attention(4, 2, {.dtype = float64});
  manual_seed(11);
  const Tensor x = normal({2, 3, 4}, 0, 1, float64), bias = normal({3, 3}, 0, 1, float64);
  const Tensor padding({{false, false, true}, {true, true, true}});
  const auto f = [&](const Variable& v, const Variable& b) {
    return attention(v, v, v, {.mask = b, .key_padding_mask = Variable(padding)});
  };
  CHECK(gradcheck(f, x, bias));
  CHECK(gradgradcheck(f, x, bias));
  const Variable b = leaf(bias);
  const Variable g = grad(sum(square(f(Variable(x), b))), b);
  CHECK(g.value().at({0, 2}) == 0);
  CHECK(g.value().at({0, 0}) != 0);
}
