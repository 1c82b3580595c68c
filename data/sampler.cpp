// Orders of examples by weight and by class.
#include <xgrad/data/sampler.hpp>

#include <xgrad/data/strata.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/fnv.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace xgrad::data {
namespace detail {

void check_labels(const Tensor& labels) {
  if (!labels.defined()) fail<GraphError>("the labels are undefined");
  if (labels.rank() != 1) fail<ShapeError>("expects labels (N,), got " + describe(labels));
  if (labels.dtype() != int64) fail<DTypeError>("expects int64 labels, got " + describe(labels));
  if (labels.count() == 0) fail<ValueError>("expects at least one label, got none");
}

std::vector<Stratum> strata(const Tensor& labels) {
  std::map<Index, std::vector<Index>> by_label;
  const auto values = labels.span<Index>();
  for (std::size_t i = 0; i < values.size(); ++i) by_label[values[i]].push_back(static_cast<Index>(i));
  std::vector<Stratum> result;
  for (auto& [label, examples] : by_label) result.push_back({label, std::move(examples)});
  return result;
}

void shuffle(std::vector<Index>& examples, Generator& generator) {
  const Tensor order = permutation(static_cast<Index>(examples.size()), generator);
  std::vector<Index> result;
  result.reserve(examples.size());
  for (const Index i : order.span<Index>()) result.push_back(examples[static_cast<std::size_t>(i)]);
  examples = std::move(result);
}

// The chairman assignment of Tijdeman (1980): of the classes that are behind their share by enough, the one
// that would be first to fall behind too far. Its deviation is at most 1 - 1 / (2 C - 2) at every step.
std::vector<Index> mixed(const std::vector<Stratum>& strata) {
  std::size_t total = 0;
  for (const Stratum& stratum : strata) total += stratum.examples.size();
  if (strata.size() == 1) return strata.front().examples;
  const double slack = 1 / (2 * static_cast<double>(strata.size()) - 2);
  std::vector<std::size_t> taken(strata.size());
  std::vector<Index> result;
  result.reserve(total);
  for (std::size_t step = 1; step <= total; ++step) {
    std::size_t best = strata.size(), most_behind = 0;
    double best_deadline = std::numeric_limits<double>::infinity();
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < strata.size(); ++c) {
      const std::size_t count = strata[c].examples.size();
      if (taken[c] == count) continue;
      const double share = static_cast<double>(count) / static_cast<double>(total);
      const double behind = (static_cast<double>(count) * static_cast<double>(step) -
                             static_cast<double>(taken[c]) * static_cast<double>(total)) /
                            static_cast<double>(total);
      if (behind > most) {
        most = behind;
        most_behind = c;
      }
      // Rounding must not turn away the class that is due exactly.
      if (behind < slack - 1e-9) continue;
      const double deadline = (1 - slack - behind) / share;
      if (deadline < best_deadline) {
        best_deadline = deadline;
        best = c;
      }
    }
    if (best == strata.size()) best = most_behind;
    result.push_back(strata[best].examples[taken[best]++]);
  }
  return result;
}

}  // namespace detail

