// Figures: what gnuplot is told for each kind of picture, and the files that come of it.
#include <xgrad/plot/figure.hpp>
#include <xgrad/tensor/error.hpp>

#include <support/files.hpp>
#include <support/messages.hpp>
#include <support/signal_storm.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

namespace {

using namespace xgrad;
namespace fs = std::filesystem;
using plot::Figure, plot::Format, plot::Panel, plot::Saved;
using test::contains, test::message_of, test::TemporaryDirectory;

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// The script of a figure with this one panel.
template <class F>
std::string script_of(const F& fill, plot::PanelOptions options = {}) {
  Figure figure;
  fill(figure.panel(std::move(options)));
  return figure.script(Format::svg);
}

// A variable of the environment for as long as this is there.
class Environment {
 public:
  Environment(const char* name, const std::string& value)
      : name_(name), former_(std::getenv(name) == nullptr ? "" : std::getenv(name)) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { ::setenv(name_, former_.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string former_;
};

bool gnuplot_is_there() {
  static const bool there = [] {
    std::istringstream path(std::getenv("PATH"));
    for (std::string directory; std::getline(path, directory, ':');)
      if (fs::exists(directory + "/gnuplot")) return true;
    MESSAGE("gnuplot is missing: pictures are not drawn (Debian's package gnuplot-nox)");
    return false;
  }();
  return there;
}

// Draws as SVG and gives the picture; gnuplot must have had nothing to complain of.
std::string drawn(const Figure& figure) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("picture.svg");
  const Saved saved = figure.save(path);
  INFO(saved.message);
  REQUIRE(saved);
  CHECK(saved.path == path);
  CHECK(saved.message.empty());
  return read(path);
}

// A program named gnuplot, alone on PATH.
class Pretender {
 public:
  explicit Pretender(const std::string& text) {
    std::ofstream(directory_.path("gnuplot")) << text;
    ::chmod(directory_.path("gnuplot").c_str(), 0755);
  }
  std::string path() const { return directory_.path(""); }

