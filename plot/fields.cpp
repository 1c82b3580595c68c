// Panels of colours: matrices, functions of the plane, images.
#include <xgrad/plot/axis.hpp>
#include <xgrad/plot/checks.hpp>
#include <xgrad/plot/figure.hpp>
#include <xgrad/plot/text.hpp>

#include <xgrad/tensor/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace xgrad::plot {

using namespace detail;

namespace {

// What colours stand for: of the values unless it is given; even on both sides of 0 for diverging ones.
Range colour_range(const Numbers& values, Range given, ColourMap map) {
  Range range;
  for (const double value : values) include(range, value);
  if (std::isnan(range.low)) range = {0, 1};
  if (map == ColourMap::diverging && std::isnan(given.low) && std::isnan(given.high)) {
    const double most = std::max(std::abs(range.low), std::abs(range.high));
    range = {-most, most};
  }
  if (!std::isnan(given.low)) range.low = given.low;
  if (!std::isnan(given.high)) range.high = given.high;
  if (!(range.high - range.low > 1e-12 * std::max(std::abs(range.low), std::abs(range.high)))) {
    const double around = range.low == 0 ? 1 : 0.1 * std::abs(range.low);
    if (!std::isnan(given.low))
      range.high = range.low + around;
    else if (!std::isnan(given.high))
      range.low = range.high - around;
    else
      range = {range.low - around, range.low + around};
  }
  return range;
}

double part_of(Range range, double value) { return (value - range.low) / (range.high - range.low); }

// Values of f on a grid: `channels` grids of size x size, row 0 at y.low.
struct Grid {
  std::size_t size = 0;
  std::vector<Numbers> channels;

  // Between the points, bilinear: the value of a channel at parts of the axes.
  double at(std::size_t channel, double x, double y) const {
    const double last = static_cast<double>(size - 1);
    const auto cell = [&](double part) { return std::min(static_cast<std::size_t>(part * last), size - 2); };
    const std::size_t column = cell(x), row = cell(y);
    const double right = x * last - static_cast<double>(column), up = y * last - static_cast<double>(row);
    const double* low = channels[channel].data() + row * size + column;
    return (1 - up) * ((1 - right) * low[0] + right * low[1]) +
           up * ((1 - right) * low[size] + right * low[size + 1]);
  }
};

Grid evaluate(const PlaneFunction& f, Range x, Range y, int size, bool one_value) {
  if (!f) fail<ValueError>("the function is empty");
  require_interval(x, "x");
  require_interval(y, "y");
  require_within(size, 2, 2000, "grid");
  const auto points = static_cast<std::size_t>(size);
  std::vector<float> places;
  places.reserve(2 * points * points);
  const auto place = [&](Range range, std::size_t i) {
    return static_cast<float>(range.low + (range.high - range.low) * static_cast<double>(i) /
                                              static_cast<double>(points - 1));
  };
  for (std::size_t row = 0; row < points; ++row)
    for (std::size_t column = 0; column < points; ++column) {
      places.push_back(place(x, column));
      places.push_back(place(y, row));
    }
  const Index count = static_cast<Index>(points * points);
  Tensor values;
  {
    const Scope user(Scope::Barrier{});
    values = f(Tensor::from(places, {count, 2}));
  }
  const bool flat = values.rank() == 1 || (values.rank() == 2 && values.size(1) == 1);
  if (!values.defined() || values.rank() < 1 || values.rank() > 2 || values.size(0) != count ||
      values.count() == 0 || (one_value && !flat))
    fail<ShapeError>(
        "the function gave " + describe(values) + " for points (" + std::to_string(count) + ", 2)",
        one_value ? "it gives one value for each: (N,)" : "it gives (N,) or (N, classes)");
  const Numbers all = numbers_of(values);
  const std::size_t channels = flat ? 1 : static_cast<std::size_t>(values.size(1));
  Grid grid{points, std::vector<Numbers>(channels, Numbers(points * points))};
  for (std::size_t i = 0; i < points * points; ++i)
    for (std::size_t c = 0; c < channels; ++c) grid.channels[c][i] = drawable(all[i * channels + c]);
  return grid;
}

// A picture of the grid, finer than it is, row 0 at y.low; `colour(x, y)` takes parts of the axes.
template <class F>
Raster painted(const Grid& grid, Range x, Range y, const F& colour) {
  constexpr std::size_t fine = 320;
  const std::size_t size = std::max(fine, grid.size);
  Raster raster{size, size, {}, x.low, x.high, y.low, y.high};
  raster.pixels.reserve(size * size);
  const auto part = [&](std::size_t i) { return (static_cast<double>(i) + 0.5) / static_cast<double>(size); };
  for (std::size_t row = 0; row < size; ++row)
    for (std::size_t column = 0; column < size; ++column)
      raster.pixels.push_back(colour(part(column), part(row)));
  return raster;
}

bool crosses(const Numbers& values, double level) {
  bool below = false, above = false;
  for (const double value : values) {
    below = below || value < level;
    above = above || value > level;
  }
  return below && above;
}

// Colours lie below everything that the panel has already.
void put_below(Content& content, Raster raster) {
  content.items.insert(content.items.begin(), std::move(raster));
}

void take_plane(Content& content, Range x, Range y) {
  if (content.options.x_log || content.options.y_log)
    fail<ValueError>("regions and contours have no logarithmic axes");
  become(content, Kind::plane);
  for (const double end : {x.low, x.high}) include(content.x, end);
  for (const double end : {y.low, y.high}) include(content.y, end);
  content.x_integral = false;
  if (std::isnan(content.options.x_range.low)) content.options.x_range.low = x.low;
  if (std::isnan(content.options.x_range.high)) content.options.x_range.high = x.high;
  if (std::isnan(content.options.y_range.low)) content.options.y_range.low = y.low;
  if (std::isnan(content.options.y_range.high)) content.options.y_range.high = y.high;
}

int least_decimals(const Numbers& values) {
  const bool whole = std::all_of(values.begin(), values.end(), [](double value) {
    return std::isnan(value) || value == std::floor(value);
  });
  return whole ? 0 : 2;
}

}  // namespace

