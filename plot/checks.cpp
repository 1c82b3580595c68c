// Arguments of a Panel's functions.
#include <xgrad/plot/checks.hpp>

#include <xgrad/plot/axis.hpp>
#include <xgrad/plot/text.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace xgrad::plot::detail {

double drawable(double value) {
  // Differences and logarithms of these, and their multiples, are still numbers.
  constexpr double most = 1e290, least = 1e-290;
  if (!(std::abs(value) <= most)) return std::numeric_limits<double>::quiet_NaN();
  return std::abs(value) < least ? 0 : value;
}

Numbers drawable(const std::vector<double>& values) {
  Numbers result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), [](double value) { return drawable(value); });
  return result;
}

Numbers numbers_of(const Tensor& tensor) {
  const Tensor values = tensor.to(float64);
  const auto span = values.span<double>();
  return {span.begin(), span.end()};
}

void require_equal(std::size_t count, const char* what, std::size_t expected, const char* of_what) {
  if (count != expected)
    fail<ShapeError>(std::to_string(count) + " " + what + " for " + std::to_string(expected) + " " + of_what);
}

void require_colour(const std::string& colour, const char* option) {
  if (!colour.empty() && !is_colour(colour))
    fail<ValueError>("." + std::string(option) + " = \"" + one_line(colour) +
                     "\" is not of the form \"#rrggbb\"");
}

void require_within(double value, double low, double high, const char* option) {
  if (!(value >= low && value <= high))
    fail<ValueError>("." + std::string(option) + " = " + number(value) + " is not within [" + number(low) +
                     ", " + number(high) + "]");
}

void require_interval(Range range, const char* what) {
  if (!(std::isfinite(drawable(range.low)) && std::isfinite(drawable(range.high)) &&
        drawable(range.low) < drawable(range.high)))
    fail<ValueError>("the range of " + std::string(what) + ", [" + number(range.low) + ", " +
                     number(range.high) + "], is none");
}

void require_order(Range range, const char* option) {
  const auto possible = [](double end) { return std::isnan(end) || std::isfinite(drawable(end)); };
  if (!possible(range.low) || !possible(range.high) || drawable(range.low) >= drawable(range.high))
    fail<ValueError>("." + std::string(option) + " = {" + number(range.low) + ", " + number(range.high) +
                     "} is no interval");
}

Columns columns_of(const Tensor& points) {
  if (points.rank() != 2 || points.size(1) != 2)
    fail<ShapeError>("points have shape (N, 2), these are " + describe(points));
  const Numbers all = numbers_of(points);
  Columns columns;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    columns.x.push_back(drawable(all[i]));
    columns.y.push_back(drawable(all[i + 1]));
  }
  return columns;
}

void become(Content& content, Kind kind) {
  const bool alone = kind == Kind::matrix || kind == Kind::images;
  // Text goes with everything, whichever comes first.
  const bool empty = content.bars.empty() &&
                     std::all_of(content.items.begin(), content.items.end(),
                                 [](const Item& item) { return std::holds_alternative<Words>(item); });
  const bool held_alone = content.kind == Kind::matrix || content.kind == Kind::images;
  if (held_alone || (alone && !empty))
    fail<ValueError>("heat maps and images need a panel of their own", "figure.panel() adds one");
  if (kind == Kind::plane && content.kind == Kind::plane)
    fail<ValueError>("the colours of one function would hide those of the other",
                     "decision_regions() and contour() need a panel each: figure.panel() adds one");
  if (alone && (content.options.x_log || content.options.y_log))
    fail<ValueError>("heat maps and images have no logarithmic axes");
  if (kind != Kind::plot) content.kind = kind;
}

std::string choose_colour(Content& content, const std::string& colour) {
  content.last_colour = colour.empty() ? series_colour(content.colours_used++) : colour;
  return content.last_colour;
}

void add_legend(Content& content, Entry::Kind kind, const std::string& colour, const std::string& label) {
  if (!label.empty()) content.legend.push_back({kind, colour, one_line(label)});
}

void include_points(Content& content, const Numbers& x, const Numbers& y) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool shown = std::isfinite(x[i]) && std::isfinite(y[i]) && (!content.options.x_log || x[i] > 0) &&
                       (!content.options.y_log || y[i] > 0);
    if (!shown) continue;
    include(content.x, x[i]);
    include(content.y, y[i]);
    if (x[i] != std::floor(x[i])) content.x_integral = false;
    if (y[i] != std::floor(y[i])) content.y_integral = false;
  }
}

}  // namespace xgrad::plot::detail
