// Datasets and DataLoader: order, coverage, reproducibility, threads.
#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

namespace {

using namespace xgrad;
using data::DataLoader, data::LoaderOptions, data::TensorDataset;

// Single examples, each its position plus a random number.
struct Drawing {
  Index size() const { return 20; }
  Tensor get(Index i) const {
    Tensor example = uniform({2});
    example.mutable_data<float>()[0] += static_cast<float>(i);
    return example;
  }
};

// Throws at one position.
struct Failing {
  Index bad = 0;
  Index size() const { return 10; }
  Index gather(const Tensor& indices) const {
    for (const Index i : indices.span<Index>())
      if (i == bad) throw std::out_of_range("example " + std::to_string(i));
    return indices.data<Index>()[0];
  }
};

struct Counting {
  std::shared_ptr<std::atomic<int>> made = std::make_shared<std::atomic<int>>(0);
  Index size() const { return 1000; }
  int gather(const Tensor&) const { return ++*made; }
};

// Lists of different lengths, which no Tensor collates.
struct Sentences {
  Index size() const { return 9; }
  std::vector<Index> get(Index i) const { return std::vector<Index>(static_cast<std::size_t>(i % 4), i); }
};
// How many examples, and the length of the longest.
struct Longest {
  std::pair<std::size_t, std::size_t> operator()(std::span<const std::vector<Index>> examples) const {
    std::size_t most = 0;
    for (const auto& example : examples) most = std::max(most, example.size());
    return {examples.size(), most};
  }
};

// Takes longer the earlier the batch, and notes how many are made at once.
struct Slow {
  struct Count {
    std::atomic<int> now = 0, most = 0, made = 0;
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
    if (i == 7 || i == 8) throw std::out_of_range("example " + std::to_string(i));
    return i;
  }
};

static_assert(!data::Dataset<Sentences>);
static_assert(std::same_as<DataLoader<Sentences, Longest>::Batch, std::pair<std::size_t, std::size_t>>);
static_assert(data::Dataset<TensorDataset<2>> && data::ExampleDataset<Drawing> &&
              data::BatchDataset<Failing>);
static_assert(!data::Dataset<int> && !data::BatchDataset<Drawing> && !data::ExampleDataset<Failing>);
static_assert(std::input_iterator<DataLoader<Failing>::Iterator>);

TensorDataset<2> numbers(Index count) {
  return TensorDataset(arange(count), arange(2 * count).reshape({count, 2}));
}

std::vector<Index> epoch_of(auto& loader) {
  std::vector<Index> seen;
  for (const auto& [x, y] : loader) {
    CHECK(x.size(0) == y.size(0));
    for (Index i = 0; i < x.count(); ++i) {
      seen.push_back(x.template data<Index>()[i]);
      CHECK(y.at({i, 1}) == 2 * static_cast<double>(seen.back()) + 1);
    }
  }
  return seen;
}

std::vector<Index> epoch_with(Index count, const LoaderOptions& options, Index epoch = 0) {
  DataLoader loader(numbers(count), options);
  loader.set_epoch(epoch);
  return epoch_of(loader);
}

std::vector<Index> counted(Index count) {
  const Tensor all = arange(count);
  return {all.span<Index>().begin(), all.span<Index>().end()};
}

}  // namespace

TEST_CASE("TensorDataset: rows that belong together") {
  const auto dataset = numbers(5);
  CHECK(dataset.size() == 5);
  const auto [x, y] = dataset.get(3);
  CHECK(bitwise_equal(x, scalar(3)));
  CHECK(bitwise_equal(y, Tensor{6, 7}));
  CHECK(dataset.gather(Tensor{4, 4, 0})[1].shape() == Shape{3, 2});
  CHECK(bitwise_equal(dataset.gather(Tensor{4, 4, 0})[1], Tensor{{8, 9}, {8, 9}, {0, 1}}));
  CHECK(dataset.gather(Tensor({}, int64))[1].shape() == Shape{0, 2});
  CHECK_THROWS_AS(dataset.get(5), IndexError);
  CHECK_THROWS_AS(dataset.gather(Tensor{5}), IndexError);
  CHECK_THROWS_AS(dataset.gather(Tensor{-1}), IndexError);
  CHECK_THROWS_AS(dataset.gather(Tensor{{1}}), ShapeError);
  CHECK_THROWS_AS(TensorDataset(arange(2), arange(3)), ShapeError);
  CHECK_THROWS_AS(TensorDataset(scalar(1)), ShapeError);
  CHECK_THROWS_AS(TensorDataset(Tensor{}), GraphError);
  const Tensor bytes = Tensor({{1, 2, 3}, {4, 5, 6}}, uint8);
  CHECK(bitwise_equal(data::gather_rows(bytes, Tensor{1}), Tensor({{4, 5, 6}}, uint8)));
  CHECK(TensorDataset(bytes).gather(Tensor{0})[0].dtype() == uint8);
}