Panel& Panel::heat_map(const Tensor& matrix, const HeatMapOptions& options, Place place) {
  const Scope scope("plot::heat_map", place);
  if (matrix.rank() != 2 || matrix.count() == 0)
    fail<ShapeError>("a matrix (rows, columns) is drawn, this is " + describe(matrix));
  const auto rows = static_cast<std::size_t>(matrix.size(0)),
             columns = static_cast<std::size_t>(matrix.size(1));
  if (!options.rows.empty()) require_equal(options.rows.size(), ".rows", rows, "rows");
  if (!options.columns.empty()) require_equal(options.columns.size(), ".columns", columns, "columns");
  require_order(options.range, "range");
  require_within(options.decimals, -1, 15, "decimals");
  require_within(options.cell, 0, 1000, "cell");
  Content& content = *content_;
  const Numbers values = drawable(numbers_of(matrix));
  become(content, Kind::matrix);
  const Range range = colour_range(values, options.range, options.map);
  const int decimals = options.decimals >= 0 ? options.decimals : least_decimals(values);

  const auto text_of = [&](double value) {
    return std::isnan(value) ? std::string("–") : decimal(value, decimals);
  };
  double widest = 0;
  if (options.show_values)
    for (const double value : values) widest = std::max(widest, text_width(text_of(value), 12));
  const double most = static_cast<double>(std::max(rows, columns));
  double cell = options.cell;
  if (cell == 0) cell = std::clamp(300 / most, options.show_values ? std::max(26.0, widest + 8) : 0.25, 56.0);
  content.width = cell * static_cast<double>(columns);
  content.height = cell * static_cast<double>(rows);

  std::vector<Rgb> colours;
  for (const double value : values) colours.push_back(mapped(options.map, part_of(range, value)));
  // Cells with a line of ground between them; of many, only their colours can be seen.
  if (cell >= 12) {
    Boxes boxes;
    const double gap = 0.5 / cell;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto row = static_cast<double>(i / columns), column = static_cast<double>(i % columns);
      boxes.left.push_back(column - 0.5 + gap);
      boxes.right.push_back(column + 0.5 - gap);
      boxes.low.push_back(row - 0.5 + gap);
      boxes.high.push_back(row + 0.5 - gap);
    }
    boxes.colours = colours;
    content.items.emplace_back(std::move(boxes));
  } else {
    content.items.emplace_back(Raster{rows, columns, colours, -0.5, static_cast<double>(columns) - 0.5, -0.5,
                                      static_cast<double>(rows) - 0.5});
  }
  if (options.show_values)
    for (std::size_t i = 0; i < values.size(); ++i) {
      Words words{static_cast<double>(i % columns), static_cast<double>(i / columns), text_of(values[i]),
                  is_light(colours[i]) ? ink : "#ffffff", std::min(12.0, 0.5 * cell)};
      words.anchor = Anchor::centre;
      content.items.emplace_back(std::move(words));
    }
  for (const std::string& name : options.rows) content.y_names.push_back(one_line(name));
  for (const std::string& name : options.columns) content.x_names.push_back(one_line(name));
  // Every position has its number where there is place for it.
  const auto number_all = [&](std::vector<std::string>& names, std::size_t count) {
    if (names.empty() && cell >= 16)
      for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  };
  number_all(content.y_names, rows);
  number_all(content.x_names, columns);
  content.x = {-0.5, static_cast<double>(columns) - 0.5};
  content.y = {-0.5, static_cast<double>(rows) - 0.5};
  if (options.colour_bar) content.bar = ColourBar{options.map, range, false, 0, one_line(options.label), 1};
  return *this;
}

