// Long names, many names, and panels that are filled in any order.
#include "pictures.hpp"

#include <xgrad/tensor/error.hpp>

#include <cmath>
#include <functional>
#include <regex>
#include <vector>

namespace {

using namespace xgrad;
using plot::Figure, plot::Format, plot::Panel;
using test::blobs, test::contains, test::drawn, test::gnuplot_is_there, test::message_of, test::occurrences,
    test::slope;

const std::string long_text =
    "A remarkably long text that says everything about the panel at once, the data, the network and the date";

template <class F>
std::string script_of(const F& fill, plot::PanelOptions options = {}) {
  Figure figure;
  fill(figure.panel(std::move(options)));
  return figure.script(Format::svg);
}

struct Size {
  double width = 0, height = 0;
};
Size size_of(const std::string& script) {
  const std::size_t at = script.find("standalone size ") + 16;
  return {std::stod(script.substr(at)), std::stod(script.substr(script.find(',', at) + 1))};
}

std::vector<std::string> names(std::size_t count, const std::string& name) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(name + " " + std::to_string(i));
  return result;
}

}  // namespace

TEST_CASE("plot: long texts are broken or cut, and the picture keeps its size") {
  const std::string plain = script_of([](Panel& panel) { panel.curve({1, 2}, {1, 2}); });
  const double usual = size_of(plain).width + 120;
  const auto check = [&](const char* what, const std::string& script) {
    CAPTURE(what);
    CHECK(size_of(script).width < usual);
    CHECK(size_of(script).height < size_of(plain).height + 160);
    CHECK(!contains(script, long_text));
    CHECK(contains(script, "\"A remarkably"));
  };
  const auto curve = [](Panel& panel) { panel.curve({1, 2}, {1, 2}); };
  check("title", script_of(curve, {.title = long_text}));
  check("x", script_of(curve, {.x = long_text}));
  check("y", script_of(curve, {.y = long_text}));
  check("legend", script_of([](Panel& panel) { panel.curve({1, 2}, {1, 2}, {.label = long_text}); }));
  check("classes", script_of([](Panel& panel) {
          panel.classes(blobs(), {0, 0, 0, 0}, {.names = {long_text}});
        }));
  check("bars", script_of([](Panel& panel) { panel.bars({long_text, "b"}, {1, 2}); }));
  check("rows", script_of([](Panel& panel) {
          panel.heat_map(Tensor{{1}, {2}}, {.rows = {long_text, "b"}});
        }));
  check("columns", script_of([](Panel& panel) {
          panel.heat_map(Tensor{{1, 2}}, {.columns = {long_text, "b"}});
        }));
  check("colour bar", script_of([](Panel& panel) { panel.heat_map(Tensor{{1, 2}}, {.label = long_text}); }));
  check("caption", script_of([](Panel& panel) { panel.images(Tensor{{{1.0}}}, {.captions = {long_text}}); }));
  check("text", script_of([](Panel& panel) { panel.curve({1, 2}, {1, 2}).text(2, 2, long_text); }));
  check("mark", script_of([](Panel& panel) { panel.curve({1, 2}, {1, 2}).mark_y(1, long_text); }));
  check("unit", script_of(curve, {.x_unit = "A remarkably" + long_text}).append("\"A remarkably"));
  Figure figure({.title = long_text, .subtitle = long_text + long_text});
  figure.panel().curve({1, 2}, {1, 2}, {.label = long_text});
  figure.panel().curve({1, 2}, {1, 2}, {.label = long_text});
  const std::string script = figure.script(Format::svg);
  CHECK(size_of(script).width < 2 * usual);
}

TEST_CASE("plot: titles are broken between words, a shared legend is cut") {
  Figure figure({.title = "one", .columns = 1});
  figure.panel({.title = long_text, .width = 420}).curve({1, 2}, {1, 2});
  const std::string script = figure.script(Format::svg);
  CHECK(occurrences(script, ":Bold,15") == 3);
  CHECK(!contains(script, "\xE2\x80\xA6\" at"));  // all of it has place
  const std::string bars = script_of([](Panel& panel) { panel.bars({long_text, "b"}, {1, 2}); });
  CHECK(contains(bars, "\xE2\x80\xA6\" at"));
}

