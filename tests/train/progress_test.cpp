// What a display writes, with a clock of the test's.
#include <doctest/doctest.h>

#include <xgrad/train/progress.hpp>

#include <cstddef>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "support/messages.hpp"

using namespace xgrad;
using test::contains;

namespace {

struct Shown {
  std::ostringstream stream;
  double time = 100;
  train::ProgressOptions options(bool terminal, Index width = 100) {
    return {.terminal = terminal, .width = width, .clock = [this] { return time; }};
  }
  std::string take() {
    std::string text = stream.str();
    stream.str("");
    return text;
  }
};

}  // namespace

TEST_CASE("progress: a terminal's line is rewritten, and cleared in the end") {
  Shown shown;
  train::Progress progress(shown.stream, shown.options(true));
  progress.begin("3/20", 60000, 1);
  shown.time += 1;
  progress.update(15000, {{"loss", 0.25}, {"accuracy", 0.5}});
  CHECK(shown.take() ==
        "\r3/20 [====>           ]  25 %  loss 0.2500  accuracy 0.5000  15,000 examples/s  0:07 left\x1b[K");
  shown.time += 0.05;
  progress.update(15100, {});
  CHECK(shown.take().empty());
  shown.time += 0.06;
  progress.update(15200, {});
  CHECK(contains(shown.take(), "25 %"));
  progress.print("note");
  CHECK(shown.take() == "\r\x1b[Knote\n");
  shown.time += 0.01;
  progress.update(60000, {});
  CHECK(shown.take().empty());
  shown.time = 104;
  progress.end({{"loss", 1e-5}});
  CHECK(shown.take() == "3/20  loss 1.000e-05  15,000 examples/s  0:04\n");
  progress.begin("4/20", 0);
  shown.time += 1;
  progress.update(5);
  CHECK(shown.take() == "\r4/20  5 examples  5.00 examples/s\x1b[K");
  progress.clear();
  progress.clear();
  CHECK(shown.take() == "\r\x1b[K");
}

TEST_CASE("progress: the line is cleared when the display goes") {
  Shown shown;
  {
    train::Progress progress(shown.stream, shown.options(true));
    progress.update(1);
    static_cast<void>(shown.take());
  }
  CHECK(shown.take() == "\r\x1b[K");
}

TEST_CASE("progress: a line has room in the terminal") {
  Shown shown;
  for (const Index width : {1, 2, 10, 30, 60, 75}) {
    train::Progress progress(shown.stream, shown.options(true, width));
    progress.begin("\u00e9poque 3/20", 1000);
    shown.time += 1;
    progress.update(500, {{"loss", 0.25}, {"accuracy", 0.5}});
    const std::string text = shown.take();
    REQUIRE(text.starts_with("\r"));
    REQUIRE(text.ends_with("\x1b[K"));
    Index columns = 0;
    for (const char c : text.substr(1, text.size() - 4))
      columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    CHECK(columns <= std::max<Index>(width - 1, 1));
    CHECK(contains(text, "[===") == (width > 85));
    progress.clear();
    static_cast<void>(shown.take());
  }
}

TEST_CASE("progress: plain lines, and no codes, where there is no terminal") {
  Shown shown;
  train::ProgressOptions options = shown.options(false);
  options.terminal.reset();  // a string is none
  train::Progress progress(shown.stream, options);
  progress.begin("1/2", 1000);
  for (int i = 0; i < 10; ++i) {
    shown.time += 7;
    progress.update(100 * i, {{"lo\x1b[31mss\n", 0.25}});
  }
  CHECK(shown.take() == "1/2  80 %  lo?[31mss? 0.2500  13 examples/s  0:16 left\n");
  progress.end({{"loss", 0.125}});
  CHECK(shown.take() == "1/2  loss 0.1250  13 examples/s  1:10\n");
}

TEST_CASE("progress: a stream that fails is no reason to throw, and keeps its format") {
  struct Broken : std::streambuf {
    int overflow(int) override { throw std::runtime_error("closed"); }
    std::streamsize xsputn(const char*, std::streamsize) override { throw std::runtime_error("closed"); }
  } broken;
  std::ostream stream(&broken);
  stream.exceptions(std::ios::badbit | std::ios::failbit);
  {
    train::Progress progress(stream, {.terminal = true});
    progress.begin("1", 10);
    CHECK_NOTHROW(progress.update(1));
    CHECK_NOTHROW(progress.end());
    progress.update(2);
  }
  Shown shown;
  shown.stream << std::hex;
  train::Progress progress(shown.stream, shown.options(false));
  progress.begin("16", 16);
  shown.time += 100;
  progress.update(16);
  CHECK(contains(shown.take(), "16 100 %"));
  shown.stream << 16;
  CHECK(shown.take() == "10");
}