Panel& Panel::decision_regions(const PlaneFunction& f, Range x, Range y, const RegionOptions& options,
                               Place place) {
  const Scope scope("plot::decision_regions", place);
  const Grid grid = evaluate(f, x, y, options.grid, false);
  if (grid.channels.size() == 1)
    for (const double value : grid.channels[0])
      if (value < -1e-6 || value > 1 + 1e-6)
        fail<ValueError>(
            "one value a point is the probability of class 1, and the function gave " + number(value),
            "sigmoid() makes probabilities of logits; more classes are columns, (N, classes)");
  Content& content = *content_;
  take_plane(content, x, y);
  const std::size_t channels = grid.channels.size();
  const auto light = [](std::size_t c, double strength) {
    return mixed(0xffffff, rgb(series_colour(c)), strength);
  };
  std::vector<Item> lines;
  const auto boundary = [&](Numbers values, double level) {
    if (!crosses(values, level)) return;
    Contours contours{grid.size, grid.size, std::move(values), {level}, x, y, text_colour, 1.4};
    lines.emplace_back(std::move(contours));
  };
  if (channels == 1) {
    put_below(content, painted(grid, x, y, [&](double across, double up) -> Rgb {
                const double p = std::clamp(grid.at(0, across, up), 0.0, 1.0);
                if (std::isnan(p)) return 0xffffff;
                return light(p < 0.5 ? 0 : 1, 0.1 + 0.5 * std::abs(p - 0.5));
              }));
    boundary(grid.channels[0], 0.5);
  } else {
    put_below(content, painted(grid, x, y, [&](double across, double up) -> Rgb {
                std::size_t best = 0;
                double most = -std::numeric_limits<double>::infinity();
                for (std::size_t c = 0; c < channels; ++c) {
                  const double value = grid.at(c, across, up);
                  if (std::isnan(value)) return 0xffffff;
                  if (value > most) most = value, best = c;
                }
                return light(best, 0.26);
              }));
    // Where a class and the best of the others are even. Each line is that of two classes: drawn for the
    // first.
    for (std::size_t c = 0; c + 1 < channels; ++c) {
      Numbers lead(grid.size * grid.size);
      for (std::size_t i = 0; i < lead.size(); ++i) {
        double others = -std::numeric_limits<double>::infinity();
        for (std::size_t d = 0; d < channels; ++d)
          if (d != c) others = std::max(others, grid.channels[d][i]);
        lead[i] = grid.channels[c][i] - others;
      }
      boundary(std::move(lead), 0);
    }
  }
  content.items.insert(content.items.begin() + 1, lines.begin(), lines.end());
  return *this;
}

