// Metrics against scikit-learn's numbers: over whole sets, batches of any sizes, in any order, from a state.
#include <doctest/doctest.h>

#include <xgrad/tensor/factory.hpp>
#include <xgrad/train/classification.hpp>
#include <xgrad/train/clustering.hpp>
#include <xgrad/train/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "goldens/metrics.hpp"
#include "support/messages.hpp"

using namespace xgrad;
using test::contains;
using test::message_of;

namespace {

constexpr double nan_ = std::numeric_limits<double>::quiet_NaN();
constexpr double inf_ = std::numeric_limits<double>::infinity();

const std::vector<double>& golden(const std::string& name) { return goldens::metrics.at(name); }
double number(const std::string& name) { return golden(name).at(0); }
Tensor reals(const std::string& name, const Shape& shape = {-1}) { return Tensor::from(golden(name), shape); }
Tensor labels(const std::string& name) { return reals(name).to(int64); }

Tensor taken(const Tensor& tensor, const std::vector<Index>& order) {
  const Index width = tensor.count() / tensor.size(0);
  std::vector<double> numbers;
  const Tensor wide = tensor.to(float64);
  for (const Index i : order)
    for (Index k = 0; k < width; ++k)
      numbers.push_back(wide.span<double>()[static_cast<std::size_t>(i * width + k)]);
  return Tensor::from(numbers, tensor.shape()).to(tensor.dtype());
}

/// The metric's value, of the whole set, of unequal batches and empty ones, of another order, after a state.
void check_metric(train::Metric metric, const Tensor& output, const Tensor& target, double wanted,
                  double tolerance = 1e-12) {
  const auto near = [&](double value) {
    return std::abs(value - wanted) <= tolerance * std::max(1.0, std::abs(wanted));
  };
  CHECK(std::isnan(metric.value()));
  train::Metric whole = metric;
  whole.update(output, target);
  CHECK(whole.value() == doctest::Approx(wanted).epsilon(tolerance));
  CHECK(near(whole.value()));
  CHECK(std::isnan(metric.value()));

  const Index n = output.size(0);
  train::Metric parts = metric;
  for (const auto& [begin, end] :
       std::vector<std::pair<Index, Index>>{{0, 0}, {0, 1}, {1, 18}, {18, 18}, {18, n - 3}, {n - 3, n}}) {
    parts.update(output.rows(begin, end), target.rows(begin, end));
    train::Metric resumed = metric;
    resumed.set_state(parts.state());
    CHECK(resumed.state() == parts.state());
    parts = resumed;
  }
  CHECK(near(parts.value()));
  std::vector<double> longer = parts.state();
  longer.push_back(0);
  CHECK(contains(message_of<ValueError>([&] { parts.set_state(longer); }), "state"));
  CHECK(near(parts.value()));

  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::reverse(order);
  std::rotate(order.begin(), order.begin() + 7, order.end());
  train::Metric other = metric;
  other.update(taken(output, order), taken(target, order));
  CHECK(near(other.value()));
  other.reset();
  CHECK(std::isnan(other.value()));
}

}  // namespace

TEST_CASE("metrics: several classes, against scikit-learn") {
  const Tensor logits = reals("classes_logits", {60, 5}), truth = labels("classes_truth");
  check_metric(train::Accuracy(), logits, truth, number("accuracy"));
  check_metric(train::Accuracy({.top_k = 2}), logits, truth, number("top_2"));
  check_metric(train::Accuracy({.top_k = 3}), logits, truth.to(uint8), number("top_3"));
  check_metric(train::ConfusionMatrix(5), logits, truth, number("accuracy"));
  check_metric(train::Perplexity(), logits, truth, number("perplexity"));
  check_metric(train::precision({.classes = 5}), logits, truth, number("precision/macro"));
  check_metric(train::recall({.classes = 5, .average = train::Average::micro}), logits, truth,
               number("recall/micro"));
  check_metric(train::f1({.classes = 5, .average = train::Average::weighted}), logits, truth,
               number("f1/weighted"));

  train::ConfusionMatrix matrix(5);
  matrix.update(logits.to(float32), truth);
  const Tensor counts = matrix.counts();
  CHECK(counts.shape() == Shape{5, 5});
  const Tensor as_real = counts.to(float64);
  CHECK(std::ranges::equal(as_real.span<double>(), golden("confusion")));
  const auto equal = [](const std::vector<double>& a, const std::vector<double>& b) {
    return std::ranges::equal(a, b, [](double x, double y) { return std::abs(x - y) < 1e-14; });
  };
  CHECK(equal(matrix.precision(), golden("precision/each")));
  CHECK(equal(matrix.recall(), golden("recall/each")));
  CHECK(equal(matrix.f1(), golden("f1/each")));
  for (const auto& [average, name] :
       {std::pair(train::Average::macro, "macro"), std::pair(train::Average::micro, "micro"),
        std::pair(train::Average::weighted, "weighted")}) {
    CHECK(matrix.precision(average) ==
          doctest::Approx(number(std::string("precision/") + name)).epsilon(1e-12));
    CHECK(matrix.recall(average) == doctest::Approx(number(std::string("recall/") + name)).epsilon(1e-12));
    CHECK(matrix.f1(average) == doctest::Approx(number(std::string("f1/") + name)).epsilon(1e-12));
  }
}

