// What gnuplot is told.
#include <xgrad/plot/script.hpp>

#include <xgrad/plot/bars.hpp>
#include <xgrad/plot/text.hpp>
#include <xgrad/plot/thin.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace xgrad::plot::detail {
namespace {

constexpr const char* typeface = "Helvetica";
// Radius of a point of size 1 in both terminals, given the scale that the script sets for PNG.
constexpr double point_radius = 4.875;

class Script {
 public:
  Script(const Sheet& sheet, Format format) : sheet_(sheet), format_(format) {
    add("# Draws a picture to its standard output: gnuplot THIS_FILE > PICTURE");
    add("set encoding utf8");
    const std::string size =
        "size %1,%2 noenhanced rounded background \"#ffffff\" font \"" + std::string(typeface) + ",13\"";
    if (format == Format::svg) {
      add("set terminal svg fixed standalone " + sized(size, 1));
    } else {
      // Twice the size, for sharp letters; its points are of 1/96 inch.
      add("if (strstrt(GPVAL_TERMINALS, \"pngcairo\")) { set terminal pngcairo " + sized(size, 2) +
          " fontscale 1.5 linewidth 2 dashlength 2 pointscale 3.42 } else { set terminal png truecolor "
          "nocrop size " +
          number(2 * sheet.width) + "," + number(2 * sheet.height) +
          " noenhanced rounded background \"#ffffff\" linewidth 2 pointscale 2 }");
    }
    add("set zero 0");
    add("unset key");
    add("set datafile missing \"?\"");
  }

  std::string finish() {
    for (const PlacedPanel& panel : sheet_.panels) prepare(panel);
    add("set multiplot");
    ground();
    for (const PlacedPanel& panel : sheet_.panels) draw(panel);
    add("unset multiplot");
    return std::move(text_);
  }

 private:
  void add(const std::string& line) { (text_ += line) += '\n'; }

  std::string sized(std::string options, double scale) const {
    options.replace(options.find("%1"), 2, number(scale * sheet_.width));
    options.replace(options.find("%2"), 2, number(scale * sheet_.height));
    return options;
  }
  std::string at(double x, double y) const {
    const auto part = [](double value) { return number(std::round(value * 1e7) / 1e7); };
    return "screen " + part(x / sheet_.width) + ", screen " + part(1 - y / sheet_.height);
  }
  static std::string colour(const std::string& name) { return "rgb \"" + name + "\""; }

  // The columns as a block of data; its name.
  std::string block(std::initializer_list<const Numbers*> columns) {
    const std::string name = next_block();
    for (std::size_t i = 0; i < (*columns.begin())->size(); ++i) {
      std::string line;
      for (const Numbers* column : columns) (line += line.empty() ? "" : " ") += number((*column)[i]);
      add(line);
    }
    add("EOD");
    return name;
  }
  std::string next_block() {
    std::string name = "$data" + std::to_string(++blocks_);
    add(name + " << EOD");
    return name;
  }

  void label(const Label& label) {
    constexpr std::array<const char*, 3> anchors = {"left", "center", "right"};
    add("set label " + literal(label.text) + " at " + at(label.x, label.y) + " " +
        anchors[static_cast<std::size_t>(label.anchor)] +
        (label.degrees != 0 ? " rotate by " + std::to_string(label.degrees) : "") + " font \"" + typeface +
        (label.bold ? ":Bold," : ",") + number(label.size) + "\" textcolor " + colour(label.colour) +
        " front");
  }
  void line(double x1, double y1, double x2, double y2, const std::string& style,
            const char* layer = "front") {
    add("set arrow from " + at(x1, y1) + " to " + at(x2, y2) + " nohead " + style + " " + layer);
  }
  void point(double x, double y, double radius, const std::string& name) {
    add("set label \"\" at " + at(x, y) + " point pt 7 ps " + number(radius / point_radius) + " lc " +
        colour(name) + " front");
  }

