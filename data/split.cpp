// Orders of examples, cut into parts.
#include <xgrad/data/split.hpp>

#include <xgrad/data/strata.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <set>
#include <utility>

namespace xgrad::data {
namespace {

void check_size(Index size) {
  if (size < 1) fail<ValueError>("expects at least one example, got " + std::to_string(size));
  if (size > detail::most_examples)
    fail<ValueError>("expects at most " + std::to_string(detail::most_examples) + " examples, got " +
                     std::to_string(size));
}

void check_size(const Tensor& labels, Index size) {
  if (!labels.defined()) return;
  detail::check_labels(labels);
  if (labels.count() != size)
    fail<ValueError>("expects as many labels as examples, got " + std::to_string(labels.count()) + " and " +
                     std::to_string(size));
}

std::vector<Index> in_order(Index size) {
  std::vector<Index> result(static_cast<std::size_t>(size));
  std::iota(result.begin(), result.end(), Index{0});
  return result;
}

// The product of two sizes may be beyond 64 bits.
__extension__ typedef unsigned __int128 Wide;

// How many of each class's examples are among `count`: its share rounded down or up. The largest remainders
// are rounded up, those first that would have none.
std::vector<Index> allot(Index count, const std::vector<Index>& sizes) {
  const Index total = std::accumulate(sizes.begin(), sizes.end(), Index{0});
  std::vector<Index> result;
  std::vector<std::pair<Index, std::size_t>> rest;
  Index given = 0;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    const Wide product = static_cast<Wide>(sizes[c]) * static_cast<Wide>(count);
    result.push_back(static_cast<Index>(product / static_cast<Wide>(total)));
    given += result.back();
    const auto remainder = static_cast<Index>(product % static_cast<Wide>(total));
    if (remainder > 0) rest.emplace_back(result.back() == 0 ? remainder + total : remainder, c);
  }
  std::stable_sort(rest.begin(), rest.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; given < count; ++i, ++given) ++result[rest[i].second];
  return result;
}

void check_classes(const std::vector<detail::Stratum>& classes, const Tensor& labels, const Tensor& part,
                   const char* name) {
  if (part.count() == 0) return;
  std::set<Index> seen;
  const Index* label = labels.data<Index>();
  for (const Index i : part.span<Index>()) seen.insert(label[i]);
  for (const detail::Stratum& stratum : classes)
    if (seen.count(stratum.label) == 0)
      fail<ValueError>("class " + std::to_string(stratum.label) + " has " +
                           std::to_string(stratum.examples.size()) + " of " + std::to_string(labels.count()) +
                           " examples: none would be among the " + std::to_string(part.count()) + " of " +
                           name,
                       "leave the class out, or make the part larger");
}

}  // namespace

Index Share::of(Index size, const char* name) const {
  const std::string part = name;
  if (!is_fraction_) {
    if (count_ < 0 || count_ > size)
      fail<ValueError>(part + " must be from 0 to the " + std::to_string(size) + " examples, got " +
                       std::to_string(count_));
    return count_;
  }
  if (!(fraction_ >= 0 && fraction_ < 1))
    fail<ValueError>(part + " must be a fraction from 0 to below 1, got " + std::to_string(fraction_),
                     "a whole number, 1 in place of 1.0, is a number of examples");
  const auto count = static_cast<Index>(std::llround(fraction_ * static_cast<double>(size)));
  if (count == 0 && fraction_ > 0)
    fail<ValueError>(part + ": " + std::to_string(fraction_) + " of " + std::to_string(size) +
                     " examples is less than one");
  return count;
}

SplitIndices split_indices(Index size, const SplitOptions& options, Place place) {
  const Scope scope("split", place);
  check_size(size);
  const Index validation = options.validation.of(size, "validation"), test = options.test.of(size, "test");
  if (validation > size - test || validation + test == size)
    fail<ValueError>("validation and test, " + std::to_string(validation) + " and " + std::to_string(test) +
                     ", leave none of " + std::to_string(size) + " examples for training");
  check_size(options.labels, size);

  Generator generator(options.seed);
  std::vector<detail::Stratum> classes{{0, in_order(size)}};
  if (options.labels.defined()) classes = detail::strata(options.labels);
  std::vector<Index> left;
  for (detail::Stratum& stratum : classes) {
    if (options.shuffle) detail::shuffle(stratum.examples, generator);
    left.push_back(static_cast<Index>(stratum.examples.size()));
  }
  const std::vector<Index> of_test = allot(test, left);
  for (std::size_t c = 0; c < left.size(); ++c) left[c] -= of_test[c];
  const std::vector<Index> of_validation = allot(validation, left);

  std::vector<Index> train_part, validation_part, test_part;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto begin = classes[c].examples.begin(), end = classes[c].examples.end();
    const auto last = end - of_test[c], middle = last - of_validation[c];
    train_part.insert(train_part.end(), begin, middle);
    validation_part.insert(validation_part.end(), middle, last);
    test_part.insert(test_part.end(), last, end);
  }
  const auto finished = [&](std::vector<Index>& part) {
    if (!options.shuffle)
      std::sort(part.begin(), part.end());
    else if (options.labels.defined())
      detail::shuffle(part, generator);
    return Tensor::from(part);
  };
  SplitIndices parts{finished(train_part), finished(validation_part), finished(test_part)};
  if (!options.labels.defined()) return parts;
  check_classes(classes, options.labels, parts.train, "training");
  check_classes(classes, options.labels, parts.validation, "validation");
  check_classes(classes, options.labels, parts.test, "test");
  return parts;
}

std::vector<FoldIndices> k_fold(Index size, Index k, const FoldOptions& options, Place place) {
  const Scope scope("k_fold", place);
  check_size(size);
  if (k < 2 || k > size)
    fail<ValueError>("k must be from 2 to the " + std::to_string(size) + " examples, got " +
                     std::to_string(k));
  check_size(options.labels, size);

  // The fold of each example. Those of a class come one after another, and are dealt out in turn.
  Generator generator(options.seed);
  std::vector<Index> order, fold_of(static_cast<std::size_t>(size));
  if (options.labels.defined()) {
    for (detail::Stratum& stratum : detail::strata(options.labels)) {
      if (static_cast<Index>(stratum.examples.size()) < k)
        fail<ValueError>("class " + std::to_string(stratum.label) + " has " +
                         std::to_string(stratum.examples.size()) + " examples, fewer than the " +
                         std::to_string(k) + " folds");
      if (options.shuffle) detail::shuffle(stratum.examples, generator);
      order.insert(order.end(), stratum.examples.begin(), stratum.examples.end());
    }
    for (std::size_t i = 0; i < order.size(); ++i)
      fold_of[static_cast<std::size_t>(order[i])] = static_cast<Index>(i) % k;
    order = in_order(size);
    if (options.shuffle) detail::shuffle(order, generator);
  } else {
    order = in_order(size);
    if (options.shuffle) detail::shuffle(order, generator);
    // The first size % k folds have one more.
    const Index least = size / k, longer = size % k;
    for (Index i = 0; i < size; ++i)
      fold_of[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] =
          i < longer * (least + 1) ? i / (least + 1) : longer + (i - longer * (least + 1)) / least;
  }
  std::vector<FoldIndices> folds;
  for (Index fold = 0; fold < k; ++fold) {
    std::vector<Index> train, validation;
    for (const Index i : order)
      (fold_of[static_cast<std::size_t>(i)] == fold ? validation : train).push_back(i);
    folds.push_back({Tensor::from(train), Tensor::from(validation)});
  }
  return folds;
}

}  // namespace xgrad::data
