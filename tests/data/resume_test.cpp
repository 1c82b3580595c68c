// DataLoader: where it is, and going on from there in another process.
#include "support/messages.hpp"

#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace xgrad;
using data::DataLoader, data::LoaderOptions;
using test::contains, test::message_of;

// Single examples, each its position plus a random number.
struct Drawing {
  Index examples = 11;
  Index size() const { return examples; }
  Tensor get(Index i) const { return uniform({1}, static_cast<double>(i), static_cast<double>(i) + 1); }
};

// Throws once where it is told to.
struct Failing {
  std::shared_ptr<Index> bad;
  Index size() const { return 6; }
  Index gather(const Tensor& indices) const {
    const Index first = indices.data<Index>()[0];
    if (first == *bad) {
      *bad = -1;
      throw std::runtime_error("once");
    }
    return first;
  }
};

using Loader = DataLoader<Drawing>;
using Batches = std::vector<Tensor>;
using Where = std::pair<Index, Index>;  // epoch and batch

Batches loop(Loader& loader) {
  Batches batches;
  for (const Tensor& batch : loader) batches.push_back(batch);
  return batches;
}

bool same(const Batches& a, const Batches& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!bitwise_equal(a[i], b[i])) return false;
  return true;
}

// The last `count` of them.
Batches rest(const Batches& batches, std::size_t count) {
  return {batches.end() - static_cast<std::ptrdiff_t>(count), batches.end()};
}

Where at(const Loader& loader) { return {loader.epoch(), loader.batch()}; }
Where saved_at(const StateDict& state) {
  return {state.at("epoch").item<Index>(), state.at("batch").item<Index>()};
}

const std::vector<LoaderOptions>& kinds() {
  static const std::vector<LoaderOptions> all = [] {
    std::vector<LoaderOptions> made;
    for (const bool shuffle : {false, true})
      for (const bool drop_last : {false, true})
        for (const Index prefetch : {0, 2})
          made.push_back(
              {.batch_size = 3, .shuffle = shuffle, .seed = 5, .drop_last = drop_last, .prefetch = prefetch});
    return made;
  }();
  return all;
}

}  // namespace

TEST_SUITE("threads") {
  TEST_CASE("DataLoader: stopped after any batch, another loader goes on with the next one") {
    for (const LoaderOptions& options : kinds())
      for (const Index other_prefetch : {0, 2}) {
        CAPTURE(options.shuffle);
        CAPTURE(options.drop_last);
        CAPTURE(options.prefetch);
        CAPTURE(other_prefetch);
        LoaderOptions others = options;
        others.prefetch = other_prefetch;
        Loader whole(Drawing{}, options);
        const Batches epochs[3] = {loop(whole), loop(whole), loop(whole)};
        const Index count = whole.size();
        REQUIRE(count == (options.drop_last ? 3 : 4));
        REQUIRE(epochs[0].size() == static_cast<std::size_t>(count));
        CHECK_FALSE(same(epochs[0], epochs[1]));

        for (const Index epoch : {0, 1})
          for (Index stop = 0; stop <= count; ++stop) {
            CAPTURE(epoch);
            CAPTURE(stop);
            Loader first(Drawing{}, options);
            first.set_epoch(epoch);
            StateDict state = first.state_dict();
            if (stop > 0)
              for (const Tensor& batch : first) {
                static_cast<void>(batch);
                state = first.state_dict();
                CHECK(at(first) == saved_at(state));
                if (first.batch() == stop) break;
              }
            CHECK(saved_at(state) == Where{epoch, stop});

            manual_seed(77);
            Loader second(Drawing{}, others);
            second.load_state_dict(state);
            CHECK(at(second) == Where{epoch, stop});
            CHECK(saved_at(second.state_dict()) == Where{epoch, stop});
            CHECK(same(loop(second), rest(epochs[epoch], static_cast<std::size_t>(count - stop))));
            CHECK(at(second) == Where{epoch + 1, 0});
            CHECK(saved_at(second.state_dict()) == Where{epoch + 1, 0});
            CHECK(same(loop(second), epochs[epoch + 1]));
          }
      }
  }

  TEST_CASE(
      "DataLoader: a resumed program does what the uninterrupted one does, also at the ends of epochs") {
    // What happened, and the state after every batch.
    struct Run {
      Batches events;
      std::vector<StateDict> states;
    };
    const auto run = [](const LoaderOptions& options, const StateDict* state) {
      Run done;
      Loader loader(Drawing{}, options);
      if (state != nullptr) loader.load_state_dict(*state);
      while (loader.epoch() < 3) {
        for (const Tensor& batch : loader) {
          done.events.push_back(batch);
          done.states.push_back(loader.state_dict());
        }
        done.events.push_back(scalar(loader.epoch()));
      }
      return done;
    };
    for (const LoaderOptions& options : kinds()) {
      const Run whole = run(options, nullptr);
      const std::size_t count = options.drop_last ? 3 : 4;
      REQUIRE(whole.events.size() == 3 * (count + 1));
      REQUIRE(whole.states.size() == 3 * count);
      for (std::size_t i = 0; i < whole.states.size(); ++i) {
        CAPTURE(i);
        const std::size_t seen = i + 1 + i / count;
        CHECK(same(run(options, &whole.states[i]).events, rest(whole.events, whole.events.size() - seen)));
      }
    }
  }

  TEST_CASE("DataLoader: a batch that could not be made was not handed out") {
    for (const Index prefetch : {0, 2}) {
      CAPTURE(prefetch);
      const LoaderOptions options{.batch_size = 2, .prefetch = prefetch};
      DataLoader loader(Failing{std::make_shared<Index>(2)}, options);
      std::vector<Index> seen;
      const auto go_on = [&](auto& it) {
        for (const Index first : it) seen.push_back(first);
      };
      CHECK_THROWS_AS(go_on(loader), std::runtime_error);
      CHECK(seen == std::vector<Index>{0});
      const StateDict state = loader.state_dict();
      CHECK(saved_at(state) == Where{0, 1});
      DataLoader again(Failing{std::make_shared<Index>(-1)}, options);
      again.load_state_dict(state);
      seen.clear();
      go_on(again);
      CHECK(seen == std::vector<Index>{2, 4});

      // An iterator that goes on gives it then.
      DataLoader other(Failing{std::make_shared<Index>(2)}, options);
      auto it = other.begin();
      CHECK_THROWS_AS(++it, std::runtime_error);
      CHECK(saved_at(other.state_dict()) == Where{0, 1});
      ++it;
      CHECK(*it == 2);
      CHECK(saved_at(other.state_dict()) == Where{0, 2});
    }
  }
}

