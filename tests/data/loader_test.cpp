// Datasets and DataLoader: order, coverage, reproducibility.
#include "data/loader_support.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>

namespace {

using namespace xgrad;
using namespace xgrad::test;

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

static_assert(!data::Dataset<Sentences>);
static_assert(std::same_as<DataLoader<Sentences, Longest>::Batch, std::pair<std::size_t, std::size_t>>);
static_assert(data::Dataset<TensorDataset<2>> && data::ExampleDataset<Drawing> &&
              data::BatchDataset<Failing>);
static_assert(!data::Dataset<int> && !data::BatchDataset<Drawing> && !data::ExampleDataset<Failing>);
static_assert(std::input_iterator<DataLoader<Failing>::Iterator>);

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
  CHECK_THROWS_AS(DataLoader(numbers(3), {.workers = -1}), ValueError);
  CHECK_THROWS_AS(DataLoader(numbers(3), {.workers = 1025}), ValueError);
  CHECK_NOTHROW(DataLoader(numbers(3), {.workers = 1024}));
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

  int throws = 1;
  DataLoader failing(numbers(5), {.batch_size = 2}, [&](std::span<const std::array<Tensor, 2>> pairs) {
    if (pairs[0][0].item<Index>() == 2 && throws-- > 0) throw std::out_of_range("pairs");
    return pairs.size();
  });
  auto it = failing.begin();
  CHECK_THROWS_AS(++it, std::out_of_range);
  ++it;
  CHECK(*it == 2);
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
