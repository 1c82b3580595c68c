// Metrics: numbers of a whole set of examples, from its batches: exact, whatever their sizes, since they keep
// sums and counts, never means of means. Invariant: an update that throws changes nothing.
// Classes are int64, uint8 or boolean labels from 0; outputs are float32 or float64. NaN among an example's
// outputs is never passed over: where answers are counted it is a wrong one, the mean of errors it makes NaN,
// and a rank it does not have: ROC curves throw.
// Classification by confusion matrices, curves: train/classification.hpp.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train {

/// What can be a metric; classes of your own with these members are. state() is all that it remembers.
template <class M>
concept MetricValue = std::copy_constructible<M> &&
    requires(M& metric, const M& fixed, const Tensor& tensor, Place place, std::vector<double> numbers) {
  metric.update(tensor, tensor, place);
  { fixed.value() } -> std::convertible_to<double>;
  { fixed.state() } -> std::convertible_to<std::vector<double>>;
  metric.set_state(numbers);
};

/// Any metric, as a value. One that was moved from throws GraphError.
class Metric {
 public:
  // The order matters: whether a Metric can be copied is not to depend on whether it is a MetricValue.
  template <class M>
  requires(!std::same_as<M, Metric> && MetricValue<M>) Metric(M metric)
      : fresh_(std::make_shared<const Of<M>>(metric)), present_(std::make_unique<Of<M>>(std::move(metric))) {}
  Metric(const Metric& other)
      : fresh_(other.fresh_), present_(other.present_ ? other.present_->copy() : nullptr) {}
  Metric(Metric&&) noexcept = default;
  Metric& operator=(const Metric& other) { return *this = Metric(other); }
  Metric& operator=(Metric&&) noexcept = default;
  ~Metric() = default;

  /// Takes a batch of outputs and targets.
  void update(const Tensor& output, const Tensor& target, Place place = Place::here()) {
    present().update(output, target, place);
  }
  /// Of all batches so far; NaN before the first example.
  double value() const { return present().value(); }
  std::vector<double> state() const { return present().state(); }
  void set_state(const std::vector<double>& numbers) { present().set_state(numbers); }
  /// Back to what it was made of.
  void reset() {
    static_cast<void>(present());
    present_ = fresh_->copy();
  }

 private:
  struct Any {
    virtual ~Any() = default;
    virtual std::unique_ptr<Any> copy() const = 0;
    virtual void update(const Tensor& output, const Tensor& target, Place place) = 0;
    virtual double value() const = 0;
    virtual std::vector<double> state() const = 0;
    virtual void set_state(const std::vector<double>& numbers) = 0;
  };
  template <class M>
  struct Of final : Any {
    explicit Of(M its_metric) : metric(std::move(its_metric)) {}
    std::unique_ptr<Any> copy() const override { return std::make_unique<Of>(metric); }
    void update(const Tensor& output, const Tensor& target, Place place) override {
      metric.update(output, target, place);
    }
    double value() const override { return metric.value(); }
    std::vector<double> state() const override { return metric.state(); }
    void set_state(const std::vector<double>& numbers) override { metric.set_state(numbers); }
    M metric;
  };

  Any& present() const {
    if (!present_) reject_moved();
    return *present_;
  }
  [[noreturn]] static void reject_moved();

  std::shared_ptr<const Any> fresh_;
  std::unique_ptr<Any> present_;
};

struct NamedMetric {
  std::string name;
  Metric metric;
};

struct AccuracyOptions {
  Index top_k = 1;                         ///< right when the class is among so many of the likeliest
  std::optional<Index> ignore_index = {};  ///< targets of this label do not count
};
/// The part of examples whose class is the likeliest of (N, ..., K) outputs, logits or probabilities, with
/// targets (N, ...). Of equal numbers the first is the likelier, as argmax() has it.
class Accuracy {
 public:
  Accuracy() = default;
  /// Throws ValueError when top_k is below 1.
  explicit Accuracy(AccuracyOptions options, Place place = Place::here());

  /// Throws ShapeError where targets or top_k do not fit, IndexError on a label that is no class.
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  double value() const { return right_ / count_; }
  std::vector<double> state() const { return {right_, count_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  AccuracyOptions options_;
  double right_ = 0, count_ = 0;
};

struct ThresholdOptions {
  double threshold = 0.5;  ///< the positive class is what is above this probability
  bool logits = false;     ///< whether outputs are logits, whose sigmoid is the probability
};
/// The part of right answers of two classes: outputs (N) or (N, 1), targets 0 or 1, of any dtype.
class BinaryAccuracy {
 public:
  BinaryAccuracy() = default;
  /// Throws ValueError on a threshold outside (0, 1), or one that is NaN or, without logits, infinite.
  explicit BinaryAccuracy(ThresholdOptions options, Place place = Place::here());

  /// Throws ShapeError where shapes differ, ValueError on a target that is neither 0 nor 1.
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  double value() const { return right_ / count_; }
  std::vector<double> state() const { return {right_, count_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  ThresholdOptions options_;
  double right_ = 0, count_ = 0;
};

/// The mean of |output - target| over all elements.
class MeanAbsoluteError {
 public:
  /// Throws ShapeError where shapes differ, but for a last axis of 1, as all metrics of numbers.
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  double value() const { return sum_ / count_; }
  std::vector<double> state() const { return {sum_, count_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  double sum_ = 0, count_ = 0;
};

/// The root of the mean of (output - target)^2 over all elements.
class RootMeanSquaredError {
 public:
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  double value() const;
  std::vector<double> state() const { return {sum_, count_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  double sum_ = 0, count_ = 0;
};

/// The coefficient of determination: 1 - sum (target - output)^2 / sum (target - their mean)^2, over all
/// elements as one set. As in scikit-learn (user guide, 3.3.4.1), for targets that are all equal 1 where
/// every output is right and 0 where not; NaN below two elements. Spreads of batches are merged by the
/// formula of Chan, Golub and LeVeque (1983): no difference of large squares.
class R2 {
 public:
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  double value() const;
  std::vector<double> state() const { return {count_, mean_, spread_, residual_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  double count_ = 0, mean_ = 0, spread_ = 0, residual_ = 0;
};

struct PerplexityOptions {
  std::optional<Index> ignore_index = {};  ///< targets of this label do not count
};
/// exp of the mean of -log softmax(logits)[target] over all tokens: (N, ..., K) logits, targets (N, ...).
/// With NaN in a counted row it is NaN from then on.
class Perplexity {
 public:
  Perplexity() = default;
  explicit Perplexity(PerplexityOptions options) : options_(options) {}

  /// Throws ShapeError where targets do not fit, IndexError on a label that is no class.
  void update(const Tensor& logits, const Tensor& target, Place place = Place::here());
  double value() const;
  std::vector<double> state() const { return {sum_, count_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  PerplexityOptions options_;
  double sum_ = 0, count_ = 0;
};

/// A running mean of numbers with weights: a batch's mean loss with the count of its examples, say.
class Mean {
 public:
  /// Throws ValueError when the weight is negative or not finite. A weight of 0 changes nothing.
  void update(double value, double weight = 1, Place place = Place::here());
  /// NaN before the first weight.
  double value() const { return sum_ / weight_; }
  double weight() const { return weight_; }
  std::vector<double> state() const { return {sum_, weight_}; }
  void set_state(const std::vector<double>& numbers, Place place = Place::here());

 private:
  double sum_ = 0, weight_ = 0;
};

}  // namespace xgrad::train
XGRAD_API_END
