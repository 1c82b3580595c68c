// Sampler: which examples an epoch of a DataLoader goes through, where that is not every one once.
// Invariant: the order is a function of the sampler, the loader's options, its seed and the epoch.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <cstdint>

XGRAD_API_BEGIN
namespace xgrad::data {

struct WeightedOptions {
  Index samples = 0;        ///< examples of an epoch; 0: as many as there are weights
  bool replacement = true;  ///< whether an example may come more than once
};

/// `LoaderOptions{.sampler = Sampler::weighted(weights)}`. A default-constructed one is none: the loader goes
/// through every example once, as its option `shuffle` says.
class [[nodiscard]] Sampler {
 public:
  Sampler() = default;

  /// Draws examples with probabilities in proportion to `weights` (N,), in an order that is random already:
  /// `shuffle` stays false. Without replacement each draw is among the examples that are left, as in
  /// Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006. Throws ShapeError on another
  /// rank, DTypeError on bools; ValueError on samples outside [0, 2^40], on a weight that is negative or not
  /// finite, on a sum that is 0 or not finite, and, without replacement, on more samples than there are
  /// weights above 0.
  static Sampler weighted(const Tensor& weights, const WeightedOptions& options = {},
                          Place place = Place::here());
  /// Every example once, the classes of `labels` (int64 (N,)) mixed evenly: of the first n examples, for
  /// every n, each class has its share of n to within less than 1, a batch its share to within less than 2.
  /// With `shuffle` the examples of a class change places among themselves. An epoch takes time in proportion
  /// to examples times classes. Throws ShapeError on another rank, DTypeError on another type, ValueError on
  /// no labels.
  static Sampler stratified(const Tensor& labels, Place place = Place::here());

  explicit operator bool() const { return kind_ != Kind::none; }
  /// Examples of one epoch of a dataset of so many.
  Index samples(Index size) const { return kind_ == Kind::weighted ? samples_ : size; }
  /// Throws ValueError unless it is for a dataset of so many examples, and when weights are to be shuffled.
  void check(Index size, bool shuffle) const;
  /// The examples of one epoch, int64.
  Tensor order(Index size, bool shuffle, Generator& generator) const;
  /// Of all that decides the order: 64 bits (FNV-1a) of the kind, the options and every weight or label.
  std::uint64_t checksum() const;

 private:
  enum class Kind { none, weighted, stratified };

  Kind kind_ = Kind::none;
  bool replacement_ = true;
  Index samples_ = 0;
  Tensor values_;  // weights as float64, or labels
};

}  // namespace xgrad::data
XGRAD_API_END