 private:
  TemporaryDirectory directory_;
};

Tensor blobs() { return Tensor{{0.0, 0.5}, {1.0, -0.5}, {-1.0, 0.25}, {2.0, 2.0}}; }

// The first coordinate minus the second; as many columns as asked for, 0: none.
plot::PlaneFunction slope(Index columns) {
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
Figure everything() {
  Figure figure({.title = "Everything", .subtitle = "in one figure", .columns = 3});
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
  figure.panel({.title = "Images"})
      .images(Tensor::uninitialized({2, 4, 4}, boolean), {.captions = {"one", "two"}});
  return figure;
}

// A small one, quickly drawn.
Figure small() {
  Figure figure({.title = "Small"});
  figure.panel({.title = "Curve", .x = "epoch"}).curve({1, 2, 3}, {0.5, 0.25, 0.125}, {.label = "loss"});
  figure.panel({.title = "Matrix"}).heat_map(Tensor{{1, 2}, {3, 4}}, {.show_values = true});
  return figure;
}

}  // namespace

TEST_CASE("a series is a tensor with one axis, a vector or braces") {
  CHECK(plot::Series(Tensor{1, 2, 3}).values() == std::vector<double>{1, 2, 3});
  CHECK(plot::Series(Tensor{{1.5}, {2.5}}).values() == std::vector<double>{1.5, 2.5});
  CHECK(plot::Series(std::vector<float>{1, 2}).values() == std::vector<double>{1, 2});
  CHECK(plot::Series{3, 4}.size() == 2);
  CHECK(plot::Series(Tensor::uninitialized({0, 1}, float32)).empty());
  CHECK(plot::counting(3).values() == std::vector<double>{1, 2, 3});
  CHECK(contains(message_of<ShapeError>([] {
                   plot::Series(Tensor{{1, 2}, {3, 4}});
                 }),
                 {"plot::Series", "(2, 2)"}));
  const Tensor undefined;
  CHECK_THROWS_AS((void)plot::Series(undefined), Error);
}

TEST_CASE("each kind of panel is written with its data") {
  SUBCASE("curve") {
    const std::string script = script_of([](Panel& panel) { panel.curve({1, 2}, {0.25, 1e-3}); });
    CHECK(contains(script, {"1 0.25\n2 0.001\nEOD", "with lines", "#3b7dd8", "with points pt 7"}));
    CHECK(!contains(script_of([](Panel& panel) {
                      panel.curve({1, 2}, {3, 4}, {.markers = plot::Markers::none});
                    }),
                    "with points"));
  }
  SUBCASE("band") {
    CHECK(contains(script_of([](Panel& panel) {
                     panel.band({1, 2}, {3, 4}, {5, 6});
                   }),
                   {"1 3 5\n2 4 6\nEOD", "with filledcurves"}));
  }
  SUBCASE("scatter and classes") {
    const std::string script = script_of([](Panel& panel) { panel.classes(blobs(), {0, 1, 0, 1}); });
    CHECK(contains(script, {"0 0.5\n-1 0.25\nEOD", "1 -0.5\n2 2\nEOD", "3b7dd8", "e4752b"}));
    CHECK(contains(script_of([](Panel& panel) { panel.scatter(blobs(), {.colour = "#123456"}); }), "123456"));
  }
  SUBCASE("bars side by side") {
    const std::string script = script_of([](Panel& panel) {
      panel.bars({"left", "right"}, {1, 2}, {.label = "first"})
          .bars({"left", "right"}, {3, 4}, {.label = "second"});
    });
    CHECK(occurrences(script, "with boxxyerror") == 2);
    CHECK(contains(script, {"\"left\"", "\"right\"", "\"first\"", "\"second\""}));
  }
  SUBCASE("histogram: the last bin has its upper end") {
    // Three bins of width 1 from 0 to 3: counts 1, 0, 2.
    const std::string script = script_of([](Panel& panel) {
      panel.histogram({0, 2.5, 3, no_number}, {.bins = 3});
    });
    CHECK(contains(script, "0 0 1\n1 0 1\n1 0 0\n2 0 0\n2 0 2\n3 0 2\nEOD"));
    const std::string density = script_of([](Panel& panel) {
      panel.histogram({0, 1, 2, 2}, {.bins = 2, .density = true});
    });
    CHECK(contains(density, "0 0 0.25\n1 0 0.25\n1 0 0.75\n2 0 0.75\nEOD"));
    const std::string part = script_of([](Panel& panel) {
      panel.histogram({-5, 0.5, 9}, {.bins = 1, .range = {0, 1}});
    });
    CHECK(contains(part, "0 0 1\n1 0 1\nEOD"));
  }
  SUBCASE("heat map: row 0 on top, the counts in the cells") {
    const std::string script = script_of([](Panel& panel) {
      panel.heat_map(Tensor{{0, 7}, {8, 9}},
                     {.rows = {"cat", "dog"}, .columns = {"c", "d"}, .show_values = true, .label = "images"});
    });
    CHECK(contains(script, {"set yrange [1.5:-0.5]", "\"7\"", "\"8\"", "\"9\"", "\"cat\"", "\"images\""}));
  }
  SUBCASE("regions, contours and paths") {
    const std::string regions = script_of([](Panel& panel) {
      panel.decision_regions(slope(1), {0.5, 1}, {0, 0.5});
    });
    CHECK(contains(regions, {"with rgbimage", "set cntrparam levels discrete 0.5\n"}));
    const std::string contour = script_of([](Panel& panel) {
      panel.contour(slope(0), {0, 1}, {0, 1}, {.levels = 3}).path(blobs());
    });
    // Between -1 and 1, in four parts.
    CHECK(contains(contour, {"set cntrparam levels discrete -0.5,0,0.5\n", "every ::0::0"}));
  }
  SUBCASE("images") {
    const Tensor grey = Tensor::from(std::vector<std::uint8_t>{0, 255, 128, 64}, {1, 2, 2});
    CHECK(contains(script_of([&](Panel& panel) { panel.images(grey, {.zoom = 1}); }),
                   "0 16777215\n8421504 4210752\nEOD"));
    const Tensor colours = Tensor::from(std::vector<std::uint8_t>{255, 0, 0, 0, 255, 0}, {1, 1, 2, 3});
    CHECK(contains(script_of([&](Panel& panel) { panel.images(colours, {.zoom = 1}); }),
                   "16711680 65280\nEOD"));
    const Tensor two{{{0.0, 1.0}}, {{0.0, 2.0}}};
    CHECK(occurrences(script_of([&](Panel& panel) { panel.images(two, {.zoom = 1}); }), "0 16777215\nEOD") ==
          2);
    const std::string alike =
        script_of([&](Panel& panel) { panel.images(two, {.scale = plot::ImageScale::all, .zoom = 1}); });
    CHECK(contains(alike, {"0 8421504\nEOD", "0 16777215\nEOD"}));
  }
}

TEST_CASE("axes") {
  SUBCASE("whole numbers have no ticks between them") {
    const std::string script = script_of([](Panel& panel) { panel.curve({1, 2}, {1, 2}); });
    CHECK(contains(script, {"\"1\"", "\"2\""}));
    CHECK(!contains(script, "\"1.5\" at screen 0.2"));
  }
  SUBCASE("ranges and units that are asked for") {
    const std::string script = script_of(
        [](Panel& panel) {
          panel.curve({1, 2}, {5, 80});
        },
        {.y_unit = " %", .x_range = {0, 4}, .y_range = {0, 100}});
    CHECK(contains(script, {"set xrange [0:4]", "set yrange [0:100]", "\"100 \\045\""}));
  }
  SUBCASE("logarithmic: what is not positive is a gap") {
    const std::string script = script_of(
        [](Panel& panel) {
          panel.curve({1, 2, 3}, {0, 10, 1000});
        },
        {.y_log = true});
    CHECK(contains(script, {"set logscale y", "1 NaN\n2 10\n3 1000\nEOD", "\"100\""}));
  }
}

TEST_CASE("a legend that all panels share stands there once") {
  Figure figure;
  for (const char* title : {"Loss", "Accuracy"})
    figure.panel({.title = title})
        .curve({1, 2}, {1, 2}, {.label = "training"})
        .curve({1, 2}, {2, 1}, {.label = "validation"});
  CHECK(occurrences(figure.script(Format::svg), "\"training\"") == 1);
  figure.panel().curve({1, 2}, {1, 2}, {.label = "another"});
  CHECK(occurrences(figure.script(Format::svg), "\"training\"") == 2);
}

TEST_CASE("text is drawn as it is, and nothing of it is run") {
  const TemporaryDirectory directory;
  const std::string witness = directory.path("witness");
  const std::string hostile =
      "`touch " + witness + "` \"; system 'touch " + witness + "' # \\ ' @x {/Bold b} a_b^2 $(id) %s é";
  const std::vector<std::string> names{hostile, "\"\nsystem 'touch " + witness + "'\n\""};
  Figure figure({.title = hostile, .subtitle = names[1]});
  figure.panel({.title = hostile, .x = names[1], .y = hostile, .x_unit = hostile, .y_unit = names[1]})
      .curve({1, 2}, {1, 2}, {.label = hostile})
      .mark_x(1, names[1])
      .text(1, 1, hostile);
  figure.panel().bars(names, {1, 2}, {.label = names[1]});
  figure.panel().classes(Tensor{{0.0, 1.0}}, {0}, {.names = {names[1]}});
  figure.panel().heat_map(Tensor{{1, 2}, {3, 4}}, {.rows = names, .columns = names, .label = hostile});
  figure.panel().images(Tensor{{{1.0}}, {{2.0}}}, {.captions = names});
  for (const Format format : {Format::svg, Format::png}) {
    const std::string script = figure.script(format);
    for (const char* character : {"`", "@", "{/", "_b", "^", "#t", "'touch"})
      CHECK(!contains(script, std::string(character)));
    CHECK(!contains(script, "\nsystem"));
    CHECK(contains(script, {"\\140touch", "noenhanced"}));
  }
  CHECK_THROWS_AS(figure.panel().curve({1}, {1}, {.colour = "red\"; system \"id"}), ValueError);
  CHECK_THROWS_AS(figure.panel().images(Tensor{{{1.0}}}, {.caption_colours = {"#12345"}}), ValueError);
  if (!gnuplot_is_there()) return;
  const std::string picture = drawn(figure);
  CHECK(!fs::exists(witness));
  CHECK(contains(picture, "' # \\ ' @x {/Bold b} a_b^2 $(id) %s é"));
}

TEST_CASE("bytes that are no text, and characters that are no picture's") {
  const std::string script = script_of([](Panel& panel) {
    panel.curve({1}, {1}, {.label = std::string("a\0\x1b\xff\xc0\xaf\xed\xa0\x80z", 10)});
  });
  CHECK(contains(script, "\"a  \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"));
  CHECK(script.find('\0') == script.npos);
  CHECK(!contains(script, "\x1b"));
}

TEST_CASE("numbers that are not finite leave gaps") {
  const std::string script = script_of([](Panel& panel) {
    panel.curve({1, 2, no_number, 4, 5}, {1, infinity, 3, -infinity, 1e300})
        .band({1, 2, 3, 4}, {0, 0, no_number, 0}, {1, 1, 1, 1});
  });
  CHECK(contains(script, "1 1\n2 NaN\nNaN NaN\n4 NaN\n5 NaN\nEOD"));
  CHECK(contains(script, "1 0 1\n2 0 1\nEOD"));
  CHECK(!contains(script, "inf"));
}

TEST_CASE("pictures of next to nothing are sound") {
  Figure figure({.columns = 4});
  figure.panel();
  figure.panel().curve(plot::Series{}, plot::Series{}, {.label = "nothing"});
  figure.panel().curve({3}, {5});
  figure.panel().curve({1, 2}, {5, 5}).curve({1, 2}, {0, 0});
  figure.panel().curve({1, 2}, {no_number, no_number});
  figure.panel({.x_log = true, .y_log = true}).curve({0, -1}, {0, -1});
  figure.panel({.y_log = true}).curve({1, 1}, {2, 2});
  figure.panel().scatter({no_number}, {1});
  figure.panel().curve({1, 2, 3}, {1e-320, 2e-300, 1e-12});
  figure.panel().curve({1, 2}, {1e289, -1e289});
  figure.panel().curve({1e15, 1e15 + 1}, {1e9, 1e9 + 1e-3});
  figure.panel().histogram(plot::Series{});
  figure.panel().histogram({2, 2});
  figure.panel().histogram({no_number, infinity});
  figure.panel().bars({}, plot::Series{});
  figure.panel().bars({"a"}, {no_number}, {.show_values = true});
  figure.panel().heat_map(Tensor{{no_number, no_number}}, {.show_values = true});
  figure.panel().heat_map(Tensor{{0.0}}, {.map = plot::ColourMap::diverging});
  figure.panel().contour(
      [](const Tensor& points) {
        return Tensor::from(std::vector<float>(static_cast<std::size_t>(points.size(0)), 1.0F));
      },
      {0, 1}, {0, 1});
  figure.panel().decision_regions(
      [](const Tensor& points) {
        return Tensor::from(std::vector<float>(static_cast<std::size_t>(points.size(0)),
                                               std::numeric_limits<float>::quiet_NaN()));
      },
      {0, 1}, {0, 1});
  figure.panel().path(Tensor::uninitialized({0, 2}, float32));
  figure.panel().images(Tensor{{{no_number, 1.0}}});
  figure.panel({.x_range = {5, no_number}, .y_range = {no_number, -5}}).curve({1, 2}, {1, 2});
  figure.panel({.x_range = {5, no_number}});
  const std::string script = figure.script(Format::svg);
  CHECK(!contains(script, "inf"));
  CHECK(!contains(script, ":NaN"));
  CHECK(!contains(script, "[NaN"));
  CHECK(!contains(Figure().script(Format::svg), "NaN,"));
  if (!gnuplot_is_there()) return;
  CHECK(contains(drawn(figure), "</svg>"));
  CHECK(contains(drawn(Figure()), "</svg>"));
  CHECK(contains(drawn(Figure({.title = "only a title"})), "only a title"));
}

TEST_CASE("arguments that do not fit are refused, and the panel is as it was") {
  Figure figure;
  Panel& panel = figure.panel();
  CHECK(contains(message_of<ShapeError>([&] {
                   panel.curve({1, 2}, {1});
                 }),
                 {"plot_test.cpp", "plot::curve", "1 y for 2 x"}));
  CHECK_THROWS_AS(panel.band({1}, {1, 2}, {1}), ShapeError);
  CHECK_THROWS_AS(panel.scatter(Tensor{1, 2}), ShapeError);
  CHECK_THROWS_AS(panel.classes(blobs(), {0, 1, 2}), ShapeError);
  CHECK_THROWS_AS(panel.classes(blobs(), {0, 1, 2, 0.5}), ValueError);
  CHECK_THROWS_AS(panel.classes(blobs(), {0, 1, 2, -1}), ValueError);
  CHECK_THROWS_AS(panel.classes(blobs(), {0, 1, 2, 1}, {.names = {"a", "b"}}), ValueError);
  CHECK_THROWS_AS(panel.bars({"a"}, {1, 2}), ShapeError);
  CHECK_THROWS_AS(panel.bars({"a"}, {1}, {.low = {0}}), ShapeError);
  CHECK_THROWS_AS(panel.histogram({1}, {.bins = 0}), ValueError);
  CHECK_THROWS_AS(panel.histogram({1}, {.range = {2, 1}}), ValueError);
  CHECK_THROWS_AS(panel.mark_x(no_number), ValueError);
  CHECK_THROWS_AS(panel.curve({1}, {1}, {.colour = "blue"}), ValueError);
  CHECK_THROWS_AS(panel.curve({1}, {1}, {.width = no_number}), ValueError);
  CHECK_THROWS_AS(panel.heat_map(Tensor{1, 2}), ShapeError);
  CHECK_THROWS_AS(panel.heat_map(Tensor{{1, 2}}, {.rows = {"a", "b"}}), ShapeError);
  CHECK_THROWS_AS(panel.contour(slope(2), {0, 1}, {0, 1}), ShapeError);
  CHECK_THROWS_AS(panel.contour(slope(0), {1, 0}, {0, 1}), ValueError);
  CHECK_THROWS_AS(panel.contour(slope(0), {0, 1}, {0, 1}, {.logarithmic = true}), ValueError);
  CHECK_THROWS_AS(panel.contour(nullptr, {0, 1}, {0, 1}), ValueError);
  CHECK_THROWS_AS(panel.decision_regions([](const Tensor&) { return Tensor{1}; }, {0, 1}, {0, 1}),
                  ShapeError);
  CHECK(contains(message_of<ValueError>([&] {
                   panel.decision_regions(slope(1), {0, 2}, {0, 1});
                 }),
                 "sigmoid"));
  CHECK_THROWS_AS(panel.images(Tensor{{1.0}}), ShapeError);
  CHECK_THROWS_AS(panel.images(Tensor{{{1.0}}}, {.captions = {"a", "b"}}), ShapeError);
  CHECK(figure.script(Format::svg) == [] {
    Figure empty;
    (void)empty.panel();
    return empty.script(Format::svg);
  }());
  panel.curve({1}, {1});
  CHECK_THROWS_AS(panel.heat_map(Tensor{{1, 2}}), ValueError);
  CHECK_THROWS_AS(figure.panel().heat_map(Tensor{{1, 2}}).curve({1}, {1}), ValueError);
  CHECK_THROWS_AS(figure.panel().images(Tensor{{{1.0}}}).images(Tensor{{{1.0}}}), ValueError);
  CHECK_THROWS_AS(panel.bars({"a"}, {1}).bars({"b"}, {1}), ValueError);
  CHECK_THROWS_AS(figure.panel({.x_range = {0, 1}, .x_log = true}), ValueError);
  CHECK_THROWS_AS(figure.panel({.y_range = {1, 1}}), ValueError);
  CHECK_THROWS_AS(Figure({.columns = 0}), ValueError);
}

TEST_CASE("panels stay where they are, and copies are their own") {
  Figure figure;
  Panel& first = figure.panel();
  for (int i = 0; i < 100; ++i) (void)figure.panel();
  first.curve({1, 2}, {0.125, 2});
  CHECK(contains(figure.script(Format::svg), "0.125"));
  Figure copy = figure;
  first.curve({1, 2}, {0.0625, 2});
  CHECK(!contains(copy.script(Format::svg), "0.0625"));
}

TEST_CASE("without gnuplot, data and script are left, and the message says what to do") {
  const TemporaryDirectory directory;
  const Environment path("PATH", directory.path("nowhere"));
  Figure figure({.title = "Loss"});
  figure.panel().curve({1, 2}, {0.5, 0.25});
  const std::string picture = directory.path("it's loss.svg");
  std::ofstream(picture) << "old";
  const Saved saved = figure.save(picture);
  CHECK(!saved);
  CHECK(saved.path == picture + ".gnuplot");
  CHECK(contains(saved.message, {"gnuplot-nox", "not drawn"}));
  CHECK(contains(saved.message, "gnuplot '" + directory.path("it'\\''s loss.svg.gnuplot") + "' > '"));
  CHECK(read(picture) == "old");
  CHECK(read(saved.path) == figure.script(Format::svg));
  CHECK(contains(read(saved.path), "1 0.5\n2 0.25\nEOD"));
  CHECK(to_string(saved) == saved.message);
}

TEST_CASE("a script that was left draws the picture") {
  if (!gnuplot_is_there()) return;
  const TemporaryDirectory directory;
  std::ofstream(directory.path("script")) << everything().script(Format::svg);
  const std::string command = "gnuplot " + directory.path("script") + " > " + directory.path("picture.svg") +
                              " 2> " + directory.path("errors");
  CHECK(std::system(command.c_str()) == 0);
  CHECK(contains(read(directory.path("picture.svg")), "</svg>"));
}

TEST_CASE("a gnuplot that fails says why, and an unfinished picture is none") {
  const TemporaryDirectory directory;
  Figure figure;
  figure.panel({}).curve(plot::counting(200000), plot::counting(200000));  // more than fits into a pipe
  const std::string picture = directory.path("picture.svg");
  SUBCASE("it refuses, and reads nothing") {
    const Pretender gnuplot("#!/bin/sh\necho 'no such terminal' >&2\nexit 3\n");
    const Environment path("PATH", gnuplot.path());
    const Saved saved = figure.save(picture);
    CHECK(!saved);
    CHECK(contains(saved.message, {"no such terminal", "gnuplot-nox"}));
  }
  SUBCASE("it dies in the middle, and claims success") {
    const Pretender gnuplot("#!/bin/sh\necho '<svg>'\nexit 0\n");
    const Environment path("PATH", gnuplot.path());
    CHECK(!figure.save(picture));
  }
  SUBCASE("it is killed") {
    const Pretender gnuplot("#!/bin/sh\nkill -9 $$\n");
    const Environment path("PATH", gnuplot.path());
    CHECK(!figure.save(picture));
  }
  CHECK(!fs::exists(picture));
  CHECK(fs::exists(picture + ".gnuplot"));
  CHECK(std::distance(fs::directory_iterator(directory.path("")), fs::directory_iterator()) == 1);
}

TEST_CASE("places that cannot be written are errors") {
  Figure figure;
  CHECK_THROWS_AS((void)figure.save("/nowhere/at/all/picture.svg"), IoError);
  CHECK(contains(message_of<ValueError>([&] { (void)figure.save("picture.jpg"); }),
                 {"plot::save", ".svg", ".png"}));
  CHECK_THROWS_AS((void)figure.save(""), ValueError);
}

TEST_CASE("every kind is drawn, as SVG and as PNG, the same every time") {
  if (!gnuplot_is_there()) return;
  const TemporaryDirectory directory;
  const Figure figure = everything();
  const std::string picture = drawn(figure);
  CHECK(picture == drawn(figure));
  CHECK(contains(picture, {"<title>Everything</title>", "weights kept", "font-weight=\"bold\"",
                           "'DejaVu Sans'", "</svg>"}));
  CHECK(occurrences(picture, "<title>") == 1);
  CHECK(!contains(picture, "NaN"));
  CHECK(!contains(picture, ".png"));
  REQUIRE(figure.save(directory.path("picture.PNG")));
  const std::string png = read(directory.path("picture.PNG"));
  CHECK(png.substr(0, 4) == "\x89PNG");
  CHECK(png.size() > 10000);
  CHECK(std::distance(fs::directory_iterator(directory.path("")), fs::directory_iterator()) == 1);
}

TEST_CASE("neither the locale nor the user's settings of gnuplot matter") {
  if (!gnuplot_is_there()) return;
  const TemporaryDirectory directory;
  const std::string before = drawn(small());
  std::ofstream(directory.path(".gnuplot")) << "set decimalsign ','\nset label 'from the settings' at 0, 0\n";
  const Environment home("HOME", directory.path(""));
  const Environment locale("LC_ALL", "de_DE.UTF-8");
  CHECK(drawn(small()) == before);
}

TEST_CASE("signals, and streams that the process has closed, do not disturb the drawing") {
  if (!gnuplot_is_there()) return;
  const std::string before = drawn(small());
  SUBCASE("signals all the time") {
    const test::SignalStorm storm;
    CHECK(drawn(small()) == before);
  }
  SUBCASE("children are not reported") {
    const auto former = std::signal(SIGCHLD, SIG_IGN);
    const std::string after = drawn(small());
    std::signal(SIGCHLD, former);
    CHECK(after == before);
  }
  SUBCASE("no standard input") {
    const int input = ::dup(STDIN_FILENO);
    ::close(STDIN_FILENO);
    const std::string after = drawn(small());
    ::dup2(input, STDIN_FILENO);
    ::close(input);
    CHECK(after == before);
  }
  // No child is left behind.
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}
