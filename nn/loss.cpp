#include <xgrad/nn/loss.hpp>

#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
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
    default:
      return losses;
  }
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

Variable weighted(const Variable& losses, const Tensor& weight, const char* name) {
  if (!weight.defined()) return losses;
  if (!broadcasts_to(weight.shape(), losses.shape()))
    fail<ShapeError>(std::string(name) + " of shape " + to_string(weight.shape()) +
                     " does not broadcast to the losses' shape " + to_string(losses.shape()));
  return losses * weight.to(losses.dtype());
}

// ------------------------------------------------------------------------------------------------ classes

// Integer targets made ready: what to pick, with which factor, and the sum of the factors.
struct Targets {
  Tensor index;    // (..., 1), 0 where ignored
  Tensor ignored;  // bool (...), undefined when none is
  Tensor factor;   // float64 (...), undefined without class weights
  double total = 0;
};

Shape index_of(Index position, const Shape& shape) {
  Shape index = shape;
  for (Index axis = shape.rank(); axis-- > 0;) {
    index[axis] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

Targets checked_targets(const Variable& scores, const Variable& targets, const Tensor& weight,
                        Index ignore_index) {
  if (!is_floating(scores.dtype()))
    fail<DTypeError>("expects floating scores, got " + describe(scores.value()));
  if (targets.dtype() != int64 && targets.dtype() != uint8)
    fail<DTypeError>("expects integer targets, got " + describe(targets.value()), "they are class numbers");
  if (scores.rank() == 0) fail<ShapeError>("expects scores of shape (..., classes), got ()");
  Shape expected = scores.shape();
  const Index classes = expected.back();
  expected.erase(expected.rank() - 1);
  if (targets.shape() != expected)
    fail<ShapeError>("scores of shape " + to_string(scores.shape()) + " need targets of shape " +
                         to_string(expected) + ", got " + to_string(targets.shape()),
                     "classes are the last axis");
  std::vector<double> factors;
  if (weight.defined()) {
    if (weight.shape() != Shape{classes})
      fail<ShapeError>("expects class weights of shape " + to_string(Shape{classes}) + ", got " +
                       to_string(weight.shape()));
    const Tensor exact = weight.to(float64);
    factors.assign(exact.data<double>(), exact.data<double>() + classes);
  }

  const Tensor given = targets.value().to(int64);
  const std::int64_t* y = given.data<std::int64_t>();
  bool any_ignored = false;
  for (Index i = 0; i < given.count(); ++i) {
    if (y[i] == ignore_index) {
      any_ignored = true;
    } else if (y[i] < 0 || y[i] >= classes) {
      fail<IndexError>("target " + std::to_string(y[i]) + " at " + to_string(index_of(i, given.shape())) +
                           " is outside [0, " + std::to_string(classes) + ")",
                       "there are " + std::to_string(classes) + " classes; ignore_index is " +
                           std::to_string(ignore_index));
    }
  }

  Targets ready;
  Shape column = given.shape();
  column.push_back(1);
  ready.index = given.reshape(column);
  if (any_ignored) {
    ready.ignored = Tensor::uninitialized(given.shape(), boolean);
    bool* ignored = ready.ignored.mutable_data<bool>();
    std::int64_t* index = ready.index.mutable_data<std::int64_t>();
    for (Index i = 0; i < given.count(); ++i) {
      ignored[i] = y[i] == ignore_index;
      if (ignored[i]) index[i] = 0;
    }
  }
  if (weight.defined()) {
    ready.factor = Tensor::uninitialized(given.shape(), float64);
    double* factor = ready.factor.mutable_data<double>();
    for (Index i = 0; i < given.count(); ++i) {
      factor[i] = y[i] == ignore_index ? 0 : factors[static_cast<std::size_t>(y[i])];
      ready.total += factor[i];
    }
  } else {
    for (Index i = 0; i < given.count(); ++i) ready.total += y[i] != ignore_index;
  }
  return ready;
}

Variable without_ignored(const Variable& losses, const Targets& targets) {
  return targets.ignored.defined() ? masked_fill(losses, targets.ignored, 0.0) : losses;
}

// -log_p[target] with the class weights.
Variable picked(const Variable& log_p, const Targets& targets) {
  Variable losses = without_ignored(-squeeze(gather(log_p, -1, targets.index), -1), targets);
  return targets.factor.defined() ? losses * targets.factor.to(log_p.dtype()) : losses;
}

Variable reduce_classes(const Variable& losses, const Targets& targets, Reduction reduction) {
  if (reduction != Reduction::mean) return reduce(losses, reduction);
  // Nothing counts: NaN, and no division that would make the gradients NaN too.
  if (targets.total == 0) return sum(losses) * 0.0 + std::numeric_limits<double>::quiet_NaN();
  return sum(losses) / targets.total;
}

}  // namespace

Variable cross_entropy(const Operand& logits, const Operand& targets, const CrossEntropyOptions& options) {
  const Scope scope("cross_entropy", logits.place());
  const Variable scores = logits.as_variable();
  const double smoothing = options.label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1))
    fail<ValueError>("expects label_smoothing in [0, 1], got " + std::to_string(smoothing));
  const Targets ready = checked_targets(scores, targets.as_variable(), options.weight, options.ignore_index);

  const Variable log_p = log_softmax(scores, -1);
  Variable losses = picked(log_p, ready);
  if (smoothing > 0) {
    const Variable every_class = options.weight.defined() ? log_p * options.weight.to(scores.dtype()) : log_p;
    const Variable uniform = -sum(every_class, -1) / static_cast<double>(scores.size(-1));
    losses = losses * (1 - smoothing) + without_ignored(uniform, ready) * smoothing;
  }
  return reduce_classes(losses, ready, options.reduction);
}