  void sample(const Sample& sample) {
    const auto& [x, y, entry] = sample;
    const std::string stroke = "lw 2.2 lc " + colour(entry.colour);
    switch (entry.kind) {
      case Entry::Kind::line:
        return line(x, y, x + 26, y, stroke);
      case Entry::Kind::circles:
        line(x, y, x + 26, y, stroke);
        point(x + 13, y, 4.2, entry.colour);
        return point(x + 13, y, 2.2, "#ffffff");
      case Entry::Kind::dashes:
        return line(x, y, x + 26, y, "lw 1.6 " + dashes(6, 5, 1.6) + " lc " + colour(entry.colour));
      case Entry::Kind::dot:
        return point(x + 5, y, 4.5, entry.colour);
      case Entry::Kind::mark:
        return line(x + 3, y - 6, x + 3, y + 6,
                    "lw 1.2 " + dashes(4, 4, 1.2) + " lc " + colour(entry.colour));
      case Entry::Kind::box:
        add("set object rectangle from " + at(x, y - 6) + " to " + at(x + 18, y + 6) + " front fc " +
            colour(entry.colour) + " fs solid noborder");
    }
  }

  // All that stands around the plots, on the whole picture.
  void ground() {
    frame({0, 0, sheet_.width, sheet_.height}, {0, 1, false, {}}, {0, 1, false, {}}, false);
    add("unset border");
    add("unset tics");
    for (const Label& words : sheet_.labels) label(words);
    for (const Sample& one : sheet_.samples) sample(one);
    add("plot NaN");
    clear();
  }
  void clear() {
    add("unset label");
    add("unset arrow");
    add("unset object");
    add("unset logscale");
  }

  void frame(const Frame& place, const Axis& x, const Axis& y, bool down) {
    const auto edge = [](double value) { return number(std::round(value * 1e7) / 1e7); };
    add("set lmargin at screen " + edge(place.left / sheet_.width));
    add("set rmargin at screen " + edge((place.left + place.width) / sheet_.width));
    add("set bmargin at screen " + edge(1 - (place.top + place.height) / sheet_.height));
    add("set tmargin at screen " + edge(1 - place.top / sheet_.height));
    add("set xrange [" + number(x.low) + ":" + number(x.high) + "]");
    add("set yrange [" + number(down ? y.high : y.low) + ":" + number(down ? y.low : y.high) + "]");
    if (x.log) add("set logscale x");
    if (y.log) add("set logscale y");
  }

  // Lengths in pixels: gnuplot's unit is half the width of the line.
  static std::string dashes(double on, double off, double width) {
    return "dt (" + number(2 * on / width) + "," + number(2 * off / width) + ")";
  }

  // Lines of equal value are found by gnuplot, before the picture begins.
  void prepare(const PlacedPanel& panel) {
    for (const Item& item : panel.content->items) {
      const auto* contours = std::get_if<Contours>(&item);
      if (contours == nullptr) continue;
      const std::string grid = next_block();
      for (std::size_t row = 0; row < contours->rows; ++row) {
        std::string values;
        for (std::size_t column = 0; column < contours->columns; ++column)
          (values += column == 0 ? "" : " ") += number(contours->values[row * contours->columns + column]);
        add(values);
      }
      add("EOD");
      std::string levels;
      for (const double level : contours->levels) levels += (levels.empty() ? "" : ",") + number(level);
      const std::string lines = "$contours" + std::to_string(++contours_);
      add("set contour base");
      add("unset surface");
      add("set cntrparam linear");
      add("set cntrparam levels discrete " + levels);
      add("set format \"%.10g\"");
      add("set table " + lines);
      add("splot " + grid + " matrix using (" + step(contours->x, contours->columns, "$1") + "):(" +
          step(contours->y, contours->rows, "$2") + "):3");
      add("unset table");
      add("set format");
      add("unset contour");
      add("set surface");
    }
  }
  static std::string step(Range range, std::size_t points, const char* column) {
    return number(range.low) + "+" + number((range.high - range.low) / static_cast<double>(points - 1)) +
           "*" + column;
  }

