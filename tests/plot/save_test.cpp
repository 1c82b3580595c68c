// Figures as files: drawn, or left as a script where gnuplot is missing or fails.
#include "pictures.hpp"

#include <xgrad/tensor/error.hpp>

#include <support/signal_storm.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace {

using namespace xgrad;
namespace fs = std::filesystem;
using plot::Figure, plot::Format, plot::Saved;
using test::contains, test::drawn, test::everything, test::gnuplot_is_there, test::message_of,
    test::occurrences, test::read, test::TemporaryDirectory;

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

// A small one, quickly drawn.
Figure small() {
  Figure figure({.title = "Small"});
  figure.panel({.title = "Curve", .x = "epoch"}).curve({1, 2, 3}, {0.5, 0.25, 0.125}, {.label = "loss"});
  figure.panel({.title = "Matrix"}).heat_map(Tensor{{1, 2}, {3, 4}}, {.show_values = true});
  return figure;
}

}  // namespace

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
  for (int i = 0; i < 50; ++i) figure.panel({}).curve(plot::counting(5000), plot::counting(5000));
  REQUIRE(figure.script(Format::svg).size() > 2000000);  // more than fits into a pipe
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