Panel& Panel::contour(const PlaneFunction& f, Range x, Range y, const ContourOptions& options, Place place) {
  const Scope scope("plot::contour", place);
  require_within(options.levels, 1, 200, "levels");
  Grid grid = evaluate(f, x, y, options.grid, true);
  Content& content = *content_;
  Numbers& values = grid.channels[0];
  if (options.logarithmic)
    for (double& value : values) {
      if (value <= 0)
        fail<ValueError>("the function is " + number(value) + " somewhere: no logarithmic levels",
                         "add a constant, or leave .logarithmic out");
      value = std::log(value);
    }
  take_plane(content, x, y);
  const Range range = colour_range(values, {}, options.map);
  const double bands = options.levels + 1;
  // The darkest blues would hide what is drawn over them.
  const double reach = options.map == ColourMap::blues ? 0.8 : 1;
  put_below(content, painted(grid, x, y, [&](double across, double up) {
              const double part = part_of(range, grid.at(0, across, up));
              if (std::isnan(part)) return Rgb{0xffffff};
              return mapped(options.map,
                            reach * (std::min(std::floor(part * bands), bands - 1) + 0.5) / bands);
            }));
  Contours contours{grid.size, grid.size, values, {}, x, y, "#ffffff", 0.8};
  for (int i = 1; i <= options.levels; ++i) {
    const double level = range.low + (range.high - range.low) * i / bands;
    if (crosses(values, level)) contours.levels.push_back(level);
  }
  if (!contours.levels.empty()) content.items.insert(content.items.begin() + 1, std::move(contours));
  if (options.colour_bar) {
    const auto end = [](double logarithm) { return std::clamp(std::exp(logarithm), 1e-290, 1e290); };
    const Range shown = options.logarithmic ? Range{end(range.low), end(range.high)} : range;
    content.bar = ColourBar{
        options.map, shown, options.logarithmic, options.levels + 1, one_line(options.label), reach};
  }
  return *this;
}

Panel& Panel::path(const Tensor& points, const PathOptions& options, Place place) {
  const Scope scope("plot::path", place);
  Columns columns = columns_of(points);
  require_colour(options.colour);
  require_within(options.width, 0.1, 20, "width");
  become(*content_, Kind::plot);
  // The first colour is too near to the ground of contours.
  if (options.colour.empty() && content_->colours_used == 0) content_->colours_used = 1;
  Line line{std::move(columns.x), std::move(columns.y), choose_colour(*content_, options.colour),
            options.width};
  line.circles = true;
  line.radius = 2.4;
  line.filled_start = true;
  add_legend(*content_, Entry::Kind::circles, line.colour, options.label);
  include_points(*content_, line.x, line.y);
  content_->items.emplace_back(std::move(line));
  return *this;
}

