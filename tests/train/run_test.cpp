// What fit refuses, Run and what a run is made of, early stopping, interrupts.
#include "support/messages.hpp"
#include "train/net.hpp"

#include <xgrad/train/callbacks.hpp>
#include <xgrad/train/interrupt.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using data::DataLoader;
using test::Batch, test::Net, test::contains, test::cross_entropy, test::examples, test::message_of;

}  // namespace

TEST_CASE("early stopping: the best weights, when it ends, and in another run") {
  manual_seed(1);
  nn::Linear model(1, 1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0});
  std::vector<Tensor> one{ones({1, 1})};
  const double scores[] = {5, 3, 4, std::numeric_limits<double>::quiet_NaN(), 3, 2};
  Index epochs = 0;
  const auto loss = [&](nn::Linear& net, const Tensor& x) { return sum(net(x)); };
  const auto fit = [&](train::EarlyStopping options) {
    epochs = 0;
    return train::fit(model, one, loss, optimizer,
                      {.epochs = 6,
                       .callbacks = {{.on_start = [&](train::Run&) { nn::init::constant(model.weight, -1); },
                                      .on_batch =
                                          [&](train::Run& run) {
                                            nn::init::constant(model.weight, static_cast<double>(epochs));
                                            run.set("score", scores[epochs++]);
                                          }},
                                     train::early_stopping(options)}});
  };
  CHECK(fit({.monitor = "score", .highest = false, .patience = 3}).size() == 5);
  CHECK(model.weight.value().item() == 1);
  CHECK(fit({.monitor = "score", .highest = false, .patience = 4}).size() == 6);
  CHECK(model.weight.value().item() == 5);
  CHECK(fit({.monitor = "score", .highest = false, .patience = 4, .minimum_change = 1.5}).size() == 6);
  CHECK(model.weight.value().item() == 1);
  CHECK(fit({.monitor = "score", .highest = true, .patience = 2}).size() == 3);
  CHECK(model.weight.value().item() == 0);
  CHECK(fit({.monitor = "score", .highest = false, .patience = 3, .restore_best = false}).size() == 5);
  CHECK(model.weight.value().item() == 4);
  CHECK(contains(message_of<ValueError>([&] { fit({.monitor = "accuracy"}); }),
                 {"'accuracy'", "loss", "score"}));
  CHECK(
      contains(message_of<ValueError>([&] { static_cast<void>(train::early_stopping({.monitor = "luck"})); }),
               {"luck", ".highest"}));
  CHECK(contains(message_of<ValueError>([&] { static_cast<void>(train::early_stopping({.patience = 0})); }),
                 "patience"));
  CHECK(contains(
      message_of<ValueError>([&] { static_cast<void>(train::early_stopping({.minimum_change = -1})); }),
      "minimum_change"));
}

TEST_CASE("fit: what it refuses") {
  nn::Linear model(3, 2);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  const auto refused = [&](const train::FitOptions<Batch>& options) {
    return message_of<ValueError>([&] { train::fit(model, loader, cross_entropy, optimizer, options); });
  };
  CHECK(contains(refused({.epochs = -1}), {"run_test.cpp", "epochs"}));
  CHECK(contains(refused({.accumulate = 0}), {"run_test.cpp", "accumulate"}));
  CHECK(contains(refused({.clip_norm = -1}), "clip_norm"));
  CHECK(contains(refused({.metrics = {{"loss", train::Accuracy()}}}), "'loss'"));
  CHECK(contains(refused({.metrics = {{"a", train::Accuracy()}, {"a", train::Accuracy()}}}), "'a'"));
  CHECK(contains(message_of<ShapeError>([&] {
                   train::fit(
                       model, loader, [](auto& m, const Batch& b) { return m(b[0]); }, optimizer);
                 }),
                 {"one number", "(4, 2)"}));
  CHECK(contains(message_of<ValueError>([&] {
                   train::fit(model, loader, [](auto& m, const Batch& b) { return sum(m(b[0])); }, optimizer,
                              {.metrics = {{"accuracy", train::Accuracy()}}});
                 }),
                 "Outcome"));
  struct Odd {
    Tensor x;
  };
  std::vector<Odd> odd{{ones({1, 3})}};
  CHECK(contains(message_of<ValueError>([&] {
                   train::fit(
                       model, odd, [](auto& m, const Odd& b) { return sum(m(b.x)); }, optimizer);
                 }),
                 "Outcome"));
  const train::History history = train::fit(
      model, odd, [](auto& m, const Odd& b) { return train::Outcome(sum(m(b.x)), {}, {}, 1); }, optimizer);
  CHECK(history.size() == 1);
  CHECK(train::fit(model, loader, cross_entropy, optimizer, {.epochs = 0}).size() == 0);
}

TEST_CASE("fit: loaders that are shared, gone through by a callback, or empty") {
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  CHECK(contains(message_of<ValueError>(
                     [&] { train::fit(model, loader, cross_entropy, optimizer, {.validation = loader}); }),
                 {"run_test.cpp", "loaders of their own"}));
  const train::Observer goes_through{
      .on_batch = [&](train::Run&) { train::evaluate(model, loader, cross_entropy); }};
  CHECK(contains(message_of<GraphError>([&] {
                   train::fit(model, loader, cross_entropy, optimizer, {.callbacks = {goes_through}});
                 }),
                 "a loader of their own"));
  DataLoader empty(examples(), {.batch_size = 32, .drop_last = true});
  CHECK(contains(message_of<ValueError>([&] { train::fit(model, empty, cross_entropy, optimizer); }),
                 "drop_last"));
}

