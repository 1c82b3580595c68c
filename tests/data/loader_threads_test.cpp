// DataLoader: prefetching and workers change nothing but the time.
#include "data/loader_support.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

namespace {

using namespace xgrad;
using namespace xgrad::test;

struct Counting {
  std::shared_ptr<std::atomic<int>> made = std::make_shared<std::atomic<int>>(0);
  Index size() const { return 1000; }
  int gather(const Tensor&) const { return ++*made; }
};

// Takes longer the earlier the batch, and notes how many are made at once.
struct Slow {
  struct Count {
    std::atomic<int> now = 0, most = 0, made = 0;
    std::atomic<bool> thrown[2] = {false, false};
  };
  std::shared_ptr<Count> count = std::make_shared<Count>();
  Index size() const { return 24; }
  Index gather(const Tensor& indices) const {
    const int now = ++count->now;
    for (int most = count->most; now > most && !count->most.compare_exchange_weak(most, now);) continue;
    const Index i = indices.data<Index>()[0];
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 4 == 0 ? 20 : 1));
    ++count->made;
    --count->now;
    // Once each.
    if ((i == 7 || i == 8) && !count->thrown[i - 7].exchange(true))
      throw std::out_of_range("example " + std::to_string(i));
    return i;
  }
};

}  // namespace