TEST_CASE("plot: each of many bars has its name, and its value where there is room") {
  const std::vector<std::string> sixty = names(60, "category");
  const std::string script = script_of(
      [&](Panel& panel) { panel.bars(sixty, std::vector<double>(60, 1.25), {.show_values = true}); });
  for (const std::string& name : sixty) CHECK(contains(script, "\"" + name + "\""));
  CHECK(occurrences(script, "\"1.25\"") == 60);
  CHECK(contains(script, "\"1.25\" at screen"));
  CHECK(occurrences(script, "center rotate by 90") == 60);  // they would touch
  const std::string few = script_of([&](Panel& panel) {
    panel.bars({"a", "b"}, {1.25, 2.5}, {.show_values = true});
  });
  CHECK(!contains(few, "rotate by 90"));
  // Of bars thinner than a letter, none; and the picture has an end.
  const std::string many = script_of([&](Panel& panel) {
    panel.bars(names(2000, "n"), std::vector<double>(2000, 1.25), {.show_values = true});
  });
  CHECK(!contains(many, "\"1.25\""));
  CHECK(size_of(many).width < 1400);
}

TEST_CASE("plot: text goes with everything, whichever comes first") {
  using Fill = std::function<void(Panel&)>;
  const std::vector<Fill> contents = {
      [](Panel& panel) {
        panel.curve({0, 1}, {0, 1});
      },
      [](Panel& panel) { panel.scatter(blobs()); },
      [](Panel& panel) {
        panel.band({0, 1}, {0, 0}, {1, 1});
      },
      [](Panel& panel) {
        panel.bars({"a", "b"}, {1, 2});
      },
      [](Panel& panel) {
        panel.histogram({0, 0.5, 1});
      },
      [](Panel& panel) { panel.mark_x(1); },
      [](Panel& panel) { panel.path(blobs()); },
      [](Panel& panel) {
        panel.decision_regions(slope(1), {0.5, 1}, {0, 0.5});
      },
      [](Panel& panel) {
        panel.contour(slope(0), {0, 1}, {0, 1});
      },
      [](Panel& panel) {
        panel.heat_map(Tensor{{1, 2}, {3, 4}});
      },
      [](Panel& panel) {
        panel.images(zeros({1, 4, 4}, boolean));
      },
  };
  const Fill text = [](Panel& panel) { panel.text(0.5, 0.5, "here"); };
  for (std::size_t i = 0; i < contents.size(); ++i) {
    CAPTURE(i);
    const auto in_order = [&](const Fill& first, const Fill& second) {
      return script_of([&](Panel& panel) {
        first(panel);
        second(panel);
      });
    };
    const std::string before = in_order(text, contents[i]), after = in_order(contents[i], text);
    CHECK(contains(before, "\"here\""));
    for (const char* line : {"set xrange", "set yrange"})
      CHECK(before.substr(before.find(line), 40) == after.substr(after.find(line), 40));
    // Of two contents, both orders are drawn, or both are refused with what to do.
    for (std::size_t j = 0; j < contents.size(); ++j) {
      CAPTURE(j);
      const auto outcome = [&](const Fill& first, const Fill& second) -> std::string {
        try {
          in_order(first, second);
        } catch (const ValueError& error) {
          CHECK(contains(error.what(), "figure.panel()"));
          return "refused";
        }
        return "drawn";
      };
      CHECK(outcome(contents[i], contents[j]) == outcome(contents[j], contents[i]));
    }
  }
}

TEST_CASE("plot: two functions of the plane in one panel would hide each other") {
  const auto message = message_of<ValueError>([] {
    Figure figure;
    figure.panel().contour(slope(0), {0, 1}, {0, 1}).decision_regions(slope(3), {0, 1}, {0, 1});
  });
  CHECK(contains(message, {"plot::decision_regions", "hide", "figure.panel()"}));
}

TEST_CASE("plot: text out of the axes is not drawn") {
  const plot::PanelOptions options{.x_range = {0, 1}, .y_range = {0, 1}};
  const auto at = [&](double x, double y) {
    return contains(script_of(
                        [&](Panel& panel) {
                          panel.curve({0, 1}, {0, 1}).text(x, y, "here");
                        },
                        options),
                    "\"here\"");
  };
  CHECK(at(0, 1));
  CHECK(!at(0.5, 5));
  CHECK(!at(-3, 0.5));
}

