// Where everything of a figure goes, in pixels from the upper left corner; private to plot/.
// Invariant: no text overlaps another or leaves the picture, as far as the widths of DejaVu Sans tell; plots
// of a column share their left edge, plots of a row their upper one.
#pragma once

#include <xgrad/plot/axis.hpp>
#include <xgrad/plot/content.hpp>

#include <deque>
#include <string>
#include <vector>

namespace xgrad::plot {
class Panel;
}

namespace xgrad::plot::detail {

struct Label {
  double x, y;  ///< of the anchor, and of the text's middle
  std::string text;
  std::string colour;
  double size = 13;
  bool bold = false;
  Anchor anchor = Anchor::left;
  int degrees = 0;  ///< counterclockwise
};

/// Of what the legend shows before a name.
constexpr double sample_width(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::dot:
      return 11;
    case Entry::Kind::box:
      return 18;
    case Entry::Kind::mark:
      return 6;
    default:
      return 26;
  }
}

struct Sample {
  double x, y;  ///< left end, middle
  Entry entry;
};

struct Frame {
  double left = 0, top = 0, width = 0, height = 0;
};

struct PlacedPanel {
  const Content* content = nullptr;
  Frame frame;
  Axis x, y;
  bool down = false;  ///< y grows downwards
  Frame bar_frame;
  Axis bar_axis;

  double across(double x_value) const { return frame.left + frame.width * x.part(x_value); }
  double along(double y_value) const {
    return frame.top + frame.height * (down ? y.part(y_value) : 1 - y.part(y_value));
  }
};

struct Sheet {
  double width = 0, height = 0;
  std::vector<PlacedPanel> panels;
  std::vector<Label> labels;
  std::vector<Sample> samples;
};

Sheet lay_out(const FigureOptions& options, const std::deque<Panel>& panels);

}  // namespace xgrad::plot::detail
