// Metrics of whole sets.
#include <xgrad/train/metrics.hpp>

#include <xgrad/train/pairs.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace xgrad::train {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Whether the class is among the k likeliest; never in a row with NaN.
bool among_likeliest(const double* row, Index classes, Index label, Index k) {
  Index before = 0;
  for (Index i = 0; i < classes; ++i) {
    if (std::isnan(row[i])) return false;
    if (row[i] > row[label] || (row[i] == row[label] && i < label)) ++before;
  }
  return before < k;
}

double log_sum_exp(const double* row, Index classes) {
  const double largest = *std::max_element(row, row + classes);
  if (std::isinf(largest)) return largest;
  double sum = 0;
  for (Index i = 0; i < classes; ++i) sum += std::exp(row[i] - largest);
  return largest + std::log(sum);
}

void check_numbers(const Tensor& output, const Tensor& target) {
  detail::check_output(output);
  detail::check_same(output, target);
}

/// Adds f(output - target) of every element to the sum, and their number to the count.
template <class F>
void add_errors(const char* name, const Tensor& output, const Tensor& target, double& sum, double& count, F f,
                Place place) {
  const Scope scope(name, place);
  check_numbers(output, target);
  const std::vector<double> guesses = detail::numbers_of(output), truths = detail::numbers_of(target);
  for (std::size_t i = 0; i < guesses.size(); ++i) sum += f(guesses[i] - truths[i]);
  count += static_cast<double>(guesses.size());
}

/// A state of two numbers, as the metric of that name has.
std::tuple<double, double> two_numbers(const char* name, const std::vector<double>& numbers, Place place) {
  const Scope scope(name, place);
  detail::check_state(numbers, 2);
  return {numbers[0], numbers[1]};
}
std::tuple<double, double> two_counts(const char* name, const std::vector<double>& numbers, Place place) {
  const Scope scope(name, place);
  detail::check_counts(numbers, 2);
  return {numbers[0], numbers[1]};
}

}  // namespace

void Metric::reject_moved() { fail<GraphError>("Metric: it was moved from"); }

Accuracy::Accuracy(AccuracyOptions options, Place place) : options_(options) {
  if (options.top_k < 1)
    xgrad::detail::fail_at<ValueError>(
        place, "Accuracy: top_k must be at least 1, got " + std::to_string(options.top_k));
}

void Accuracy::update(const Tensor& output, const Tensor& target, Place place) {
  const Scope scope("Accuracy", place);
  const detail::Rows rows = detail::rows_of(output, target, options_.ignore_index);
  if (rows.classes == 1)
    fail<ShapeError>("outputs " + to_string(output.shape()) + " are of one class",
                     "BinaryAccuracy takes one column, for two");
  if (options_.top_k > rows.classes)
    fail<ShapeError>("outputs " + to_string(output.shape()) + " have fewer classes than top_k, " +
                     std::to_string(options_.top_k));
  for (Index i = 0; i < rows.size(); ++i) {
    const Index label = rows.labels[static_cast<std::size_t>(i)];
    if (label == options_.ignore_index) continue;
    right_ += among_likeliest(rows.row(i), rows.classes, label, options_.top_k) ? 1 : 0;
    ++count_;
  }
}

void Accuracy::set_state(const std::vector<double>& numbers, Place place) {
  std::tie(right_, count_) = two_counts("Accuracy", numbers, place);
}

BinaryAccuracy::BinaryAccuracy(ThresholdOptions options, Place place) : options_(options) {
  const Scope scope("BinaryAccuracy", place);
  detail::check_threshold(options.threshold, options.logits);
}

void BinaryAccuracy::update(const Tensor& output, const Tensor& target, Place place) {
  const Scope scope("BinaryAccuracy", place);
  detail::check_output(output);
  detail::check_column(output, target);
  const std::vector<double> numbers = detail::numbers_of(output), truths = detail::binary_of(target);
  const double boundary = detail::boundary(options_.threshold, options_.logits);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    right_ += !std::isnan(numbers[i]) && (numbers[i] > boundary) == (truths[i] == 1) ? 1 : 0;
  count_ += static_cast<double>(numbers.size());
}

void BinaryAccuracy::set_state(const std::vector<double>& numbers, Place place) {
  std::tie(right_, count_) = two_counts("BinaryAccuracy", numbers, place);
}

void MeanAbsoluteError::update(const Tensor& output, const Tensor& target, Place place) {
  add_errors(
      "MeanAbsoluteError", output, target, sum_, count_, [](double e) { return std::abs(e); }, place);
}

void MeanAbsoluteError::set_state(const std::vector<double>& numbers, Place place) {
  std::tie(sum_, count_) = two_numbers("MeanAbsoluteError", numbers, place);
}

void RootMeanSquaredError::update(const Tensor& output, const Tensor& target, Place place) {
  add_errors(
      "RootMeanSquaredError", output, target, sum_, count_, [](double e) { return e * e; }, place);
}

double RootMeanSquaredError::value() const { return std::sqrt(sum_ / count_); }

void RootMeanSquaredError::set_state(const std::vector<double>& numbers, Place place) {
  std::tie(sum_, count_) = two_numbers("RootMeanSquaredError", numbers, place);
}

void R2::update(const Tensor& output, const Tensor& target, Place place) {
  const Scope scope("R2", place);
  check_numbers(output, target);
  const std::vector<double> guesses = detail::numbers_of(output), truths = detail::numbers_of(target);
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    residual_ += (truths[i] - guesses[i]) * (truths[i] - guesses[i]);
    // One element merged into the set: Welford's step.
    ++count_;
    const double difference = truths[i] - mean_;
    mean_ += difference / count_;
    spread_ += difference * (truths[i] - mean_);
  }
}

double R2::value() const {
  if (count_ < 2) return unknown;
  if (spread_ == 0) return std::isnan(residual_) ? unknown : residual_ == 0 ? 1 : 0;
  return 1 - residual_ / spread_;
}

void R2::set_state(const std::vector<double>& numbers, Place place) {
  const Scope scope("R2", place);
  detail::check_state(numbers, 4);
  count_ = numbers[0];
  mean_ = numbers[1];
  spread_ = numbers[2];
  residual_ = numbers[3];
}

void Perplexity::update(const Tensor& logits, const Tensor& target, Place place) {
  const Scope scope("Perplexity", place);
  const detail::Rows rows = detail::rows_of(logits, target, options_.ignore_index);
  for (Index i = 0; i < rows.size(); ++i) {
    const Index label = rows.labels[static_cast<std::size_t>(i)];
    if (label == options_.ignore_index) continue;
    const double* row = rows.row(i);
    const bool bad = std::any_of(row, row + rows.classes, [](double x) { return std::isnan(x); });
    sum_ += bad ? unknown : log_sum_exp(row, rows.classes) - row[label];
    ++count_;
  }
}

double Perplexity::value() const { return std::exp(sum_ / count_); }

void Perplexity::set_state(const std::vector<double>& numbers, Place place) {
  std::tie(sum_, count_) = two_numbers("Perplexity", numbers, place);
}

void Mean::update(double value, double weight, Place place) {
  if (!(weight >= 0) || std::isinf(weight))
    xgrad::detail::fail_at<ValueError>(
        place, "Mean: the weight must be finite and at least 0, got " + std::to_string(weight));
  if (weight == 0) return;
  sum_ += value * weight;
  weight_ += weight;
}

void Mean::set_state(const std::vector<double>& numbers, Place place) {
  std::tie(sum_, weight_) = two_numbers("Mean", numbers, place);
}

}  // namespace xgrad::train