TEST_CASE("collate: stacks equal examples") {
  const std::vector<Tensor> good{Tensor{1.0, 2.0}, Tensor{3.0, 4.0}};
  CHECK(bitwise_equal(data::collate(good), Tensor{{1.0, 2.0}, {3.0, 4.0}}));
  CHECK_THROWS_AS(data::collate(std::vector<Tensor>{}), ValueError);
  CHECK_THROWS_AS(data::collate(std::vector<Tensor>{Tensor{1.0}, Tensor{1.0, 2.0}}), ShapeError);
  CHECK_THROWS_AS(data::collate(std::vector<Tensor>{Tensor{1.0}, Tensor{1}}), DTypeError);
  CHECK_THROWS_AS(data::collate(std::vector<Tensor>{Tensor{1.0}, Tensor()}), GraphError);
  const std::vector<std::array<Tensor, 2>> pairs{{Tensor{1.0}, scalar(1)}, {Tensor{2.0}, scalar(2)}};
  const auto batch = data::collate(std::span(pairs));
  CHECK(batch[0].shape() == Shape{2, 1});
  CHECK(bitwise_equal(batch[1], Tensor{1, 2}));
}

TEST_CASE("DataLoader: without shuffling, in order and complete") {
  CHECK(epoch_with(10, {.batch_size = 3}) == counted(10));
  CHECK(epoch_with(10, {.batch_size = 10}) == counted(10));
  CHECK(epoch_with(10, {.batch_size = 99}) == counted(10));
  CHECK(epoch_with(10, {.batch_size = 3, .drop_last = true}) == counted(9));
  CHECK(epoch_with(10, {.batch_size = 5, .drop_last = true}) == counted(10));
  CHECK(epoch_with(10, {.batch_size = 11, .drop_last = true}).empty());
  CHECK(epoch_with(0, {.batch_size = 4}).empty());
  std::vector<Index> sizes;
  DataLoader loader(numbers(10), {.batch_size = 4});
  for (const auto& batch : loader) sizes.push_back(batch[0].count());
  CHECK(sizes == std::vector<Index>{4, 4, 2});
  CHECK(loader.size() == 3);
  CHECK(DataLoader(numbers(10), {.batch_size = 4, .drop_last = true}).size() == 2);
  CHECK(DataLoader(numbers(10)).size() == 10);
}

TEST_CASE("DataLoader: shuffled by seed and epoch") {
  const LoaderOptions options{.batch_size = 7, .shuffle = true, .seed = 3};
  DataLoader loader(numbers(100), options);
  const auto first = epoch_of(loader), second = epoch_of(loader);
  CHECK(loader.epoch() == 2);
  for (const auto& order : {first, second}) {
    CHECK(order != counted(100));
    CHECK(std::set<Index>(order.begin(), order.end()).size() == 100);
  }
  CHECK(first != second);
  CHECK(epoch_with(100, options) == first);
  CHECK(epoch_with(100, options, 1) == second);
  CHECK(epoch_with(100, {.batch_size = 20, .shuffle = true, .seed = 3}) == first);
  CHECK(epoch_with(100, {.batch_size = 7, .shuffle = true, .seed = 4}) != first);
  CHECK(epoch_with(100, {.batch_size = 7, .shuffle = true, .seed = 4}) != second);
  const auto dropped = epoch_with(100, {.batch_size = 7, .shuffle = true, .seed = 3, .drop_last = true});
  CHECK(dropped == std::vector<Index>(first.begin(), first.begin() + 98));
  loader.set_epoch(0);
  CHECK(epoch_of(loader) == first);
}

TEST_CASE("DataLoader: bad options throw, naming the caller's line") {
  CHECK_THROWS_AS(DataLoader(numbers(3), {.batch_size = 0}), ValueError);
  CHECK_THROWS_AS(DataLoader(numbers(3), {.prefetch = -1}), ValueError);
  std::string text;
  try {
    DataLoader loader(numbers(3), {.batch_size = -2});
  } catch (const ValueError& error) {
    text = error.what();
  }
  CHECK(text.find("loader_test.cpp:" + std::to_string(__LINE__ - 4)) != std::string::npos);
  CHECK(text.find("batch_size must be at least 1, got -2") != std::string::npos);
}

TEST_CASE("DataLoader: the consumer owns its batches") {
  DataLoader loader(numbers(6), {.batch_size = 2});
  std::vector<std::array<Tensor, 2>> kept;
  for (auto& batch : loader) kept.push_back(std::move(batch));
  CHECK(bitwise_equal(kept[2][0], Tensor{4, 5}));
  kept[0][0].mutable_data<Index>()[0] = 77;
  CHECK(epoch_of(loader) == counted(6));
}

