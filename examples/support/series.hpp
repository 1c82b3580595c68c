// A series of numbers, a day each, as networks want it: windows of days known and days to come, in units of
// what is usual in training. Invariant: what is known of the days of the test alone is in no scale.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/data/dataset.hpp>
#include <xgrad/data/scalers.hpp>

#include <string>
#include <vector>

namespace example {

struct Series {
  xgrad::Tensor values;   // float32 (N,): of prices their logarithms
  xgrad::Tensor season;   // float32 (N, 2): the day of the year as a point on a circle; 0 without dates
  std::string name = {};  // the column
  std::string unit = {};  // after a number: " °C"
  bool prices = false;
  std::vector<xgrad::Index> days = {};  // since 1970; none without dates

  [[nodiscard]] xgrad::Index size() const { return values.count(); }
  /// Whether a year before every day of the test is 365 values ago.
  [[nodiscard]] bool daily() const;
};

/// A column of a table with a header line, and the dates that its column "date" may have. Without a name it
/// is "temp_max", or "close", which are prices, whichever there is. Throws on a missing value, on what is no
/// date, and on a price that is not positive.
[[nodiscard]] Series read_series(const std::string& path, std::string column = {}, bool prices = false);

/// All windows of a series. Series wander, so a network is given, and asked, how far days are from the last
/// one known.
struct Windows {
  xgrad::Index known = 0, horizon = 0;  // days that are read, and that are told
  xgrad::Index training = 0, test = 0,
               size = 0;      // windows before the first are learned, from the second on tested
  xgrad::Tensor input = {};   // (size, known + 2): the days, and the season of the first to come
  xgrad::Tensor target = {};  // (size, horizon)
  xgrad::Tensor last = {};    // (size, 1): the last day known, of the series itself
  xgrad::data::StandardScaler scaler = {};  // of targets

  [[nodiscard]] xgrad::data::TensorDataset<2> learned() const;
  [[nodiscard]] xgrad::data::TensorDataset<2> tested() const;
  /// Outputs (m, horizon, K) for the windows of the test, as values of the series.
  [[nodiscard]] xgrad::Tensor unscaled(const xgrad::Variable& outputs) const;
  /// The days (m, horizon) that the windows of the test are asked for, or those `back` days before them.
  [[nodiscard]] xgrad::Tensor asked(const Series& series, xgrad::Index back = 0) const;
};

/// The last quarter of the days is for the test. Throws where the series is too short for that.
[[nodiscard]] Windows make_windows(const Series& series, xgrad::Index known, xgrad::Index horizon);

struct Interval {
  double low, high;
};
/// Where the true share is, in 95 of 100 cases, when `hits` of `n` were counted (Wilson, "Probable inference,
/// the law of succession, and statistical inference", 1927).
[[nodiscard]] Interval share_interval(double hits, double n);

}  // namespace example
