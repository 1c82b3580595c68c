// What examples/support gives the programs: figures, claims, options and exit statuses, without a program
// around it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <xgrad/xgrad.hpp>

#include <xgrad/train/interrupt.hpp>

#include <doctest/doctest.h>

#include "support/program.hpp"

#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

using namespace example;

namespace {

// Runs a program that has the given arguments.
int run_with(Program& program, std::vector<std::string> arguments, const std::function<void(Run&)>& body) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return program.run(static_cast<int>(arguments.size()), pointers.data(), body);
}

int run_with(std::vector<std::string> arguments, const std::function<void(Run&)>& body, Setup setup = {}) {
  Program program("program", "What it shows", std::move(setup));
  return run_with(program, std::move(arguments), body);
}

void nothing(Run&) {}

}  // namespace

TEST_CASE("a figure is reached within its bounds, which count themselves; NaN reaches nothing") {
  const auto reached = [](double value, Expected expected) {
    return Figure{"f", value, std::move(expected)}.reached();
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(reached(0.85, {.at_least = 0.85}));
  CHECK_FALSE(reached(std::nextafter(0.85, 0.0), {.at_least = 0.85}));
  CHECK_FALSE(reached(nan, {.at_least = 0.85}));
  CHECK(reached(1.55, {.at_most = 1.55}));
  CHECK_FALSE(reached(std::nextafter(1.55, 2.0), {.at_most = 1.55}));
  CHECK_FALSE(reached(nan, {.at_most = 1.55}));
  CHECK(reached(2, {.at_least = 1.0, .at_most = 3.0}));
  CHECK_FALSE(reached(0, {.at_least = 1.0, .at_most = 3.0}));
  CHECK_FALSE(reached(4, {.at_least = 1.0, .at_most = 3.0}));
  CHECK(reached(-7, {}));
}

TEST_CASE("a figure says what was expected and whether it was reached") {
  CHECK(Figure{"test accuracy", 0.8712, {.at_least = 0.85}}.text() ==
        "test accuracy 87.12 % (expected: at least 85 %)");
  CHECK(Figure{"test accuracy", 0.8012, {.at_least = 0.983}}.text() ==
        "test accuracy 80.12 % (not reached: at least 98.3 %)");
  CHECK(Figure{"held-out loss", 1.5, {.at_most = 1.55, .unit = "nats a character", .digits = 3}}.text() ==
        "held-out loss 1.500 nats a character (expected: at most 1.55 nats a character)");
  CHECK(Figure{"ratio", 2, {.at_least = 1.0, .at_most = 3.0, .unit = "", .digits = 0}}.text() ==
        "ratio 2 (expected: at least 1, at most 3)");
  CHECK(Figure{"accuracy", 0.5, {}}.text() == "accuracy 50.00 %");
}

TEST_CASE("the exit status is 0 only when every figure and claim holds, or none counts") {
  const auto good = [](Run& run) { run.figure("good", 1, {.at_least = 0.5}); };
  const auto bad = [&](Run& run) {
    run.figure("bad", 0.1, {.at_least = 0.5});
    good(run);
  };
  CHECK(run_with({}, nothing) == 0);
  CHECK(run_with({}, good) == 0);
  CHECK(run_with({}, bad) == 1);
  CHECK(run_with({"--no-check"}, bad) == 0);
  CHECK(run_with({}, [](Run& run) { run.claim("it holds", true); }) == 0);
  CHECK(run_with({}, [](Run& run) { run.claim("it holds", false); }) == 1);
  CHECK(run_with({"--no-check"}, [](Run&) { throw std::runtime_error("lost"); }) == 1);
  CHECK(run_with({"--help"}, [](Run&) { throw std::runtime_error("ran"); }) == 0);
}

TEST_CASE("the common options have the program's defaults, and only where it has them") {
  const Setup setup{.data = "no_such_set", .epochs = 7, .small_epochs = 2};
  CHECK(run_with(
            {},
            [](Run& run) {
              CHECK(run.seed == 1);
              CHECK(run.epochs == 7);
              CHECK(run.choose(10, 3) == 10);
              CHECK_THROWS_WITH_AS(run.data(), doctest::Contains("tools/fetch no_such_set"),
                                   std::runtime_error);
            },
            setup) == 0);
  CHECK(run_with(
            {"--small", "--seed", "18446744073709551615", "--threads", "1"},
            [](Run& run) {
              CHECK(run.seed == std::numeric_limits<std::uint64_t>::max());
              CHECK(run.epochs == 2);
              CHECK(run.choose(10, 3) == 3);
              CHECK(xgrad::num_threads() == 1);
              CHECK(xgrad::default_generator().seed() == run.seed);
            },
            setup) == 0);
  CHECK(run_with(
            {"--small", "--epochs", "5"}, [](Run& run) { CHECK(run.epochs == 5); }, setup) == 0);
  CHECK(run_with(
            {"--data", "/"}, [](Run& run) { CHECK(run.data() == "/"); }, setup) == 0);
  CHECK(run_with({"--epochs", "5"}, nothing) == 1);
  CHECK(run_with({"--data", "/"}, nothing) == 1);
  CHECK(run_with({"--save", "a.pt"}, nothing, {.model = false}) == 1);
  CHECK(run_with({"--out", "."}, nothing, {.pictures = false}) == 1);
}

TEST_CASE("a program's own options arrive within their ranges") {
  int count = 3;
  xgrad::Index size = 4;
  double rate = 0.5;
  std::optional<double> limit;
  std::vector<xgrad::Index> hidden{8, 4};
  std::string cell = "lstm", text;
  bool deep = false;
  // Describes them anew, since a program reads its command line once.
  const auto status = [&](std::vector<std::string> arguments) {
    Program program("program", "What it shows");
    program.number("--count", count, "Things", {1, 9});
    program.number("--size", size, "Elements", {1});
    program.number("--rate", rate, "Learning rate", {0, 1});
    program.number("--limit", limit, "Of the gradient", {0});
    program.numbers("--hidden", hidden, "Layers", {1, 100});
    program.choice("--cell", cell, "Kind", {"lstm", "gru"});
    program.text("--prompt", text, "Beginning", "TEXT");
    program.flag("--deep", deep, "More layers");
    return run_with(program, std::move(arguments), nothing);
  };
  REQUIRE(status({}) == 0);
  CHECK((count == 3 && size == 4 && rate == 0.5 && !limit && hidden.size() == 2 && cell == "lstm" && !deep));
  REQUIRE(status({"--count", "9", "--size", "1", "--rate", "1e-3", "--limit", "2.5", "--hidden", "5,6,7",
                  "--cell", "gru", "--prompt", "Call me", "--deep"}) == 0);
  CHECK((count == 9 && size == 1 && rate == 1e-3 && limit == 2.5 && cell == "gru" && text == "Call me" &&
         deep));
  CHECK(hidden == std::vector<xgrad::Index>{5, 6, 7});
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--count", "10"},
                                             {"--count", "0"},
                                             {"--count", "1.5"},
                                             {"--count", "99999999999"},
                                             {"--size", "0"},
                                             {"--rate", "1.01"},
                                             {"--rate", "nan"},
                                             {"--rate=-1"},
                                             {"--limit=-1"},
                                             {"--hidden", "5,0"},
                                             {"--hidden", "5,x"},
                                             {"--hidden", "5,101"},
                                             {"--cell", "rnn"},
                                             {"--count"},
                                             {"surplus"}}) {
    INFO(wrong.front());
    CHECK(status(wrong) == 1);
  }
}

