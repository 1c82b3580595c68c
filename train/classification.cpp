// Confusion matrices and ROC curves.
#include <xgrad/train/classification.hpp>

#include <xgrad/train/pairs.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace xgrad::train {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

double part(double some, double all) { return all > 0 ? some / all : 0; }
double precision_of(double right, double answers, double) { return part(right, answers); }
double recall_of(double right, double, double examples) { return part(right, examples); }
double f1_of(double right, double answers, double examples) { return part(2 * right, answers + examples); }

/// The class of the first largest number; `classes` where one is NaN.
Index answer_of(const double* row, Index classes) {
  if (std::any_of(row, row + classes, [](double x) { return std::isnan(x); })) return classes;
  return std::max_element(row, row + classes) - row;
}

struct Scored {
  std::vector<double> scores, targets;
};
Scored scored(const Tensor& scores, const Tensor& targets) {
  detail::check_output(scores);
  detail::check_column(scores, targets);
  Scored result{detail::numbers_of(scores), detail::binary_of(targets)};
  for (std::size_t i = 0; i < result.scores.size(); ++i)
    if (std::isnan(result.scores[i]))
      fail<ValueError>("the score at position " + std::to_string(i) + " is NaN, which has no rank");
  return result;
}

/// Calls f(score, negatives, positives) for each different score, from the highest.
template <class F>
void for_each_score(const std::vector<double>& scores, const std::vector<double>& targets, const F& f) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  for (std::size_t i = 0; i < order.size();) {
    const double score = scores[order[i]];
    double negatives = 0, positives = 0;
    for (; i < order.size() && scores[order[i]] == score; ++i)
      (targets[order[i]] == 1 ? positives : negatives) += 1;
    f(score, negatives, positives);
  }
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(Index classes, ConfusionOptions options, Place place)
    : classes_(classes), options_(options) {
  const Scope scope("ConfusionMatrix", place);
  if (classes < 2 || classes > 30000)
    fail<ValueError>("there must be 2 to 30000 classes, got " + std::to_string(classes));
  detail::check_threshold(options.threshold, options.logits);
  counts_.resize(static_cast<std::size_t>(classes * (classes + 1)));
}

void ConfusionMatrix::update(const Tensor& output, const Tensor& target, Place place) {
  const Scope scope("ConfusionMatrix", place);
  std::vector<Index> truths, answers;
  if (output.rank() == 1 || (output.rank() == 2 && output.size(1) == 1)) {
    detail::check_output(output);
    if (classes_ != 2)
      fail<ShapeError>("outputs " + to_string(output.shape()) + " with targets " + to_string(target.shape()) +
                       " are of two classes, not of " + std::to_string(classes_));
    detail::check_column(output, target);
    if (target.dtype() == float32 || target.dtype() == float64)
      for (const double truth : detail::binary_of(target)) truths.push_back(truth == 1 ? 1 : 0);
    else
      truths = detail::labels_of(target);
    detail::check_labels(truths, classes_, options_.ignore_index);
    const double boundary = detail::boundary(options_.threshold, options_.logits);
    for (const double x : detail::numbers_of(output))
      answers.push_back(std::isnan(x) ? classes_ : x > boundary ? 1 : 0);
  } else {
    detail::Rows rows = detail::rows_of(output, target, options_.ignore_index);
    if (rows.classes != classes_)
      fail<ShapeError>("outputs " + to_string(output.shape()) + " with targets " + to_string(target.shape()) +
                       " are of " + std::to_string(rows.classes) + " classes, not of " +
                       std::to_string(classes_));
    for (Index i = 0; i < rows.size(); ++i) answers.push_back(answer_of(rows.row(i), classes_));
    truths = std::move(rows.labels);
  }
  for (std::size_t i = 0; i < truths.size(); ++i)
    if (truths[i] != options_.ignore_index)
      ++counts_[static_cast<std::size_t>(truths[i] * (classes_ + 1) + answers[i])];
}

double ConfusionMatrix::value() const {
  double right = 0;
  for (Index i = 0; i < classes_; ++i) right += at(i, i);
  return right / std::accumulate(counts_.begin(), counts_.end(), 0.0);
}

Tensor ConfusionMatrix::counts() const {
  Tensor counts = Tensor::uninitialized({classes_, classes_}, int64);
  auto* to = counts.mutable_data<std::int64_t>();
  for (Index i = 0; i < classes_; ++i)
    for (Index j = 0; j < classes_; ++j) *to++ = static_cast<std::int64_t>(at(i, j));
  return counts;
}

Index ConfusionMatrix::unanswered() const {
  double sum = 0;
  for (Index i = 0; i < classes_; ++i) sum += at(i, classes_);
  return static_cast<Index>(sum);
}

std::vector<double> ConfusionMatrix::quotients(Quotient quotient) const {
  std::vector<double> result;
  for (Index k = 0; k < classes_; ++k) {
    double answers = 0, examples = at(k, classes_);
    for (Index i = 0; i < classes_; ++i) {
      answers += at(i, k);
      examples += at(k, i);
    }
    result.push_back(quotient(at(k, k), answers, examples));
  }
  return result;
}

std::vector<double> ConfusionMatrix::precision() const { return quotients(precision_of); }
std::vector<double> ConfusionMatrix::recall() const { return quotients(recall_of); }
std::vector<double> ConfusionMatrix::f1() const { return quotients(f1_of); }

