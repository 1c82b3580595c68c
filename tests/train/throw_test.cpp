// What a metric, a callback or a rule of rates leaves behind when it throws.
#include "support/files.hpp"
#include "support/messages.hpp"
#include "train/net.hpp"

#include <xgrad/train/callbacks.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using data::DataLoader;
using test::Batch, test::Net, test::contains, test::cross_entropy, test::examples, test::message_of,
    test::same;

// Counts batches, and throws at one of them.
struct Throws {
  void update(const Tensor&, const Tensor&, Place) {
    if (*left >= 0 && (*left)-- == 0) throw std::runtime_error("metric");
    ++count;
  }
  double value() const { return count; }
  std::vector<double> state() const { return {count}; }
  void set_state(const std::vector<double>& numbers) { count = numbers.at(0); }
  Index* left;  // batches before the one it throws at; below 0: it never throws
  double count = 0;
};

struct Trained {
  Net model;
  StateDict optimizer;
  train::History history;
  std::string error;
};

// Epochs of 6 batches, with a checkpoint after each.
Trained train_with(const std::string& directory, const train::FitOptions<Batch>& options,
                   const Callback<void(const Net&)>& at_error = {}) {
  manual_seed(1);
  Trained result;
  optim::SGD optimizer(result.model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  DataLoader loader(examples(), {.batch_size = 4, .shuffle = true, .seed = 2});
  train::FitOptions<Batch> all = options;
  all.epochs = 3;
  all.checkpoint.directory = directory;
  try {
    result.history = train::fit(result.model, loader, cross_entropy, optimizer, all);
  } catch (const std::runtime_error& error) {
    result.error = error.what();
    if (at_error) at_error(result.model);
  }
  result.optimizer = optimizer.state_dict();
  return result;
}

}  // namespace

TEST_CASE("fit: a metric that throws does so before the step, and the same call goes on bitwise") {
  Index never = -1;
  const test::TemporaryDirectory directory;
  const auto options = [](Index& left, StateDict& after, std::uint64_t& position) {
    return train::FitOptions<Batch>{.metrics = {{"batches", Throws{&left}}},
                                    .callbacks = {{.on_batch = [&](train::Run& run) {
                                      after = run.model().state_dict();
                                      position = default_generator().position();
                                    }}}};
  };
  StateDict after;
  std::uint64_t position = 0;
  const Trained expected = train_with(directory.path("whole"), options(never, after, position));
  Index left = 8;
  const Trained part =
      train_with(directory.path("part"), options(left, after, position), [&](const Net& model) {
        CHECK(same(model.state_dict(), after));
        CHECK(default_generator().position() == position);
        for (const Variable& parameter : model.parameters()) CHECK_FALSE(parameter.grad().defined());
      });
  CHECK(part.error == "metric");
  const Trained rest = train_with(directory.path("part"), options(left, after, position));
  CHECK(same(rest.model, expected.model));
  CHECK(same(rest.optimizer, expected.optimizer));
  CHECK(rest.history.values("loss") == expected.history.values("loss"));
  CHECK(rest.history.values("batches") == expected.history.values("batches"));
}

