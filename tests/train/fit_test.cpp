// fit, evaluate, predict: what they compute, and runs that are stopped and resumed.
#include "support/files.hpp"
#include "support/messages.hpp"
#include "train/net.hpp"

#include <xgrad/train/callbacks.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using data::DataLoader, data::TensorDataset;
using test::Batch, test::Net, test::contains, test::cross_entropy, test::examples, test::message_of,
    test::same;

}  // namespace

TEST_CASE("fit: bitwise the loop that one would write") {
  const auto run = [](bool by_hand) {
    manual_seed(1);
    Net model;
    optim::Adam optimizer(model.parameters(), {.learning_rate = 0.05});
    DataLoader loader(examples(), {.batch_size = 4, .shuffle = true, .seed = 2});
    if (by_hand) {
      optim::Schedule schedule(optimizer, optim::CosineLR(30));
      for (int epoch = 0; epoch < 3; ++epoch)
        for (auto& [x, y] : loader) {
          optimizer.zero_grad();
          nn::cross_entropy(model(x), y).backward();
          optim::clip_grad_norm(model.parameters(), 0.5);
          optimizer.step();
          schedule.step();
        }
    } else {
      const train::History history =
          train::fit(model, loader, cross_entropy, optimizer,
                     {.epochs = 3, .schedule = optim::CosineLR(30), .clip_norm = 0.5});
      CHECK(history.size() == 3);
      CHECK(history.last("epoch") == 3);
      CHECK(history.last("learning_rate") == doctest::Approx(0.025 * (1 + std::cos(18 * 3.14159265 / 30))));
      const std::vector<double> losses = history.values("loss");
      CHECK(losses.back() < losses.front());
    }
    return model;
  };
  CHECK(same(run(false), run(true)));
}

TEST_CASE("evaluate: the mean over examples, whatever the batches; modes come back") {
  manual_seed(1);
  Net model;
  model.norm.eval();
  const auto all = examples();
  const auto [x, y] = all.tensors();
  train::Scores expected;
  for (const Index size : {22, 1, 4, 5}) {
    DataLoader loader(all, {.batch_size = size});
    const train::Scores scores =
        train::evaluate(model, loader, cross_entropy, {{"accuracy", train::Accuracy()}});
    if (size == 22) expected = scores;
    CHECK(scores.at("loss") == doctest::Approx(expected.at("loss")).epsilon(1e-6));
    CHECK(scores.at("accuracy") == expected.at("accuracy"));
  }
  CHECK(model.training());
  CHECK(model.dropout.training());
  CHECK_FALSE(model.norm.training());
  model.eval();
  CHECK(expected.at("loss") == doctest::Approx(nn::cross_entropy(model(x), y).item()).epsilon(1e-6));
}

TEST_CASE("predict: the outputs in order") {
  manual_seed(1);
  Net model;
  const auto all = examples();
  DataLoader loader(all, {.batch_size = 5});
  const Tensor outputs = train::predict(model, loader);
  CHECK(model.training());
  model.eval();
  CHECK(allclose(outputs, model(all.tensors()[0]).value()));
  std::vector<Tensor> inputs{all.tensors()[0].rows(0, 3), all.tensors()[0].rows(3, 22)};
  CHECK(allclose(train::predict(model, inputs), outputs));
  const Tensor doubled =
      train::predict(model, loader, [](Net& net, const Batch& batch) { return 2 * net(batch[0]); });
  CHECK(allclose(doubled, (2 * Variable(outputs)).value()));
  std::vector<Tensor> none;
  CHECK(
      contains(message_of<ValueError>([&] { static_cast<void>(train::predict(model, none)); }), "no batch"));
}

TEST_CASE("fit: accumulated batches are one large batch, also where they are unequal") {
  const auto run = [](Index size, Index accumulate) {
    manual_seed(1);
    nn::Linear model(3, 2, {.dtype = float64});
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.5, .momentum = 0.9});
    const auto [x, y] = examples().tensors();
    DataLoader loader(TensorDataset(x.to(float64), y), {.batch_size = size});
    train::fit(model, loader, cross_entropy, optimizer, {.epochs = 3, .accumulate = accumulate});
    return model.state_dict().at("weight");
  };
  CHECK(allclose(run(4, 100), run(22, 1), {1e-12, 1e-12}));
  CHECK(allclose(run(4, 2), run(8, 1), {1e-12, 1e-12}));
  CHECK_FALSE(allclose(run(4, 2), run(4, 1), {1e-3, 1e-3}));
}