Variable nll_loss(const Operand& log_probabilities, const Operand& targets, const NllOptions& options) {
  const Scope scope("nll_loss", log_probabilities.place());
  const Variable log_p = log_probabilities.as_variable();
  const Targets ready = checked_targets(log_p, targets.as_variable(), options.weight, options.ignore_index);
  return reduce_classes(picked(log_p, ready), ready, options.reduction);
}

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

// Within the bounds clamp is the identity and this is d^2 / 2; beyond them it is linear. No branch is needed,
// and the second derivative is right also at 0.
Variable huber(const Variable& d, double delta) {
  const Variable limited = clamp(d, -delta, delta);
  return limited * (d - 0.5 * limited);
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
  const Variable losses =
      op.record(losses_of(op[0], op[1]).value(),
                Rule{saves_input(0) | saves_input(1),
                     [](const Backward& r) {
                       const Variable p = r.input(0);
                       return r.gradient() * (p - r.input(1)) / clamp(p * (1 - p), 1e-12, infinity);
                     }},
                Rule{saves_input(0), [](const Backward& r) {
                       const Variable p = r.input(0);
                       return r.gradient() * (limited(log1p(-p)) - limited(log(p)));
                     }});
  return reduce(weighted(losses, options.weight, "weight"), options.reduction);
}

Variable bce_with_logits(const Operand& logits, const Operand& target, const BceWithLogitsOptions& options) {
  const Scope scope("bce_with_logits", logits.place());
  const Pair pair = checked_pair(logits, target);
  const Variable& x = pair.prediction;
  const Variable& t = pair.target;
  const Variable positive = weighted(t * logsigmoid(x), options.pos_weight, "pos_weight");
  const Variable negative = (1 - t) * logsigmoid(-x);
  return reduce(weighted(-(positive + negative), options.weight, "weight"), options.reduction);
}

Variable kl_div(const Operand& log_probabilities, const Operand& target, KlDivOptions options) {
  const Scope scope("kl_div", log_probabilities.place());
  const Pair pair = checked_pair(log_probabilities, target);
  const Variable& log_p = pair.prediction;
  const Variable& t = pair.target;
  const Variable losses = options.log_target ? exp(t) * (t - log_p) : xlogy(t, t) - t * log_p;
  return reduce(losses, options.reduction);
}

}  // namespace xgrad::nn