Sampler Sampler::weighted(const Tensor& weights, const WeightedOptions& options, Place place) {
  const Scope scope("Sampler::weighted", place);
  if (!weights.defined()) fail<GraphError>("the weights are undefined");
  if (weights.rank() != 1) fail<ShapeError>("expects weights (N,), got " + describe(weights));
  if (weights.dtype() == boolean) fail<DTypeError>("expects numbers as weights, got " + describe(weights));
  if (options.samples < 0)
    fail<ValueError>("samples must be at least 0, got " + std::to_string(options.samples));
  if (options.samples > detail::most_examples)
    fail<ValueError>("samples must be at most " + std::to_string(detail::most_examples) + ", got " +
                     std::to_string(options.samples));
  Sampler sampler;
  sampler.kind_ = Kind::weighted;
  sampler.replacement_ = options.replacement;
  sampler.samples_ = options.samples > 0 ? options.samples : weights.count();
  sampler.values_ = weights.to(float64);
  double sum = 0;
  Index usable = 0;
  const auto values = sampler.values_.span<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]) || values[i] < 0)
      fail<ValueError>("weights must be finite and at least 0, got " + std::to_string(values[i]) +
                       " for example " + std::to_string(i));
    sum += values[i];
    usable += values[i] > 0 ? 1 : 0;
  }
  if (!(sum > 0) || !std::isfinite(sum))
    fail<ValueError>("the sum of the weights must be finite and above 0, got " + std::to_string(sum));
  if (!options.replacement && sampler.samples_ > usable)
    fail<ValueError>("without replacement " + std::to_string(sampler.samples_) +
                         " samples need as many weights above 0, got " + std::to_string(usable),
                     "draw fewer with .samples, or use replacement");
  return sampler;
}

Sampler Sampler::stratified(const Tensor& labels, Place place) {
  const Scope scope("Sampler::stratified", place);
  detail::check_labels(labels);
  Sampler sampler;
  sampler.kind_ = Kind::stratified;
  sampler.values_ = labels;
  return sampler;
}

void Sampler::check(Index size, bool shuffle) const {
  if (kind_ == Kind::none) return;
  if (values_.count() != size)
    fail<ValueError>("the sampler is for " + std::to_string(values_.count()) + " examples, the dataset has " +
                     std::to_string(size));
  if (kind_ == Kind::weighted && shuffle)
    fail<ValueError>("a weighted sampler gives a random order of its own", "leave out shuffle");
}

namespace {

// Where the running sum of the weights passes a uniform number.
void draw_with_replacement(std::span<const double> weights, std::span<Index> result, Generator& generator) {
  std::vector<double> sums;
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sums.push_back(sum += weights[i]);
    if (weights[i] > 0) last = i;
  }
  const Tensor draws = uniform({static_cast<Index>(result.size())}, 0, 1, float64, generator);
  const double* u = draws.data<double>();
  for (Index& example : result) {
    const auto at = std::upper_bound(sums.begin(), sums.end(), *u++ * sum) - sums.begin();
    example = std::min(static_cast<Index>(at), static_cast<Index>(last));
  }
}

// The smallest of exponential variables whose rates are the weights, in ascending order.
void draw_without_replacement(std::span<const double> weights, std::span<Index> result,
                              Generator& generator) {
  const Tensor draws = uniform({static_cast<Index>(weights.size())}, 0, 1, float64, generator);
  const double* u = draws.data<double>();
  std::vector<std::pair<double, Index>> times;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (weights[i] > 0) times.emplace_back(-std::log1p(-u[i]) / weights[i], static_cast<Index>(i));
  std::sort(times.begin(), times.end());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = times[i].second;
}

}  // namespace

Tensor Sampler::order(Index size, bool shuffle, Generator& generator) const {
  if (kind_ == Kind::none) return shuffle ? permutation(size, generator) : arange(size);
  if (kind_ == Kind::stratified) {
    auto classes = detail::strata(values_);
    if (shuffle)
      for (detail::Stratum& stratum : classes) detail::shuffle(stratum.examples, generator);
    return Tensor::from(detail::mixed(classes));
  }
  Tensor result = Tensor::uninitialized({samples_}, int64);
  const auto draw = replacement_ ? draw_with_replacement : draw_without_replacement;
  draw(values_.span<double>(), result.mutable_span<Index>(), generator);
  return result;
}

std::uint64_t Sampler::checksum() const {
  xgrad::detail::Fnv1a sum;
  sum.add(static_cast<std::uint64_t>(kind_));
  sum.add(std::uint64_t{replacement_});
  sum.add(static_cast<std::uint64_t>(samples_));
  if (values_.defined()) sum.add(values_.raw(), static_cast<std::size_t>(values_.bytes()));
  return sum.value();
}

}  // namespace xgrad::data