Panel& Panel::images(const Tensor& images, const ImageOptions& options, Place place) {
  const Scope scope("plot::images", place);
  const bool colours = images.rank() == 4 && images.size(3) == 3;
  if (images.count() == 0 || !(images.rank() == 3 || colours || (images.rank() == 4 && images.size(3) == 1)))
    fail<ShapeError>("images have shape (N, H, W), (N, H, W, 1) or (N, H, W, 3), these are " +
                     describe(images));
  const auto count = static_cast<std::size_t>(images.size(0)),
             height = static_cast<std::size_t>(images.size(1)),
             width = static_cast<std::size_t>(images.size(2)), channels = std::size_t{colours ? 3U : 1U};
  if (!options.captions.empty()) require_equal(options.captions.size(), ".captions", count, "images");
  if (!options.caption_colours.empty())
    require_equal(options.caption_colours.size(), ".caption_colours", count, "images");
  for (const std::string& colour : options.caption_colours) require_colour(colour, "caption_colours");
  require_order(options.range, "range");
  require_within(options.columns, 0, 10000, "columns");
  require_within(options.zoom, 0, 1000, "zoom");
  Content& content = *content_;
  const Numbers values = drawable(numbers_of(images));
  become(content, Kind::images);

  const auto longer = static_cast<double>(std::max(width, height));
  double zoom = options.zoom;
  if (zoom == 0)
    zoom = longer > 112 ? 112 / longer : std::max(1.0, std::floor((count > 24 ? 66 : 84) / longer));
  double wide = zoom * static_cast<double>(width), caption_height = 0;
  const double tall = zoom * static_cast<double>(height);
  constexpr double caption_size = 12, line_height = 15;
  double cell_width = wide;
  // Long captions go on in further lines.
  std::vector<std::string> captions;
  constexpr double least_width = 110;
  for (const std::string& caption : options.captions)
    captions.push_back(wrapped(caption, std::max(wide, least_width), 4, caption_size));
  for (const std::string& caption : captions) {
    cell_width = std::max(cell_width, text_width(caption, caption_size) + 4);
    caption_height =
        std::max(caption_height, line_height * static_cast<double>(lines_of(caption).size()) + 3);
  }
  const double gap = options.captions.empty() ? 4 : 10;
  auto in_row = static_cast<std::size_t>(options.columns);
  if (in_row == 0) {
    const auto fit = static_cast<std::size_t>(std::max(1.0, 900 / (cell_width + gap)));
    const double root = std::sqrt(static_cast<double>(count));
    in_row = count <= 10 ? count : static_cast<std::size_t>(std::ceil(1.25 * root));
    for (auto even = static_cast<std::size_t>(1.6 * root); count > 10 && static_cast<double>(even) >= root;
         --even)
      if (count % even == 0) in_row = even;
    in_row = std::min(in_row, fit);
  }
  in_row = std::min(in_row, count);
  const std::size_t lines = (count + in_row - 1) / in_row;
  const double step_x = cell_width + gap, step_y = caption_height + tall + gap;
  content.width = step_x * static_cast<double>(in_row) - gap;
  content.height = step_y * static_cast<double>(lines) - gap;
  content.x = {0, content.width};
  content.y = {0, content.height};

  const std::size_t size = height * width * channels;
  const auto range_of = [&](std::size_t begin, std::size_t end) {
    if (images.dtype() == uint8 && std::isnan(options.range.low) && std::isnan(options.range.high))
      return Range{0, 255};
    if (images.dtype() == boolean && std::isnan(options.range.low) && std::isnan(options.range.high))
      return Range{0, 1};
    return colour_range(Numbers(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                values.begin() + static_cast<std::ptrdiff_t>(end)),
                        options.range, options.map);
  };
  const Range of_all = range_of(0, values.size());
  for (std::size_t n = 0; n < count; ++n) {
    const Range range = options.scale == ImageScale::each ? range_of(n * size, (n + 1) * size) : of_all;
    const double left = step_x * static_cast<double>(n % in_row),
                 top = step_y * static_cast<double>(n / in_row);
    const double image_left = left + std::floor((cell_width - wide) / 2), image_top = top + caption_height;
    Raster raster{height, width, {}, image_left, image_left + wide, image_top, image_top + tall};
    raster.pixels.reserve(height * width);
    for (std::size_t i = 0; i < height * width; ++i) {
      const double* pixel = values.data() + n * size + i * channels;
      raster.pixels.push_back(
          colours ? rgb(part_of(range, pixel[0]), part_of(range, pixel[1]), part_of(range, pixel[2]))
                  : mapped(options.map, part_of(range, pixel[0])));
    }
    content.items.emplace_back(std::move(raster));
    if (options.captions.empty()) continue;
    const bool coloured = !options.caption_colours.empty() && !options.caption_colours[n].empty();
    const std::vector<std::string> caption = lines_of(captions[n]);
    for (std::size_t line = 0; line < caption.size(); ++line) {
      // The last line is next to the image.
      const double up = 3 + line_height * (static_cast<double>(caption.size() - line) - 0.5);
      Words words{left + cell_width / 2, image_top - up, caption[line],
                  coloured ? options.caption_colours[n] : text_colour, caption_size};
      words.anchor = Anchor::centre;
      content.items.emplace_back(std::move(words));
    }
  }
  return *this;
}

}  // namespace xgrad::plot