TEST_CASE(
    "DataLoader: a loop that is left stays where it was, and the next one goes through the next epoch") {
  const LoaderOptions options{.batch_size = 4, .shuffle = true};
  Loader whole(Drawing{}, options);
  const Batches first = loop(whole), second = loop(whole);

  Loader loader(Drawing{}, options);
  for (const Tensor& batch : loader)
    if (bitwise_equal(batch, first[1])) break;
  CHECK(saved_at(loader.state_dict()) == Where{0, 2});
  CHECK(at(loader) == Where{1, 0});
  Loader resumed(Drawing{}, options);
  resumed.load_state_dict(loader.state_dict());
  CHECK(same(loop(resumed), rest(first, 1)));
  CHECK(same(loop(loader), second));

  // As many epochs as asked for, each left early.
  loader.set_epoch(0);
  std::vector<Index> epochs;
  while (loader.epoch() < 3)
    for (const Tensor& batch : loader) {
      static_cast<void>(batch);
      epochs.push_back(loader.epoch());
      break;
    }
  CHECK(epochs == std::vector<Index>{0, 1, 2});

  CHECK_THROWS_AS(([&] {
                    for (const Tensor& batch : loader) throw std::runtime_error(to_string(batch));
                  }()),
                  std::runtime_error);
  CHECK(saved_at(loader.state_dict()) == Where{3, 1});
  CHECK(at(loader) == Where{4, 0});
}

TEST_CASE("DataLoader: loops that overlap, iterators at the end, moves and copies") {
  const LoaderOptions options{.batch_size = 3};
  Loader loader(Drawing{}, options);
  auto a = loader.begin();
  CHECK(at(loader) == Where{0, 1});
  {
    auto b = loader.begin();
    CHECK(at(loader) == Where{1, 1});
    ++a;
    CHECK(at(loader) == Where{1, 1});
    ++b;
    CHECK(at(loader) == Where{1, 2});
  }
  CHECK(at(loader) == Where{2, 0});
  CHECK(saved_at(loader.state_dict()) == Where{1, 2});

  auto c = loader.begin();
  const Loader copy = loader;
  Loader assigned(Drawing{2}, {.batch_size = 1});
  assigned = loader;
  ++c;
  for (const Loader* snapshot : {&copy, static_cast<const Loader*>(&assigned)}) {
    CHECK(saved_at(snapshot->state_dict()) == Where{2, 1});
    CHECK(at(*snapshot) == Where{3, 0});
  }
  CHECK(at(loader) == Where{2, 2});
  // The loop goes with a loader that is moved.
  const Loader moved = std::move(loader);
  ++c;
  CHECK(at(moved) == Where{2, 3});
  ++c;
  CHECK(at(moved) == Where{2, 4});
  CHECK_FALSE(c == moved.end());
  for (int i = 0; i < 3; ++i) {
    ++c;
    CHECK(c == moved.end());
    CHECK(at(moved) == Where{3, 0});
    CHECK(saved_at(moved.state_dict()) == Where{3, 0});
  }

  Loader empty(Drawing{0});
  CHECK(loop(empty).empty());
  CHECK(at(empty) == Where{1, 0});
}

