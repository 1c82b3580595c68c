// Pictures of numbers: panels of curves, points, regions, matrices and images in one figure, drawn by gnuplot
// as SVG or PNG in one restrained style. Invariant: what a panel was given is copied and checked at once;
// save() leaves a whole picture, or none and the script that draws it. Text is drawn literally, whatever is
// in it; numbers that are not finite leave gaps.
#pragma once

#include <xgrad/plot/options.hpp>

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <concepts>
#include <cstddef>
#include <deque>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace xgrad::plot::detail {
struct Content;
}

XGRAD_API_BEGIN
namespace xgrad::plot {

/// Numbers of one axis, from a Tensor of any dtype with one axis (others may have size 1), a vector or
/// braces.
class Series {
 public:
  Series() = default;
  /// Throws ShapeError on more axes, GraphError on an undefined Tensor.
  Series(const Tensor& tensor, Place place = Place::here());
  Series(std::initializer_list<double> values) : values_(values) {}
  template <class T>
  requires std::is_arithmetic_v<T> Series(const std::vector<T>& values)
      : values_(values.begin(), values.end()) {}

  const std::vector<double>& values() const { return values_; }
  std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool empty() const { return values_.empty(); }

 private:
  std::vector<double> values_;
};

/// first, first + 1, ...: `count` numbers, as for epochs.
[[nodiscard]] Series counting(std::size_t count, double first = 1);

/// The colour that a panel gives its n-th curve, and that stands for class n: "#3b7dd8", "#e4752b", ... They
/// differ in lightness, too, and come round after ten.
[[nodiscard]] std::string series_colour(std::size_t n);

/// A function of the plane: points (N, 2), float32, to (N,) or (N, classes).
using PlaneFunction = std::function<Tensor(const Tensor&)>;

/// One plot of a Figure. Each function adds to it and returns the panel. Those that draw the whole of it -
/// heat_map() and images() - stand alone: with anything else but text() they throw ValueError, and so does a
/// second one of decision_regions() and contour(). Of very many data the picture has what can be seen of
/// them.
class Panel {
 public:
  /// Throws ValueError on sizes and ranges that are not possible.
  explicit Panel(PanelOptions options = {}, Place place = Place::here());
  // Moves are copies, so that none is ever without its content.
  Panel(const Panel& other);
  Panel& operator=(const Panel& other);
  ~Panel();

  /// A line through (x, y), in the order given. Throws ShapeError where lengths differ, as all of them do.
  Panel& curve(const Series& x, const Series& y, const CurveOptions& options = {},
               Place place = Place::here());
  /// The area between two curves, as of an interval.
  Panel& band(const Series& x, const Series& low, const Series& high, const BandOptions& options = {},
              Place place = Place::here());
  Panel& scatter(const Series& x, const Series& y, const ScatterOptions& options = {},
                 Place place = Place::here());
  /// The rows of points (N, 2).
  Panel& scatter(const Tensor& points, const ScatterOptions& options = {}, Place place = Place::here());
  /// The rows of points (N, 2) in the colours of their classes, integers from 0 on. Throws ValueError on
  /// others.
  Panel& classes(const Tensor& points, const Series& labels, const ClassOptions& options = {},
                 Place place = Place::here());
  /// A bar for each name; more of them, with the same names, stand side by side.
  Panel& bars(const std::vector<std::string>& names, const Series& heights, const BarOptions& options = {},
              Place place = Place::here());
  /// Counts, or densities, in bins of equal width; the last one includes its upper end.
  Panel& histogram(const Series& values, const HistogramOptions& options = {}, Place place = Place::here());
  /// A dashed line across the panel at x, or at y, named in the legend.
  Panel& mark_x(double x, const std::string& label = "", Place place = Place::here());
  Panel& mark_y(double y, const std::string& label = "", Place place = Place::here());
  /// Text beside the point (x, y).
  Panel& text(double x, double y, const std::string& text, const TextOptions& options = {},
              Place place = Place::here());

  /// The values of a matrix (rows, columns), row 0 on top, as colours; ticks are names or positions.
  Panel& heat_map(const Tensor& matrix, const HeatMapOptions& options = {}, Place place = Place::here());
  /// What a classifier says over the plane: f gives (N,) or (N, 1), the probability of class 1, or (N,
  /// classes), of which the highest wins. Throws ValueError on a probability that is none. Regions are in
  /// light colours of the classes, with lines between them.
  Panel& decision_regions(const PlaneFunction& f, Range x, Range y, const RegionOptions& options = {},
                          Place place = Place::here());
  /// Lines of equal value of f, which gives (N,), over bands of colour.
  Panel& contour(const PlaneFunction& f, Range x, Range y, const ContourOptions& options = {},
                 Place place = Place::here());
  /// The rows of points (K, 2) joined in order, the first one filled: the way of an optimizer.
  Panel& path(const Tensor& points, const PathOptions& options = {}, Place place = Place::here());
  /// A grid of images: (N, H, W), (N, H, W, 1) or, in colours, (N, H, W, 3); uint8 from 0 to 255, others as
  /// options.scale says.
  Panel& images(const Tensor& images, const ImageOptions& options = {}, Place place = Place::here());

  /// What the panel holds; of use inside the library only.
  const detail::Content& content() const { return *content_; }

 private:
  std::unique_ptr<detail::Content> content_;
};

/// The file formats of pictures: the endings ".svg" and ".png".
enum class Format { svg, png };

/// What Figure::save() has left: the picture, or the script that draws it and why it was not drawn.
struct [[nodiscard]] Saved {
  bool drawn = false;
  std::string path;     ///< of the picture, or of the script
  std::string message;  ///< empty, or: what is missing and the command to run
  explicit operator bool() const { return drawn; }
};
/// The path of the picture, or the message.
std::string to_string(const Saved& saved);
std::ostream& operator<<(std::ostream& stream, const Saved& saved);

/// Panels in rows and columns under a title.
class Figure {
 public:
  explicit Figure(FigureOptions options = {}, Place place = Place::here());

  /// Adds an empty panel, to the right of the last one or in a new row. The reference is valid as long as the
  /// figure is, however many more are added.
  Panel& panel(PanelOptions options = {}, Place place = Place::here());
  const std::deque<Panel>& panels() const { return panels_; }

  /// Draws the picture into a file whose ending says its format. Nothing is thrown where gnuplot is missing
  /// or fails, since no picture is worth the run it shows: then PATH.gnuplot holds data and script, and the
  /// message says what to do. The same data give the same bytes of SVG. Throws IoError where the file cannot
  /// be written, ValueError on another ending.
  Saved save(const std::string& path, Place place = Place::here()) const;
  /// What gnuplot is given, data included; it writes the picture to its standard output.
  [[nodiscard]] std::string script(Format format) const;

 private:
  FigureOptions options_;
  std::deque<Panel> panels_;
};

}  // namespace xgrad::plot
XGRAD_API_END
