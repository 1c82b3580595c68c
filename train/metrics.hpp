// Metrics: numbers of a whole set of examples, from its batches: exact, whatever their sizes, since they keep
// sums and counts, never means of means.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <concepts>
#include <memory>
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

/// Any metric, as a value.
class Metric {
 public:
  template <MetricValue M>
  requires(!std::same_as<M, Metric>) Metric(M metric)
      : fresh_(std::make_shared<const Of<M>>(metric)), present_(std::make_unique<Of<M>>(std::move(metric))) {}
  Metric(const Metric& other)
      : fresh_(other.fresh_), present_(other.present_ ? other.present_->copy() : nullptr) {}
  Metric(Metric&&) noexcept = default;
  Metric& operator=(const Metric& other) { return *this = Metric(other); }
  Metric& operator=(Metric&&) noexcept = default;
  ~Metric() = default;

  /// Takes a batch of outputs and targets.
  void update(const Tensor& output, const Tensor& target, Place place = Place::here()) {
    present_->update(output, target, place);
  }
  /// Of all batches so far; NaN before the first example.
  double value() const { return present_->value(); }
  std::vector<double> state() const { return present_->state(); }
  void set_state(const std::vector<double>& numbers) { present_->set_state(numbers); }
  /// As it was when this was made of it.
  void reset() { present_ = fresh_->copy(); }

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

  std::shared_ptr<const Any> fresh_;
  std::unique_ptr<Any> present_;
};

struct NamedMetric {
  std::string name;
  Metric metric;
};

/// The part of the rows of (N, ..., K) outputs whose largest number stands at the target's class, int64 (N,
/// ...).
class Accuracy {
 public:
  void update(const Tensor& output, const Tensor& target, Place place = Place::here());
  double value() const { return right_ / count_; }
  std::vector<double> state() const { return {right_, count_}; }
  void set_state(const std::vector<double>& numbers);

 private:
  double right_ = 0, count_ = 0;
};

}  // namespace xgrad::train
XGRAD_API_END