TEST_CASE("DataLoader: an exception of the dataset passes through") {
  DataLoader loader(Failing{5}, {.batch_size = 2});
  std::vector<Index> seen;
  CHECK_THROWS_AS(([&] {
                    for (const Index first : loader) seen.push_back(first);
                  }()),
                  std::out_of_range);
  CHECK(seen == std::vector<Index>{0, 2});
}

TEST_CASE("DataLoader: a collate of one's own, for examples of any type") {
  DataLoader loader(Sentences{}, {.batch_size = 4}, Longest{});
  std::vector<std::pair<std::size_t, std::size_t>> batches;
  for (const auto& batch : loader) batches.push_back(batch);
  CHECK(batches == std::vector<std::pair<std::size_t, std::size_t>>{{4, 3}, {4, 3}, {1, 0}});

  // Examples are asked for one by one, also of a dataset that gathers.
  int offset = 100;
  DataLoader sums(numbers(5), {.batch_size = 2}, [offset](std::span<const std::array<Tensor, 2>> pairs) {
    double sum = offset;
    for (const auto& [x, y] : pairs) sum += x.item() + y.at({1});
    return sum;
  });
  std::vector<double> seen;
  for (const double sum : sums) seen.push_back(sum);
  CHECK(seen == std::vector<double>{105, 117, 113});
  auto copy = sums;
  copy.set_epoch(0);
  CHECK(*copy.begin() == 105);

  DataLoader failing(numbers(5), {.batch_size = 2}, [](std::span<const std::array<Tensor, 2>> pairs) {
    if (pairs[0][0].item<Index>() == 2) throw std::out_of_range("pairs");
    return pairs.size();
  });
  auto it = failing.begin();
  CHECK_THROWS_AS(++it, std::out_of_range);
  ++it;
  CHECK(*it == 1);
}

TEST_CASE("DataLoader: indices of the batch in hand") {
  for (const Index workers : {0, 2}) {
    DataLoader loader(numbers(8), {.batch_size = 3, .shuffle = true, .seed = 1, .workers = workers});
    CHECK_FALSE(loader.indices().defined());
    int batches = 0;
    for (const auto& batch : loader) {
      ++batches;
      CHECK(bitwise_equal(loader.indices(), batch[0]));
    }
    CHECK(batches == 3);
    CHECK_FALSE(loader.indices().defined());
    // A loop that is left says what it had last, and one that is resumed nothing of before.
    for (const auto& batch : loader) {
      if (loader.batch() < 2) continue;
      CHECK(bitwise_equal(loader.indices(), batch[0]));
      break;
    }
    CHECK(loader.indices().count() == 3);
    const Tensor last = loader.indices();
    const DataLoader copy = loader;
    const StateDict state = loader.state_dict();
    loader.load_state_dict(state);
    CHECK_FALSE(loader.indices().defined());
    CHECK(bitwise_equal(copy.indices(), last));
    auto it = loader.begin();
    CHECK(bitwise_equal(loader.indices(), (*it)[0]));
    CHECK(loader.indices().count() == 2);
  }
  DataLoader failing(Failing{2}, {.batch_size = 2});
  failing.set_epoch(0, 1);
  CHECK_THROWS_AS(failing.begin(), std::out_of_range);
  CHECK_FALSE(failing.indices().defined());
  CHECK(DataLoader(numbers(3)).indices().defined() == false);
}

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
          if (seen.empty() || *it != seen.back()) seen.push_back(*it);
          try {
            ++it;
          } catch (const std::out_of_range& error) {
            thrown += error.what() + std::string("; ");
          }
        }
        CHECK(thrown == "example 7; example 8; ");
        std::vector<Index> expected = counted(24);
        expected.erase(expected.begin() + 7, expected.begin() + 9);
        CHECK(seen == expected);
        CHECK(slow.count->made == 24);
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

  TEST_CASE("DataLoader: in a forked process a loop with workers throws, and another begins") {
    DataLoader loader(numbers(8), {.batch_size = 2, .workers = 2});
    auto batch = loader.begin();
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

  TEST_CASE("DataLoader: after a caught exception the next batch follows, with and without prefetch") {
    for (const Index ahead : {0, 1, 3}) {
      CAPTURE(ahead);
      DataLoader loader(Failing{5}, {.batch_size = 2, .prefetch = ahead});
      auto batch = loader.begin();
      std::vector<Index> seen;
      int thrown = 0;
      while (batch != loader.end()) {
        if (thrown == 0 || *batch != seen.back()) seen.push_back(*batch);
        try {
          ++batch;
        } catch (const std::out_of_range&) {
          ++thrown;
          ++batch;
        }
      }
      CHECK(thrown == 1);
      CHECK(seen == std::vector<Index>{0, 2, 6, 8});
    }
  }

  TEST_CASE("DataLoader: in a forked process a loop with a thread throws, and others go on") {
    DataLoader loader(numbers(8), {.batch_size = 2, .prefetch = 2}), plain(numbers(8), {.batch_size = 2});
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
