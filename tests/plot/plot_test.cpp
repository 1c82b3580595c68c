// Panels: what gnuplot is told for each kind of picture, and what is refused.
#include "pictures.hpp"

#include <xgrad/tensor/error.hpp>

#include <cmath>

namespace {

using namespace xgrad;
namespace fs = std::filesystem;
using plot::Figure, plot::Format, plot::Panel;
using test::blobs, test::contains, test::drawn, test::gnuplot_is_there, test::infinity, test::message_of,
    test::no_number, test::occurrences, test::slope, test::TemporaryDirectory;

// The script of a figure with this one panel.
template <class F>
std::string script_of(const F& fill, plot::PanelOptions options = {}) {
  Figure figure;
  fill(figure.panel(std::move(options)));
  return figure.script(Format::svg);
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
    // Two epochs and a half.
    const auto curve = [](Panel& panel) { panel.curve({1, 2, 2.5}, {10, 20, 30}); };
    CHECK(contains(script_of(curve), "\"1.2\""));
    CHECK(!contains(script_of(curve, {.x_ticks = plot::Ticks::whole}), "\"1.2\""));
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

TEST_CASE("plot: a panel that was moved from is still one") {
  plot::Panel panel;
  const plot::Panel taken = std::move(panel);
  CHECK_NOTHROW(panel.curve({1, 2}, {1, 2}));
}
