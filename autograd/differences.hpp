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

}  // namespace xgrad::detail