TEST_CASE("fit: a loss that depends on no parameter, and two who would set the rate") {
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  model.freeze();
  CHECK(contains(message_of<GraphError>([&] { train::fit(model, loader, cross_entropy, optimizer); }),
                 {"run_test.cpp", "depends on no parameter"}));
  model.unfreeze();
  optim::Plateau plateau(optimizer);
  CHECK(contains(message_of<ValueError>([&] {
                   train::fit(
                       model, loader, cross_entropy, optimizer,
                       {.callbacks = {train::plateau(plateau, "loss")}, .schedule = optim::CosineLR(5)});
                 }),
                 "both set the rates"));
}

TEST_CASE("Run: a loop with two optimizers") {
  manual_seed(1);
  nn::ModuleList model;
  model.push_back(nn::Linear(2, 1));
  model.push_back(nn::Linear(1, 2));
  optim::SGD first(model[0].parameters(), {.learning_rate = 0.1}),
      second(model[1].parameters(), {.learning_rate = 0.2});
  std::vector<Tensor> batches{ones({3, 2}), ones({1, 2})};
  std::vector<std::string> events;
  train::Run run(model,
                 {.epochs = 2,
                  .callbacks = {{.on_start = [&](train::Run&) { events.push_back("start"); },
                                 .on_epoch = [&](train::Run& r) { events.push_back(to_string(r.scores())); },
                                 .on_end = [&](train::Run&) { events.push_back("end"); }}}});
  while (run.next_epoch(2)) {
    for (const Tensor& batch : batches)
      if (!run.note({{"a", static_cast<double>(batch.size(0))}, {"b", 1}}, batch.size(0))) break;
    CHECK(run.examples() == 4);
    run.end_epoch({{"a", 7}});
  }
  CHECK_FALSE(run.next_epoch(2));
  CHECK(run.step() == 4);
  CHECK(run.history().values("a") == std::vector<double>{2.5, 2.5});
  CHECK(run.history().values("validation_a") == std::vector<double>{7, 7});
  REQUIRE(events.size() == 4);
  CHECK(events.front() == "start");
  CHECK(contains(events[1], "a 2.5, b 1, validation_a 7"));
  CHECK(events.back() == "end");
  train::Run other(model);
  CHECK(other.next_epoch());
  CHECK(contains(message_of<train::Diverged>([&] {
                   static_cast<void>(other.note({{"a", std::numeric_limits<double>::infinity()}}, 1));
                 }),
                 {"a is inf", "step 0"}));
  CHECK(contains(message_of<ValueError>([&] { static_cast<void>(other.note({{"a", 1}}, -1)); }), "count"));
  CHECK(contains(message_of<GraphError>([&] { static_cast<void>(other.next_epoch()); }), "end_epoch"));
  train::Run fresh(model);
  CHECK(contains(message_of<GraphError>([&] {
                   static_cast<void>(fresh.note({{"a", 1}}, 1));
                 }),
                 "next_epoch"));
  CHECK(contains(message_of<GraphError>([&] { fresh.end_epoch(); }), "next_epoch"));
  const train::Outcome bare(Variable(scalar(1.0)));
  CHECK(contains(message_of<ValueError>([&] { static_cast<void>(other.note(bare)); }), "count"));
  const train::Outcome bad(Variable(scalar(std::numeric_limits<double>::quiet_NaN())), {}, {}, 2);
  CHECK(contains(message_of<train::Diverged>([&] { static_cast<void>(other.note(bad)); }), "loss is nan"));
}

TEST_CASE("Scores: by name") {
  train::Scores scores{{"a", 1}, {"b", 2}};
  scores.set("a", 3);
  CHECK(scores.at("a") == 3);
  CHECK(scores.size() == 2);
  CHECK(scores.find("c") == nullptr);
  CHECK(to_string(scores) == "a 3, b 2");
  CHECK(contains(message_of<ValueError>([&] { scores.at("c"); }), {"run_test.cpp", "'c'", "a, b"}));
  CHECK(contains(message_of<ValueError>([&] { scores.set("", 1); }), "empty"));
  CHECK(contains(message_of<ValueError>([&] { scores.set(std::string("a\0b", 3), 1); }), "zero byte"));
  train::Scores other;
  other.prepare_load(scores.state_dict()).run();
  CHECK(other.items() == scores.items());
  StateDict bad = scores.state_dict();
  bad.set("values", Tensor{1.5}.to(float64));
  CHECK_THROWS_AS(static_cast<void>(other.prepare_load(bad)), ValueError);
  CHECK(other.items() == scores.items());
}

TEST_CASE("interrupts: the first ends the run, and the former handling comes back") {
  {
    const train::InterruptScope scope;
    CHECK_FALSE(train::interrupted());
    std::raise(SIGINT);
    CHECK(train::interrupted());
    nn::Linear model(3, 2);
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
    DataLoader loader(examples(), {.batch_size = 4});
    const train::History history =
        train::fit(model, loader, cross_entropy, optimizer, {.epochs = 5, .stop = train::interrupted});
    CHECK(history.size() == 1);
    CHECK(history.last("epoch") == doctest::Approx(1.0 / 6));
  }
  static volatile std::sig_atomic_t seen = 0;
  std::signal(SIGINT, [](int) { seen = 1; });
  {
    const train::InterruptScope scope;
    CHECK_FALSE(train::interrupted());
    std::raise(SIGINT);
    CHECK(train::interrupted());
    CHECK(seen == 0);
    std::raise(SIGINT);
    CHECK(seen == 1);
  }
  std::signal(SIGINT, SIG_DFL);
}