TEST_CASE("metrics: two classes, against scikit-learn") {
  const Tensor scores = reals("binary_scores"), truth = labels("binary_truth");
  const Tensor column = scores.reshape({-1, 1});
  std::vector<double> numbers;
  for (const double p : golden("binary_scores")) numbers.push_back(std::log(p / (1 - p)));
  const Tensor logits = Tensor::from(numbers);
  for (const double threshold : {0.5, 0.3}) {
    const std::string name = threshold == 0.5 ? "/0.5" : "/0.3";
    check_metric(train::BinaryAccuracy({.threshold = threshold}), scores, truth,
                 number("binary_accuracy" + name));
    check_metric(train::BinaryAccuracy({.threshold = threshold}), column, truth.to(boolean),
                 number("binary_accuracy" + name));
    check_metric(train::precision({.threshold = threshold}), column, truth,
                 number("binary_precision" + name));
    check_metric(train::recall({.threshold = threshold}), scores, truth.to(float32),
                 number("binary_recall" + name));
    check_metric(train::f1({.threshold = threshold}), scores, truth.to(boolean), number("binary_f1" + name));
  }
  // Scores on the threshold itself are negative, also as logits, where 0.5 is 0 exactly.
  check_metric(train::BinaryAccuracy({.logits = true}), logits, truth, number("binary_accuracy/0.5"));
  check_metric(train::RocAuc(), scores, truth, number("roc_auc"));
  check_metric(train::RocAuc(), column, truth.to(float64), number("roc_auc"));

  const train::RocCurve curve = train::roc_curve(scores, truth);
  CHECK(curve.false_positive == golden("roc_fpr"));
  CHECK(curve.true_positive == golden("roc_tpr"));
  CHECK(curve.thresholds.front() == inf_);
  CHECK(std::vector<double>(curve.thresholds.begin() + 1, curve.thresholds.end()) ==
        golden("roc_thresholds"));
}

TEST_CASE("metrics: numbers, against scikit-learn") {
  const Tensor guess = reals("numbers_guess"), target = reals("numbers_target");
  check_metric(train::MeanAbsoluteError(), guess, target, number("mae"));
  check_metric(train::RootMeanSquaredError(), guess.reshape({50, 1}), target, number("rmse"));
  check_metric(train::R2(), guess, target.reshape({50, 1}), number("r2"), 1e-9);

  train::R2 flat;
  flat.update(Tensor{1.0, 1.0}, Tensor{1.0, 1.0});
  CHECK(flat.value() == 1);
  flat.update(Tensor{2.0}, Tensor{1.0});
  CHECK(flat.value() == 0);
  train::R2 one;
  one.update(Tensor{2.0}, Tensor{1.0});
  CHECK(std::isnan(one.value()));
}

TEST_CASE("metrics: clusters, against scikit-learn") {
  const Tensor truth = labels("clusters_truth"), found = labels("clusters_found");
  CHECK(train::adjusted_rand_index(truth, found) == doctest::Approx(number("rand")).epsilon(1e-12));
  CHECK(train::adjusted_rand_index(found, truth) == doctest::Approx(number("rand")).epsilon(1e-12));
  CHECK(train::purity(truth, found) == number("purity"));
  CHECK(train::adjusted_rand_index(Tensor{3, 3, -1}, Tensor{0, 0, 7}) == 1);
  CHECK(train::adjusted_rand_index(Tensor{1}, Tensor{2}) == 1);
  CHECK(train::adjusted_rand_index(Tensor{0, 0}, Tensor{0, 1}) == 0);
  CHECK(train::adjusted_rand_index(Tensor{0, 0, 1, 1}, Tensor{0, 1, 0, 1}) == doctest::Approx(-0.5));
  CHECK_THROWS_AS(train::purity(Tensor{1, 2}, Tensor{1}), ShapeError);
  CHECK_THROWS_AS(train::purity(Tensor{1.0}, Tensor{1}), DTypeError);
  CHECK_THROWS_AS(train::purity(zeros({0}, int64), zeros({0}, int64)), ValueError);
}

