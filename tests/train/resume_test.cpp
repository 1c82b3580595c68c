// Runs that are interrupted in their validation, and loaders without a state that go on within an epoch.
#include "support/files.hpp"
#include "support/messages.hpp"
#include "train/net.hpp"

#include <xgrad/train/callbacks.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using data::DataLoader;
using test::Batch, test::Net, test::contains, test::cross_entropy, test::examples, test::message_of,
    test::same;

// A range of batches whose order is drawn from the default generator, or another, when a loop begins.
struct Shuffled {
  std::vector<Tensor> batches;
  Generator* own = nullptr;
  bool each = false;  // draws for each batch, too
  std::vector<Tensor> now = {};

  struct Iterator {
    const Shuffled* of;
    std::size_t at;
    Tensor operator*() const {
      const Tensor batch = of->now[at];
      if (!of->each) return batch;
      return normal(batch.shape(), 0, 1, float32);
    }
    Iterator& operator++() {
      ++at;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at == other.at; }
  };
  Iterator begin() {
    now.clear();
    const Tensor order = permutation(static_cast<Index>(batches.size()), own ? *own : default_generator());
    for (const Index i : order.span<Index>()) now.push_back(batches[static_cast<std::size_t>(i)]);
    return {this, 0};
  }
  Iterator end() const { return {this, batches.size()}; }
  std::size_t size() const { return batches.size(); }
};

Shuffled shuffled(Index count = 8) {
  Shuffled loader;
  for (Index i = 0; i < count; ++i) loader.batches.push_back(full({2, 1}, static_cast<double>(i)));
  return loader;
}

}  // namespace

