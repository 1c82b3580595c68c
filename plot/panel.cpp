// Panels of curves, points, bars and marks.
#include <xgrad/plot/axis.hpp>
#include <xgrad/plot/checks.hpp>
#include <xgrad/plot/figure.hpp>
#include <xgrad/plot/text.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace xgrad::plot {

using namespace detail;

Series::Series(const Tensor& tensor, Place place) {
  const Scope scope("plot::Series", place);
  Index longest = 1;
  for (Index axis = 0; axis < tensor.rank(); ++axis) longest = std::max(longest, tensor.size(axis));
  if (tensor.count() > longest)
    fail<ShapeError>("a series has one axis, this is " + describe(tensor), "rows() and reshape() select one");
  values_ = numbers_of(tensor);
}

Series counting(std::size_t count, double first) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = first + static_cast<double>(i);
  return values;
}

Panel::Panel(PanelOptions options, Place place) : content_(std::make_unique<Content>()) {
  const Scope scope("plot::Panel", place);
  require_order(options.x_range, "x_range");
  require_order(options.y_range, "y_range");
  require_within(options.width, 40, 10000, "width");
  require_within(options.height, 40, 10000, "height");
  const auto positive = [](bool log, Range range, const char* option) {
    if (log && (drawable(range.low) <= 0 || drawable(range.high) <= 0))
      fail<ValueError>("." + std::string(option) + " = {" + number(range.low) + ", " + number(range.high) +
                       "} is not within [1e-290, 1e290], where logarithmic axes are");
  };
  positive(options.x_log, options.x_range, "x_range");
  positive(options.y_log, options.y_range, "y_range");
  content_->options = std::move(options);
}

Panel::Panel(const Panel& other) : content_(std::make_unique<Content>(*other.content_)) {}
Panel& Panel::operator=(const Panel& other) {
  content_ = std::make_unique<Content>(*other.content_);
  return *this;
}
Panel::~Panel() = default;

Panel& Panel::curve(const Series& x, const Series& y, const CurveOptions& options, Place place) {
  const Scope scope("plot::curve", place);
  require_equal(y.size(), "y", x.size(), "x");
  require_colour(options.colour);
  require_within(options.width, 0.1, 20, "width");
  become(*content_, Kind::plot);
  Line line{drawable(x.values()), drawable(y.values()), choose_colour(*content_, options.colour)};
  line.width = options.width;
  line.dashed = options.dashed;
  constexpr std::size_t few = 40;
  line.circles = options.markers == Markers::circles ||
                 (options.markers == Markers::automatic && x.size() <= few && !options.dashed);
  const auto sample = options.dashed ? Entry::Kind::dashes
                      : line.circles ? Entry::Kind::circles
                                     : Entry::Kind::line;
  add_legend(*content_, sample, line.colour, options.label);
  include_points(*content_, line.x, line.y);
  content_->items.emplace_back(std::move(line));
  return *this;
}

Panel& Panel::band(const Series& x, const Series& low, const Series& high, const BandOptions& options,
                   Place place) {
  const Scope scope("plot::band", place);
  require_equal(low.size(), "low", x.size(), "x");
  require_equal(high.size(), "high", x.size(), "x");
  require_colour(options.colour);
  require_within(options.opacity, 0, 1, "opacity");
  become(*content_, Kind::plot);
  std::string colour = options.colour;
  if (colour.empty()) colour = content_->last_colour.empty() ? series_colour(0) : content_->last_colour;
  Area area{drawable(x.values()), drawable(low.values()), drawable(high.values()), colour, options.opacity};
  add_legend(*content_, Entry::Kind::box,
             to_text(mixed(0xffffff, rgb(colour), std::max(0.35, options.opacity))), options.label);
  include_points(*content_, area.x, area.low);
  include_points(*content_, area.x, area.high);
  content_->items.emplace_back(std::move(area));
  return *this;
}