TEST_CASE("fit: a run that is stopped after any batch and called again ends bitwise the same") {
  struct Result {
    Net model;
    train::History history;
  };
  const auto run = [](const std::string& directory, Index stop_at, Index accumulate) {
    manual_seed(1);
    Result result;
    optim::SGD optimizer(result.model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
    DataLoader loader(examples(), {.batch_size = 4, .shuffle = true, .seed = 2}), validation(examples());
    Index batches = 0;
    result.history = train::fit(result.model, loader, cross_entropy, optimizer,
                                {.epochs = 3,
                                 .validation = validation,
                                 .metrics = {{"accuracy", train::Accuracy()}},
                                 .callbacks = {train::early_stopping({.patience = 2}),
                                               {.on_batch = [&batches](train::Run&) { ++batches; }}},
                                 .stop = [&batches, stop_at] { return stop_at > 0 && batches == stop_at; },
                                 .checkpoint = {.directory = directory},
                                 .schedule = optim::CosineLR(30),
                                 .accumulate = accumulate});
    return result;
  };
  for (const Index accumulate : {1, 4}) {
    const test::TemporaryDirectory whole;
    const Result expected = run(whole.path("run"), 0, accumulate);
    CHECK(expected.history.size() == 3);
    for (Index stop_at = 1; stop_at < 18; ++stop_at) {
      CAPTURE(stop_at);
      const test::TemporaryDirectory directory;
      const Result part = run(directory.path("run"), stop_at, accumulate);
      CHECK(part.history.last("epoch") == doctest::Approx(static_cast<double>(stop_at) / 6));
      const Result rest = run(directory.path("run"), 0, accumulate);
      CHECK(same(rest.model, expected.model));
      REQUIRE(rest.history.size() == expected.history.size());
      for (const char* name : {"epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"})
        CHECK(rest.history.values(name) == expected.history.values(name));
    }
    // A run that is over goes on with nothing.
    const Result again = run(whole.path("run"), 0, accumulate);
    CHECK(same(again.model, expected.model));
    CHECK(again.history.size() == 3);
  }
}

TEST_CASE("fit: a loss that is not finite ends the run before the step, and says where it was born") {
  manual_seed(1);
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  auto [x, y] = examples().tensors();
  DataLoader loader(TensorDataset(x, y), {.batch_size = 4, .shuffle = true, .seed = 2});
  StateDict before;
  Index batches = 0;
  const auto broken = [&](Net& net, const Batch& batch) {
    if (batches == 8) {
      if (before.empty()) before = net.state_dict();
      return sum(log(net(batch[0]) * 0 - 1));
    }
    return nn::cross_entropy(net(batch[0]), batch[1]);
  };
  const auto position = [&] { return default_generator().position(); };
  try {
    train::fit(model, loader, broken, optimizer,
               {.epochs = 3, .callbacks = {{.on_batch = [&](train::Run&) { ++batches; }}}});
    FAIL("nothing was thrown");
  } catch (const train::Diverged& error) {
    const std::string message = error.what();
    CHECK(contains(
        message, {"fit_test.cpp:", "the loss is ", "step 8", "epoch 2", "batch 3 of 6", "log", "examples "}));
    CHECK(error.step() == 8);
    CHECK(error.history().size() == 1);
    REQUIRE(error.examples().defined());
    CHECK(error.examples().count() == 4);
  }
  const StateDict after = model.state_dict();
  for (const auto& [name, tensor] : before) CHECK(bitwise_equal(tensor, after.at(name)));
  CHECK(before.size() > 0);
  CHECK(position() > 0);
  for (const Variable& parameter : model.parameters()) CHECK_FALSE(parameter.grad().defined());
}

TEST_CASE("fit: a gradient that is not finite, and a batch that holds a NaN") {
  manual_seed(1);
  nn::Linear model(3, 1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  const StateDict before = model.state_dict();
  std::vector<Tensor> inputs{ones({2, 3})};
  const auto loss = [](nn::Linear& net, const Tensor& input) { return sum(sqrt(net(input) * 0)); };
  CHECK(contains(message_of<train::Diverged>([&] { train::fit(model, inputs, loss, optimizer); }),
                 {"a gradient is not finite at step 0", "sqrt"}));
  CHECK(bitwise_equal(before.at("weight"), model.state_dict().at("weight")));

  Tensor x = ones({3, 3});
  x.mutable_data<float>()[7] = std::numeric_limits<float>::quiet_NaN();
  DataLoader loader(TensorDataset(x, Tensor(arange(3))), {.batch_size = 3});
  const auto total = [](nn::Linear& net, const Batch& batch) { return sum(net(batch[0])); };
  CHECK(contains(message_of<train::Diverged>([&] { train::fit(model, loader, total, optimizer); }),
                 {"the loss is nan", "tensor 0 of the batch is not finite in row 2, example 2"}));
  CHECK(bitwise_equal(before.at("weight"), model.state_dict().at("weight")));
}

TEST_CASE("fit: a validation loader that shuffles goes on where it was, too") {
  const auto run = [](const std::string& directory, Index stop_at) {
    manual_seed(1);
    Net model;
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
    DataLoader loader(examples(), {.batch_size = 4, .shuffle = true, .seed = 2});
    DataLoader validation(examples(), {.batch_size = 8, .shuffle = true, .seed = 3, .drop_last = true});
    Index batches = 0;
    return train::fit(model, loader, cross_entropy, optimizer,
                      {.epochs = 3,
                       .validation = validation,
                       .stop = [&batches, stop_at] { return ++batches == stop_at; },
                       .checkpoint = {.directory = directory}})
        .values("validation_loss");
  };
  const test::TemporaryDirectory directory;
  const std::vector<double> whole = run(directory.path("whole"), 0);
  static_cast<void>(run(directory.path("part"), 9));
  CHECK(run(directory.path("part"), 0) == whole);
}

TEST_CASE("fit: the rates are the optimizer's own again when a schedule is over") {
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  const train::FitOptions<Batch> options{.epochs = 2, .schedule = optim::CosineLR(12)};
  for (int time = 0; time < 2; ++time) {
    const train::History history = train::fit(model, loader, cross_entropy, optimizer, options);
    CHECK(history.values("learning_rate")[0] == doctest::Approx(0.05));
    CHECK(optimizer.learning_rate() == 0.1);
  }
}

TEST_CASE("fit: after an exception of the loss, buffers and random numbers are as before that step") {
  manual_seed(1);
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4});
  const StateDict before = model.state_dict();
  const std::uint64_t position = default_generator().position();
  const auto throws = [](Net& net, const Batch& batch) -> Variable {
    static_cast<void>(net(batch[0]));
    throw std::runtime_error("mine");
  };
  CHECK(message_of<std::runtime_error>([&] { train::fit(model, loader, throws, optimizer); }) == "mine");
  const StateDict after = model.state_dict();
  for (const auto& [name, tensor] : before) CHECK(bitwise_equal(tensor, after.at(name)));
  CHECK(default_generator().position() == position);
}