TEST_CASE("metrics: tokens and labels that do not count") {
  const Tensor logits = reals("classes_logits", {60, 5});
  std::vector<Index> some = {};
  for (const double label : golden("classes_truth"))
    some.push_back(some.size() % 3 == 0 ? -100 : static_cast<Index>(label));
  train::Accuracy all({.ignore_index = -100}), kept;
  train::Perplexity perplexity({.ignore_index = -100}), kept_perplexity;
  train::ConfusionMatrix matrix(5, {.ignore_index = -100}), kept_matrix(5);
  const Tensor tokens = Tensor::from(some, {4, 15});
  all.update(logits.reshape({4, 15, 5}), tokens);
  perplexity.update(logits.reshape({4, 15, 5}), tokens);
  matrix.update(logits.reshape({4, 15, 5}), tokens);
  for (Index i = 0; i < 60; ++i) {
    if (i % 3 == 0) continue;
    const Tensor label = Tensor::from(std::vector<Index>{some[static_cast<std::size_t>(i)]});
    kept.update(logits.rows(i, i + 1), label);
    kept_perplexity.update(logits.rows(i, i + 1), label);
    kept_matrix.update(logits.rows(i, i + 1), label);
  }
  CHECK(all.state() == kept.state());
  CHECK(all.state()[1] == 40);
  CHECK(perplexity.value() == doctest::Approx(kept_perplexity.value()).epsilon(1e-14));
  CHECK(matrix.state() == kept_matrix.state());
}

TEST_CASE("metrics: ties, NaN and infinite outputs") {
  train::Accuracy accuracy, second({.top_k = 2});
  const Tensor rows{{1.0, 1.0, 1.0}, {1.0, 1.0, 1.0}, {1.0, nan_, 3.0}, {inf_, 0.0, -inf_}};
  accuracy.update(rows, Tensor{0, 1, 1, 0});
  CHECK(accuracy.state() == std::vector<double>{2, 4});
  second.update(rows, Tensor{2, 1, 2, 1});
  CHECK(second.state() == std::vector<double>{2, 4});

  train::ConfusionMatrix matrix(3);
  matrix.update(rows, Tensor{0, 1, 1, 0});
  CHECK(matrix.unanswered() == 1);
  CHECK(matrix.value() == 0.5);
  CHECK(matrix.recall() == std::vector<double>{1, 0, 0});
  CHECK(matrix.counts().at<Index>({1, 1}) == 0);
  CHECK(matrix.recall(train::Average::micro) == 0.5);

  train::BinaryAccuracy binary;
  binary.update(Tensor{nan_, nan_, 0.5, 0.75}, Tensor{0, 1, 0, 1});
  CHECK(binary.value() == 0.5);

  train::RocAuc auc;
  auc.update(Tensor{0.25, 0.75}, Tensor{0, 0});
  CHECK(std::isnan(auc.value()));
  CHECK(contains(message_of<ValueError>([&] {
                   auc.update(Tensor{0.25, nan_}, Tensor{1, 1});
                 }),
                 {"position 1", "NaN"}));
  auc.update(Tensor{inf_}, Tensor{1});
  CHECK(auc.value() == 1);
  auc.update(Tensor{-inf_}, Tensor{1});
  CHECK(auc.value() == 0.5);

  train::Perplexity perplexity;
  perplexity.update(Tensor{{1000.0, 0.0}}, Tensor{0});
  CHECK(perplexity.value() == 1);
  perplexity.update(Tensor{{nan_, 0.0}}, Tensor{1});
  CHECK(std::isnan(perplexity.value()));
}

TEST_CASE("metrics: running means") {
  train::Mean mean;
  CHECK(std::isnan(mean.value()));
  mean.update(nan_, 0);
  CHECK(std::isnan(mean.value()));
  mean.update(1, 3);
  mean.update(5);
  CHECK(mean.value() == 2);
  train::Mean resumed;
  resumed.set_state(mean.state());
  CHECK(resumed.value() == 2);
  CHECK_THROWS_AS(mean.update(1, -1), ValueError);
  CHECK_THROWS_AS(mean.update(1, nan_), ValueError);
  CHECK_THROWS_AS(mean.set_state({1}), ValueError);
  CHECK(mean.weight() == 4);
}