  void draw(const PlacedPanel& panel) {
    const Content& content = *panel.content;
    frame(panel.frame, panel.x, panel.y, panel.down);
    add("unset tics");
    const std::string thin = " lw 1 lc " + colour(axis_colour);
    const bool bare = content.kind == Kind::images || content.kind == Kind::matrix;
    if (bare)
      add("unset border");
    else
      add(std::string("set border ") + (content.kind == Kind::plane ? "15" : "1") + " front" + thin);
    if (!bare) rule(panel);
    layers_.clear();
    if (!content.bars.empty()) {
      const double pixels = panel.frame.width / (panel.x.high - panel.x.low);
      for (const Item& item : bars_of(content, panel.y, pixels)) put(panel, item);
    }
    for (const Item& item : content.items) put(panel, item);
    layers_.push_back("NaN");
    std::string plot = "plot ";
    for (std::size_t i = 0; i < layers_.size(); ++i) plot += (i == 0 ? "" : ", \\\n  ") + layers_[i];
    add(plot);
    clear();
    if (content.bar) bar(panel);
  }

  // The lines of the ticks: across the plot below the data, or outside of it.
  void rule(const PlacedPanel& panel) {
    const Frame& frame = panel.frame;
    const double right = frame.left + frame.width, bottom = frame.top + frame.height;
    const std::string tick = "lw 1 lc " + colour(axis_colour), grid = "lw 1 lc " + colour(grid_colour);
    const bool plot = panel.content->kind == Kind::plot;
    for (const Tick& y : panel.y.ticks) {
      const double at = panel.along(y.at);
      if (!plot)
        line(frame.left - 5, at, frame.left, at, tick, "back");
      else if (at < bottom - 0.5)
        line(frame.left, at, right, at, grid, "back");
    }
    // Bars to both sides stand on a line.
    if (!panel.content->bars.empty() && panel.y.low < 0 && panel.y.high > 0)
      line(frame.left, panel.along(0), right, panel.along(0), tick, "front");
    if (!panel.content->x_names.empty()) return;
    for (const Tick& x : panel.x.ticks)
      line(panel.across(x.at), bottom, panel.across(x.at), bottom + 5, tick, "back");
  }

  void bar(const PlacedPanel& panel) {
    const ColourBar& bar = *panel.content->bar;
    const Axis& axis = panel.bar_axis;
    frame(panel.bar_frame, {0, 1, false, {}}, axis, false);
    add("unset tics");
    add("unset border");
    const int steps = bar.bands > 0 ? bar.bands : 128;
    Numbers left, right, low, high, colours;
    // Equal parts of the axis, also of a logarithmic one.
    const auto value = [&](double part) { return axis.value(part); };
    for (int i = 0; i < steps; ++i) {
      left.push_back(0);
      right.push_back(1);
      low.push_back(value(static_cast<double>(i) / steps));
      // Up to the end: no seams between neighbours.
      high.push_back(value(1));
      colours.push_back(mapped(bar.map, bar.reach * (i + 0.5) / steps));
    }
    const std::string data = block({&left, &right, &low, &high, &colours});
    add("plot " + data + " using 1:3:1:2:3:4:5 with boxxyerror fs solid noborder lc rgb variable");
    clear();
  }

  void put(const PlacedPanel& panel, const Item& item) {
    std::visit([&](const auto& kind) { put(panel, kind); }, item);
  }

