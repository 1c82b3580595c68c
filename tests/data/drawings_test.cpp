// Drawings in lines of JSON: pixels, strokes, and what is neither.
#include <xgrad/data/drawings.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

namespace {

using namespace xgrad;
using test::contains, test::message_of, test::TemporaryDirectory;

test::Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("read_drawings: pixels") {
  const TemporaryDirectory directory;
  const std::string text = "[0,1,0.5,0.002]\r\n[1,0,0,1e0]\r\n\r\n";
  const Tensor wanted = Tensor({{{0, 255}, {128, 1}}, {{255, 0}, {0, 255}}}, uint8);
  CHECK(bitwise_equal(data::read_drawings(directory.write("plain", bytes(text))), wanted));
  CHECK(bitwise_equal(data::read_drawings(directory.write("packed", test::gzipped(bytes(text)))), wanted));
  CHECK(bitwise_equal(data::read_drawings(directory.path("plain"), {.size = 2}), wanted));
  CHECK(contains(message_of<ValueError>([&] { data::read_drawings(directory.path("plain"), {.size = 3}); }),
                 {"drawings_test.cpp", "read_drawings", "2 x 2 pixels, not 3 x 3"}));
}

TEST_CASE("read_drawings: strokes are drawn by the distance from their lines") {
  const TemporaryDirectory directory;
  // A line along the middle, from side to side: 2 wide, it covers the two rows at the middle.
  const std::string line =
      "{\"word\":\"line\",\"more\":[[1],{\"drawing\":3}],\"drawing\":[[[0,255],[127.5,127.5]]]}\n";
  const Tensor image =
      data::read_drawings(directory.write("line", bytes(line)), {.size = 8, .line_width = 2});
  REQUIRE(image.shape() == Shape{1, 8, 8});
  for (Index row = 0; row < 8; ++row)
    for (Index column = 1; column < 7; ++column)
      CHECK(image.at({0, row, column}) == (row == 3 || row == 4 ? 255 : 0));
  // Its ends are round: the corner's centre is hypot(1/2, 1/2) from the end, which covers 0.79289 of it.
  CHECK(image.at({0, 3, 0}) == 202);
  // A point is a disc; times are left out, and so is what has no name.
  const Tensor point = data::read_drawings(directory.write("point", bytes("[[[127.5],[127.5],[9999]]]")),
                                           {.size = 3, .line_width = 1});
  CHECK(bitwise_equal(point, Tensor({{{0, 0, 0}, {0, 255, 0}, {0, 0, 0}}}, uint8)));
  // y is downwards, x to the right.
  const Tensor corner =
      data::read_drawings(directory.write("corner", bytes("[[[255,255],[0,0]]]")), {.size = 16});
  CHECK(corner.at({0, 0, 15}) == 255);
  CHECK(corner.at({0, 15, 15}) == 0);
  CHECK(corner.at({0, 0, 0}) == 0);
  // Nothing is drawn twice as dark, and an object may have no strokes.
  const Tensor two = data::read_drawings(
      directory.write("two", bytes(line + "{\"drawing\":[]}\n" + "[[[0,255,0],[127.5,127.5,127.5]]]")),
      {.size = 8, .line_width = 2});
  CHECK(bitwise_equal(two.rows(0, 1), image));
  CHECK(bitwise_equal(two.rows(1, 2), zeros({1, 8, 8}, uint8)));
  CHECK(bitwise_equal(two.rows(2, 3), image));
  CHECK(data::read_drawings(directory.path("two")).shape() == Shape{3, 28, 28});
  // Wider than the image.
  CHECK(data::read_drawings(directory.path("line"), {.size = 2, .line_width = 9}).at({0, 0, 0}) == 255);
}

TEST_CASE("read_drawings: bad input is refused with its line") {
  const TemporaryDirectory directory;
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "has no drawing"},
      {"\n\r\n", "has no drawing"},
      {"[0]\n[0,1", "line 2: is no JSON: "},
      {"[0]\nx\n", "line 2: is no JSON: "},
      {"[0] [1]\n", "line 1: is no JSON: "},
      {"3\n", "line 1: expects a list or an object"},
      {"\"a\"\n", "line 1: expects a list or an object"},
      {"[]\n", "line 1: an empty list is no drawing"},
      {"{}\n", "line 1: an object without \"drawing\""},
      {"{\"word\":{\"drawing\":[]}}\n", "line 1: an object without \"drawing\""},
      {"{\"drawing\":3}\n", "line 1: \"drawing\" must be a list"},
      {"{\"drawing\":[],\"drawing\":[]}\n", "line 1: \"drawing\" is there twice"},
      {"{\"drawing\":[1]}\n", "line 1: a number that belongs to no stroke"},
      {"[0,1]\n", "line 1: has 2 pixels, which are no square"},
      {"[0,1.1,0,0]\n", "line 1: expects pixels from 0 to 1"},
      {"[0,-0.1,0,0]\n", "line 1: expects pixels from 0 to 1"},
      {"[0,null,0,0]\n", "line 1: expects lists of numbers"},
      {"[0,[[1],[1]]]\n", "line 1: a stroke among pixels"},
      {"[[[1],[1]],0]\n", "line 1: a number that belongs to no stroke"},
      {"[0]\n[0,0,0,0]\n", "line 2: has 2 x 2 pixels, the drawings before it 1 x 1"},
      {"[0]\n[[[1],[1]]]\n", "line 2: has strokes for 28 x 28 pixels"},
      {"[[[1,2],[1]]]\n", "line 1: expects a stroke's x and y of one length"},
      {"[[[1,2]]]\n", "line 1: expects a stroke's x and y of one length"},
      {"[[]]\n", "line 1: expects a stroke's x and y of one length"},
      {"[[[],[]]]\n", "line 1: a stroke without points"},
      {"[[[1],[256]]]\n", "line 1: expects coordinates from 0 to 255"},
      {"[[[-1],[0]]]\n", "line 1: expects coordinates from 0 to 255"},
      {"[[[[1]],[0]]]\n", "line 1: expects lists of numbers"},
      {"[[[1],[\"a\"]]]\n", "line 1: expects lists of numbers"}};
  for (const auto& pair : table) {
    const std::string text = pair.first, says = pair.second;
    CAPTURE(text);
    const std::string path = directory.write("bad", bytes(text));
    const std::string message = message_of<FormatError>([&] { data::read_drawings(path); });
    CHECK_MESSAGE(contains(message, path + ": " + says), message);
  }
  const std::string good = directory.write("good", bytes("[0]"));
  CHECK_THROWS_AS(data::read_drawings(directory.path("none")), IoError);
  CHECK_THROWS_AS(data::read_drawings(good, {.size = -1}), ValueError);
  CHECK_THROWS_AS(data::read_drawings(good, {.size = 5000}), ValueError);
  CHECK_THROWS_AS(data::read_drawings(good, {.line_width = -1}), ValueError);
  CHECK_THROWS_AS(data::read_drawings(good, {.line_width = std::nan("")}), ValueError);
}

TEST_CASE("read_drawings: no text but throws FormatError or gives drawings") {
  const TemporaryDirectory directory;
  std::mt19937 random(5);
  const std::string alphabet = "[[[]]],,01.{}:\"\n";
  for (int round = 0; round < 3000; ++round) {
    std::string text = "{\"drawing\":[[[0,9],[1,2]]]}\n[0,1,0,1]";
    for (auto changes = random() % 4; changes > 0; --changes)
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    try {
      const Tensor drawings = data::read_drawings(directory.write("x", bytes(text)), {.size = 2});
      REQUIRE(drawings.rank() == 3);
    } catch (const FormatError&) {
    } catch (const ValueError&) {
    }
  }
}
