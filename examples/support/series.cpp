#include "series.hpp"

#include <xgrad/data/combine.hpp>
#include <xgrad/data/csv.hpp>
#include <xgrad/xgrad.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <stdexcept>

namespace example {

using namespace xgrad;

namespace {

std::chrono::year_month_day read_date(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0;
  const int parts = std::sscanf(text.c_str(), "%d-%u-%u", &year, &month, &day);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (parts != 3 || !date.ok()) throw std::runtime_error("'" + text + "' is no date such as 2012-01-31");
  return date;
}

}  // namespace

bool Series::daily() const {
  return size() - size() / 4 >= 365 && !days.empty() &&
         days.back() - days.front() == static_cast<Index>(days.size()) - 1;
}

Series read_series(const std::string& path, std::string column, bool prices) {
  const data::Table table = data::read_csv(path);
  if (column.empty()) column = table.has("temp_max") ? "temp_max" : "close";
  prices = prices || column == "close";
  Series series{.values = table.numbers(column, {.allow_missing = false}),
                .season = zeros({table.rows(), 2}),
                .name = column,
                .unit = column.starts_with("temp") ? " °C" : "",
                .prices = prices};
  if (prices) {
    if (series.size() > 0 && !(min(series.values).item() > 0))
      throw std::runtime_error("the column " + column + " has a price that is not positive");
    series.values = log(series.values).value();
  }
  if (!table.has("date")) return series;
  float* circle = series.season.mutable_data<float>();
  for (const std::string& text : table.text("date")) {
    const std::chrono::year_month_day date = read_date(text);
    const std::chrono::sys_days day = date, january = date.year() / 1 / 1;
    const double angle = 2 * std::numbers::pi * static_cast<double>((day - january).count()) / 365.25;
    *circle++ = static_cast<float>(std::sin(angle));
    *circle++ = static_cast<float>(std::cos(angle));
    series.days.push_back(static_cast<Index>(day.time_since_epoch().count()));
  }
  return series;
}

data::TensorDataset<2> Windows::learned() const {
  return data::TensorDataset(input.rows(0, training), target.rows(0, training));
}
data::TensorDataset<2> Windows::tested() const {
  return data::TensorDataset(input.rows(test, size), target.rows(test, size));
}

Tensor Windows::unscaled(const Variable& outputs) const {
  const Variable changes = outputs * scaler.scale().reshape({-1, 1}) + scaler.mean().reshape({-1, 1});
  return cast(changes + last.rows(test, size).reshape({-1, 1, 1}), float32).value();
}

Tensor Windows::asked(const Series& series, Index back) const {
  const Index first = test + known - back;
  std::vector<Variable> columns;
  for (Index k = first; k < first + horizon; ++k)
    columns.emplace_back(series.values.rows(k, k + size - test));
  return stack(columns, 1).value();
}

Windows make_windows(const Series& series, Index known, Index horizon) {
  const Index test_day = series.size() - series.size() / 4;
  Windows windows{.known = known,
                  .horizon = horizon,
                  .training = test_day - known - horizon + 1,
                  .test = test_day - known};
  if (windows.training < 100 || series.size() - test_day < horizon)
    throw std::runtime_error("a series of " + std::to_string(series.size()) +
                             " values is too short for this");
  const data::SeriesWindows all(series.values, {.input = known, .horizon = horizon});
  windows.size = all.size();
  std::vector<Tensor> inputs, targets;
  for (Index i = 0; i < all.size(); ++i) {
    const auto pair = all.get(i);
    inputs.push_back(pair[0]);
    targets.push_back(pair[1]);
  }
  const Variable days(data::collate(inputs)), to_come(data::collate(targets));
  const Variable last = slice(days, 1, {.begin = -1});
  const Tensor before = (days - last).value(), after = (to_come - last).value();
  data::StandardScaler scaler;  // one scale for all days of the window
  scaler.fit(before.rows(0, windows.training).reshape({-1, 1}));
  windows.scaler.fit(after.rows(0, windows.training));
  const Tensor scaled = scaler.transform(before.reshape({-1, 1})).reshape(before.shape());
  windows.input = concat({scaled, series.season.rows(known, known + all.size())}, 1).value();
  windows.target = windows.scaler.transform(after);
  windows.last = last.value();
  return windows;
}

Interval share_interval(double hits, double n) {
  const double z = 1.96, share = hits / n, scale = 1 + z * z / n;
  const double centre = share + z * z / (2 * n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {(centre - half) / scale, (centre + half) / scale};
}

}  // namespace example