TEST_CASE("metrics: bad input is named and changes nothing") {
  const Tensor rows = zeros({2, 3});
  train::Accuracy accuracy;
  accuracy.update(rows, Tensor{0, 1});
  const std::vector<double> before = accuracy.state();
  CHECK(contains(message_of<IndexError>([&] {
                   accuracy.update(rows, Tensor{0, 3});
                 }),
                 {"metrics_test.cpp", "Accuracy", "position 1 is 3", "3 classes"}));
  CHECK(contains(message_of<IndexError>([&] {
                   accuracy.update(rows, Tensor{-1, 0});
                 }),
                 {"position 0 is -1"}));
  CHECK(contains(message_of<ShapeError>([&] {
                   accuracy.update(rows, Tensor{0, 1, 2});
                 }),
                 {"(2, 3)", "(3,)"}));
  CHECK_THROWS_AS(accuracy.update(rows, Tensor{0.0, 1.0}), DTypeError);
  CHECK_THROWS_AS(accuracy.update(rows.to(int64), Tensor{0, 1}), DTypeError);
  CHECK_THROWS_AS(accuracy.update(Tensor(), Tensor{0, 1}), Error);
  CHECK_THROWS_AS(accuracy.set_state({1, 2, 3}), ValueError);
  CHECK_THROWS_AS(accuracy.set_state({1, nan_}), ValueError);
  CHECK(accuracy.state() == before);
  CHECK_THROWS_AS(train::Accuracy({.top_k = 0}), ValueError);
  CHECK_THROWS_AS(train::Accuracy({.top_k = 4}).update(rows, Tensor{0, 1}), ShapeError);

  train::BinaryAccuracy binary;
  CHECK(contains(message_of<ValueError>([&] {
                   binary.update(Tensor{0.5, 0.5}, Tensor{0, 2});
                 }),
                 {"position 1 is 2"}));
  CHECK(contains(message_of<ShapeError>([&] { binary.update(rows, rows); }), {"(2, 3)"}));
  CHECK_THROWS_AS(binary.update(Tensor{0.5, 0.5}, Tensor{1}), ShapeError);
  CHECK(std::isnan(binary.value()));
  CHECK_THROWS_AS(train::BinaryAccuracy({.threshold = 1, .logits = true}), ValueError);
  CHECK_THROWS_AS(train::BinaryAccuracy({.threshold = nan_}), ValueError);

  CHECK_THROWS_AS(train::ConfusionMatrix(1), ValueError);
  train::ConfusionMatrix matrix(4);
  CHECK(contains(message_of<ShapeError>([&] {
                   matrix.update(rows, Tensor{0, 1});
                 }),
                 {"3 classes, not of 4"}));
  CHECK_THROWS_AS(matrix.update(Tensor{0.5}, Tensor{1}), ShapeError);
  CHECK_THROWS_AS(matrix.precision(train::Average::binary), ValueError);
  CHECK_THROWS_AS(train::f1({.classes = 3, .average = train::Average::binary}), ValueError);
  CHECK(contains(message_of<ValueError>([&] {
                   train::roc_curve(Tensor{0.5, 0.5}, Tensor{1, 1});
                 }),
                 {"both classes", "all 1"}));

  // No broadcasting: (2) against (2, 1) are pairs, (1, 2) against (2) is an error.
  train::MeanAbsoluteError error;
  CHECK(contains(message_of<ShapeError>([&] {
                   error.update(zeros({1, 2}), zeros({2}));
                 }),
                 {"(1, 2)", "(2,)"}));
  CHECK_THROWS_AS(error.update(zeros({2, 1}), zeros({1, 2})), ShapeError);

  const std::vector<train::NamedMetric> named = {{"accuracy", train::Accuracy()}, {"auc", train::RocAuc()}};
  CHECK(named[1].metric.state().empty());
  static_assert(!train::MetricValue<train::Mean> && !train::MetricValue<int>);
  train::Metric metric = accuracy;
  const train::Metric moved = std::move(metric);
  CHECK_THROWS_AS(metric.value(), GraphError);
  CHECK(moved.state() == before);
}

TEST_CASE("metrics: those with tables of counts survive a move") {
  train::ConfusionMatrix matrix(3);
  const train::ConfusionMatrix taken = std::move(matrix);
  matrix.update(Tensor{{1.0, 0.0, 0.0}}, Tensor{0});
  CHECK(matrix.value() == 1);
  CHECK(std::isnan(taken.value()));
}
