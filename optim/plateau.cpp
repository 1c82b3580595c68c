// Plateau: when it lowers the rates, and its state.
#include <xgrad/optim/plateau.hpp>

#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace xgrad::optim {

Plateau::Plateau(Optimizer& optimizer, const PlateauOptions& options, Place place)
    : optimizer_(&optimizer), options_(options), memory_{} {
  const Scope scope("Plateau", place);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  memory_.best = options.maximize ? -infinity : infinity;
  detail::check_number("factor", options.factor, 1);
  detail::check_number("threshold", options.threshold);
  detail::check_number("minimum", options.minimum);
  detail::check_number("eps", options.eps);
  const auto check_count = [](const char* name, Index count) {
    if (count < 0) fail<ValueError>(std::string(name) + " must be at least 0, got " + std::to_string(count));
  };
  check_count("patience", options.patience);
  check_count("cooldown", options.cooldown);
}

bool Plateau::better(double figure) const {
  const double sign = options_.maximize ? 1 : -1, best = memory_.best;
  const double bar =
      options_.absolute ? best + sign * options_.threshold : best * (1 + sign * options_.threshold);
  // A relative threshold of 1 makes the infinity of the beginning NaN.
  if (std::isnan(bar)) return !std::isnan(figure);
  return options_.maximize ? figure > bar : figure < bar;
}

bool Plateau::reduce() {
  std::vector<double> rates;
  bool fell = false;
  for (std::size_t group = 0; group < optimizer_->group_count(); ++group) {
    const double rate = optimizer_->learning_rate(group);
    const double next = std::max(rate * options_.factor, options_.minimum);
    rates.push_back(rate - next > options_.eps ? next : rate);
    fell = fell || rates.back() != rate;
  }
  for (std::size_t group = 0; group < rates.size(); ++group)
    optimizer_->set_learning_rate(rates[group], group);
  return fell;
}

bool Plateau::step(double figure, Place place) {
  const Scope scope("Plateau", place);
  Memory next = memory_;
  if (better(figure)) {
    next.best = figure;
    next.bad_steps = 0;
  } else if (next.bad_steps < std::numeric_limits<Index>::max()) {
    ++next.bad_steps;
  }
  if (next.cooldown > 0) {
    --next.cooldown;
    next.bad_steps = 0;
  }
  bool fell = false;
  if (next.bad_steps > options_.patience) {
    fell = reduce();
    next.cooldown = options_.cooldown;
    next.bad_steps = 0;
  }
  memory_ = next;
  return fell;
}

StateDict Plateau::state_dict() const {
  std::vector<double> rates;
  for (std::size_t group = 0; group < optimizer_->group_count(); ++group)
    rates.push_back(optimizer_->learning_rate(group));
  return {{"best", scalar(memory_.best, float64)},
          {"bad_steps", scalar(memory_.bad_steps)},
          {"cooldown", scalar(memory_.cooldown)},
          {"learning_rates", Tensor::from(rates, {static_cast<Index>(rates.size())})}};
}

PreparedLoad Plateau::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("Plateau", place);
  xgrad::detail::Entries entries(state);
  const Tensor best = entries.take("best", {}, float64);
  const Tensor bad_steps = entries.take("bad_steps", {}, int64);
  const Tensor cooldown = entries.take("cooldown", {}, int64);
  const Tensor rates =
      entries.take("learning_rates", {static_cast<Index>(optimizer_->group_count())}, float64);
  if (best.defined() && std::isnan(best.item())) entries.note("best: must be a number, got NaN");
  const auto check_count = [&](const char* name, const Tensor& count) {
    if (count.defined() && count.item<Index>() < 0)
      entries.note(std::string(name) + ": must be at least 0, got " + std::to_string(count.item<Index>()));
  };
  check_count("bad_steps", bad_steps);
  check_count("cooldown", cooldown);
  if (rates.defined())
    for (const double rate : rates.span<double>())
      if (!std::isfinite(rate) || rate < 0)
        entries.note("learning_rates: must be finite and at least 0, got " + std::to_string(rate));
  entries.finish("this plateau");
  const Memory loaded{best.item(), bad_steps.item<Index>(), cooldown.item<Index>()};
  std::vector<double> next(rates.span<double>().begin(), rates.span<double>().end());
  return [this, loaded, next = std::move(next)]() noexcept {
    for (std::size_t group = 0; group < next.size(); ++group)
      optimizer_->set_learning_rate(next[group], group);
    memory_ = loaded;
  };
}

}  // namespace xgrad::optim
