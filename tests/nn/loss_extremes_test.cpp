// Losses and dropout where a factor is 0 and the other side is not finite: plain and recorded gradients.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace {

using namespace xgrad;
using nn::Reduction;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Tensor f64(std::initializer_list<Nested> values) { return Tensor(values, float64); }

// The loss and its gradient, in a plain and in a recorded run, in both dtypes. A NaN is expected where one is
// given.
void check(const std::function<Variable(const Variable&)>& loss, const Tensor& x, const Tensor& value,
           const Tensor& gradient, const Tensor& seed) {
  for (const DType dtype : {float64, float32})
    for (const bool recorded : {false, true}) {
      CAPTURE(recorded);
      const Variable leaf(x.to(dtype), {.requires_grad = true});
      const Variable y = loss(leaf);
      const Tolerance bounds{.rtol = 1e-6, .atol = 1e-7, .equal_nan = true};
      CHECK(allclose(y.value().to(float64), value, bounds));
      const Variable slope = grad(y, leaf, {.seeds = {Variable(seed.to(dtype))}, .create_graph = recorded});
      CHECK(allclose(slope.value().to(float64), gradient, bounds));
    }
}

}  // namespace

TEST_CASE("bce_with_logits: an infinite logit that its target agrees with costs nothing") {
  const Tensor x = f64({inf, -inf, inf, -inf, inf}), t = f64({1.0, 0.0, 0.0, 1.0, 0.5});
  check(
      [&](const Variable& v) {
        return nn::bce_with_logits(v, t.to(v.dtype()), {.reduction = Reduction::none});
      },
      x, f64({0.0, 0.0, inf, inf, inf}), f64({0.0, 0.0, 1.0, -1.0, 0.5}), ones({5}, float64));
  check(
      [&](const Variable& v) {
        return nn::bce_with_logits(
            v, t.to(v.dtype()), {.pos_weight = f64({0.0, 0.0, 0.0, 0.0, 0.0}), .reduction = Reduction::none});
      },
      x, f64({0.0, 0.0, inf, 0.0, inf}), f64({0.0, 0.0, 1.0, 0.0, 0.5}), ones({5}, float64));
  // A weight of 0 takes any element out.
  check(
      [&](const Variable& v) {
        return nn::bce_with_logits(v, f64({0.0, 1.0}).to(v.dtype()),
                                   {.weight = f64({0.0, 1.0}), .reduction = Reduction::sum});
      },
      f64({not_a_number, 0.0}), scalar(std::log(2.0), float64), f64({0.0, -0.5}), scalar(1, float64));
}

TEST_CASE("bce_with_logits: targets of 0 and 1 have their derivative") {
  const Variable t(f64({0.0, 1.0}), {.requires_grad = true});
  for (const bool recorded : {false, true}) {
    const Variable loss = nn::bce_with_logits(f64({2.0, -3.0}), t, {.reduction = Reduction::sum});
    CHECK(allclose(grad(loss, t, {.create_graph = recorded}).value(), f64({-2.0, 3.0})));
  }
}

TEST_CASE("kl_div: a target of 0 costs nothing, whatever the log-probability") {
  const Tensor x = f64({-inf, not_a_number, -1.0}), one = ones({3}, float64);
  check(
      [&](const Variable& v) {
        return nn::kl_div(v, f64({0.0, 0.0, 1.0}).to(v.dtype()), {.reduction = Reduction::none});
      },
      x, f64({0.0, 0.0, 1.0}), f64({0.0, 0.0, -1.0}), one);
  check(
      [&](const Variable& v) {
        return nn::kl_div(v, f64({-inf, -inf, 0.0}).to(v.dtype()),
                          {.log_target = true, .reduction = Reduction::none});
      },
      x, f64({0.0, 0.0, 1.0}), f64({0.0, 0.0, -1.0}), one);
}

TEST_CASE("huber_loss: an infinite difference has the slope of the lines") {
  check(
      [](const Variable& v) {
        return nn::huber_loss(v, zeros({2}, v.dtype()), {.delta = 0.5, .reduction = Reduction::none});
      },
      f64({inf, -inf}), f64({inf, inf}), f64({0.5, -0.5}), ones({2}, float64));
}

TEST_CASE("dropout: what is dropped is 0, infinities and NaN included, and so is its gradient") {
  const Index n = 64;
  for (const double bad : {inf, not_a_number}) {
    const Tensor x = full({n}, bad, float64);
    manual_seed(3);
    const Tensor ones_dropped = nn::dropout(ones({n}, float64), 0.5).value();
    Tensor expected = ones_dropped;
    for (double& v : expected.mutable_span<double>()) v = v == 0 ? 0 : bad;
    check(
        [](const Variable& v) {
          manual_seed(3);
          return nn::dropout(v, 0.5);
        },
        x, expected, expected, full({n}, bad, float64));
  }
}

TEST_CASE("cross_entropy: rows that do not count leave no trace") {
  const Tensor x = f64({{not_a_number, 1.0}, {inf, -inf}, {0.0, 0.0}}), one = ones({3}, float64);
  const double half = std::log(2.0);
  // Ignored.
  check(
      [](const Variable& v) {
        return nn::cross_entropy(v, Tensor{-100, -100, 1}, {.reduction = Reduction::none});
      },
      x, f64({0.0, 0.0, half}), f64({{0.0, 0.0}, {0.0, 0.0}, {0.5, -0.5}}), one);
  check(
      [](const Variable& v) {
        return nn::cross_entropy(v, Tensor{-100, -100, 1}, {.label_smoothing = 0.2});
      },
      x, scalar(half, float64), f64({{0.0, 0.0}, {0.0, 0.0}, {0.4, -0.4}}), scalar(1, float64));
  // Of a class whose weight is 0.
  check(
      [](const Variable& v) {
        return nn::cross_entropy(v, Tensor{0, 0, 1},
                                 {.weight = f64({0.0, 1.0}), .reduction = Reduction::none});
      },
      x, f64({0.0, 0.0, half}), f64({{0.0, 0.0}, {0.0, 0.0}, {0.5, -0.5}}), one);
  // Whose gradient is 0.
  check(
      [](const Variable& v) {
        return nn::cross_entropy(v, Tensor{0, 0, 1}, {.reduction = Reduction::none});
      },
      x, f64({not_a_number, not_a_number, half}), f64({{0.0, 0.0}, {0.0, 0.0}, {0.5, -0.5}}),
      f64({0.0, 0.0, 1.0}));
  // A class without weight or probability, with a score of minus infinity.
  check(
      [](const Variable& v) {
        return nn::cross_entropy(v, Tensor{1}, {.weight = f64({0.0, 1.0}), .label_smoothing = 0.5});
      },
      f64({{-inf, 1.0}}), scalar(0, float64), f64({{0.0, 0.0}}), scalar(1, float64));
  check(
      [](const Variable& v) {
        return nn::cross_entropy(v, f64({{0.0, 1.0}}).to(v.dtype()));
      },
      f64({{-inf, 1.0}}), scalar(0, float64), f64({{0.0, 0.0}}), scalar(1, float64));
}

TEST_CASE("nll_loss: what is ignored or has no weight leaves no trace") {
  const Tensor x = f64({{-inf, not_a_number}, {-inf, -1.0}, {-2.0, -1.0}});
  check(
      [](const Variable& v) {
        return nn::nll_loss(v, Tensor{-100, 0, 1}, {.weight = f64({0.0, 1.0}), .reduction = Reduction::sum});
      },
      x, scalar(1, float64), f64({{0.0, 0.0}, {0.0, 0.0}, {0.0, -1.0}}), scalar(1, float64));
}
