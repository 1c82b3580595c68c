// Losses: scalars to minimise, PyTorch's semantics, differentiable twice.
// Invariant: predictions and targets have one shape (classes: see cross_entropy); nothing broadcasts
// silently. A mean over nothing is NaN with zero gradients, a sum over nothing is 0. A target, a weight or a
// factor of 0 is a choice: its term is 0, however infinite or NaN the other side is.
// Defined in loss.cpp and class_loss.cpp.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// What becomes of the elements of a loss.
enum class Reduction { none, mean, sum };

/// Options of most losses.
struct LossOptions {
  Reduction reduction = Reduction::mean;
};

struct CrossEntropyOptions {
  Tensor weight = {};          ///< one factor per class, (C)
  Index ignore_index = -100;   ///< targets of this value contribute nothing and do not count
  double label_smoothing = 0;  ///< mixed into the target with weight 1 / C on every class, in [0, 1]
  Reduction reduction = Reduction::mean;
};

struct NllOptions {
  Tensor weight = {};         ///< one factor per class, (C)
  Index ignore_index = -100;  ///< targets of this value contribute nothing and do not count
  Reduction reduction = Reduction::mean;
};

/// -log softmax(logits)[target] for logits (..., C) and integer targets (...), stable; the mean is
/// sum(w[target] * loss) / sum(w[target]). Floating targets (..., C) are the classes' probabilities:
/// -sum(w * target * log softmax(logits)), whose mean counts every one. Throws IndexError on a target outside
/// [0, C) that is not ignore_index.
Variable cross_entropy(const Operand& logits, const Operand& targets,
                       const CrossEntropyOptions& options = {});
/// -log_probabilities[target]: cross_entropy for the output of log_softmax.
Variable nll_loss(const Operand& log_probabilities, const Operand& targets, const NllOptions& options = {});

/// (prediction - target)^2.
Variable mse_loss(const Operand& prediction, const Operand& target, LossOptions options = {});
/// |prediction - target|.
Variable l1_loss(const Operand& prediction, const Operand& target, LossOptions options = {});
/// arctan(prediction - target)^2: robust against outliers.
Variable arctan_loss(const Operand& prediction, const Operand& target, LossOptions options = {});

struct HuberOptions {
  double delta = 1;  ///< above 0
  Reduction reduction = Reduction::mean;
};
/// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = prediction - target.
Variable huber_loss(const Operand& prediction, const Operand& target, HuberOptions options = {});

struct SmoothL1Options {
  double beta = 1;  ///< at least 0; 0 gives l1_loss
  Reduction reduction = Reduction::mean;
};
/// huber_loss with delta = beta, divided by beta.
Variable smooth_l1_loss(const Operand& prediction, const Operand& target, SmoothL1Options options = {});

struct BceOptions {
  Tensor weight = {};  ///< factors of the elements, broadcast to their shape
  Reduction reduction = Reduction::mean;
};
/// -(t log p + (1 - t) log(1 - p)), the logarithms limited to -100 from below, the slopes t / p and
/// (1 - t) / (1 - p) by a denominator of at least 1e-12. Throws ValueError unless p is in [0, 1]. Prefer
/// bce_with_logits.
Variable binary_cross_entropy(const Operand& probability, const Operand& target,
                              const BceOptions& options = {});

struct BceWithLogitsOptions {
  Tensor weight = {};  ///< factors of the elements, broadcast to their shape
  Tensor pos_weight =
      {};  ///< factors of the positive term, broadcast to the shape: one per class on the last axis
  Reduction reduction = Reduction::mean;
};
/// binary_cross_entropy of sigmoid(logits), stable: (1 - t) softplus(x) + pos_weight t softplus(-x). An
/// infinite logit that its target agrees with costs nothing.
Variable bce_with_logits(const Operand& logits, const Operand& target,
                         const BceWithLogitsOptions& options = {});

struct KlDivOptions {
  bool log_target = false;  ///< the target holds logarithms of probabilities
  Reduction reduction = Reduction::mean;
};
/// t (log t - log_probabilities), 0 where t = 0; its slope by such a t is -log_probabilities, as xlogy's is 0
/// there. The divergence of distributions is the sum over the batch size; the mean is over all elements.
Variable kl_div(const Operand& log_probabilities, const Operand& target, KlDivOptions options = {});

}  // namespace xgrad::nn
XGRAD_API_END