TEST_CASE("fit: a callback that throws leaves a whole step, and the same call goes on bitwise") {
  const auto callback = [](const char* which, Index& left) {
    const auto f = [&left](train::Run&) {
      if (left >= 0 && left-- == 0) throw NumericError("callback");
    };
    train::Observer observer;
    (which == std::string("update")  ? observer.on_update
     : which == std::string("batch") ? observer.on_batch
                                     : observer.on_epoch) = f;
    return train::FitOptions<Batch>{.metrics = {{"accuracy", train::Accuracy()}}, .callbacks = {observer}};
  };
  // The states after each batch, of a run that nothing disturbs.
  std::vector<StateDict> states;
  const test::TemporaryDirectory directory;
  const Trained expected = train_with(
      directory.path("whole"),
      {.metrics = {{"accuracy", train::Accuracy()}},
       .callbacks = {{.on_batch = [&](train::Run& run) { states.push_back(run.model().state_dict()); }}}});
  REQUIRE(states.size() == 18);
  for (const char* which : {"update", "batch", "epoch"}) {
    CAPTURE(which);
    Index left = which == std::string("epoch") ? 1 : 8;
    const std::size_t steps = which == std::string("epoch") ? 12 : 9;
    const Trained part = train_with(directory.path(which), callback(which, left), [&](const Net& model) {
      CHECK(same(model.state_dict(), states[steps - 1]));
    });
    CHECK(part.error == "callback");
    const Trained rest = train_with(directory.path(which), callback(which, left));
    CHECK(same(rest.model, expected.model));
    CHECK(same(rest.optimizer, expected.optimizer));
    for (const char* name : {"epoch", "loss", "accuracy"})
      CHECK(rest.history.values(name) == expected.history.values(name));
  }
}

TEST_CASE("fit: a rule of rates that throws leaves a whole step") {
  manual_seed(1);
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  const StateDict before = model.state_dict();
  const auto rule = [](double base, Index step) { return step < 1 ? base : -1; };
  CHECK(contains(message_of<ValueError>(
                     [&] { train::fit(model, loader, cross_entropy, optimizer, {.schedule = rule}); }),
                 "learning rate"));
  const StateDict after = model.state_dict();
  CHECK_FALSE(bitwise_equal(before.at("hidden.weight"), after.at("hidden.weight")));
  CHECK_FALSE(bitwise_equal(before.at("norm.running_mean"), after.at("norm.running_mean")));
  CHECK(optimizer.learning_rate() == 0.1);
}

TEST_CASE("fit: after a throw a model in evaluation mode is in it again") {
  Net model;
  model.eval();
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  const auto throws = [](Net&, const Batch&) -> Variable { throw std::runtime_error("mine"); };
  CHECK(message_of<std::runtime_error>([&] { train::fit(model, loader, throws, optimizer); }) == "mine");
  CHECK_FALSE(model.training());
  CHECK_FALSE(model.norm.training());
}

TEST_CASE("fit: batches are counted before on_update is told of the step that they made") {
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  std::vector<Index> steps, counts;
  const train::Observer observer{.on_update = [&](train::Run& run) {
    steps.push_back(run.step());
    counts.push_back(static_cast<Index>(run.scores().at("batches")));
  }};
  Index never = -1;
  train::fit(model, loader, cross_entropy, optimizer,
             {.metrics = {{"batches", Throws{&never}}}, .callbacks = {observer}, .accumulate = 4});
  CHECK(steps == std::vector<Index>{4, 6});
  CHECK(counts == steps);
}

TEST_CASE("Run: a batch whose metric or callback throws is counted, and all others are told") {
  nn::Linear model(1, 1);
  Index left = 1, batches = 0, told = 0;
  bool broken = false;
  const train::Observer first{.on_batch = [&](train::Run&) {
    if (broken) throw std::runtime_error("first");
  }};
  const train::Observer second{.on_batch = [&](train::Run&) {
    ++told;
    if (broken) throw std::runtime_error("second");
  }};
  Index never = -1;
  train::Run run(model, {.metrics = {{"thrower", Throws{&left}}, {"other", Throws{&never}}},
                         .callbacks = {first, second}});
  REQUIRE(run.next_epoch(4));
  const auto note = [&] {
    ++batches;
    static_cast<void>(run.note(train::Outcome(Variable(scalar(static_cast<double>(batches))),
                                              Variable(ones({2, 1})), ones({2, 1}), 2)));
  };
  note();
  CHECK(message_of<std::runtime_error>(note) == "metric");
  broken = true;
  CHECK(message_of<std::runtime_error>(note) == "first");
  broken = false;
  note();
  CHECK(run.step() == 4);
  CHECK(run.batch() == 4);
  CHECK(run.examples() == 8);
  CHECK(run.scores().at("loss") == 2.5);
  CHECK(run.scores().at("thrower") == 3);
  CHECK(run.scores().at("other") == 4);
  CHECK(told == 3);
}

