// Learning-rate schedules: a rule gives the rate as a function of time, a Schedule applies it to an
// optimizer. Invariant: the rate depends on the base rate and the number of steps alone, so resuming is
// exact.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

#include <vector>

XGRAD_API_BEGIN
namespace xgrad::optim {

/// The rate after `step` steps (0 at the start) of a group whose options had the rate `base`.
using RateRule = Callback<double(double base, Index step)>;

/// base * gamma^floor(step / step_size).
class StepLR {
 public:
  /// Throws ValueError unless step_size >= 1 and gamma is finite and >= 0.
  explicit StepLR(Index step_size, double gamma = 0.1, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  Index step_size_;
  double gamma_;
};

/// minimum + (base - minimum) (1 + cos(pi step / steps)) / 2, and the minimum from `steps` on (Loshchilov and
/// Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017).
class CosineLR {
 public:
  /// Throws ValueError unless steps >= 1 and the minimum is finite and >= 0.
  explicit CosineLR(Index steps, double minimum = 0, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  Index steps_;
  double minimum_;
};

/// base * (step + 1) / steps in the first `steps` steps, then another rule that starts from its step 0;
/// without one the base rate.
class LinearWarmup {
 public:
  /// Throws ValueError unless steps >= 1.
  explicit LinearWarmup(Index steps, RateRule then = {}, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  Index steps_;
  RateRule then_;
};

/// base * gamma^(number of milestones that are <= step).
class MultiStepLR {
 public:
  /// Throws ValueError unless there are milestones, which increase from 1 or more, and gamma is finite and
  /// >= 0.
  explicit MultiStepLR(std::vector<Index> milestones, double gamma = 0.1, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  std::vector<Index> milestones_;
  double gamma_;
};

/// base * gamma^step.
class ExponentialLR {
 public:
  /// Throws ValueError unless gamma is finite and >= 0.
  explicit ExponentialLR(double gamma, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  double gamma_;
};

/// PyTorch's names and defaults.
struct OneCycleOptions {
  double pct_start = 0.3;         ///< share of the steps in which the rate rises
  double div_factor = 25;         ///< it starts at base / div_factor
  double final_div_factor = 1e4;  ///< and ends at base / (div_factor final_div_factor)
  bool linear = false;            ///< straight lines instead of half cosines
  bool three_phase = false;       ///< fall to the start in as many steps as it rose, then to the end
};

/// Rises to the base rate, which is the peak (PyTorch's max_lr), and falls far below where it started; stays
/// there from `steps` - 1 on (Smith and Topin, "Super-convergence", 2018; as PyTorch's OneCycleLR). The
/// momentum is left alone.
class OneCycleLR {
 public:
  /// Throws ValueError unless steps >= 1, pct_start is in [0, 1] ([0, 0.5] with three phases) and both
  /// factors are finite and >= 1.
  explicit OneCycleLR(Index steps, OneCycleOptions options = {}, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  Index steps_;
  OneCycleOptions options_;
};

/// CosineLR over and over: the first time in `steps` steps, each further one in `growth` times as many
/// (Loshchilov and Hutter, 2017; PyTorch's CosineAnnealingWarmRestarts).
class CosineRestartsLR {
 public:
  /// Throws ValueError unless steps >= 1, growth >= 1 and the minimum is finite and >= 0.
  explicit CosineRestartsLR(Index steps, Index growth = 1, double minimum = 0, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  Index steps_;
  Index growth_;
  double minimum_;
};

/// One rule after another: rule i + 1 begins, at its step 0, with step milestones[i]. All have the same base.
class SequentialLR {
 public:
  /// Throws ValueError on an empty rule, and unless there is one milestone less than rules and they increase
  /// from 1 or more.
  explicit SequentialLR(std::vector<RateRule> rules, std::vector<Index> milestones,
                        Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  std::vector<RateRule> rules_;
  std::vector<Index> milestones_;
};

/// All rules at once, each with the former's rate as its base: rules that scale multiply (PyTorch's
/// ChainedScheduler).
class ChainedLR {
 public:
  /// Throws ValueError without rules and on an empty one.
  explicit ChainedLR(std::vector<RateRule> rules, Place place = Place::here());
  double operator()(double base, Index step) const;

 private:
  std::vector<RateRule> rules_;
};

/// Drives the rates of an optimizer, which must outlive it:
/// `Schedule schedule(optimizer, LinearWarmup(500, CosineLR(10'000)));`, then schedule.step() once per update
/// or per epoch.
class Schedule {
 public:
  /// The optimizer's present rates are the base rates; those of step 0 are set at once. Throws ValueError on
  /// an empty rule.
  Schedule(Optimizer& optimizer, RateRule rule, Place place = Place::here());

  /// Sets the next step's rates; the step stays at the largest Index. Throws ValueError, and changes nothing,
  /// on a rate that is not finite or below 0.
  void step(Place place = Place::here());
  Index steps() const { return steps_; }

  /// "step" (int64) and "base_learning_rates" (float64, one per group).
  [[nodiscard]] StateDict state_dict() const;
  /// Restores the step, the base rates and the optimizer's rates. Throws ValueError listing every mismatch;
  /// nothing is changed then, nor when memory runs out.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;

 private:
  static std::vector<double> rates(const RateRule& rule, const std::vector<double>& base, Index step);
  void apply(const std::vector<double>& rates);

  Optimizer* optimizer_;
  RateRule rule_;
  std::vector<double> base_;
  Index steps_ = 0;
};

}  // namespace xgrad::optim
XGRAD_API_END
