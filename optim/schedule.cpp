// Schedules: their rules and their state.
#include <xgrad/optim/schedule.hpp>

#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace xgrad::optim {
namespace {

void check_steps(const char* what, Index steps) {
  if (steps < 1) fail<ValueError>(std::string(what) + " must be at least 1, got " + std::to_string(steps));
}

}  // namespace

StepLR::StepLR(Index step_size, double gamma, Place place) : step_size_(step_size), gamma_(gamma) {
  const Scope scope("StepLR", place);
  check_steps("step_size", step_size);
  detail::check_number("gamma", gamma);
}

double StepLR::operator()(double base, Index step) const {
  // A rate of 0 stays 0 under a power that overflows.
  return base == 0 ? 0 : base * std::pow(gamma_, static_cast<double>(step / step_size_));
}

CosineLR::CosineLR(Index steps, double minimum, Place place) : steps_(steps), minimum_(minimum) {
  const Scope scope("CosineLR", place);
  check_steps("steps", steps);
  detail::check_number("minimum", minimum);
}

double CosineLR::operator()(double base, Index step) const {
  if (step >= steps_) return minimum_;
  const double angle = std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps_);
  return minimum_ + (base - minimum_) * (1 + std::cos(angle)) / 2;
}

LinearWarmup::LinearWarmup(Index steps, RateRule then, Place place) : steps_(steps), then_(std::move(then)) {
  const Scope scope("LinearWarmup", place);
  check_steps("steps", steps);
}

double LinearWarmup::operator()(double base, Index step) const {
  if (step < steps_) return base * (static_cast<double>(step + 1) / static_cast<double>(steps_));
  return then_ ? then_(base, step - steps_) : base;
}

Schedule::Schedule(Optimizer& optimizer, RateRule rule, Place place)
    : optimizer_(&optimizer), rule_(std::move(rule)) {
  const Scope scope("Schedule", place);
  if (!rule_) fail<ValueError>("expects a rule, got an empty function");
  for (std::size_t group = 0; group < optimizer.group_count(); ++group)
    base_.push_back(optimizer.learning_rate(group));
  apply(rates(rule_, base_, 0));
}

std::vector<double> Schedule::rates(const RateRule& rule, const std::vector<double>& base, Index step) {
  std::vector<double> rates;
  for (const double rate : base) {
    rates.push_back(rule(rate, step));
    detail::check_number("the scheduled learning rate", rates.back());
  }
  return rates;
}

void Schedule::apply(const std::vector<double>& rates) {
  for (std::size_t group = 0; group < rates.size(); ++group)
    optimizer_->set_learning_rate(rates[group], group);
}

void Schedule::step(Place place) {
  const Scope scope("Schedule", place);
  const Index step = steps_ < std::numeric_limits<Index>::max() ? steps_ + 1 : steps_;
  const auto next = rates(rule_, base_, step);
  apply(next);
  steps_ = step;
}

StateDict Schedule::state_dict() const {
  return {{"step", scalar(steps_)},
          {"base_learning_rates", Tensor::from(base_, {static_cast<Index>(base_.size())})}};
}

PreparedLoad Schedule::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("Schedule", place);
  xgrad::detail::Entries entries(state);
  const Tensor step = entries.take("step", {}, int64);
  const Tensor base = entries.take("base_learning_rates", {static_cast<Index>(base_.size())}, float64);
  if (step.defined() && step.item<Index>() < 0)
    entries.note("step: must be at least 0, got " + std::to_string(step.item<Index>()));
  if (base.defined())
    for (const double rate : base.span<double>())
      if (!std::isfinite(rate) || rate < 0)
        entries.note("base_learning_rates: must be finite and at least 0, got " + std::to_string(rate));
  entries.finish("this schedule");
  std::vector<double> rates_of_groups(base.span<double>().begin(), base.span<double>().end());
  std::vector<double> next = rates(rule_, rates_of_groups, step.item<Index>());
  // Throws where the optimizer has no such groups any more.
  for (std::size_t group = 0; group < base_.size(); ++group) optimizer_->learning_rate(group);
  return [this, next = std::move(next), base = std::move(rates_of_groups),
          steps = step.item<Index>()]() mutable noexcept {
    apply(next);
    base_ = std::move(base);
    steps_ = steps;
  };
}

}  // namespace xgrad::optim