TEST_CASE("Run: what is refused is not counted") {
  nn::Linear model(1, 1);
  train::Run run(model, {.metrics = {{"accuracy", train::Accuracy()}}});
  const train::Outcome bare(Variable(scalar(1.0)), {}, {}, 2);
  CHECK_THROWS_AS(static_cast<void>(run.note({{"a", 5}}, 1)), GraphError);
  CHECK_THROWS_AS(static_cast<void>(run.note(bare)), GraphError);
  REQUIRE(run.next_epoch());
  CHECK_THROWS_AS(static_cast<void>(run.note({{"a", 1}}, -1)), ValueError);
  CHECK_THROWS_AS(static_cast<void>(run.note(bare)), ValueError);
  CHECK(run.tallied().empty());
  CHECK(run.examples() == 0);
  CHECK(run.batch() == 0);
  CHECK(run.step() == 0);
}

TEST_CASE("Run: an epoch whose callback throws is over, once") {
  nn::Linear model(1, 1);
  bool broken = false;
  std::vector<Index> told;
  const auto throws = [&](train::Run&) {
    if (broken) throw std::runtime_error("mine");
  };
  Index started = 0;
  const train::Observer first{.on_start = throws, .on_epoch_begin = throws, .on_epoch = throws};
  const train::Observer second{.on_start = [&](train::Run&) { ++started; },
                               .on_epoch = [&](train::Run& run) { told.push_back(run.epoch()); }};
  train::Run run(model, {.epochs = 2, .callbacks = {first, second}});
  broken = true;
  CHECK(message_of<std::runtime_error>([&] { static_cast<void>(run.next_epoch(1)); }) == "mine");
  broken = false;
  REQUIRE(run.next_epoch(1));
  static_cast<void>(run.note({{"a", 1}}, 1));
  run.set("rate", 7);
  broken = true;
  CHECK(message_of<std::runtime_error>([&] { run.end_epoch(); }) == "mine");
  CHECK(run.history().size() == 1);
  CHECK(run.epoch() == 1);
  CHECK(run.batch() == 0);
  CHECK(run.scores().empty());
  // An epoch that did not begin can be begun.
  CHECK(message_of<std::runtime_error>([&] { static_cast<void>(run.next_epoch(1)); }) == "mine");
  broken = false;
  REQUIRE(run.next_epoch(1));
  static_cast<void>(run.note({{"a", 3}}, 1));
  CHECK(run.scores().at("a") == 3);
  run.end_epoch();
  CHECK_FALSE(run.next_epoch(1));
  CHECK(run.history().values("epoch") == std::vector<double>{1, 2});
  CHECK(run.history().values("a") == std::vector<double>{1, 3});
  CHECK(std::isnan(run.history().last("rate")));
  CHECK(told == std::vector<Index>{0, 1});
  CHECK(started == 2);
}

TEST_CASE("Run: an epoch whose row is refused goes on") {
  struct NoValue : Throws {
    double value() const {
      if (count < 2) throw std::runtime_error("no value");
      return count;
    }
  };
  nn::Linear model(1, 1);
  Index never = -1;
  train::Run run(model, {.metrics = {{"of_two", NoValue{{&never}}}}});
  REQUIRE(run.next_epoch());
  const train::Outcome outcome(Variable(scalar(1.0)), Variable(ones({2, 1})), ones({2, 1}), 2);
  static_cast<void>(run.note(outcome));
  CHECK(message_of<std::runtime_error>([&] { run.end_epoch(); }) == "no value");
  static_cast<void>(run.note(outcome));
  run.end_epoch();
  CHECK(run.history().size() == 1);
  CHECK(run.history().last("of_two") == 2);
}