TEST_SUITE("threads") {
  TEST_CASE("DataLoader: workers give the batches of none, in order, exceptions included") {
    for (const Index workers : {1, 3, 40})
      for (const Index ahead : {0, 1, 5}) {
        CAPTURE(workers);
        CAPTURE(ahead);
        const LoaderOptions options{
            .batch_size = 7, .shuffle = true, .seed = 3, .prefetch = ahead, .workers = workers};
        for (const Index epoch : {0, 1})
          CHECK(epoch_with(100, options, epoch) ==
                epoch_with(100, {.batch_size = 7, .shuffle = true, .seed = 3}, epoch));
        Slow slow;
        DataLoader loader(slow, {.prefetch = ahead, .workers = workers});
        std::vector<Index> seen;
        std::string thrown;
        auto it = loader.begin();
        while (it != loader.end()) {
          seen.push_back(*it);
          for (bool again = true; again;) {
            again = false;
            try {
              ++it;
            } catch (const std::out_of_range& error) {
              thrown += error.what() + std::string("; ");
              again = true;
            }
          }
        }
        CHECK(thrown == "example 7; example 8; ");
        CHECK(seen == counted(24));
        CHECK(slow.count->made == 26);
        CHECK(slow.count->most <= workers);
        if (workers > 1) CHECK(slow.count->most > 1);
      }
  }

  TEST_CASE("DataLoader: workers change no random number, of examples, batches and collate") {
    manual_seed(1);
    const auto all = [](Index workers) {
      std::vector<Tensor> batches;
      DataLoader plain(Drawing{}, {.batch_size = 3, .shuffle = true, .seed = 9, .workers = workers});
      DataLoader collated(
          Drawing{}, {.batch_size = 3, .seed = 9, .workers = workers},
          [](std::span<const Tensor> examples) { return std::pair(data::collate(examples), uniform({2})); });
      for (int epoch = 0; epoch < 2; ++epoch) {
        for (const Tensor& batch : plain) batches.push_back(batch);
        for (const auto& [batch, noise] : collated) {
          batches.push_back(batch);
          batches.push_back(noise);
        }
      }
      return batches;
    };
    const auto expected = all(0);
    REQUIRE(expected.size() == 42);
    for (const Index workers : {1, 3}) {
      const auto batches = all(workers);
      REQUIRE(batches.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(bitwise_equal(batches[i], expected[i]));
    }
    CHECK(default_generator().position() == 0);
  }

  TEST_CASE("DataLoader: leaving a loop early joins all workers, which are ahead by no more than asked for") {
    const std::size_t live = memory_stats().live_buffers;
    Counting dataset;
    {
      DataLoader loader(dataset, {.prefetch = 4, .workers = 3});
      for (int round = 0; round < 50; ++round) {
        *dataset.made = 0;
        int seen = 0;
        for (const int number : loader) {
          static_cast<void>(number);
          if (++seen > round % 5) break;
        }
        CHECK(*dataset.made <= seen + 4);
        CHECK(dataset.made.use_count() == 2);
      }
      // One that is begun and dropped, and one that outlives its loader.
      loader.begin();
    }
    CHECK(dataset.made.use_count() == 1);
    CHECK(memory_stats().live_buffers == live);
    auto orphan = DataLoader(numbers(6), {.batch_size = 2, .workers = 2}).begin();
    CHECK(bitwise_equal((*orphan)[0], arange(2)));
    ++orphan;
    CHECK(bitwise_equal((*orphan)[0], Tensor{2, 3}));
  }

  TEST_CASE("DataLoader: workers, stopped after any batch and resumed, also with another number of them") {
    const auto options = [](Index workers) {
      return LoaderOptions{.batch_size = 3, .shuffle = true, .seed = 2, .workers = workers};
    };
    const auto rest_of = [](auto& loader) {
      std::vector<Tensor> batches;
      for (const Tensor& batch : loader) batches.push_back(batch);
      return batches;
    };
    DataLoader plain(Drawing{}, options(0));
    const auto whole = rest_of(plain);
    for (std::size_t stop = 1; stop <= whole.size(); ++stop) {
      DataLoader loader(Drawing{}, options(3));
      StateDict state;
      for (const Tensor& batch : loader) {
        static_cast<void>(batch);
        state = loader.state_dict();
        if (loader.batch() == static_cast<Index>(stop)) break;
      }
      for (const Index workers : {0, 2}) {
        DataLoader other(Drawing{}, options(workers));
        other.load_state_dict(state);
        const auto rest = rest_of(other);
        REQUIRE(rest.size() == whole.size() - stop);
        for (std::size_t i = 0; i < rest.size(); ++i) CHECK(bitwise_equal(rest[i], whole[stop + i]));
      }
    }
  }

  TEST_CASE("DataLoader: prefetching changes nothing, random numbers included") {
    for (const Index epoch : {0, 1}) {
      const auto plain = epoch_with(100, {.batch_size = 7, .shuffle = true, .seed = 3}, epoch);
      for (const Index ahead : {1, 2, 50})
        CHECK(epoch_with(100, {.batch_size = 7, .shuffle = true, .seed = 3, .prefetch = ahead}, epoch) ==
              plain);
    }
    manual_seed(1);
    const auto before = default_generator().position();
    std::vector<Tensor> batches[2];
    for (const Index ahead : {0, 2}) {
      DataLoader loader(Drawing{}, {.batch_size = 3, .shuffle = true, .seed = 9, .prefetch = ahead});
      for (int epoch = 0; epoch < 2; ++epoch)
        for (const Tensor& batch : loader) batches[ahead / 2].push_back(batch);
    }
    CHECK(default_generator().position() == before);
    CHECK(default_generator().seed() == 1);
    REQUIRE(batches[0].size() == 14);
    REQUIRE(batches[1].size() == 14);
    for (std::size_t i = 0; i < 14; ++i) CHECK(bitwise_equal(batches[0][i], batches[1][i]));
    CHECK_FALSE(bitwise_equal(batches[0][0], batches[0][7]));
  }

  TEST_CASE("DataLoader: in a forked process a loop with threads throws, and others go on") {
    for (const LoaderOptions& options :
         {LoaderOptions{.batch_size = 2, .prefetch = 2}, LoaderOptions{.batch_size = 2, .workers = 2}}) {
      DataLoader loader(numbers(8), options), plain(numbers(8), {.batch_size = 2});
      auto batch = loader.begin(), other = plain.begin();
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        alarm(60);
        int code = 1;
        try {
          ++batch;
        } catch (const ValueError&) {
          code = 0;
        }
        { const auto gone = std::move(batch); }
        ++other;
        if ((*other)[0].data<Index>()[0] != 2) code = 2;
        if (epoch_of(loader) != counted(8)) code = 3;
        _exit(code);
      }
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      CHECK(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) == 0);
      ++batch;
      CHECK((*batch)[0].data<Index>()[0] == 2);
    }
  }

  TEST_CASE("DataLoader: leaving a loop early joins the thread, and no more is made than asked for") {
    const std::size_t live = memory_stats().live_buffers;
    Counting dataset;
    {
      DataLoader loader(dataset, {.prefetch = 4});
      for (int round = 0; round < 50; ++round) {
        *dataset.made = 0;
        int seen = 0;
        for (const int number : loader) {
          CHECK(number == ++seen);
          if (seen > round % 5) break;
        }
        // The thread is gone; it kept at most four ready and one in hand.
        CHECK(*dataset.made <= seen + 5);
        CHECK(dataset.made.use_count() == 2);
      }
    }
    CHECK(memory_stats().live_buffers == live);
  }

  TEST_CASE("DataLoader: overlapping loops, and one that outlives its loader") {
    std::vector<Index> first, second;
    {
      DataLoader loader(numbers(10), {.batch_size = 1, .prefetch = 2});
      auto a = loader.begin();
      for (const auto& batch : loader) {
        second.push_back(batch[0].data<Index>()[0]);
        first.push_back((*a)[0].data<Index>()[0]);
        ++a;
      }
      CHECK(a == loader.end());
    }
    CHECK(first == counted(10));
    CHECK(second == counted(10));
    auto orphan = DataLoader(numbers(4), {.batch_size = 4, .prefetch = 1}).begin();
    CHECK(bitwise_equal((*orphan)[0], arange(4)));
  }
}