TEST_CASE("plot: ticks of whole numbers") {
  const auto ticks = [](const std::string& script) {
    return std::regex_search(script, std::regex("\"[0-9]+\\.[0-9]+\" at screen"));
  };
  const auto curve = [](Panel& panel) { panel.curve({1, 1.5, 3}, {0, 30, 0}); };
  CHECK(ticks(script_of(curve)));
  CHECK(!ticks(script_of(curve, {.x_ticks = plot::Ticks::whole})));
  CHECK(ticks(script_of(
      [](Panel& panel) {
        panel.curve({0, 1, 2}, {0, 30, 0});
      },
      {.x_ticks = plot::Ticks::any})));
  CHECK(ticks(script_of([](Panel& panel) { panel.curve({1, 2}, {0, 2}); })));
  CHECK(!ticks(script_of(
      [](Panel& panel) {
        panel.curve({1, 2}, {0, 2});
      },
      {.y_ticks = plot::Ticks::whole})));
  // Marks and text have no say; counts are whole.
  CHECK(!ticks(script_of([](Panel& panel) {
    panel.curve({1, 2, 3}, {0, 30, 0}).mark_x(1.5).text(2.5, 9, "t");
  })));
  CHECK(!ticks(script_of([](Panel& panel) { panel.histogram({0, 10, 10, 20}, {.bins = 3}); })));
  CHECK(!ticks(script_of([](Panel& panel) { panel.curve({3, 4}, {0, 30}); }, {.x_log = true})));
}

TEST_CASE("plot: logarithmic axes from one end of the numbers to the other") {
  const auto extremes = [](Panel& panel) {
    panel.curve({1e-290, 1, 1e290}, {1e-290, 1, 1e290}).mark_y(1e290).text(1, 1, "one");
  };
  Figure figure({.columns = 3});
  extremes(figure.panel({.x_log = true, .y_log = true}));
  figure.panel({.y_log = true}).curve({1, 2}, {1e290, 1e290});
  figure.panel({.y_log = true}).curve({1, 2}, {1e-290, 1e-290});
  figure.panel({.y_log = true}).bars({"a", "b"}, {1e-290, 1e290}, {.show_values = true});
  figure.panel({.x_range = {1e-290, 1e290}, .x_log = true}).curve({1, 10}, {-1e290, 1e290});
  figure.panel({.y_log = true}).band({1, 2}, {1e-290, 1e-290}, {1e290, 1e290});
  figure.panel().contour(
      [](const Tensor& points) {
        std::vector<double> values(static_cast<std::size_t>(points.size(0)), 1e-290);
        for (std::size_t i = 0; i < values.size() / 2; ++i) values[i] = 1e290;
        return Tensor::from(values, {points.size(0)});
      },
      {0, 1}, {0, 1}, {.logarithmic = true});
  figure.panel().contour(
      [](const Tensor& points) {
        return Tensor::from(std::vector<double>(static_cast<std::size_t>(points.size(0)), 1e290),
                            {points.size(0)});
      },
      {0, 1}, {0, 1}, {.logarithmic = true});
  const std::string script = figure.script(Format::svg);
  CHECK(!contains(script, ":NaN]"));
  CHECK(!contains(script, "[NaN"));
  CHECK(!contains(script, "[0:NaN"));
  CHECK(!contains(script, "screen NaN"));
  for (const plot::Range range : {plot::Range{1e-300, 1}, plot::Range{0, 1}, plot::Range{5e-324, 1e-300}}) {
    const auto message =
        message_of<ValueError>([&] { (void)Figure().panel({.x_range = range, .x_log = true}); });
    CHECK(contains(message, "x_range"));
  }
  CHECK_THROWS_AS((void)Figure().panel({.y_range = {1, 1e300}, .y_log = true}), ValueError);
  CHECK_THROWS_AS((void)Figure().panel({.y_range = {0, 1e-300}}), ValueError);
  if (!gnuplot_is_there()) return;
  CHECK(contains(drawn(figure), "</svg>"));
}
