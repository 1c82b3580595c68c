// Losses of pairs of one shape; those of classes are in class_loss.cpp.
#include <xgrad/nn/loss.hpp>

#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/map.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/weighted.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <limits>

namespace xgrad::nn {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Variable reduce(const Variable& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean:
      return mean(losses);
    case Reduction::sum:
      return sum(losses);
    case Reduction::none:
      return losses;
  }
  __builtin_unreachable();
}

struct Pair {
  Variable prediction;
  Variable target;
};

Pair checked_pair(const Operand& prediction, const Operand& target) {
  Pair pair{prediction.as_variable(), target.as_variable()};
  if (!is_floating(pair.prediction.dtype()))
    fail<DTypeError>("expects a floating prediction, got " + describe(pair.prediction.value()));
  if (pair.prediction.shape() != pair.target.shape())
    fail<ShapeError>("prediction and target differ in shape: " + to_string(pair.prediction.shape()) +
                         " and " + to_string(pair.target.shape()),
                     "a loss does not broadcast; reshape or broadcast_to one of them");
  return pair;
}

Variable difference(const Operand& prediction, const Operand& target) {
  const Pair pair = checked_pair(prediction, target);
  return pair.prediction - pair.target;
}

void check_weight(const char* name, const Tensor& weight, const Shape& losses) {
  if (!broadcasts_to(weight.shape(), losses))
    fail<ShapeError>(std::string(name) + " of shape " + to_string(weight.shape()) +
                     " does not broadcast to the losses' shape " + to_string(losses));
}

Variable weighted(const Variable& losses, const Tensor& weight) {
  if (!weight.defined()) return losses;
  check_weight("weight", weight, losses.shape());
  return xgrad::detail::weighted(losses, weight.to(losses.dtype()));
}

}  // namespace

// ------------------------------------------------------------------------------------------------ regression

Variable mse_loss(const Operand& prediction, const Operand& target, LossOptions options) {
  const Scope scope("mse_loss", prediction.place());
  return reduce(square(difference(prediction, target)), options.reduction);
}

Variable l1_loss(const Operand& prediction, const Operand& target, LossOptions options) {
  const Scope scope("l1_loss", prediction.place());
  return reduce(abs(difference(prediction, target)), options.reduction);
}

Variable arctan_loss(const Operand& prediction, const Operand& target, LossOptions options) {
  const Scope scope("arctan_loss", prediction.place());
  return reduce(square(atan(difference(prediction, target))), options.reduction);
}

namespace {

// Written with the magnitude, so that an infinite difference has the slope of the lines.
Variable huber(const Variable& d, double delta) {
  return map(
      "huber",
      [delta](const auto& x) {
        return where(abs(x) <= delta, 0.5 * (x * x), delta * (abs(x) - 0.5 * delta));
      },
      d);
}

}  // namespace

Variable huber_loss(const Operand& prediction, const Operand& target, HuberOptions options) {
  const Scope scope("huber_loss", prediction.place());
  if (!(options.delta > 0)) fail<ValueError>("expects delta > 0, got " + std::to_string(options.delta));
  return reduce(huber(difference(prediction, target), options.delta), options.reduction);
}

Variable smooth_l1_loss(const Operand& prediction, const Operand& target, SmoothL1Options options) {
  const Scope scope("smooth_l1_loss", prediction.place());
  if (!(options.beta >= 0)) fail<ValueError>("expects beta >= 0, got " + std::to_string(options.beta));
  const Variable d = difference(prediction, target);
  return reduce(options.beta > 0 ? huber(d, options.beta) / options.beta : abs(d), options.reduction);
}

// ------------------------------------------------------------------------------------------------
// probabilities

namespace {

Variable limited(const Variable& logarithm) { return clamp(logarithm, -100, infinity); }

// By the probability, each term bounded by itself: at 0 and 1 the one that counts is smooth.
constexpr auto probability_slope = [](const auto& p, const auto& t) {
  const auto bounded = [](const auto& x) { return where(x < 1e-12, 1e-12, x); };
  return (1 - t) / bounded(1 - p) - t / bounded(p);
};

}  // namespace

Variable binary_cross_entropy(const Operand& probability, const Operand& target, const BceOptions& options) {
  const Scope scope("binary_cross_entropy", probability.place());
  const Pair pair = checked_pair(probability, target);
  Op op("binary_cross_entropy", Operand(pair.prediction), Operand(pair.target));
  op.promote();
  xgrad::detail::dispatch_floating(op.dtype(), [&]<class T>(std::type_identity<T>) {
    for (const T p : op.value(0).span<T>())
      if (p < 0 || p > 1)
        fail<ValueError>("expects probabilities in [0, 1], got " + std::to_string(p),
                         "apply sigmoid, or use bce_with_logits on its input");
  });

  const auto losses_of = [&](const Variable& p, const Variable& t) {
    const NoGrad constants;
    return -(t * limited(log(p)) + (1 - t) * limited(log1p(-p)));
  };
  const Variable losses = op.record(
      losses_of(op[0], op[1]).value(),
      Rule{saves_input(0) | saves_input(1),
           [](Backward& r) {
             return xgrad::detail::chain(
                 r.gradient(), map("binary_cross_entropy", probability_slope, r.input(0), r.input(1)));
           }},
      Rule{saves_input(0), [](Backward& r) {
             const Variable p = r.input(0);
             return xgrad::detail::chain(r.gradient(), limited(log1p(-p)) - limited(log(p)));
           }});
  return reduce(weighted(losses, options.weight), options.reduction);
}

namespace {

// factor * loss, 0 where the factor is 0 and the loss without bound. Elsewhere nothing is guarded: there the
// product has the right derivatives.
constexpr auto share = [](const auto& factor, const auto& loss) {
  const auto& bound = xgrad::detail::primal(loss);
  return where(logical_and(factor == 0, bound - bound != 0), 0.0, factor * loss);
};

}  // namespace

Variable bce_with_logits(const Operand& logits, const Operand& target, const BceWithLogitsOptions& options) {
  const Scope scope("bce_with_logits", logits.place());
  const Pair pair = checked_pair(logits, target);
  const auto losses_of = [&] {
    if (!options.pos_weight.defined())
      return map(
          "bce_with_logits",
          [](const auto& x, const auto& t) { return share(1 - t, softplus(x)) + share(t, softplus(-x)); },
          pair.prediction, pair.target);
    check_weight("pos_weight", options.pos_weight, pair.prediction.shape());
    const DType dtype = result_type({&logits, &target});
    return map(
        "bce_with_logits",
        [](const auto& x, const auto& t, const auto& positive) {
          return share(1 - t, softplus(x)) + share(positive * t, softplus(-x));
        },
        pair.prediction, pair.target, options.pos_weight.to(dtype));
  };
  return reduce(weighted(losses_of(), options.weight), options.reduction);
}

Variable kl_div(const Operand& log_probabilities, const Operand& target, KlDivOptions options) {
  const Scope scope("kl_div", log_probabilities.place());
  const Pair pair = checked_pair(log_probabilities, target);
  const auto losses_of = [&] {
    if (options.log_target)
      return map(
          "kl_div",
          [](const auto& log_p, const auto& log_t) {
            return where(log_t == -infinity, 0.0, exp(log_t) * (log_t - log_p));
          },
          pair.prediction, pair.target);
    return map(
        "kl_div",
        [](const auto& log_p, const auto& t) { return where(t == 0, 0.0, t * log(t)) - share(t, log_p); },
        pair.prediction, pair.target);
  };
  return reduce(losses_of(), options.reduction);
}

}  // namespace xgrad::nn
