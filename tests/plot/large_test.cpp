// Pictures of very many data: small, quickly drawn, and showing what all of the data would show.
#include "pictures.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace {

using namespace xgrad;
using plot::Figure, plot::Format, plot::Panel;
using test::contains, test::drawn, test::gnuplot_is_there, test::no_number, test::occurrences;

constexpr std::size_t million = 1000000;

// Numbers from 0 to 1 without a pattern, the same everywhere.
std::vector<double> noise(std::size_t count, std::uint64_t seed) {
  std::vector<double> values(count);
  for (double& value : values) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<double>(seed >> 11) * 0x1p-53;
  }
  return values;
}

std::vector<double> positions(std::size_t count) { return plot::counting(count, 0).values(); }

template <class F>
std::string script_of(const F& fill, plot::PanelOptions options = {}) {
  Figure figure;
  fill(figure.panel(std::move(options)));
  return figure.script(Format::svg);
}

// The line that begins with "set xrange", or likewise.
std::string line_of(const std::string& script, const std::string& beginning) {
  const std::size_t at = script.find(beginning);
  REQUIRE(at != script.npos);
  return script.substr(at, script.find('\n', at) - at);
}

}  // namespace

TEST_CASE("plot: of a million points a curve keeps every spike, and the axes are those of all") {
  std::vector<double> y = noise(million, 1);
  y[0] = 0.25;
  y[123456] = 7.0625;
  y[123457] = -3.0625;
  y[987654] = 5.5;
  y[million - 1] = 0.75;
  const std::string script = script_of([&](Panel& panel) { panel.curve(positions(million), y); });
  CHECK(script.size() < 200000);
  CHECK(contains(
      script, {"\n0 0.25\n", "\n123456 7.0625\n123457 -3.0625\n", "\n987654 5.5\n", "\n999999 0.75\nEOD"}));
  const std::string few = script_of([](Panel& panel) {
    panel.curve({0, 123456, 123457, 999999}, {0.25, 7.0625, -3.0625, 0.75});
  });
  for (const char* range : {"set xrange", "set yrange"}) CHECK(line_of(script, range) == line_of(few, range));
}

TEST_CASE("plot: gaps of a long curve stay, and points between two of them") {
  std::vector<double> y = noise(million, 2);
  for (std::size_t i = 300000; i < 600000; ++i) y[i] = no_number;
  y[450000] = 0.5;
  const std::string script =
      script_of([&](Panel& panel) { panel.curve(positions(million), y, {.colour = "#123456"}); });
  CHECK(contains(script, {"NaN NaN\n450000 0.5\nNaN NaN\n", "\nEOD\n"}));
  CHECK(contains(script, "<< EOD\n450000 0.5\nEOD"));  // the point of its own
  CHECK(script.size() < 200000);
}

TEST_CASE("plot: curves without order, with a gap after every other point, or as circles are bounded") {
  const std::vector<double> x = noise(million, 3), y = noise(million, 4);
  CHECK(script_of([&](Panel& panel) { panel.curve(x, y); }).size() < 6000000);
  std::vector<double> dotted = y;
  for (std::size_t i = 1; i < million; i += 2) dotted[i] = no_number;
  CHECK(script_of([&](Panel& panel) { panel.curve(positions(million), dotted); }).size() < 8000000);
  CHECK(script_of([&](Panel& panel) { panel.curve(x, y, {.markers = plot::Markers::circles}); }).size() <
        8000000);
}

TEST_CASE("plot: a curve of which most is out of sight shows what crosses the plot") {
  // From far below to far above and back: every segment crosses all of the plot.
  std::vector<double> x = noise(million, 5), y(million);
  for (std::size_t i = 0; i < million; ++i) y[i] = i % 2 == 0 ? -1234567 : 1234567;
  const std::string script =
      script_of([&](Panel& panel) { panel.curve(x, y); }, {.x_range = {0, 1}, .y_range = {0, 1}});
  CHECK(occurrences(script, " 1234567\n") > 100);
  CHECK(script.size() < 2000000);
}