Panel& Panel::scatter(const Series& x, const Series& y, const ScatterOptions& options, Place place) {
  const Scope scope("plot::scatter", place);
  require_equal(y.size(), "y", x.size(), "x");
  require_colour(options.colour);
  require_within(options.radius, 0.1, 50, "radius");
  require_within(options.opacity, 0, 1, "opacity");
  become(*content_, Kind::plot);
  Dots dots{drawable(x.values()), drawable(y.values()), choose_colour(*content_, options.colour),
            options.radius, options.opacity};
  add_legend(*content_, Entry::Kind::dot, dots.colour, options.label);
  include_points(*content_, dots.x, dots.y);
  content_->items.emplace_back(std::move(dots));
  return *this;
}

Panel& Panel::scatter(const Tensor& points, const ScatterOptions& options, Place place) {
  const Scope scope("plot::scatter", place);
  const Columns columns = columns_of(points);
  return scatter(columns.x, columns.y, options, place);
}

Panel& Panel::classes(const Tensor& points, const Series& labels, const ClassOptions& options, Place place) {
  const Scope scope("plot::classes", place);
  const Columns columns = columns_of(points);
  require_equal(labels.size(), "labels", columns.x.size(), "points");
  require_within(options.radius, 0.1, 50, "radius");
  require_within(options.opacity, 0, 1, "opacity");
  constexpr double most = 1000;
  std::size_t count = options.names.size();
  for (const double label : labels.values()) {
    if (!(label >= 0 && label < most && label == std::floor(label)))
      fail<ValueError>("a label is " + number(label) + ", not a whole number from 0 to 999");
    if (options.names.empty())
      count = std::max(count, static_cast<std::size_t>(label) + 1);
    else if (label >= static_cast<double>(count))
      fail<ValueError>("a label is " + number(label) + ", and there are " + std::to_string(count) + " names");
  }
  become(*content_, Kind::plot);
  std::vector<Dots> all;
  for (std::size_t c = 0; c < count; ++c)
    all.push_back({{}, {}, series_colour(c), options.radius, options.opacity});
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Dots& dots = all[static_cast<std::size_t>(labels.values()[i])];
    dots.x.push_back(columns.x[i]);
    dots.y.push_back(columns.y[i]);
  }
  for (std::size_t c = 0; c < count; ++c) {
    Dots& dots = all[c];
    add_legend(*content_, Entry::Kind::dot, dots.colour,
               options.names.empty() ? std::to_string(c) : options.names[c]);
    include_points(*content_, dots.x, dots.y);
    content_->items.emplace_back(std::move(dots));
  }
  content_->colours_used = std::max(content_->colours_used, count);
  return *this;
}

Panel& Panel::bars(const std::vector<std::string>& names, const Series& heights, const BarOptions& options,
                   Place place) {
  const Scope scope("plot::bars", place);
  require_equal(heights.size(), "heights", names.size(), "names");
  require_equal(options.low.size(), ".low", options.high.size(), ".high");
  if (!options.low.empty()) require_equal(options.low.size(), ".low", names.size(), "names");
  require_colour(options.colour);
  Content& content = *content_;
  if (content.options.x_log) fail<ValueError>("bars stand on no logarithmic axis");
  if (!content.bars.empty() && names != content.bar_names)
    fail<ValueError>("the bars of a panel have the same names");
  become(content, Kind::plot);
  content.bar_names = names;
  content.x_names.clear();
  for (const std::string& name : names) content.x_names.push_back(one_line(name));
  BarGroup group{drawable(heights.values()), drawable(options.low), drawable(options.high),
                 choose_colour(content, options.colour), options.show_values};
  add_legend(content, Entry::Kind::box, group.colour, options.label);
  content.y_from_zero = true;
  include(content.x, -0.5);
  include(content.x, static_cast<double>(names.size()) - 0.5);
  for (const Numbers* ends : {&group.heights, &group.low, &group.high})
    for (const double end : *ends)
      if (std::isfinite(end) && (!content.options.y_log || end > 0)) {
        include(content.y, end);
        if (end != std::floor(end)) content.y_integral = false;
      }
  content.bars.push_back(std::move(group));
  return *this;
}