TEST_CASE("fit: an interrupted validation ends at once and is not recorded; the next call makes it whole") {
  struct Result {
    Net model;
    train::History history;
    Index after = 0;    // batches that were computed after the interrupt
    Index trained = 0;  // batches that were learned from
  };
  // The interrupt comes in the call of the loss of that number.
  const auto run = [](const std::string& directory, Index interrupt_at) {
    manual_seed(1);
    Result result;
    optim::SGD optimizer(result.model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
    DataLoader loader(examples(), {.batch_size = 4, .shuffle = true, .seed = 2});
    // A part of the examples each time: half of a validation made whole from two orders would be another.
    DataLoader validation(examples(), {.batch_size = 5, .shuffle = true, .seed = 3, .drop_last = true});
    Index calls = 0;
    bool interrupted = false;
    const auto loss = [&](Net& net, const Batch& batch) {
      if (interrupted) ++result.after;
      if (++calls == interrupt_at) interrupted = true;
      if (net.training()) ++result.trained;
      // A validation that draws moves the numbers of the dropout after it.
      if (!net.training()) static_cast<void>(normal({3}, 0, 1, float32));
      return cross_entropy(net, batch);
    };
    result.history = train::fit(result.model, loader, loss, optimizer,
                                {.epochs = 3,
                                 .validation = validation,
                                 .metrics = {{"accuracy", train::Accuracy()}},
                                 .callbacks = {train::early_stopping({.patience = 3})},
                                 .stop = [&] { return interrupted; },
                                 .checkpoint = {.directory = directory}});
    return result;
  };
  const test::TemporaryDirectory whole;
  const Result expected = run(whole.path("run"), 0);
  REQUIRE(expected.history.size() == 3);
  for (Index at = 1; at <= 30; ++at) {  // 6 batches and 4 of the validation
    CAPTURE(at);
    const test::TemporaryDirectory directory;
    const Result part = run(directory.path("run"), at);
    CHECK(part.after == 0);
    const Index epoch = (at - 1) / 10, batch = (at - 1) % 10 + 1;
    REQUIRE(part.history.size() == static_cast<std::size_t>(epoch + 1));
    CHECK(part.history.last("epoch") ==
          doctest::Approx(static_cast<double>(epoch) + static_cast<double>(std::min<Index>(batch, 6)) / 6));
    // An interrupt in the last batch leaves a whole figure.
    CHECK(std::isnan(part.history.last("validation_loss")) == (batch < 10));
    CHECK(std::isnan(part.history.last("validation_accuracy")) == (batch < 10));
    // Interrupted again by its first batch: of the validation, where the first interrupt was in it.
    const Result more = run(directory.path("run"), at < 30 ? 1 : 0);
    const Result rest = run(directory.path("run"), 0);
    CHECK(part.trained + more.trained + rest.trained == 18);
    CHECK(same(rest.model, expected.model));
    for (const char* name : {"epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"})
      CHECK(rest.history.values(name) == expected.history.values(name));
  }
}

TEST_CASE("fit: a loader without a state that draws from the default generator goes on in the same order") {
  const auto run = [](const std::string& directory, Index stop_at, bool each, std::vector<double>& seen) {
    manual_seed(1);
    nn::Sequential model(nn::Linear(1, 1), nn::Dropout(0.5));
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.01});
    Shuffled loader = shuffled();
    loader.each = each;
    Index batches = 0;
    seen.clear();
    // What is told again of an epoch that is gone on with must not move the numbers.
    const auto draws = [](train::Run&) { static_cast<void>(normal({3}, 0, 1, float32)); };
    const auto loss = [&](nn::Sequential& net, const Tensor& x) {
      seen.push_back(static_cast<double>(x.data<float>()[0]));
      return mean(square(net(x)));
    };
    train::fit(model, loader, loss, optimizer,
               {.epochs = 3,
                .callbacks = {{.on_start = draws,
                               .on_epoch_begin = draws,
                               .on_batch = [&](train::Run&) { ++batches; }}},
                .stop = [&] { return batches == stop_at; },
                .checkpoint = {.directory = directory}});
    return model.state_dict();
  };
  std::vector<double> expected, first, second;
  const test::TemporaryDirectory directory;
  const StateDict whole = run(directory.path("whole"), 0, false, expected);
  for (Index stop_at = 1; stop_at < 24; ++stop_at) {
    CAPTURE(stop_at);
    const std::string part = directory.path("part" + std::to_string(stop_at));
    run(part, stop_at, false, first);
    CHECK(same(run(part, 0, false, second), whole));
    first.insert(first.end(), second.begin(), second.end());
    CHECK(first == expected);
  }
  // What is drawn between steps cannot be drawn again without them.
  run(directory.path("each"), 3, true, first);
  CHECK(contains(message_of<ValueError>([&] { run(directory.path("each"), 0, true, second); }),
                 {"resume_test.cpp", "random numbers", "state_dict"}));
  CHECK(second.empty());
}

TEST_CASE("fit: a loader without a state that gives other batches than before is refused") {
  const auto run = [](const std::string& directory, Shuffled loader, Index stop_at) {
    manual_seed(1);
    nn::Linear model(1, 1);
    optim::SGD optimizer(model.parameters(), {.learning_rate = 0.01});
    Index batches = 0;
    const auto loss = [&](nn::Linear& net, const Tensor& x) { return mean(square(net(x))); };
    train::fit(model, loader, loss, optimizer,
               {.epochs = 3,
                .callbacks = {{.on_batch = [&](train::Run&) { ++batches; }}},
                .stop = [&] { return batches == stop_at; },
                .checkpoint = {.directory = directory}});
  };
  Generator own(3);
  Shuffled loader = shuffled();
  loader.own = &own;
  const test::TemporaryDirectory directory;
  run(directory.path("run"), loader, 3);
  CHECK(contains(message_of<ValueError>([&] { run(directory.path("run"), loader, 0); }),
                 {"resume_test.cpp", "other batches", "state_dict"}));
  run(directory.path("shorter"), shuffled(), 5);
  CHECK(contains(message_of<ValueError>([&] { run(directory.path("shorter"), shuffled(4), 0); }),
                 {"resume_test.cpp", "other batches"}));
}