  void put(const PlacedPanel& panel, const Line& all) {
    const bool many = all.x.size() > few_data;
    Line thinned;
    if (many) {
      thinned = all;
      const Places at = places(panel, all.x, all.y);
      take(thinned, all, thinned_line(at.across, at.along, panel.frame.width, panel.frame.height));
    }
    const Line& line = many ? thinned : all;
    const std::string data = points(panel, line.x, line.y);
    if (!data.empty())
      layers_.push_back(data + " using 1:2 with lines lw " + number(line.width) + " " +
                        (line.dashed ? dashes(6, 5, line.width) : "dt solid") + " lc " + colour(line.colour));
    const auto dots = [&](const std::string& from, double radius, const std::string& name) {
      layers_.push_back(from + " using 1:2 with points pt 7 ps " + number(radius / point_radius) + " lc " +
                        colour(name));
    };
    if (!line.circles) {
      lonely(panel, all);
      return;
    }
    // Opaque discs, and white ones over all of them: each layer is thinned alone.
    const auto layer = [&](double radius, const std::string& name) {
      if (!many && !data.empty()) dots(data, radius, name);
      if (!many) return;
      const Dots thinned_layer = thin(panel, {all.x, all.y, name, radius, 1}).dots;
      const std::string from = points(panel, thinned_layer.x, thinned_layer.y);
      if (!from.empty()) dots(from, radius, name);
    };
    layer(line.radius + 1, line.colour);
    layer(line.radius - 1, "#ffffff");
    if (!line.filled_start) return;
    const std::string first = many ? points(panel, {all.x[0]}, {all.y[0]}) : data;
    if (!first.empty()) dots(first + " every ::0::0", line.radius + 2, line.colour);
  }
  // Points without a neighbour, of which no line is seen.
  void lonely(const PlacedPanel& panel, const Line& line) {
    Dots dots{{}, {}, line.colour, 0.9 * line.width, 1};
    const auto there = [&](std::size_t i) {
      return i < line.x.size() && panel.x.shows(line.x[i]) && panel.y.shows(line.y[i]);
    };
    for (std::size_t i = 0; i < line.x.size(); ++i)
      if (there(i) && !there(i + 1) && (i == 0 || !there(i - 1)))
        dots.x.push_back(line.x[i]), dots.y.push_back(line.y[i]);
    if (dots.x.size() > few_data) dots = thin(panel, dots).dots;
    const std::string data = points(panel, dots.x, dots.y);
    if (!data.empty())
      layers_.push_back(data + " using 1:2 with points pt 7 ps " + number(dots.radius / point_radius) +
                        " lc " + colour(line.colour));
  }
  // What the axes cannot place is written as NaN; empty: there is nothing.
  std::string points(const PlacedPanel& panel, Numbers x, Numbers y) {
    bool any = false;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool shown = panel.x.shows(x[i]) && panel.y.shows(y[i]);
      any = any || shown;
      if (!shown) y[i] = std::numeric_limits<double>::quiet_NaN();
      if (!panel.x.shows(x[i])) x[i] = std::numeric_limits<double>::quiet_NaN();
    }
    return any ? block({&x, &y}) : "";
  }

