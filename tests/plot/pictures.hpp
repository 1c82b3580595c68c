// Figures for the tests of plot/, and where they are drawn.
#pragma once

#include <xgrad/plot/figure.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>
#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>

namespace xgrad::test {

inline constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

inline bool gnuplot_is_there() {
  static const bool there = [] {
    const char* const directories = std::getenv("PATH");
    std::istringstream path(directories == nullptr ? "" : directories);
    for (std::string directory; std::getline(path, directory, ':');)
      if (std::filesystem::exists(directory + "/gnuplot")) return true;
    MESSAGE("gnuplot is missing: pictures are not drawn (Debian's package gnuplot-nox)");
    return false;
  }();
  return there;
}

// Draws as SVG and gives the picture; gnuplot must have had nothing to complain of.
inline std::string drawn(const plot::Figure& figure) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("picture.svg");
  const plot::Saved saved = figure.save(path);
  INFO(saved.message);
  REQUIRE(saved);
  CHECK(saved.path == path);
  CHECK(saved.message.empty());
  return read(path);
}

inline Tensor blobs() { return Tensor{{0.0, 0.5}, {1.0, -0.5}, {-1.0, 0.25}, {2.0, 2.0}}; }

// The first coordinate minus the second; as many columns as asked for, 0: none.
inline plot::PlaneFunction slope(Index columns) {
  return [columns](const Tensor& points) {
    const Index count = points.size(0), width = std::max<Index>(columns, 1);
    Tensor values = Tensor::uninitialized(columns == 0 ? Shape{count} : Shape{count, width}, float32);
    const auto from = points.span<float>();
    const auto to = values.mutable_span<float>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
      for (std::size_t c = 0; c < static_cast<std::size_t>(width); ++c)
        to[i * static_cast<std::size_t>(width) + c] =
            (from[2 * i] - from[2 * i + 1]) * (c % 2 == 0 ? 1.0F : -1.0F);
    return values;
  };
}

// One figure with every kind of panel.
inline plot::Figure everything() {
  plot::Figure figure({.title = "Everything", .subtitle = "in one figure", .columns = 3});
  figure.panel({.title = "Curves", .x = "epoch", .y_unit = " %"})
      .curve({1, 2, 3}, {90, 95, 97}, {.label = "training"})
      .band({1, 2, 3}, {89, 94, 96}, {91, 96, 98}, {.label = "range"})
      .mark_x(2, "weights kept")
      .mark_y(92, "baseline")
      .text(1, 90, "first");
  figure.panel({.title = "Points", .x_log = true, .y_log = true}).scatter({1, 10, 100}, {1, 0.1, 0.01});
  figure.panel({.title = "Bars"})
      .bars({"a", "b"}, {1, -2}, {.low = {0.5, -3}, .high = {1.5, -1}, .show_values = true});
  figure.panel({.title = "Histogram"}).histogram({1, 1, 2, 3}, {.bins = 3});
  figure.panel({.title = "Matrix"}).heat_map(Tensor{{1, 2}, {3, 4}}, {.show_values = true, .label = "count"});
  figure.panel({.title = "Regions"})
      .decision_regions(slope(3), {-2, 2}, {-2, 2})
      .classes(blobs(), {0, 1, 2, 1});
  figure.panel({.title = "Contour"}).contour(slope(0), {-2, 2}, {-2, 2}).path(blobs());
  figure.panel({.title = "Images"}).images(zeros({2, 4, 4}, boolean), {.captions = {"one", "two"}});
  return figure;
}

}  // namespace xgrad::test