Panel& Panel::histogram(const Series& values, const HistogramOptions& options, Place place) {
  const Scope scope("plot::histogram", place);
  require_colour(options.colour);
  require_within(options.bins, 1, 10000, "bins");
  require_order(options.range, "range");
  Content& content = *content_;
  if (content.options.x_log) fail<ValueError>("the bins of a histogram are of equal width: no logarithmic x");
  become(content, Kind::plot);
  const Numbers numbers = drawable(values.values());
  Range range;
  for (const double value : numbers) include(range, value);
  if (!std::isnan(options.range.low)) range.low = options.range.low;
  if (!std::isnan(options.range.high)) range.high = options.range.high;
  if (std::isnan(range.low)) range.low = std::isnan(range.high) ? 0 : range.high - 1;
  if (std::isnan(range.high)) range.high = range.low + 1;
  if (!(range.high - range.low > 1e-12 * std::max(std::abs(range.low), std::abs(range.high)))) {
    const double around = range.low == 0 ? 0.5 : 0.05 * std::abs(range.low);
    range = {range.low - around, range.low + around};
  }
  const auto bins = static_cast<std::size_t>(options.bins);
  const double width = (range.high - range.low) / static_cast<double>(bins);
  Numbers counts(bins);
  double total = 0;
  for (const double value : numbers) {
    if (!(value >= range.low && value <= range.high)) continue;
    counts[std::min(bins - 1, static_cast<std::size_t>((value - range.low) / width))] += 1;
    total += 1;
  }
  // One outline: boxes side by side would show their seams.
  Area steps;
  steps.opacity = 0.55;
  steps.colour = choose_colour(content, options.colour);
  for (std::size_t i = 0; i < bins; ++i) {
    const double height = options.density && total > 0 ? counts[i] / (total * width) : counts[i];
    for (const std::size_t end : {i, i + 1}) {
      steps.x.push_back(range.low + width * static_cast<double>(end));
      steps.low.push_back(0);
      steps.high.push_back(height);
    }
    if (height > 0) include(content.y, height);
    if (height != std::floor(height)) content.y_integral = false;
  }
  content.counts = content.counts || !options.density;
  include(content.x, range.low);
  include(content.x, range.high);
  content.x_integral = false;
  content.y_from_zero = true;
  add_legend(content, Entry::Kind::box, to_text(mixed(0xffffff, rgb(steps.colour), 0.65)), options.label);
  content.items.emplace_back(std::move(steps));
  return *this;
}

Panel& Panel::mark_x(double x, const std::string& label, Place place) {
  const Scope scope("plot::mark_x", place);
  become(*content_, Kind::plot);
  if (!std::isfinite(drawable(x)) || (content_->options.x_log && x <= 0))
    fail<ValueError>("x = " + number(x) + " has no place on the axis");
  include(content_->x, x);
  add_legend(*content_, Entry::Kind::mark, axis_colour, label);
  content_->items.emplace_back(Mark{drawable(x), true});
  return *this;
}

Panel& Panel::mark_y(double y, const std::string& label, Place place) {
  const Scope scope("plot::mark_y", place);
  become(*content_, Kind::plot);
  if (!std::isfinite(drawable(y)) || (content_->options.y_log && y <= 0))
    fail<ValueError>("y = " + number(y) + " has no place on the axis");
  include(content_->y, y);
  add_legend(*content_, Entry::Kind::dashes, axis_colour, label);
  content_->items.emplace_back(Mark{drawable(y), false});
  return *this;
}

Panel& Panel::text(double x, double y, const std::string& text, const TextOptions& options, Place place) {
  const Scope scope("plot::text", place);
  require_colour(options.colour);
  // It has its place on the axes, and no say in their ticks.
  if (content_->kind != Kind::matrix && content_->kind != Kind::images) {
    const bool x_integral = content_->x_integral, y_integral = content_->y_integral;
    include_points(*content_, {drawable(x)}, {drawable(y)});
    content_->x_integral = x_integral;
    content_->y_integral = y_integral;
  }
  Words words{drawable(x), drawable(y), text, options.colour.empty() ? text_colour : options.colour};
  words.right = 8;
  content_->items.emplace_back(std::move(words));
  return *this;
}

}  // namespace xgrad::plot
