// Parting a dataset: training, validation and test examples; folds of cross-validation.
// Invariant: the parts have no example in common and together have all.
#pragma once

#include <xgrad/data/combine.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

/// How much a part has: a real number is a fraction of all examples, a whole one a number of examples.
class Share {
 public:
  template <std::floating_point T>
  constexpr Share(T fraction) : fraction_(static_cast<double>(fraction)), is_fraction_(true) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) constexpr Share(T count) : count_(static_cast<Index>(count)) {}

  /// Of so many examples: a fraction is rounded to the nearest number. Throws ValueError on a fraction
  /// outside [0, 1), on one above 0 that comes to no example, and on a count outside [0, size].
  Index of(Index size, const char* name) const;

 private:
  double fraction_ = 0;
  Index count_ = 0;
  bool is_fraction_ = false;
};

struct SplitOptions {
  Share validation = 0;  ///< `.validation = 0.1` or `.validation = 500`
  Share test = 0;
  bool shuffle = true;  ///< false: in order, training first and test last, as a series wants it
  std::uint64_t seed = 0;
  Tensor labels = {};  ///< int64 (N,): each part then has each class in proportion
};

/// Positions, int64. What is in neither validation nor test is for training.
struct [[nodiscard]] SplitIndices {
  Tensor train;
  Tensor validation;
  Tensor test;
};
/// Parts [0, size), size from 1 to 2^40. With labels, the examples of a class in training and in test are
/// within 1 of its share, in validation within 2; in order, each class's first ones are for training. Throws
/// ValueError as Share::of(), when nothing is left for training, when the labels are not as many as the
/// examples, and on a class of which a part that has examples would have none; ShapeError and DTypeError on
/// other labels.
SplitIndices split_indices(Index size, const SplitOptions& options, Place place = Place::here());

template <class D>
struct [[nodiscard]] Split {
  Subset<D> train;
  Subset<D> validation;
  Subset<D> test;
};
/// The parts of a dataset: `auto [train, validation, test] = split(dataset, {.validation = 0.1, .test =
/// 0.2});`.
template <class D>
Split<D> split(const D& dataset, const SplitOptions& options, Place place = Place::here()) {
  const SplitIndices parts = split_indices(dataset.size(), options, place);
  return {{dataset, parts.train, place}, {dataset, parts.validation, place}, {dataset, parts.test, place}};
}

struct FoldOptions {
  bool shuffle = true;  ///< false: folds of neighbours
  std::uint64_t seed = 0;
  Tensor labels = {};  ///< int64 (N,): each fold then has each class in proportion, to within 1
};
/// Positions, int64, ascending unless shuffled.
struct [[nodiscard]] FoldIndices {
  Tensor train;
  Tensor validation;
};
/// k parts of [0, size), each of which is once for validation; their sizes differ by at most 1. Throws
/// ValueError unless 2 <= k <= size <= 2^40, when the labels are not as many as the examples, and on a class
/// of fewer than k examples.
std::vector<FoldIndices> k_fold(Index size, Index k, const FoldOptions& options = {},
                                Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
