// What a panel is made of: few kinds of marks, to which all of its functions come down; private to plot/.
// Invariant: numbers are finite or NaN, and within what gnuplot's arithmetic bears; colours are "#rrggbb".
#pragma once

#include <xgrad/plot/colour.hpp>
#include <xgrad/plot/options.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace xgrad::plot::detail {

using Numbers = std::vector<double>;

struct Line {
  Numbers x, y;
  std::string colour;
  double width = 2.2;
  bool dashed = false;
  bool circles = false;
  double radius = 3.2;
  bool filled_start = false;
};

struct Dots {
  Numbers x, y;
  std::string colour;
  double radius = 3;
  double opacity = 1;
};

struct Area {
  Numbers x, low, high;
  std::string colour;
  double opacity = 0.2;
};

struct Boxes {
  Numbers left, right, low, high;
  std::vector<Rgb> colours;  ///< of each
  double opacity = 1;
};

/// Colours between the given ends, row 0 at y_first.
struct Raster {
  std::size_t rows = 0, columns = 0;
  std::vector<Rgb> pixels;
  double x_low = 0, x_high = 1, y_first = 0, y_last = 1;
};

/// Lines where the values of a grid, row 0 at y.low, have the levels.
struct Contours {
  std::size_t rows = 0, columns = 0;
  Numbers values;
  Numbers levels;
  Range x, y;
  std::string colour;
  double width = 1;
};

/// A dashed line across the panel.
struct Mark {
  double at = 0;
  bool vertical = true;
};

enum class Anchor { left, centre, right };

struct Words {
  double x = 0, y = 0;
  std::string text;
  std::string colour;
  double size = 12;
  Anchor anchor = Anchor::left;
  double right = 0, down = 0;  ///< pixels from the point
  int degrees = 0;             ///< counterclockwise
};

using Item = std::variant<Area, Boxes, Contours, Dots, Line, Mark, Raster, Words>;

/// A sample of what the legend names.
struct Entry {
  enum class Kind { line, circles, dashes, dot, box, mark };
  Kind kind = Kind::line;
  std::string colour;
  std::string label;
  bool operator==(const Entry&) const = default;
};

struct ColourBar {
  ColourMap map = ColourMap::blues;
  Range range{};
  bool log = false;
  int bands = 0;  ///< 0: without steps
  std::string label;
  double reach = 1;  ///< part of the map that is used
};

/// One call of bars(): its bars stand beside those of the others.
struct BarGroup {
  Numbers heights, low, high;
  std::string colour;
  bool show_values = false;
};

enum class Kind { plot, plane, matrix, images };

struct Content {
  PanelOptions options;
  Kind kind = Kind::plot;
  std::vector<Item> items;
  std::vector<Entry> legend;
  std::optional<ColourBar> bar;
  Range x, y;                                 ///< of the data
  bool x_integral = true;                     ///< all of the data's x are whole numbers
  bool y_integral = true;                     ///< likewise
  bool counts = false;                        ///< y are: there is a histogram of them
  bool y_from_zero = false;                   ///< there are bars
  std::vector<std::string> x_names, y_names;  ///< at 0, 1, ...
  std::vector<std::string> bar_names;
  std::vector<BarGroup> bars;
  std::size_t colours_used = 0;
  std::string last_colour;
  double width = 0, height = 0;  ///< of a matrix or of images: theirs; 0: the options'
};

}  // namespace xgrad::plot::detail
