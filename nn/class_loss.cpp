// Losses of class scores against class numbers.
#include <xgrad/nn/loss.hpp>

#include <xgrad/autograd/map.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/ops/weighted.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/cross_entropy.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <limits>

namespace xgrad::nn {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Throws unless scores are (..., C) and the weight, if any, is (C).
void check_scores(const Variable& scores, const Tensor& weight) {
  if (!is_floating(scores.dtype()))
    fail<DTypeError>("expects floating scores, got " + describe(scores.value()));
  if (scores.rank() == 0) fail<ShapeError>("expects scores of shape (..., classes), got ()");
  const Shape classes{scores.size(-1)};
  if (weight.defined() && weight.shape() != classes)
    fail<ShapeError>("expects class weights of shape " + to_string(classes) + ", got " +
                     to_string(weight.shape()));
}

/// The targets as int64, every one of them a class or ignore_index.
Tensor checked_classes(const Variable& scores, const Variable& targets, const Tensor& weight,
                       Index ignore_index) {
  check_scores(scores, weight);
  if (!is_integer(targets.dtype()))
    fail<DTypeError>("expects integer targets, got " + describe(targets.value()), "they are class numbers");
  Shape expected = scores.shape();
  const Index classes = expected.back();
  expected.erase(expected.rank() - 1);
  if (targets.shape() != expected)
    fail<ShapeError>("scores of shape " + to_string(scores.shape()) + " need targets of shape " +
                         to_string(expected) + ", got " + to_string(targets.shape()),
                     "classes are the last axis");
  const Tensor numbers = targets.value().to(int64);
  const std::int64_t* y = numbers.data<std::int64_t>();
  for (Index i = 0; i < numbers.count(); ++i)
    if (y[i] != ignore_index && (y[i] < 0 || y[i] >= classes))
      fail<IndexError>("target " + std::to_string(y[i]) + " at " + to_string(index_of(i, numbers.shape())) +
                           " is outside [0, " + std::to_string(classes) + ")",
                       "there are " + std::to_string(classes) + " classes; ignore_index is " +
                           std::to_string(ignore_index));
  return numbers;
}

/// w[target], 0 where ignored; without weights 1 for the others.
Tensor factors_of(const Tensor& classes, const Tensor& weight, Index ignore_index) {
  Tensor factors = Tensor::uninitialized(classes.shape(), float64);
  const Tensor exact = weight.defined() ? weight.to(float64) : Tensor();
  const double* w = weight.defined() ? exact.data<double>() : nullptr;
  const std::int64_t* y = classes.data<std::int64_t>();
  double* factor = factors.mutable_data<double>();
  for (Index i = 0; i < classes.count(); ++i)
    factor[i] = y[i] == ignore_index ? 0 : w != nullptr ? w[y[i]] : 1;
  return factors;
}

double total_of(const Tensor& factors) {
  double total = 0;
  for (const double factor : factors.span<double>()) total += factor;
  return total;
}

/// cross_entropy against probabilities.
Variable against_probabilities(const Variable& scores, const Variable& targets,
                               const CrossEntropyOptions& options) {
  check_scores(scores, options.weight);
  if (targets.shape() != scores.shape())
    fail<ShapeError>("scores of shape " + to_string(scores.shape()) +
                         " need probabilities of the same shape, got " + to_string(targets.shape()),
                     "integer targets are class numbers");
  if (options.ignore_index != CrossEntropyOptions{}.ignore_index)
    fail<ValueError>("ignore_index is for targets that are class numbers");
  const double smoothing = options.label_smoothing;
  Variable p = cast(targets, scores.dtype());
  if (smoothing > 0) p = p * (1 - smoothing) + smoothing / static_cast<double>(scores.size(-1));
  if (options.weight.defined()) p = p * options.weight.to(scores.dtype());
  const Variable log_p = log_softmax(scores, -1);
  // A class that has no probability adds nothing, however unlikely the scores make it, and NaN included.
  const Tensor nothing = kernels::logical(
      kernels::Logical::both,
      kernels::compare(kernels::Comparison::equal, p.value(), xgrad::scalar(0, p.dtype())),
      kernels::logical_not(kernels::classify(kernels::Classification::finite, log_p.value())));
  const Variable losses = -sum(p * where(nothing, 0.0, log_p), -1);
  if (options.reduction == Reduction::none) return losses;
  return options.reduction == Reduction::sum ? sum(losses) : mean(losses);
}

}  // namespace

