// Random tensors whose elements have distributions of their own.
// Invariant: as in random.hpp, the same seed gives the same stream at any thread count.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/random.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad {

/// 1 with the probability that stands at the element, else 0: the draws of bernoulli(shape, p). Throws
/// DTypeError unless the probabilities are floating, ValueError naming the first one outside [0, 1] or NaN.
Tensor bernoulli(const Tensor& probabilities, DType dtype = float32,
                 Generator& generator = default_generator(), Place place = Place::here());

struct CategoricalOptions {
  std::optional<Index> count = {};  ///< draws of each row, along a last axis of its own; none: one, no axis
  bool logits = false;              ///< the numbers are logarithms of weights
};
/// Classes, int64 of shape (...) or (..., count), drawn with replacement by the weights (..., K), which need
/// not add up to 1. A class of weight 0 (logit -infinity) is never drawn. Throws DTypeError unless the
/// weights are floating, ShapeError without axes, ValueError on a negative count, and naming the row of a
/// weight that is negative, infinite or NaN (logit: infinity, NaN) or where all are 0.
Tensor categorical(const Tensor& weights, CategoricalOptions options = {},
                   Generator& generator = default_generator(), Place place = Place::here());

struct MultinomialOptions {
  bool replacement = false;  ///< classes may be drawn several times
};
/// `count` classes of each row of weights (..., K), int64 (..., count), as torch.multinomial. Without
/// replacement: one after the other by the weights of those not drawn yet (an exponential race: Efraimidis
/// and Spirakis, "Weighted random sampling with a reservoir", 2006). Throws as categorical(), and ValueError
/// naming the row that has fewer than `count` classes of positive weight.
Tensor multinomial(const Tensor& weights, Index count, MultinomialOptions options = {},
                   Generator& generator = default_generator(), Place place = Place::here());

/// Normal with that mean and deviation, given that it is in [low, high], by the inverse of the distribution
/// function (Wichura, algorithm AS 241, 1988); no element is outside. Bounds may be infinite. Throws
/// ValueError unless mean and deviation are finite, deviation > 0, low <= high, numbers of the dtype lie
/// between them, and they reach within 37 deviations of the mean (no double holds the probability of what is
/// beyond).
Tensor truncated_normal(const Shape& shape, double mean = 0, double deviation = 1, double low = -2,
                        double high = 2, DType dtype = float32, Generator& generator = default_generator(),
                        Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