double ConfusionMatrix::averaged(Quotient quotient, Average average, Place place) const {
  if (average == Average::binary && classes_ != 2)
    xgrad::detail::fail_at<ValueError>(
        place, "ConfusionMatrix: Average::binary is of two classes, not of " + std::to_string(classes_));
  const double total = std::accumulate(counts_.begin(), counts_.end(), 0.0);
  if (total == 0) return unknown;
  const std::vector<double> each = quotients(quotient);
  const auto sum_of = [&](Quotient f) {
    const std::vector<double> parts = quotients(f);
    return std::accumulate(parts.begin(), parts.end(), 0.0);
  };
  switch (average) {
    case Average::binary:
      return each[1];
    case Average::macro:
      return sum_of(quotient) / static_cast<double>(classes_);
    case Average::micro:
      return quotient(sum_of([](double right, double, double) { return right; }),
                      sum_of([](double, double answers, double) { return answers; }), total);
    case Average::weighted: {
      const std::vector<double> examples =
          quotients([](double, double, double of_class) { return of_class; });
      return std::inner_product(each.begin(), each.end(), examples.begin(), 0.0) / total;
    }
  }
  fail<ValueError>("there is no such average");
}

double ConfusionMatrix::precision(Average average, Place place) const {
  return averaged(precision_of, average, place);
}
double ConfusionMatrix::recall(Average average, Place place) const {
  return averaged(recall_of, average, place);
}
double ConfusionMatrix::f1(Average average, Place place) const { return averaged(f1_of, average, place); }

void ConfusionMatrix::set_state(const std::vector<double>& numbers, Place place) {
  const Scope scope("ConfusionMatrix", place);
  detail::check_counts(numbers, counts_.size());
  counts_ = numbers;
}

ClassScore::ClassScore(Score score, const ClassScoreOptions& options, Place place)
    : matrix_(options.classes, {options.ignore_index, options.threshold, options.logits}, place),
      score_(score),
      average_(options.average.value_or(options.classes == 2 ? Average::binary : Average::macro)) {
  static_cast<void>((matrix_.*score_)(average_, place));
}

ClassScore precision(const ClassScoreOptions& options, Place place) {
  return {&ConfusionMatrix::precision, options, place};
}
ClassScore recall(const ClassScoreOptions& options, Place place) {
  return {&ConfusionMatrix::recall, options, place};
}
ClassScore f1(const ClassScoreOptions& options, Place place) {
  return {&ConfusionMatrix::f1, options, place};
}

RocCurve roc_curve(const Tensor& scores, const Tensor& targets, Place place) {
  const Scope scope("roc_curve", place);
  const Scored pairs = scored(scores, targets);
  const double positive = std::accumulate(pairs.targets.begin(), pairs.targets.end(), 0.0);
  const double negative = static_cast<double>(pairs.targets.size()) - positive;
  if (positive == 0 || negative == 0)
    fail<ValueError>("expects targets of both classes, got " + to_string(targets.shape()) + " that are all " +
                     (positive == 0 ? "0" : "1"));
  RocCurve curve{{0}, {0}, {infinite}};
  double false_positives = 0, true_positives = 0;
  for_each_score(pairs.scores, pairs.targets, [&](double score, double negatives, double positives) {
    false_positives += negatives;
    true_positives += positives;
    curve.false_positive.push_back(false_positives / negative);
    curve.true_positive.push_back(true_positives / positive);
    curve.thresholds.push_back(score);
  });
  return curve;
}

void RocAuc::update(const Tensor& scores, const Tensor& targets, Place place) {
  const Scope scope("RocAuc", place);
  const Scored pairs = scored(scores, targets);
  scores_.reserve(scores_.size() + pairs.scores.size());
  targets_.reserve(targets_.size() + pairs.targets.size());
  scores_.insert(scores_.end(), pairs.scores.begin(), pairs.scores.end());
  targets_.insert(targets_.end(), pairs.targets.begin(), pairs.targets.end());
}

double RocAuc::value() const {
  double negative = 0, positive = 0, wins = 0;
  for_each_score(scores_, targets_, [&](double, double negatives, double positives) {
    wins += negatives * (positive + positives / 2);
    negative += negatives;
    positive += positives;
  });
  return negative > 0 && positive > 0 ? wins / (negative * positive) : unknown;
}

std::vector<double> RocAuc::state() const {
  std::vector<double> numbers = scores_;
  numbers.insert(numbers.end(), targets_.begin(), targets_.end());
  return numbers;
}

void RocAuc::set_state(const std::vector<double>& numbers, Place place) {
  const Scope scope("RocAuc", place);
  const auto half = numbers.begin() + std::ssize(numbers) / 2;
  if (numbers.size() % 2 != 0 || std::any_of(numbers.begin(), half, [](double x) { return std::isnan(x); }) ||
      std::any_of(half, numbers.end(), [](double x) { return x != 0 && x != 1; }))
    fail<ValueError>("expects a state of scores and as many targets, got " + std::to_string(numbers.size()) +
                     " numbers");
  std::vector<double> scores(numbers.begin(), half), targets(half, numbers.end());
  scores_ = std::move(scores);
  targets_ = std::move(targets);
}

}  // namespace xgrad::train
