// A history as data, as a state and as a file.
#include <doctest/doctest.h>

#include <xgrad/data/csv.hpp>
#include <xgrad/io/checkpoint.hpp>
#include <xgrad/train/curves.hpp>
#include <xgrad/train/history.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "support/files.hpp"
#include "support/messages.hpp"

using namespace xgrad;
using test::contains;
using test::message_of;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}
void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

}  // namespace

TEST_CASE("history: columns, new names, the last and the best") {
  train::History history;
  CHECK_THROWS_AS(history.last("loss"), ValueError);
  history.append({{"loss", 0.5}, {"accuracy", 0.25}});
  history.append({{"accuracy", 0.75}, {"rate", 1e-3}});
  history.append({{"loss", 0.25}, {"accuracy", 0.75}});
  CHECK(history.size() == 3);
  CHECK(history.names() == std::vector<std::string>{"loss", "accuracy", "rate"});
  CHECK(std::isnan(history.values("loss")[1]));
  CHECK(std::isnan(history.values("rate")[0]));
  CHECK(history.last("accuracy") == 0.75);
  CHECK(history.best("loss") == 2);
  CHECK(history.best("accuracy", true) == 1);
  CHECK(contains(message_of<ValueError>([&] { history.values("los"); }), {"'los'", "loss", "rate"}));
  CHECK_THROWS_AS(history.append({{"a", 1}, {"a", 2}}), ValueError);
  CHECK_THROWS_AS(history.append({{"", 1}}), ValueError);
  CHECK(history.size() == 3);
  CHECK(contains(to_string(history), "accuracy"));
}

TEST_CASE("history: its state goes with a checkpoint") {
  const test::TemporaryDirectory directory;
  train::History history, loaded;
  history.append({{"loss", 0.1}});
  history.append({{"loss", 0.2}, {"a, b", -std::numeric_limits<double>::infinity()}});
  io::Checkpoint().add("history", history).save(directory.path("run.safetensors"));
  io::Checkpoint().add("history", loaded).load(directory.path("run.safetensors"));
  CHECK(loaded.names() == history.names());
  CHECK(loaded.csv() == history.csv());
  CHECK_THROWS_AS(loaded.load_state_dict({{"names", Tensor{1.0}}, {"values", Tensor{1.0}}}), ValueError);
  CHECK(loaded.size() == 2);
}

TEST_CASE("history: CSV is read back bitwise") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path("run.csv");
  train::History history;
  history.append({{"loss, \"mean\"", 0.1}});
  history.append({{"loss, \"mean\"", 1.0 / 3}, {"rate", 1e-300}});
  CHECK(history.csv() == "\"loss, \"\"mean\"\"\",rate\n0.1,NaN\n0.3333333333333333,1e-300\n");
  history.write_csv(path);
  const data::Table table = data::read_csv(path);
  CHECK(table.columns() == history.names());
  CHECK(text_of(path) == history.csv());
}

TEST_CASE("history: a file grows by lines, and what is no beginning of it is replaced") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path("run.csv");
  train::History history;
  history.append({{"loss", 0.5}, {"rate", 1}});
  history.write_csv(path);
  const std::filesystem::path other = directory.path("same file");
  std::filesystem::create_hard_link(path, other);
  history.append({{"loss", 0.25}, {"rate", 1}});
  history.write_csv(path);
  CHECK(text_of(other) == history.csv());  // appended, in place
  history.write_csv(path);
  CHECK(text_of(path) == history.csv());

  const std::string whole = history.csv();
  for (std::size_t kept = 0; kept <= whole.size(); ++kept) {
    put(path, whole.substr(0, kept));
    history.write_csv(path);
    CHECK(text_of(path) == whole);
  }
  // A run that goes on from an earlier epoch, a run of other names, another file.
  for (const std::string& before :
       {whole + "0.125,1\n", std::string("loss\n0.5\n"), std::string(5000, 'x')}) {
    put(path, before);
    history.write_csv(path);
    CHECK(text_of(path) == whole);
  }
  history.append({{"loss", 0.1}, {"accuracy", 1}});
  history.write_csv(path);
  CHECK(text_of(path) == "loss,rate,accuracy\n0.5,1,NaN\n0.25,1,NaN\n0.1,NaN,1\n");
  CHECK(contains(message_of<IoError>([&] { history.write_csv(directory.path("none/run.csv")); }),
                 {"history_test.cpp", "none/run.csv"}));
}

TEST_CASE("curves: an interrupted run has no tick within an epoch") {
  train::History history;
  for (const double epoch : {1.0, 2.0, 2.5}) history.append({{"epoch", epoch}, {"loss", 1000 - 100 * epoch}});
  plot::Figure figure;
  train::curves(figure, history, "loss");
  const std::string script = figure.script(plot::Format::svg);
  CHECK(contains(script, {"\"1\"", "\"2\""}));
  CHECK_FALSE(contains(script, "\"1.2\""));
}