TEST_CASE("pictures are named after the program, and the report names those that were written") {
  const auto folder = std::filesystem::temp_directory_path() / ("frame_test_" + std::to_string(getpid()));
  const std::string out = (folder / "new" / "pictures").string(), report = (folder / "report.json").string();
  std::filesystem::create_directories(folder);
  CHECK(run_with({"--out", out, "--report", report}, [&](Run& run) {
          CHECK(run.picture(".svg") == out + "/program.svg");
          std::ofstream(run.picture("_filters.png")) << "picture";
          run.figure("not a number", std::numeric_limits<double>::quiet_NaN(), {.at_least = 0.5});
        }) == 1);
  std::stringstream text;
  text << std::ifstream(report).rdbuf();
  CHECK_MESSAGE(text.str().find("\"pictures\":[\"" + out + "/program_filters.png\"]") != std::string::npos,
                text.str());
  CHECK(text.str().find("\"value\":null") != std::string::npos);
  CHECK(text.str().find("\"reached\":false") != std::string::npos);
  std::filesystem::remove_all(folder);
}

// The last case: what Ctrl-C sets stays.
TEST_CASE("Ctrl-C is seen by the body, which ends with its figures, and by the exit status") {
  CHECK_FALSE(xgrad::train::interrupted());
  bool seen = false;
  CHECK(run_with({}, [&](Run& run) {
          std::raise(SIGINT);
          seen = xgrad::train::interrupted();
          run.figure("good", 1, {.at_least = 0.5});
        }) == 130);
  CHECK(seen);
}
