// The rules that pass through phases, and those made of others.
#include <xgrad/optim/schedule.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace xgrad::optim {
namespace {

void check_at_least_one(const char* what, Index number) {
  if (number < 1) fail<ValueError>(std::string(what) + " must be at least 1, got " + std::to_string(number));
}

void check_milestones(const std::vector<Index>& milestones) {
  Index last = 0;
  for (const Index milestone : milestones) {
    if (milestone <= last)
      fail<ValueError>("milestones must increase, from 1 or more, got " + std::to_string(milestone) +
                       " after " + std::to_string(last));
    last = milestone;
  }
}

void check_rules(const std::vector<RateRule>& rules) {
  if (rules.empty()) fail<ValueError>("expects at least one rule, got none");
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (!rules[i]) fail<ValueError>("rule " + std::to_string(i) + " is an empty function");
}

// base * gamma^power; a rate of 0 stays 0 under a power that overflows.
double decayed(double base, double gamma, double power) {
  return base == 0 ? 0 : base * std::pow(gamma, power);
}

// The last step of a rise or fall in that share of all steps: a whole number where only rounding, which
// differs by compiler, makes it none.
double last_step(double share, double all) {
  const double end = share * all - 1, whole = std::round(end);
  return std::abs(end - whole) < 1e-12 * all ? whole : end;
}

// From `from` at share 0 to `to` at share 1.
double between(double from, double to, double share, bool linear) {
  if (linear) return from + (to - from) * share;
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

MultiStepLR::MultiStepLR(std::vector<Index> milestones, double gamma, Place place)
    : milestones_(std::move(milestones)), gamma_(gamma) {
  const Scope scope("MultiStepLR", place);
  if (milestones_.empty()) fail<ValueError>("expects at least one milestone, got none");
  check_milestones(milestones_);
  detail::check_number("gamma", gamma);
}

double MultiStepLR::operator()(double base, Index step) const {
  const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), step) - milestones_.begin();
  return decayed(base, gamma_, static_cast<double>(passed));
}

ExponentialLR::ExponentialLR(double gamma, Place place) : gamma_(gamma) {
  const Scope scope("ExponentialLR", place);
  detail::check_number("gamma", gamma);
}

double ExponentialLR::operator()(double base, Index step) const {
  return decayed(base, gamma_, static_cast<double>(step));
}

OneCycleLR::OneCycleLR(Index steps, OneCycleOptions options, Place place) : steps_(steps), options_(options) {
  const Scope scope("OneCycleLR", place);
  check_at_least_one("steps", steps);
  const double most = options.three_phase ? 0.5 : 1;
  if (!(options.pct_start >= 0 && options.pct_start <= most))
    fail<ValueError>("pct_start must be in [0, " + std::string(options.three_phase ? "0.5" : "1") +
                     "], got " + std::to_string(options.pct_start));
  const auto check_divisor = [](const char* name, double divisor) {
    if (!(divisor >= 1) || std::isinf(divisor))
      fail<ValueError>(std::string(name) + " must be finite and at least 1, got " + std::to_string(divisor));
  };
  check_divisor("div_factor", options.div_factor);
  check_divisor("final_div_factor", options.final_div_factor);
}

double OneCycleLR::operator()(double base, Index step) const {
  struct Phase {
    double end, from, to;
  };
  const double low = base / options_.div_factor, least = low / options_.final_div_factor;
  const double all = static_cast<double>(steps_), rise = last_step(options_.pct_start, all);
  const Phase last{all - 1, options_.three_phase ? low : base, least};
  const std::vector<Phase> phases = options_.three_phase
                                        ? std::vector<Phase>{{rise, low, base}, {2 * rise, base, low}, last}
                                        : std::vector<Phase>{{rise, low, base}, last};
  const double at = static_cast<double>(std::min(step, steps_ - 1));
  double start = 0;
  for (const Phase& phase : phases) {
    // Phases may be shorter than a step, and the first two may end before step 0.
    if (at <= phase.end)
      return between(phase.from, phase.to, phase.end > start ? (at - start) / (phase.end - start) : 1,
                     options_.linear);
    start = phase.end;
  }
  return least;
}

CosineRestartsLR::CosineRestartsLR(Index steps, Index growth, double minimum, Place place)
    : steps_(steps), growth_(growth), minimum_(minimum) {
  const Scope scope("CosineRestartsLR", place);
  check_at_least_one("steps", steps);
  check_at_least_one("growth", growth);
  detail::check_number("minimum", minimum);
}

double CosineRestartsLR::operator()(double base, Index step) const {
  Index period = steps_;
  if (growth_ == 1) step %= period;
  while (step >= period) {
    step -= period;
    constexpr Index most = std::numeric_limits<Index>::max();
    period = period > most / growth_ ? most : period * growth_;
  }
  const double share = static_cast<double>(step) / static_cast<double>(period);
  return between(base, minimum_, share, false);
}

SequentialLR::SequentialLR(std::vector<RateRule> rules, std::vector<Index> milestones, Place place)
    : rules_(std::move(rules)), milestones_(std::move(milestones)) {
  const Scope scope("SequentialLR", place);
  check_rules(rules_);
  if (milestones_.size() + 1 != rules_.size())
    fail<ValueError>("expects one milestone less than rules, got " + std::to_string(milestones_.size()) +
                     " milestones and " + std::to_string(rules_.size()) + " rules");
  check_milestones(milestones_);
}

double SequentialLR::operator()(double base, Index step) const {
  const auto next = std::upper_bound(milestones_.begin(), milestones_.end(), step);
  const auto rule = static_cast<std::size_t>(next - milestones_.begin());
  return rules_[rule](base, rule == 0 ? step : step - milestones_[rule - 1]);
}

ChainedLR::ChainedLR(std::vector<RateRule> rules, Place place) : rules_(std::move(rules)) {
  const Scope scope("ChainedLR", place);
  check_rules(rules_);
}

double ChainedLR::operator()(double base, Index step) const {
  for (const RateRule& rule : rules_) base = rule(base, step);
  return base;
}

}  // namespace xgrad::optim
