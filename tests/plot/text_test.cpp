// Text on its way to gnuplot: quoted, cleaned, measured; numbers and axes.
#include <xgrad/plot/axis.hpp>
#include <xgrad/plot/colour.hpp>
#include <xgrad/plot/process.hpp>
#include <xgrad/plot/script.hpp>
#include <xgrad/plot/text.hpp>

#include <support/signal_storm.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xgrad::plot;
using namespace xgrad::plot::detail;

std::vector<std::string> texts(const Axis& axis) {
  std::vector<std::string> result;
  for (const Tick& tick : axis.ticks) result.push_back(tick.text);
  return result;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("of a quoted text, nothing means anything to gnuplot") {
  CHECK(literal("Loss (nats), 98 %") == "\"Loss (nats), 98 \\045\"");
  CHECK(literal("a`b`\"\\") == "\"a\\140b\\140\\042\\134\"");
  CHECK(literal("two\nlines\r") == "\"two lines \"");
  CHECK(literal("é→漢") == "\"é→漢\"");
  for (int code = 1; code < 128; ++code) {
    const std::string quoted = literal(std::string(1, static_cast<char>(code)));
    for (const char special : std::string("`$@{}^_\'%#\n\t&~|*[]"))
      CHECK(quoted.find(special) == quoted.npos);
    CHECK(quoted.find('"', 1) == quoted.size() - 1);
  }
}

TEST_CASE("what is not UTF-8 is replaced") {
  const std::string replaced = "\xEF\xBF\xBD";
  CHECK(cleaned("\xff") == replaced);
  CHECK(cleaned("\xc3") == replaced);                                // cut off
  CHECK(cleaned("\xc0\xaf") == replaced + replaced);                 // longer than need be
  CHECK(cleaned("\xed\xa0\x80") == replaced + replaced + replaced);  // half of a pair
  CHECK(cleaned("\xf4\x90\x80\x80") == replaced + replaced + replaced + replaced);
  CHECK(cleaned("\xef\xbf\xbf") == replaced);
  CHECK(cleaned("a\x7f\t\xc2\x85z\n") == "a   z\n");
  CHECK(cleaned("\xf0\x9f\x98\x80") == "\xf0\x9f\x98\x80");
  CHECK(lines_of("a\n\nb") == Texts{"a", "", "b"});
  CHECK(lines_of("").empty());
}

TEST_CASE("characters that no typeface has become boxes") {
  const std::string charsets = ":charset=20-7e a0-2ff 2192 25a1\n:charset=e000\n";
  CHECK(with_known_characters("é → 漢 \xee\x80\x80", charsets) == "é → □ \xee\x80\x80");
  CHECK(with_known_characters("漢", ":charset=20-7e\n") == "?");
  CHECK(with_known_characters("漢", "") == "漢");  // nothing is known
}

TEST_CASE("widths and numbers") {
  CHECK(text_width("mm", 10) == doctest::Approx(19.4));
  CHECK(text_width("i\nmm", 10) == doctest::Approx(19.4));
  CHECK(text_width("mm", 10, true) > text_width("mm", 10));
  CHECK(text_width("", 10) == 0);
  CHECK(number(0.1) == "0.1");
  CHECK(number(-0.0) == "0");
  CHECK(number(1e-300) == "1e-300");
  CHECK(number(std::numeric_limits<double>::infinity()) == "NaN");
  CHECK(decimal(-1.25, 1) ==
        "\xE2\x88\x92"
        "1.2");
  CHECK(decimal(-0.001, 2) == "0.00");
}

TEST_CASE("plot: texts are shortened to a width, and broken between words") {
  CHECK(shortened("mmmm", 100, 10) == "mmmm");
  CHECK(shortened("mmmm", 30, 10) == "mm…");
  CHECK(shortened("mm mm", 33, 10) == "mm…");  // no blank before the dots
  CHECK(shortened("éééé", 25, 10) == "éé…");   // no half of a character
  CHECK(shortened("mmmm", 0, 10) == "…");
  CHECK(shortened("a\nb", 100, 10) == "a b");
  CHECK(wrapped("mm mm mm", 43, 3, 10) == "mm mm\nmm");
  CHECK(wrapped("mm mm mm mm mm", 43, 2, 10) == "mm mm\nmm m…");
  CHECK(wrapped("mmmmmm mm", 43, 3, 10) == "mmm…\nmm");
  CHECK(wrapped("a\nb", 43, 3, 10) == "a\nb");
  CHECK(wrapped("a  b", 43, 3, 10) == "a  b");
  CHECK(wrapped("", 43, 3, 10).empty());
  for (const char* text : {"one two three four five", "   ", "a\n\nb", "onetwothreefourfive six"})
    for (double width = 0; width < 100; ++width) {
      const std::string lines = wrapped(text, width, 3, 10);
      CHECK(lines_of(lines).size() <= 3);
      CHECK(text_width(lines, 10) <= std::max(width, text_width("…", 10)));
    }
}

TEST_CASE("ticks") {
  AxisRequest request;
  request.data = {0, 0.37};
  request.horizontal = false;
  request.rounded = true;
  request.length = 262;
  CHECK(texts(make_axis(request)) == Texts{"0.0", "0.1", "0.2", "0.3", "0.4"});
  request.data = {91, 99.9};
  request.unit = " %";
  CHECK(texts(make_axis(request)) == Texts{"90 %", "92 %", "94 %", "96 %", "98 %", "100 %"});
  request.unit = "";
  request.data = {0, 3e-12};
  CHECK(texts(make_axis(request)).back() == "3·10⁻¹²");
  request.data = {-4e7, 4e7};
  CHECK(texts(make_axis(request)) == Texts{"−4·10⁷", "−2·10⁷", "0", "2·10⁷", "4·10⁷"});

  SUBCASE("data at the ends are inside") {
    for (int i = 1; i < 100; ++i) {
      request.data = {0, i * 1e-5};
      CHECK(make_axis(request).high >= i * 1e-5);
      request.data = {-i * 1e-5, 0};
      CHECK(make_axis(request).low <= -i * 1e-5);
    }
  }
  SUBCASE("a constant has its neighbourhood") {
    request.data = {5, 5};
    const Axis axis = make_axis(request);
    CHECK(axis.low < 5);
    CHECK(axis.high > 5);
  }
  SUBCASE("whole") {
    request.integral = true;
    request.data = {0, 2};
    CHECK(texts(make_axis(request)) == Texts{"0", "1", "2"});
    request.data = {1.25, 1.75};  // none lies between
    CHECK(make_axis(request).ticks.size() > 2);
    request.log = true;
    request.data = {1, 4};
    CHECK(texts(make_axis(request)) == Texts{"1", "2"});
    request.data = {3, 4};
    CHECK(texts(make_axis(request)) == Texts{"3", "4"});
  }
  SUBCASE("a short axis has more than one") {
    request.length = 80;
    request.data = {-3.6, 3.6};
    request.rounded = false;
    CHECK(make_axis(request).ticks.size() >= 3);
  }
  SUBCASE("logarithmic") {
    request.log = true;
    request.data = {1e-6, 1};
    const Axis axis = make_axis(request);
    CHECK(axis.value(axis.part(1e-3)) == doctest::Approx(1e-3));
    CHECK(texts(axis) == Texts{"10⁻⁶", "10⁻⁴", "0.01", "1"});
    CHECK(axis.part(axis.low) == 0);
    CHECK(axis.part(1e-3) == doctest::Approx(0.5));
    request.data = {1, 30};
    CHECK(texts(make_axis(request)) == Texts{"1", "2", "5", "10", "20"});
  }
}

TEST_CASE("any range makes an axis, quickly") {
  const double values[] = {-1e290, -1e15, -3, -1e-290, 0, 1e-290, 1e-12, 0.1, 1, 1 + 1e-15, 7, 1e15, 1e290};
  const double none = std::numeric_limits<double>::quiet_NaN();
  for (const double low : values)
    for (const double high : values)
      for (const int flags : {0, 1, 2, 3, 4, 8, 9, 11, 12, 13}) {
        AxisRequest request;
        request.log = (flags & 8) != 0;
        if (low > high || (request.log && low <= 0)) continue;
        request.data = {low, high};
        request.rounded = (flags & 1) != 0;
        request.integral = (flags & 2) != 0;
        request.horizontal = (flags & 4) != 0;
        request.fixed = {flags == 3 ? low : none, none};
        request.margin = (flags & 4) != 0 ? 0.04 : 0;
        CAPTURE(low);
        CAPTURE(high);
        CAPTURE(flags);
        const Axis axis = make_axis(request);
        CHECK(std::isfinite(axis.low));
        CHECK(std::isfinite(axis.high));
        CHECK(axis.low < axis.high);
        CHECK(axis.low <= low);
        CHECK(axis.high >= high);
        CHECK(axis.ticks.size() < 60);
        for (const Tick& tick : axis.ticks)
          CHECK((tick.at >= axis.low * (1 - 1e-9) - 1e-9 * std::abs(axis.low) &&
                 tick.at <= axis.high + 1e-9 * std::abs(axis.high)));
      }
}

TEST_CASE("colours") {
  CHECK(is_colour("#12aBcF"));
  for (const char* text : {"", "red", "#12345", "#1234567", "#12345g", "#12345\"", "012345f"})
    CHECK(!is_colour(text));
  CHECK(to_text(0x0a0b0c) == "#0a0b0c");
  CHECK(rgb("#0a0b0c") == 0x0a0b0c);
  CHECK(with_opacity("#0a0b0c", 1) == "#000a0b0c");
  CHECK(with_opacity("#0a0b0c", 0) == "#ff0a0b0c");
  CHECK(mapped(ColourMap::grey, 0.5) == 0x808080);
  CHECK(mapped(ColourMap::viridis, 2) == 0xfde725);
  CHECK(mapped(ColourMap::diverging, 0.5) == 0xf8f8f8);
  CHECK(mapped(ColourMap::blues, std::nan("")) == 0xdddddd);
  // Even to the eye: one way from light to dark.
  for (const ColourMap map : {ColourMap::blues, ColourMap::viridis}) {
    const auto lightness = [&](double part) {
      const Rgb colour = mapped(map, part);
      return 0.299 * (colour >> 16) + 0.587 * (colour >> 8 & 255) + 0.114 * (colour & 255);
    };
    const double sign = map == ColourMap::blues ? -1 : 1;
    for (int i = 0; i < 20; ++i) CHECK(sign * (lightness((i + 1) / 20.0) - lightness(i / 20.0)) > 0);
  }
}

TEST_CASE("programs are fed and read at once, and waited for") {
  const std::string much(3000000, 'x');
  const Finished same = run({"cat"}, much);
  CHECK(same.started);
  CHECK(same.succeeded);
  CHECK(same.output == much);
  CHECK(run({"sh", "-c", "cat >&2; exit 3"}, much, {.error = much.size()}).error == much);
  CHECK(!run({"sh", "-c", "cat >&2; exit 3"}, much).succeeded);
  CHECK(run({"true"}, much).succeeded);  // reads nothing: no SIGPIPE here
  CHECK(run({"cat"}, "").output.empty());
  const Finished missing = run({"xgrad-no-such-program"}, much);
  CHECK(!missing.started);
  CHECK(missing.error == "No such file or directory");
  {
    // A signal that interrupts the wait for a program which has closed its streams.
    const xgrad::test::SignalStorm storm;
    struct sigaction action {};
    ::sigaction(SIGALRM, nullptr, &action);
    action.sa_flags &= ~SA_RESTART;
    ::sigaction(SIGALRM, &action, nullptr);
    CHECK(!run({"sh", "-c", "exec >&- 2>&-; sleep 0.1; exit 3"}, "").succeeded);
    CHECK(run({"sh", "-c", "exec >&- 2>&-; sleep 0.1"}, "").succeeded);
  }
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left behind
  CHECK(run({"printf", "%s", "$(id) `id`"}, "").output == "$(id) `id`");
}

TEST_CASE("an SVG keeps the user's text and loses gnuplot's") {
  const std::string svg =
      "<svg>\n<title>Gnuplot</title><g font-family=\"Helvetica:Bold\"><title>gnuplot_plot_1a</title>"
      "<text>font-family=\"Helvetica\" > Gnuplot</text></g><image x='0'/></svg>\n";
  const std::string finished = finished_svg(svg, "a < b & c");
  CHECK(finished.find("<title>a &lt; b &amp; c</title>") != finished.npos);
  CHECK(finished.find("gnuplot_plot") == finished.npos);
  CHECK(finished.find("<text>font-family=\"Helvetica\" > Gnuplot</text>") != finished.npos);
  CHECK(finished.find("sans-serif\" font-weight=\"bold\"") != finished.npos);
  CHECK(finished.find("<image style=\"image-rendering:pixelated\" x='0'/></svg>\n") != finished.npos);
  CHECK(finished_svg("", "x").empty());
  CHECK(finished_svg("<svg", "x") == "<svg");
}

TEST_CASE("a program that does not end, that leaves one behind, or writes without end is ended") {
  const Finished late = run({"sleep", "1000"}, "", {.seconds = 0.3});
  CHECK(late.started);
  CHECK(!late.succeeded);
  CHECK(late.error == "it took longer than 0 s");
  CHECK(run({"sh", "-c", "exec >&- 2>&-; sleep 1000"}, "", {.seconds = 0.3}).error ==
        "it took longer than 0 s");
  // The one left behind holds the pipe for longer than is waited for.
  const Finished leaves = run({"sh", "-c", "echo done; sleep 1000 & exit 0"}, "", {.seconds = 20});
  CHECK(leaves.succeeded);
  CHECK(leaves.output == "done\n");
  const Finished endless = run({"yes"}, "", {.output = 100000});
  CHECK(!endless.succeeded);
  CHECK(endless.output.empty());
  CHECK(endless.error == "it wrote more than 100000 bytes");
  CHECK(run({"sh", "-c", "yes | head -c 300000 >&2; exit 1"}, "").error.size() == 65536);
}
