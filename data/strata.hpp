// Examples by class; private to the library. Invariant: classes ascend by label, examples within a class are
// in the order they were given.
#pragma once

#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <vector>

namespace xgrad::data::detail {

/// Of an order: positions that take 8 TiB.
constexpr Index most_examples = Index{1} << 40;

struct Stratum {
  Index label = 0;
  std::vector<Index> examples;
};

/// Throws, under the Scope of the caller, ShapeError unless `labels` is (N,), DTypeError unless it is int64,
/// ValueError when there are none.
void check_labels(const Tensor& labels);
std::vector<Stratum> strata(const Tensor& labels);
/// Puts them in a random order (Fisher-Yates).
void shuffle(std::vector<Index>& examples, Generator& generator);
/// All examples, mixed so that of the first n, for every n, each class has its share to within less than 1.
std::vector<Index> mixed(const std::vector<Stratum>& strata);

}  // namespace xgrad::data::detail
