// DataLoader: exceptions of a dataset. Nothing is lost by them, and no batch of before is taken for another.
#include "data/loader_support.hpp"
#include "support/messages.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace xgrad;
using namespace xgrad::test;

// Throws so many times at one position; random numbers, so that a batch that is made again shows.
struct Flaky {
  std::shared_ptr<std::atomic<int>> throws;
  Index bad = 0;
  Index size() const { return 10; }
  std::array<Tensor, 2> gather(const Tensor& indices) const {
    for (const Index i : indices.span<Index>())
      if (i == bad && throws->fetch_sub(1) > 0) throw std::out_of_range("example " + std::to_string(i));
    return {indices, uniform({3})};
  }
};

Flaky flaky(Index bad, int throws) { return {std::make_shared<std::atomic<int>>(throws), bad}; }

// Without threads, with one, with several.
std::vector<LoaderOptions> ways() {
  std::vector<LoaderOptions> all;
  for (const auto& [prefetch, workers] :
       {std::pair<Index, Index>{0, 0}, {1, 0}, {3, 0}, {0, 1}, {0, 3}, {7, 2}})
    all.push_back({.batch_size = 2, .shuffle = true, .seed = 4, .prefetch = prefetch, .workers = workers});
  return all;
}

}  // namespace

TEST_CASE("DataLoader: an exception of the dataset passes through") {
  DataLoader loader(Failing{5}, {.batch_size = 2});
  std::vector<Index> seen;
  CHECK_THROWS_AS(([&] {
                    for (const Index first : loader) seen.push_back(first);
                  }()),
                  std::out_of_range);
  CHECK(seen == std::vector<Index>{0, 2});
}

TEST_SUITE("threads") {
  TEST_CASE("DataLoader: an exception in the thread reaches the consumer after the batches before it") {
    for (const Index bad : {0, 5, 9}) {
      DataLoader loader(Failing{bad}, {.batch_size = 2, .prefetch = 3});
      for (int attempt = 0; attempt < 2; ++attempt) {
        std::vector<Index> seen;
        std::string text;
        try {
          for (const Index first : loader) seen.push_back(first);
        } catch (const std::out_of_range& error) {
          text = error.what();
        }
        CHECK(text == "example " + std::to_string(bad));
        CHECK(seen.size() == static_cast<std::size_t>(bad / 2));
      }
    }
  }

  TEST_CASE("DataLoader: after an exception an iterator that is advanced gives the batch that was missing") {
    for (const LoaderOptions& options : ways())
      for (const Index bad : {0, 3, 9})
        for (const int throws : {1, 2}) {
          CAPTURE(options.prefetch);
          CAPTURE(options.workers);
          CAPTURE(bad);
          CAPTURE(throws);
          std::vector<std::array<Tensor, 2>> expected, seen;
          for (const auto& batch : DataLoader(flaky(-1, 0), options)) expected.push_back(batch);
          DataLoader loader(flaky(bad, throws), options);
          int thrown = 0;
          const auto go_on = [&](auto step) {
            for (;;) {
              try {
                step();
                return;
              } catch (const std::out_of_range&) {
                ++thrown;
                CHECK_FALSE(loader.indices().defined());
                CHECK(loader.batch() == static_cast<Index>(seen.size()));
                CHECK(loader.epoch() == 0);
              }
            }
          };
          std::optional<DataLoader<Flaky>::Iterator> it;
          go_on([&] { it.emplace(loader.begin()); });
          while (*it != loader.end()) {
            CHECK(bitwise_equal(loader.indices(), (**it)[0]));
            seen.push_back(**it);
            go_on([&] {
              try {
                ++*it;
              } catch (const std::out_of_range&) {
                // Neither the batch of before nor the end.
                CHECK_FALSE(*it == loader.end());
                CHECK(contains(message_of<GraphError>([&] { static_cast<void>(**it); }), "was not made"));
                throw;
              }
            });
          }
          CHECK(thrown == throws);
          REQUIRE(seen.size() == expected.size());
          for (std::size_t i = 0; i < seen.size(); ++i)
            for (std::size_t k = 0; k < 2; ++k) CHECK(bitwise_equal(seen[i][k], expected[i][k]));
          CHECK(loader.epoch() == 1);
        }
  }

  TEST_CASE("DataLoader: a dataset that fails for good does so each time, and can be gone round") {
    for (const LoaderOptions& options : ways()) {
      CAPTURE(options.prefetch);
      CAPTURE(options.workers);
      DataLoader loader(Failing{5},
                        {.batch_size = 2, .prefetch = options.prefetch, .workers = options.workers});
      auto it = loader.begin();
      ++it;
      for (int attempt = 0; attempt < 3; ++attempt) CHECK_THROWS_AS(++it, std::out_of_range);
      const auto moved = std::move(it);
      CHECK_FALSE(moved == loader.end());
      CHECK(it == loader.end());
      CHECK(loader.batch() == 2);
      loader.set_epoch(loader.epoch(), loader.batch() + 1);
      std::vector<Index> rest;
      for (const Index first : loader) rest.push_back(first);
      CHECK(rest == std::vector<Index>{6, 8});
    }
  }

  TEST_CASE("DataLoader: a loop whose first batch fails has not begun") {
    for (const LoaderOptions& options : ways()) {
      CAPTURE(options.prefetch);
      CAPTURE(options.workers);
      const auto order = [](auto& loader) {
        std::vector<Index> seen;
        for (const auto& batch : loader)
          for (const Index i : batch[0].template span<Index>()) seen.push_back(i);
        return seen;
      };
      DataLoader plain(flaky(-1, 0), options);
      const auto first = order(plain), second = order(plain);
      DataLoader loader(flaky(second[0], 0), options);
      for (const auto& batch : loader) {
        static_cast<void>(batch);
        break;
      }
      *loader.dataset().throws = 1;
      CHECK_THROWS_AS(loader.begin(), std::out_of_range);
      // Nothing is left of the loop before, either.
      CHECK_FALSE(loader.indices().defined());
      CHECK(loader.epoch() == 1);
      CHECK(loader.batch() == 0);
      CHECK(loader.state_dict().at("epoch").item<Index>() == 1);
      CHECK(order(loader) == second);
      // Also within an epoch.
      loader.set_epoch(0, 2);
      DataLoader other(flaky(first[4], 1), options);
      other.set_epoch(0, 2);
      CHECK_THROWS_AS(other.begin(), std::out_of_range);
      CHECK(other.batch() == 2);
      CHECK(order(other) == std::vector<Index>(first.begin() + 4, first.end()));
    }
  }
}
