// How panels and figures of plot/ look: plain values, each with a default that suits most pictures.
// Colours are "#rrggbb", or empty: the panel's next one. Lengths are pixels of the picture at 100 %.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace xgrad::plot {

/// Ends of an interval; NaN: chosen after the data.
struct Range {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

/// Colours for numbers, even to the eye: white to blue, dark violet to yellow, blue over white to orange for
/// values with a sign, black to white, white to black.
enum class ColourMap { blues, viridis, diverging, grey, ink };

/// Open circles at the points of a curve: where there are at most 40, never, always.
enum class Markers { automatic, none, circles };

/// Whether the values of images are stretched from black to white for each image or for all of them alike.
enum class ImageScale { each, all };

/// Where an axis has its numbers: at whole ones where the data are whole along x or counts along y, at whole
/// ones always (as for epochs, whatever lies between them), anywhere.
enum class Ticks { automatic, whole, any };

struct FigureOptions {
  std::string title{};
  std::string subtitle{};
  int columns = 2;
};

struct PanelOptions {
  std::string title{};
  std::string x{};       ///< what the axis shows, with its unit
  std::string y{};       ///< likewise; often the title says it
  std::string x_unit{};  ///< after every number of the axis, as in " %"
  std::string y_unit{};
  Range x_range{};
  Range y_range{};
  bool x_log = false;  ///< positive values only: others leave gaps
  bool y_log = false;
  Ticks x_ticks = Ticks::automatic;
  Ticks y_ticks = Ticks::automatic;
  bool legend = true;
  /// Of the plot without titles and numbers; bars with many names are wider, heat maps and images have sizes
  /// of their own.
  double width = 384;
  double height = 262;
};

struct CurveOptions {
  std::string label{};
  std::string colour{};
  double width = 2.2;
  bool dashed = false;
  Markers markers = Markers::automatic;
};

struct BandOptions {
  std::string label{};
  std::string colour{};  ///< empty: that of the last curve, or the first colour
  double opacity = 0.2;
};

struct ScatterOptions {
  std::string label{};
  std::string colour{};
  double radius = 3;
  double opacity = 0.75;
};

struct ClassOptions {
  std::vector<std::string> names{};  ///< for the legend; empty: the numbers
  double radius = 3;
  double opacity = 0.85;
};

struct BarOptions {
  std::string label{};
  std::string colour{};
  std::vector<double> low{};  ///< ends of an interval around each height, both or none
  std::vector<double> high{};
  bool show_values = false;
};

struct HistogramOptions {
  std::string label{};
  std::string colour{};
  int bins = 40;
  Range range{};         ///< what lies outside is left out
  bool density = false;  ///< the area of the bars is one
};

struct TextOptions {
  std::string colour{};
};

struct HeatMapOptions {
  std::vector<std::string> rows{};     ///< names, or none
  std::vector<std::string> columns{};  ///< names, or none
  bool show_values = false;            ///< written in the cells
  int decimals = -1;                   ///< of these; -1: none for integers, two otherwise
  std::string label{};                 ///< of the colour bar
  ColourMap map = ColourMap::blues;
  Range range{};  ///< of the colours; diverging ones are even on both sides of 0
  bool colour_bar = true;
  double cell = 0;  ///< width and height of a cell; 0: after their number
};

struct RegionOptions {
  int grid = 160;  ///< points along each axis at which the function is asked
};

struct ContourOptions {
  int levels = 12;
  bool logarithmic = false;  ///< levels by ratio, for a valley among steep walls; the values must be positive
  std::string label{};       ///< of the colour bar
  ColourMap map = ColourMap::blues;
  bool colour_bar = true;
  int grid = 120;  ///< points along each axis at which the function is asked
};

struct PathOptions {
  std::string label{};
  std::string colour{};
  double width = 1.8;
};

struct ImageOptions {
  std::vector<std::string> captions{};         ///< above the images, one for each or none
  std::vector<std::string> caption_colours{};  ///< likewise, as "#c23b3b" for what is wrong
  int columns = 0;                             ///< 0: after their number
  ImageScale scale = ImageScale::each;
  Range range{};  ///< what is black and what is white, whatever the scale
  ColourMap map = ColourMap::grey;
  double zoom = 0;  ///< pixels of the picture for one of an image; 0: after their size
};

}  // namespace xgrad::plot