TEST_CASE("DataLoader: an epoch and a batch may be set, also within a loop, which goes on") {
  Loader loader(Drawing{}, {.batch_size = 3, .shuffle = true});
  const Batches first = loop(loader), second = loop(loader);
  loader.set_epoch(1, 2);
  CHECK(at(loader) == Where{1, 2});
  loader.set_epoch(1);
  CHECK(at(loader) == Where{1, 0});
  loader.set_epoch(0, 4);
  CHECK(loop(loader).empty());
  CHECK(at(loader) == Where{1, 0});
  loader.set_epoch(0);
  Batches seen;
  for (const Tensor& batch : loader) {
    seen.push_back(batch);
    if (seen.size() == 2) loader.set_epoch(1, 3);
  }
  CHECK(same(seen, first));
  CHECK(at(loader) == Where{1, 3});
  CHECK(same(loop(loader), rest(second, 1)));

  constexpr Index most = std::numeric_limits<Index>::max();
  const Where before = at(loader);
  for (const Where& wrong : {Where{-1, 0}, Where{most, 0}, Where{0, -1}, Where{0, 5}}) {
    CAPTURE(wrong.first);
    CAPTURE(wrong.second);
    CHECK_THROWS_AS(loader.set_epoch(wrong.first, wrong.second), ValueError);
  }
  CHECK(at(loader) == before);
  CHECK(contains(message_of([&] { loader.set_epoch(0, 5); }), "batch: must be from 0 to 4, got 5"));
  // There is no number for the epoch after the last one.
  loader.set_epoch(most - 1);
  CHECK(loop(loader).size() == 4);
  CHECK_THROWS_AS(loader.begin(), ValueError);
}

TEST_CASE("DataLoader: a state of other batches lists every mismatch and changes nothing") {
  const LoaderOptions options{.batch_size = 3, .shuffle = true, .seed = ~std::uint64_t{0}, .prefetch = 1};
  Loader loader(Drawing{}, options);
  auto it = loader.begin();
  ++it;
  const StateDict good = loader.state_dict();
  CHECK(good.at("seed").item<Index>() == -1);  // the same bits
  CHECK(good.size() == 7);
  Loader same_batches(Drawing{}, {.batch_size = 3, .shuffle = true, .seed = ~std::uint64_t{0}});
  CHECK_NOTHROW(same_batches.load_state_dict(good));

  Loader other(Drawing{20}, {.batch_size = 2, .seed = 1, .drop_last = true});
  other.set_epoch(3, 1);
  const std::string text = message_of<ValueError>([&] { other.load_state_dict(good); });
  CAPTURE(text);
  for (const char* part : {"DataLoader: the state does not fit this loader:", "seed: expects 1, got -1",
                           "batch_size: expects 2, got 3", "shuffle: expects false, got true",
                           "drop_last: expects true, got false", "examples: expects 20, got 11"}) {
    CAPTURE(part);
    CHECK(contains(text, part));
  }
  CHECK(at(other) == Where{3, 1});

  StateDict bad = good;
  bad.set("batch", scalar(5));
  bad.set("epoch", scalar(1.0));
  bad.erase("shuffle");
  bad.set("more", scalar(1));
  const std::string more = message_of<ValueError>([&] { loader.load_state_dict(bad); });
  CAPTURE(more);
  for (const char* part : {"batch: must be from 0 to 4, got 5", "epoch: expects int64 (), got float32 ()",
                           "shuffle: missing", "more: unexpected"}) {
    CAPTURE(part);
    CHECK(contains(more, part));
  }
  bad = good;
  bad.set("epoch", scalar(-1));
  CHECK(contains(message_of<ValueError>([&] { loader.load_state_dict(bad); }),
                 "epoch: must be from 0 to below 2^63 - 1, got -1"));
  CHECK(at(loader) == Where{0, 2});
  ++it;
  CHECK(at(loader) == Where{0, 3});
}