  // In pixels from the plot's corner; NaN: the axes cannot place it.
  struct Places {
    Numbers across, along;
  };
  static Places places(const PlacedPanel& panel, const Numbers& x, const Numbers& y) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    Places places{Numbers(x.size(), none), Numbers(x.size(), none)};
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!panel.x.shows(x[i]) || !panel.y.shows(y[i])) continue;
      places.across[i] = panel.across(x[i]) - panel.frame.left;
      places.along[i] = panel.along(y[i]) - panel.frame.top;
    }
    return places;
  }
  // The points of `from` at the indices; NaN for a gap.
  template <class Points>
  static void take(Points& to, const Points& from, const Indices& indices) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    to.x.clear(), to.y.clear();
    for (const std::size_t i : indices) {
      to.x.push_back(i == gap_index ? none : from.x[i]);
      to.y.push_back(i == gap_index ? none : from.y[i]);
    }
  }
  struct Thinned {
    Dots dots;
    Numbers opacities;
  };
  static Thinned thin(const PlacedPanel& panel, const Dots& dots) {
    const Places at = places(panel, dots.x, dots.y);
    ThinnedDots kept =
        thinned_dots(at.across, at.along, panel.frame.width, panel.frame.height, dots.radius, dots.opacity);
    Thinned result{{{}, {}, dots.colour, dots.radius, dots.opacity}, std::move(kept.opacities)};
    take(result.dots, dots, kept.indices);
    return result;
  }

  void put(const PlacedPanel& panel, const Dots& dots) {
    const std::string style = " with points pt 7 ps " + number(dots.radius / point_radius) + " lc ";
    if (dots.x.size() > few_data) {
      const auto [thinned, opacities] = thin(panel, dots);
      if (thinned.x.empty()) return;
      Numbers colours;
      for (const double opacity : opacities) colours.push_back(with_transparency(rgb(dots.colour), opacity));
      layers_.push_back(block({&thinned.x, &thinned.y, &colours}) + " using 1:2:3" + style + "rgb variable");
      return;
    }
    const std::string data = points(panel, dots.x, dots.y);
    if (!data.empty())
      layers_.push_back(data + " using 1:2" + style + colour(with_opacity(dots.colour, dots.opacity)));
  }
  // As a column of colours has it.
  static double with_transparency(Rgb colour, double opacity) {
    return static_cast<double>(static_cast<Rgb>(std::lround(255 * (1 - opacity))) << 24 | colour);
  }

  void put(const PlacedPanel& panel, const Area& area) {
    Numbers x, low, high;
    for (std::size_t i = 0; i < area.x.size(); ++i) {
      constexpr double none = std::numeric_limits<double>::quiet_NaN();
      // On a logarithmic axis, what is not positive lies below its beginning.
      const bool there =
          panel.x.shows(area.x[i]) && std::isfinite(area.low[i]) && std::isfinite(area.high[i]);
      x.push_back(there ? area.x[i] : none);
      low.push_back(there ? std::clamp(area.low[i], panel.y.low, panel.y.high) : none);
      high.push_back(there ? std::clamp(area.high[i], panel.y.low, panel.y.high) : none);
    }
    if (x.size() > few_data) {
      const Numbers across = places(panel, x, low).across;
      Numbers kept_x, kept_low, kept_high;
      for (const std::size_t i : thinned_columns(across, {&low, &high})) {
        const bool gap = i == gap_index;
        kept_x.push_back(gap ? std::numeric_limits<double>::quiet_NaN() : x[i]);
        kept_low.push_back(gap ? 0 : low[i]);
        kept_high.push_back(gap ? 0 : high[i]);
      }
      x = std::move(kept_x), low = std::move(kept_low), high = std::move(kept_high);
    }
    // Each stretch of two points or more is an area of its own, and ends at an empty line.
    std::string rows;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto there = [&](std::size_t at) { return at < x.size() && !std::isnan(x[at]); };
      if (!there(i) || !((i > 0 && there(i - 1)) || there(i + 1))) continue;
      rows += number(x[i]) + " " + number(low[i]) + " " + number(high[i]) + "\n";
      if (!there(i + 1)) rows += "\n";
    }
    if (rows.empty()) return;
    const std::string data = next_block();
    rows.erase(rows.size() - 2);
    add(rows);
    add("EOD");
    layers_.push_back(data + " using 1:2:3 with filledcurves fs solid noborder fc " +
                      colour(with_opacity(area.colour, area.opacity)));
  }

  void put(const PlacedPanel& panel, const Boxes& boxes) {
    if (boxes.left.empty()) return;
    Numbers x, y, low, high, colours;
    for (std::size_t i = 0; i < boxes.left.size(); ++i) {
      x.push_back((boxes.left[i] + boxes.right[i]) / 2);
      low.push_back(std::max(boxes.low[i], panel.y.low));
      high.push_back(std::max(boxes.high[i], panel.y.low));
      y.push_back(low.back());
      colours.push_back(with_transparency(boxes.colours[i], boxes.opacity));
    }
    layers_.push_back(block({&x, &y, &boxes.left, &boxes.right, &low, &high, &colours}) +
                      " using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc rgb variable");
  }

  void put(const PlacedPanel& panel, const Raster& all) {
    const double wide = panel.frame.width * std::abs(panel.x.part(all.x_high) - panel.x.part(all.x_low)),
                 tall = panel.frame.height * std::abs(panel.y.part(all.y_last) - panel.y.part(all.y_first));
    constexpr double enough = 500000;
    // Where a picture of all cells would be large, and none could be told from its neighbours.
    double factor = 1;
    while (static_cast<double>(all.rows * all.columns) / (factor * factor) > enough &&
           static_cast<double>(all.columns) / (factor + 1) >= wide &&
           static_cast<double>(all.rows) / (factor + 1) >= tall)
      ++factor;
    const Raster raster = factor > 1 ? reduced(all, static_cast<std::size_t>(factor)) : all;
    const std::size_t repeat = repetition(panel, raster);
    const std::string data = next_block();
    for (std::size_t row = 0; row < raster.rows; ++row) {
      std::string line;
      for (std::size_t column = 0; column < raster.columns * repeat; ++column)
        (line += column == 0 ? "" : " ") +=
            std::to_string(raster.pixels[row * raster.columns + column / repeat]);
      for (std::size_t i = 0; i < repeat; ++i) add(line);
    }
    add("EOD");
    const auto centre = [&](double first, double last, std::size_t count, const char* column) {
      const double each = (last - first) / static_cast<double>(count * repeat);
      return "(" + number(first + each / 2) + "+" + number(each) + "*" + column + ")";
    };
    layers_.push_back(data + " matrix using " + centre(raster.x_low, raster.x_high, raster.columns, "$1") +
                      ":" + centre(raster.y_first, raster.y_last, raster.rows, "$2") +
                      ":(int($3)>>16):((int($3)>>8)&255):(int($3)&255) with rgbimage");
  }
  // How often a pixel stands side by side in SVG, where some programs smear those of small images: up to
  // their size in the picture, as long as the file stays small.
  std::size_t repetition(const PlacedPanel& panel, const Raster& raster) {
    if (format_ == Format::png) return 1;
    const double pixels =
        panel.frame.width * std::abs(panel.x.part(raster.x_high) - panel.x.part(raster.x_low));
    auto repeat = static_cast<std::size_t>(
        std::clamp(std::round(pixels / static_cast<double>(raster.columns)), 1.0, 12.0));
    const std::size_t count = raster.rows * raster.columns;
    constexpr std::size_t most = 500000;
    while (repeat > 1 && repeated_ + count * repeat * repeat > most) --repeat;
    repeated_ += count * repeat * repeat;
    return repeat;
  }

  void put(const PlacedPanel&, const Contours& contours) {
    layers_.push_back("$contours" + std::to_string(++contours_drawn_) + " using 1:2 with lines lw " +
                      number(contours.width) + " dt solid lc " + colour(contours.colour));
  }

  void put(const PlacedPanel&, const Mark& mark) {
    const std::string where = number(mark.at),
                      style = " nohead back lw 1.2 " + dashes(4, 4, 1.2) + " lc " + colour(axis_colour);
    add(mark.vertical ? "set arrow from first " + where + ", graph 0 to first " + where + ", graph 1" + style
                      : "set arrow from graph 0, first " + where + " to graph 1, first " + where + style);
  }

  void put(const PlacedPanel& panel, const Words& words) {
    const auto beyond = [](const Axis& axis, double value) {
      return !axis.shows(value) || axis.part(value) < -1e-6 || axis.part(value) > 1 + 1e-6;
    };
    if (beyond(panel.x, words.x) || beyond(panel.y, words.y)) return;
    Label text{panel.across(words.x) + words.right, panel.along(words.y) + words.down, one_line(words.text),
               words.colour, words.size};
    text.anchor = words.anchor;
    text.degrees = words.degrees;
    // Text beside a point at the edge stands on the point's other side, if there is more room.
    if (words.anchor == Anchor::left) {
      const double right = panel.frame.left + panel.frame.width - text.x,
                   left = text.x - 2 * words.right - panel.frame.left;
      if (text_width(text.text, text.size) > right && left > right) {
        text.x -= 2 * words.right;
        text.anchor = Anchor::right;
      }
      text.text = shortened(text.text, std::max({left, right, 40.0}), text.size);
    }
    label(text);
  }

  const Sheet& sheet_;
  const Format format_;
  std::string text_;
  std::vector<std::string> layers_;
  std::size_t repeated_ = 0;  // pixels so far
  int blocks_ = 0, contours_ = 0, contours_drawn_ = 0;
};

}  // namespace

std::string write_script(const Sheet& sheet, Format format) { return Script(sheet, format).finish(); }

}  // namespace xgrad::plot::detail
