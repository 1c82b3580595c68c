// What callbacks show and write.
#include "support/files.hpp"
#include "support/messages.hpp"

#include <xgrad/data/csv.hpp>
#include <xgrad/train/callbacks.hpp>
#include <xgrad/train/fit.hpp>
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using test::contains, test::message_of;

struct Setting {
  nn::Linear model{2, 1};
  optim::SGD optimizer{model.parameters(), {.learning_rate = 0.02}};
  std::vector<Tensor> batches{ones({3, 2}), ones({1, 2})};

  train::History fit(Index epochs, std::vector<train::Observer> callbacks,
                     train::CheckpointOptions checkpoint = {}) {
    const auto loss = [](nn::Linear& net, const Tensor& x) { return mean(square(net(x))); };
    return train::fit(
        model, batches, loss, optimizer,
        {.epochs = epochs, .callbacks = std::move(callbacks), .checkpoint = std::move(checkpoint)});
  }
};

}  // namespace

TEST_CASE("progress: a line for each epoch on what is no terminal, and why the run was stopped") {
  Setting setting;
  std::ostringstream stream;
  const train::Observer stops{.on_epoch = [](train::Run& run) {
    if (run.epoch() == 1) run.stop("enough");
  }};
  setting.fit(5, {train::progress(stream), stops});
  const std::string text = stream.str();
  CAPTURE(text);
  CHECK(contains(text, {"1/5", "2/5", "loss", "stopped: enough"}));
  CHECK_FALSE(contains(text, "3/5"));
  CHECK_FALSE(contains(text, "seconds"));
  CHECK_FALSE(contains(text, "learning_rate"));
  CHECK_FALSE(contains(text, "\r"));
}

TEST_CASE("progress: on a terminal the time left counts the examples of an epoch") {
  Setting setting;
  std::ostringstream stream;
  double seconds = 0;
  setting.fit(2, {train::progress(stream, {.terminal = true, .width = 100, .rewrite_every = 0, .clock = [&] {
                                             return seconds += 1;
                                           }})});
  CHECK(contains(stream.str(), "\r"));
  CHECK(contains(stream.str(), "examples/s"));
}

TEST_CASE("csv: the history as a file, which grows") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path("history.csv");
  Setting setting;
  std::vector<Index> rows;
  const train::Observer counts{.on_epoch = [&](train::Run&) { rows.push_back(data::read_csv(path).rows()); }};
  const train::History history = setting.fit(3, {train::csv(path), counts});
  CHECK(rows == std::vector<Index>{1, 2, 3});
  const data::Table table = data::read_csv(path);
  CHECK(table.columns() == history.names());
  CHECK(bitwise_equal(table.numbers("loss", {.dtype = float64}), Tensor::from(history.values("loss"))));
  CHECK(
      contains(message_of<IoError>([&] { setting.fit(1, {train::csv(directory.path("none/history.csv"))}); }),
               "none"));
}

TEST_CASE("csv: a run that goes on goes on with its file") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path("history.csv");
  Setting setting;
  setting.fit(2, {train::csv(path)}, {.directory = directory.path("run")});
  CHECK(data::read_csv(path).rows() == 2);
  setting.fit(5, {train::csv(path)}, {.directory = directory.path("run")});
  const Tensor epochs = data::read_csv(path).numbers("epoch");
  CHECK(bitwise_equal(epochs, Tensor::from(std::vector<float>{1, 2, 3, 4, 5})));
}

TEST_CASE("tensorboard: an event file for each run, none before it begins") {
  const test::TemporaryDirectory directory;
  const std::string place = directory.path("events");
  Setting setting;
  const train::Observer events = train::tensorboard(place);
  CHECK_FALSE(std::filesystem::exists(place));
  setting.fit(2, {events});
  std::size_t files = 0, bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(place)) {
    ++files;
    bytes += file.file_size();
  }
  CHECK(files == 1);
  CHECK(bytes > 100);
}

TEST_CASE("callbacks: what one throws ends the run, and the model keeps its weights") {
  Setting setting;
  const train::Observer fails{.on_epoch = [](train::Run&) { throw ValueError("mine"); }};
  CHECK(message_of<ValueError>([&] { setting.fit(3, {fails}); }) == "mine");
  CHECK(setting.fit(1, {}).size() == 1);
}

TEST_CASE("callbacks: two with a state and one name, or none, are refused") {
  const test::TemporaryDirectory directory;
  Setting setting;
  const auto stopping = [] { return train::early_stopping({.monitor = "loss"}); };
  CHECK(contains(message_of<ValueError>([&] {
                   setting.fit(1, {stopping(), stopping()}, {.directory = directory.path("run")});
                 }),
                 "early_stopping"));
  train::Observer unnamed = stopping();
  unnamed.name.clear();
  CHECK(contains(
      message_of<ValueError>([&] { setting.fit(1, {unnamed}, {.directory = directory.path("other")}); }),
      "callbacks."));
}

TEST_CASE("plateau and averaging: what they remember is part of the checkpoints") {
  struct Result {
    Tensor average;
    std::vector<double> rates;
  };
  const auto run = [](const std::string& directory, Index stop_at) {
    manual_seed(3);
    Setting setting;
    optim::Plateau plateau(setting.optimizer, {.factor = 0.5, .patience = 0, .threshold = 0.9});
    nn::ExponentialAverage average(setting.model, {.decay = 0.5});
    const train::Observer stops{.on_batch = [&](train::Run& r) {
      if (r.step() == stop_at) r.stop("here");
    }};
    const train::History history = setting.fit(
        4, {train::plateau(plateau, "loss"), train::averaging(average), stops}, {.directory = directory});
    return Result{average.average().at("weight"), history.values("learning_rate")};
  };
  const test::TemporaryDirectory directory;
  const Result whole = run(directory.path("whole"), 0);
  CHECK(whole.rates.back() < 0.01);
  for (const Index stop_at : {2, 4, 6}) {
    const std::string part = directory.path("part" + std::to_string(stop_at));
    static_cast<void>(run(part, stop_at));
    const Result rest = run(part, 0);
    CHECK(bitwise_equal(rest.average, whole.average));
    CHECK(rest.rates == whole.rates);
  }
  Setting setting;
  optim::Plateau plateau(setting.optimizer);
  CHECK(contains(message_of<ValueError>([&] { setting.fit(1, {train::plateau(plateau, "none")}); }),
                 {"'none'", "loss"}));
}