Variable cross_entropy(const Operand& logits, const Operand& targets, const CrossEntropyOptions& options) {
  const Scope scope("cross_entropy", logits.place());
  const Variable scores = logits.as_variable();
  const double smoothing = options.label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1))
    fail<ValueError>("expects label_smoothing in [0, 1], got " + std::to_string(smoothing));
  const Variable wanted = targets.as_variable();
  if (is_floating(wanted.dtype()) && wanted.rank() == scores.rank())
    return against_probabilities(scores, wanted, options);
  const Index ignore_index = options.ignore_index;
  const Tensor given = checked_classes(scores, wanted, options.weight, ignore_index);
  const Tensor classes = given.reshape({given.count()});
  std::vector<Variable> operands{scores, Variable(classes)};
  const bool weighted = options.weight.defined();
  if (weighted) operands.emplace_back(options.weight.to(scores.dtype()));
  Op op("cross_entropy", logits.place(), operands);

  // A mean divides by the factors' sum. Where nothing counts it is NaN, and its gradient zero.
  double divisor = 1, scale = 1;
  if (options.reduction == Reduction::mean) {
    divisor = total_of(factors_of(classes, options.weight, ignore_index));
    scale = divisor == 0 ? 0 : 1 / divisor;
  }
  const Shape rows{classes.count(), scores.size(-1)};
  const auto against = [=](const Tensor& y, const Tensor& weight) {
    return kernels::ClassTargets{y, weight, ignore_index, smoothing};
  };
  auto [losses, statistics] =
      kernels::cross_entropy(op.value().reshape(rows), against(classes, weighted ? op.value(2) : Tensor()));
  if (options.reduction == Reduction::none) {
    Shape shape = scores.shape();
    shape.erase(shape.rank() - 1);
    losses = losses.reshape(shape);
  } else {
    losses = kernels::sum(losses, {0});
    if (options.reduction == Reduction::mean)
      losses = divisor == 0 ? full({}, not_a_number, op.dtype())
                            : kernels::div(losses, xgrad::scalar(divisor, op.dtype()));
  }

  const Saves saves = saves_input(0) | saves_input(1) | saves_output(1);
  return op.record_many(
      {std::move(losses), std::move(statistics)},
      JointRule{
          weighted ? saves | saves_input(2) : saves,
          [=](Backward& r) {
            const kernels::ClassTargets y = against(r.input_value(1), weighted ? r.input_value(2) : Tensor());
            const Variable& g = r.gradient();
            if (!r.create_graph()) {
              const Tensor& x = r.input_value(0);
              const Tensor dx =
                  kernels::cross_entropy_backward(x.reshape(rows), r.output_value(1), y, g.value(), scale);
              return r.give(0, Variable(dx.reshape(x.shape())));
            }
            const Variable given_scores = r.input(0);
            const Tensor t =
                kernels::class_distributions(y, rows[1], given_scores.dtype()).reshape(given_scores.shape());
            // A row that does not count leaves no trace, nor does one whose gradient is 0.
            const Variable counts = any(t, -1, {.keepdims = true});
            const Variable x = where(counts, given_scores, 0.0);
            const Variable each = g.count() == 1 ? g * scale : unsqueeze(g * scale, -1);
            r.give(0, xgrad::detail::chain(each, softmax(x, -1) * sum(t, -1, {.keepdims = true}) - t));
          }},
      0b10)[0];
}

Variable nll_loss(const Operand& log_probabilities, const Operand& targets, const NllOptions& options) {
  const Scope scope("nll_loss", log_probabilities.place());
  const Variable log_p = log_probabilities.as_variable();
  const Tensor classes = checked_classes(log_p, targets.as_variable(), options.weight, options.ignore_index);
  const Tensor factors = factors_of(classes, options.weight, options.ignore_index);
  const Tensor counts =
      kernels::compare(kernels::Comparison::not_equal, classes, xgrad::scalar(options.ignore_index, int64));
  const Tensor picked = kernels::where(counts, classes, xgrad::scalar(0, int64));
  Variable losses = -squeeze(gather(log_p, -1, unsqueeze(picked, -1)), -1);
  // Chosen rather than multiplied: what is ignored may be infinite.
  losses = where(counts, losses, 0.0);
  if (options.weight.defined()) losses = xgrad::detail::weighted(losses, factors.to(log_p.dtype()));
  if (options.reduction == Reduction::none) return losses;
  if (options.reduction == Reduction::sum) return sum(losses);
  // Nothing counts: NaN, and no division that would make the gradients NaN too.
  const double total = total_of(factors);
  if (total == 0) return sum(losses) * 0.0 + not_a_number;
  return sum(losses) / total;
}

}  // namespace xgrad::nn