TEST_CASE("fit: with accumulated batches the batch whose gradient is not finite is named") {
  nn::Linear model(3, 1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  std::vector<Tensor> batches(4, ones({2, 3}));
  Index calls = 0;
  const auto loss = [&](nn::Linear& net, const Tensor& x) {
    const bool bad = x.data<float>()[0] == 2;
    ++calls;
    return bad ? sum(sqrt(net(x) * 0)) : sum(net(x));
  };
  batches[1] = full({2, 3}, 2);
  CHECK(contains(
      message_of<train::Diverged>([&] { train::fit(model, batches, loss, optimizer, {.accumulate = 4}); }),
      {"step 1", "batch 2 of 4", "sqrt"}));
  CHECK(calls == 3);
}

TEST_CASE("fit: parts in evaluation mode stay in it, and a model in evaluation mode is in it again") {
  Net model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  DataLoader loader(examples(), {.batch_size = 4}), validation(examples());
  model.norm.eval();
  train::fit(model, loader, cross_entropy, optimizer, {.epochs = 2, .validation = validation});
  CHECK(model.training());
  CHECK_FALSE(model.norm.training());
  CHECK(model.norm.running_mean.span<float>()[0] == 0);
  model.eval();
  train::fit(model, loader, cross_entropy, optimizer);
  CHECK_FALSE(model.training());
  CHECK_FALSE(model.norm.running_mean.span<float>()[0] == 0);
}

TEST_CASE("fit: on_update is told after steps of the optimizer; numbers set by on_batch are resumed") {
  const auto run = [](const std::string& directory, Index stop_at, Index& updates) {
    manual_seed(1);
    Net model;
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
    DataLoader loader(examples(), {.batch_size = 4});
    const train::Observer observer{.on_update = [&](train::Run&) { ++updates; },
                                   .on_batch =
                                       [&](train::Run& r) {
                                         if (r.batch() == 1) r.set("mine", 9);
                                         if (r.step() == stop_at) r.stop("here");
                                       }};
    return train::fit(
        model, loader, cross_entropy, optimizer,
        {.epochs = 1, .callbacks = {observer}, .checkpoint = {.directory = directory}, .accumulate = 4});
  };
  const test::TemporaryDirectory directory;
  Index updates = 0;
  CHECK(run(directory.path("whole"), 0, updates).last("mine") == 9);
  CHECK(updates == 2);  // six batches: four, and two
  static_cast<void>(run(directory.path("part"), 3, updates));
  CHECK(run(directory.path("part"), 0, updates).last("mine") == 9);
}

TEST_CASE("fit: a batch without examples makes no step") {
  nn::Linear model(3, 1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1});
  std::vector<Tensor> batches{ones({2, 3}), zeros({0, 3})};
  const auto loss = [](nn::Linear& net, const Tensor& x) { return mean(net(x)); };
  Tensor after_first;
  const train::Observer keeps{.on_batch = [&](train::Run& run) {
    if (run.batch() == 1) after_first = model.weight.value();
  }};
  const train::History history = train::fit(model, batches, loss, optimizer, {.callbacks = {keeps}});
  CHECK(bitwise_equal(after_first, model.weight.value()));
  CHECK(std::isfinite(history.last("loss")));
}