TEST_CASE("plot: of a million points a scatter keeps every pixel that has one") {
  std::vector<double> x = noise(million, 6), y = noise(million, 7);
  // All in one corner, and a single one in the others.
  for (double& value : x) value *= 0.01;
  x[5] = 1, y[5] = 0;
  x[500000] = 1, y[500000] = 1;
  x[999999] = 0.5, y[999999] = 0.5;
  const std::string script = script_of([&](Panel& panel) { panel.scatter(x, y); });
  CHECK(script.size() < 200000);
  CHECK(contains(script, {"\n1 0 ", "\n1 1 ", "\n0.5 0.5 ", "rgb variable"}));
  CHECK(contains(line_of(script, "set yrange"), "[0:1]"));
  // One dot alone has the opacity asked for; many in a pixel are as dark as all of them.
  CHECK(contains(script, "\n0.5 0.5 " + std::to_string((64U << 24) + 0x3b7dd8U)));
  CHECK(contains(script, " " + std::to_string(0x3b7dd8U) + "\n"));
  const std::string all =
      script_of([&](Panel& panel) { panel.scatter(noise(million, 8), y, {.radius = 0.5, .opacity = 0.01}); });
  CHECK(all.size() < 8000000);
}

TEST_CASE("plot: few data are written as they are") {
  const std::vector<double> y = noise(5000, 9);
  CHECK(occurrences(script_of([&](Panel& panel) { panel.curve(positions(5000), y); }), "\n") > 5000);
  CHECK(occurrences(script_of([&](Panel& panel) { panel.scatter(positions(5000), y); }), "\n") > 5000);
}

TEST_CASE("plot: a band of a million points keeps its extremes") {
  std::vector<double> low = noise(million, 10), high = noise(million, 11);
  for (double& value : high) value += 1;
  low[456788] = -9.5;
  high[456789] = 9.5;
  const std::string script = script_of([&](Panel& panel) { panel.band(positions(million), low, high); });
  CHECK(contains(script, {"\n456788 -9.5 ", " 9.5\n"}));
  CHECK(script.size() < 400000);
}

TEST_CASE("plot: a band with thousands of gaps is one block of data") {
  const auto band = [](std::size_t count) {
    std::vector<double> low(count, 1.0);
    for (std::size_t i = 2; i < count; i += 3) low[i] = no_number;
    return script_of(
        [&](Panel& panel) { panel.band(positions(count), low, std::vector<double>(count, 2.0)); });
  };
  const std::string script = band(4500);
  CHECK(occurrences(script, "with filledcurves") == 1);
  CHECK(contains(script, "\n0 1 2\n1 1 2\n\n3 1 2\n4 1 2\n\n6 1 2\n"));
  CHECK(occurrences(band(60000), "with filledcurves") == 1);
  // A point alone is no area, at the ends neither.
  CHECK(contains(script_of([](Panel& panel) {
                   panel.band({1, 2, 3, 4, 5, 6, 7}, {1, no_number, 1, 1, no_number, no_number, 1},
                              {2, 2, 2, 2, 2, 2, 2});
                 }),
                 "<< EOD\n3 1 2\n4 1 2\nEOD"));
}

TEST_CASE("plot: a matrix finer than the picture is drawn by mean colours") {
  const Tensor matrix = zeros({1500, 1500}, float32);
  const std::string script = script_of([&](Panel& panel) {
    panel.heat_map(matrix, {.map = plot::ColourMap::ink, .range = {0, 1}});
  });
  CHECK(script.size() < 8000000);
  CHECK(contains(script, "16777215 16777215"));
}

TEST_CASE("plot: a million points are drawn in seconds") {
  if (!gnuplot_is_there()) return;
  const test::TemporaryDirectory directory;
  const std::vector<double> x = positions(million), y = noise(million, 12), z = noise(million, 13);
  Figure figure;
  figure.panel().curve(x, y);
  figure.panel().scatter(y, z);
  figure.panel().histogram(y);
  figure.panel().curve(y, z);
  for (const char* name : {"picture.png", "picture.svg"}) {
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(figure.save(directory.path(name)));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
  }
}
