// Derivatives from differences; private to the library. Central differences at steps that are halved, brought
// to step 0 by Richardson's extrapolation with an error estimate after Ridders (Adv. Eng. Software 4 (1982)
// 75; Press et al., Numerical Recipes, 5.7, dfridr).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace xgrad::detail {

/// How a function changes along a line: from its values at -h, 0 and h.
struct Change {
  double rise = 0;  ///< f(h) - f(-h)
  double bend = 0;  ///< f(h) + f(-h) - 2 f(0)
};

/// A derivative, within about `error` of the true one.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  double error = std::numeric_limits<double>::infinity();
  double step = 0;  ///< the smallest that it is made of
};

/// The estimates of a sequence of steps, each half of the one before, for a function of values of that
/// magnitude.
class Extrapolation {
 public:
  explicit Extrapolation(double magnitude) : magnitude_(magnitude) {}

  void add(const Change& change, double step) {
    std::array<double, columns> row{change.rise / (2 * step)};
    below_ = (change.rise - change.bend) / (2 * step);
    above_ = (change.rise + change.bend) / (2 * step);
    const double gap = std::abs(above_ - below_);
    closing_ = gap <= 0.75 * last_gap_;
    gap_ = gap;
    const double rounding = std::numeric_limits<double>::epsilon() * magnitude_ / step;
    Estimate here;
    for (std::size_t j = 1; j < std::min(columns, taken_ + 1); ++j) {
      const double factor = std::ldexp(1, 2 * static_cast<int>(j));  // the error has even powers of h alone
      row[j] = row[j - 1] + (row[j - 1] - last_[j - 1]) / (factor - 1);
      const double error =
          std::max({std::abs(row[j] - row[j - 1]), std::abs(row[j] - last_[j - 1]), rounding});
      if (error < here.error) here = {row[j], error, step};
    }
    here_ = here;
    last_ = row;
    last_gap_ = gap;
    ++taken_;
  }

  /// The best that ends with the last step.
  const Estimate& estimate() const { return here_; }
  /// Whether f seems to have a derivative: where it has, the slopes of both sides come together like the
  /// step.
  bool smooth(double negligible) const { return closing_ || gap_ <= negligible; }
  /// The slopes of both sides at the last step.
  double below() const { return below_; }
  double above() const { return above_; }

 private:
  static constexpr std::size_t columns = 5;

  double magnitude_;
  std::size_t taken_ = 0;
  std::array<double, columns> last_{};
  double last_gap_ = 0, gap_ = 0;
  double below_ = 0, above_ = 0;
  bool closing_ = false;
  Estimate here_;
};

/// A numeric derivative beside an analytic one.
struct Comparison {
  Estimate numeric;
  double allowed = 0;    // difference
  bool settled = false;  // whether the estimate is good enough to tell
  bool smooth = false;
  double below = 0, above = 0;  // the slopes of both sides at the last step
  double last_step = 0;
};

/// What is smaller may be the rounding of terms of inputs and cotangents that cancel.
inline constexpr double smallest_magnitude = 1;

/// The smallest power of two that is neither below 1 nor below x: x plus such steps is exact more often.
inline double power_of_two_above(double x) {
  if (!(x > 1) || !std::isfinite(x)) return 1;
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(1, mantissa == 0.5 ? exponent - 1 : exponent);
}

/// The derivatives of a function of values of that magnitude, held against analytic ones within
/// atol * max(magnitude, 1) + rtol * |derivative|; steps begin at `step` times the scale of the point.
class Differences {
 public:
  Differences(double step, double atol, double rtol, double magnitude)
      : step_(step), atol_(atol), rtol_(rtol), magnitude_(magnitude) {}

  /// Compares with the derivative at 0 of a function of a step, x from 0 being its natural scale. The usual
  /// steps suffice nearly always; a point nearer to 0 needs smaller ones, a rough function larger ones.
  template <class F>
  Comparison compare(double analytic, double x, F change_at) const {
    const double scale = power_of_two_above(x);
    const Comparison usual = descend(analytic, scale, step_ * scale, change_at);
    if (usual.settled) return usual;
    for (const double first : {x < 1 ? step_ * x : 0, 64 * step_ * scale}) {
      if (first == 0) continue;
      const Comparison other = descend(analytic, scale, first, change_at);
      if (other.settled) return other;
    }
    return usual;
  }

 private:
  /// Halves the step until the estimate is good enough.
  template <class F>
  Comparison descend(double analytic, double scale, double step, F change_at) const {
    constexpr int most_steps = 14;
    Extrapolation extrapolation(magnitude_);
    Comparison result;
    Estimate last_good;
    for (int i = 0; i < most_steps && !result.settled; ++i, step /= 2) {
      extrapolation.add(change_at(step), step);
      const Estimate& numeric = extrapolation.estimate();
      const double allowed =
          atol_ * std::max(magnitude_, smallest_magnitude) / scale + rtol_ * std::abs(numeric.value);
      result.smooth = extrapolation.smooth(allowed);
      result.below = extrapolation.below();
      result.above = extrapolation.above();
      result.last_step = step;
      const double difference = std::abs(analytic - numeric.value);
      const bool good = result.smooth && numeric.error <= allowed / 4;
      const bool agrees =
          good ? difference <= allowed : result.smooth && difference + numeric.error <= allowed;
      // A step may happen to fit the one before: a disagreement is confirmed by another.
      const bool confirmed = good && std::abs(numeric.value - last_good.value) <= allowed;
      result.settled = agrees || confirmed;
      if (result.settled || (result.smooth && numeric.error < result.numeric.error)) {
        result.numeric = numeric;
        result.allowed = allowed;
      }
      last_good = good ? numeric : Estimate();
    }
    return result;
  }

  double step_, atol_, rtol_, magnitude_;
};

}  // namespace xgrad::detail
