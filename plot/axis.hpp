// Axes: the interval that a panel shows and the numbers beside it; private to plot/.
// Invariant: low < high, both finite (and within [1e-300, 1e300] on a logarithmic axis), and every tick lies
// between.
#pragma once

#include <xgrad/plot/options.hpp>

#include <string>
#include <vector>

namespace xgrad::plot::detail {

struct Tick {
  double at;
  std::string text;
};

struct Axis {
  double low = 0;
  double high = 1;
  bool log = false;
  std::vector<Tick> ticks;

  /// 0 at low, 1 at high.
  double part(double value) const;
  /// The inverse.
  double value(double part) const;
  /// Whether gnuplot can place it.
  bool shows(double value) const;
};

/// What an axis is made from.
struct AxisRequest {
  Range data{};   ///< NaN where there is none
  Range fixed{};  ///< what the user has asked for
  bool log = false;
  bool zero = false;      ///< begins or ends at zero, at least
  bool integral = false;  ///< no tick between whole numbers
  bool rounded = false;   ///< ends at ticks
  double margin = 0;      ///< part of the interval beyond the data at each end, unless rounded
  std::string unit;
  double length = 300;  ///< pixels
  bool horizontal = true;
  double tick_size = 12;
};
Axis make_axis(const AxisRequest& request);

/// Widens the range to hold the value; a NaN leaves it.
void include(Range& range, double value);

}  // namespace xgrad::plot::detail
