#include "forecasts.hpp"

#include <xgrad/xgrad.hpp>

#include <algorithm>

namespace example {

using namespace xgrad;

double Forecasts::error(std::size_t of) const { return mean(errors[of]).item(); }

Variable quantile(const Tensor& told, Index which) { return index(told, {Slice{}, Slice{}, which}); }

plot::Figure picture(const Forecasts& tomorrow, const Forecasts& month, const Series& series,
                     const std::string& subtitle) {
  plot::Figure figure({.title = "What comes next: " + series.name, .subtitle = subtitle});
  const Index days = tomorrow.truth.size(0), from = std::max<Index>(days - 150, 0),
              ahead = month.truth.size(1);
  const auto shown = [&](const Variable& values) { return (series.prices ? exp(values) : values).value(); };
  const auto at = [](Index first, Index count) {
    return plot::counting(static_cast<std::size_t>(count), static_cast<double>(first));
  };
  // The quantiles (k, 3) that were told of the days from `first` on, as median and interval.
  const auto told = [&](plot::Panel& panel, Index first, const Tensor& values, const std::string& label) {
    const auto level = [&](Index which) { return index(values, {Slice{}, which}).value(); };
    const plot::Series when = at(first, values.size(0));
    panel.curve(when, level(1),
                {.label = label, .colour = plot::series_colour(0), .markers = plot::Markers::none});
    panel.band(when, level(0), level(2));
  };
  const auto came = [&](plot::Panel& panel) {
    panel.curve(at(from, days - from), shown(tomorrow.truth.rows(from, days)),
                {.label = "came", .colour = "#333333", .width = 1.2, .markers = plot::Markers::none});
  };
  plot::Panel& first = figure.panel(
      {.title = "A day ahead: median, 80 % interval", .x = "day of the test", .y_unit = series.unit});
  told(first, from, shown(index(tomorrow.told, {Slice{.begin = from}, 0})), "told the day before");
  came(first);
  plot::Panel& second = figure.panel(
      {.title = std::to_string(ahead) + " days ahead", .x = "day of the test", .y_unit = series.unit});
  for (Index start = days - ahead; start >= from; start -= ahead + 20)
    told(second, start, shown(index(month.told, {start})),
         start == days - ahead ? "told before they began" : "");
  came(second);
  plot::Panel& errors = figure.panel(
      {.title = "Mean absolute error", .x = "days ahead", .y_unit = series.prices ? " %" : series.unit});
  for (std::size_t i = 0; i < month.names.size(); ++i)
    if (const bool network = i + 4 >= month.names.size(); !network || i + 1 == month.names.size())
      errors.curve(plot::counting(static_cast<std::size_t>(ahead)), month.errors[i],
                   {.label = month.names[i], .dashed = !network, .markers = plot::Markers::none});
  std::vector<double> heights;
  for (std::size_t i = 0; i < tomorrow.names.size(); ++i) heights.push_back(tomorrow.error(i));
  figure.panel({.title = "Mean absolute error, a day ahead", .y_unit = series.prices ? " %" : series.unit})
      .bars(tomorrow.names, heights, {.show_values = true});
  return figure;
}

}  // namespace example
