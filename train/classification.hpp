// Classification as counts of truths and answers, and as curves over all thresholds.
// Definitions: scikit-learn user guide, 3.3.2; Fawcett, "An introduction to ROC analysis" (2006).
// Invariant: exact over batches of any sizes; an update that throws changes nothing.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>
#include <xgrad/train/metrics.hpp>

#include <optional>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train {

/// How the numbers of classes become one: that of class 1 of two; their mean; from the counts of all classes
/// together; their mean weighted by how often each is the truth.
enum class Average { binary, macro, micro, weighted };

struct ConfusionOptions {
  std::optional<Index> ignore_index = {};  ///< targets of this label do not count
  double threshold = 0.5;  ///< for outputs (N) or (N, 1) of two classes, as BinaryAccuracy has
  bool logits = false;     ///< them
};
/// How often each class was answered where each was the truth. Outputs are (N, ..., K), of which the largest
/// answers, or of two classes (N) or (N, 1), as BinaryAccuracy takes them. Averages are over all classes,
/// also those that do not occur; a quotient whose denominator is 0 is 0, as scikit-learn's default is.
class ConfusionMatrix {
 public:
  /// Throws ValueError below two classes, or on a threshold as BinaryAccuracy.
  explicit ConfusionMatrix(Index classes, ConfusionOptions options = {}, Place place = Place::here());

  // Moves are copies, so that none is ever without its counts.
  ConfusionMatrix(const ConfusionMatrix&) = default;
  ConfusionMatrix& operator=(const ConfusionMatrix&) = default;
  ~ConfusionMatrix() = default;

  /// Throws ShapeError where shapes or classes do not fit, IndexError on a label that is no class.
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  /// The part of right answers.
  double value() const;
  /// int64 (K, K): rows are truths, columns answers.
  [[nodiscard]] Tensor counts() const;
  /// Examples whose outputs have NaN: they have no column, and are wrong answers everywhere else.
  Index unanswered() const;

  /// For each class: right answers among its answers; among its examples; the harmonic mean of both.
  std::vector<double> precision() const;
  std::vector<double> recall() const;
  std::vector<double> f1() const;
  /// NaN before the first example. Throws ValueError on Average::binary unless there are two classes.
  double precision(Average average, Place place = Place::here()) const;
  double recall(Average average, Place place = Place::here()) const;
  double f1(Average average, Place place = Place::here()) const;

  std::vector<double> state() const { return counts_; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  using Quotient = double (*)(double right, double answers, double examples);
  std::vector<double> quotients(Quotient quotient) const;
  double averaged(Quotient quotient, Average average, Place place) const;
  double at(Index truth, Index answer) const {
    return counts_[static_cast<std::size_t>(truth * (classes_ + 1) + answer)];
  }

  Index classes_;
  ConfusionOptions options_;
  std::vector<double> counts_;  // (K, K + 1): the last column counts what has no answer
};

struct ClassScoreOptions {
  Index classes = 2;
  std::optional<Average> average = {};  ///< empty: binary of two classes, macro of more
  std::optional<Index> ignore_index = {};
  double threshold = 0.5;
  bool logits = false;
};
/// One average of a ConfusionMatrix as a metric: train::precision({.classes = 10}), recall(), f1().
class ClassScore {
 public:
  using Score = double (ConfusionMatrix::*)(Average average, Place place) const;
  /// Throws ValueError as ConfusionMatrix, and on Average::binary unless there are two classes.
  ClassScore(Score score, const ClassScoreOptions& options, Place place = Place::here());

  void update(const Tensor& output, const Tensor& target, Place place = Place::here()) {
    matrix_.update(output, target, place);
  }
  double value() const { return (matrix_.*score_)(average_, Place()); }
  std::vector<double> state() const { return matrix_.state(); }
  void set_state(const std::vector<double>& numbers, Place place = Place::here()) {
    matrix_.set_state(numbers, place);
  }

 private:
  ConfusionMatrix matrix_;
  Score score_;
  Average average_;
};
[[nodiscard]] ClassScore precision(const ClassScoreOptions& options = {}, Place place = Place::here());
[[nodiscard]] ClassScore recall(const ClassScoreOptions& options = {}, Place place = Place::here());
[[nodiscard]] ClassScore f1(const ClassScoreOptions& options = {}, Place place = Place::here());

/// The points of a ROC curve, from (0, 0) to (1, 1), one for each different score: `true_positive` of the
/// positive examples and `false_positive` of the negative ones have a score of at least the threshold. The
/// first threshold is infinite.
struct RocCurve {
  std::vector<double> false_positive;
  std::vector<double> true_positive;
  std::vector<double> thresholds;
};
/// Of scores (N) or (N, 1), float32 or float64, and targets 0 or 1 of any dtype. Throws ShapeError where they
/// do not fit, ValueError on NaN, another target, or targets that are all the same.
[[nodiscard]] RocCurve roc_curve(const Tensor& scores, const Tensor& targets, Place place = Place::here());

/// The area under the ROC curve: how often a positive example has a higher score than a negative one, where
/// equal scores count as half (Mann and Whitney's U). It keeps all scores; value()
/// sorts them, and is NaN until both classes have come, where scikit-learn throws: a run is not to end with
/// its first one-sided batch.
class RocAuc {
 public:
  /// Takes and throws what roc_curve() does, but for targets that are all the same.
  void update(const Tensor& scores, const Tensor& targets, Place place = Place::here());
  double value() const;
  /// Scores, then as many targets.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  std::vector<double> scores_, targets_;
};

}  // namespace xgrad::train
XGRAD_API_END
