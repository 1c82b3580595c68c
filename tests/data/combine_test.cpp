// Datasets made of others, and that they compose.
#include <xgrad/data/combine.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace xgrad;
using data::Concat, data::DataLoader, data::Map, data::SeriesWindows, data::Subset, data::TensorDataset;
using test::contains, test::message_of;

// Gathers alone: rows of squares.
struct Squares {
  Index size() const { return 6; }
  Tensor gather(const Tensor& indices) const {
    Tensor result = indices;
    for (Index& i : result.mutable_span<Index>()) i *= i;
    return result;
  }
};
// Examples alone.
struct Halves {
  Index size() const { return 4; }
  Tensor get(Index i) const { return scalar(i * 10); }
};
// Batches that are no tensors.
struct Counts {
  Index size() const { return 5; }
  Index gather(const Tensor& indices) const { return indices.count(); }
};

const auto plus_one = [](const Tensor& x) { return scalar(x.item<Index>() + 1); };

static_assert(data::BatchDataset<Subset<Squares>> && data::BatchDataset<Subset<Counts>>);
static_assert(data::ExampleDataset<Subset<Halves>> && !data::BatchDataset<Subset<Halves>>);
static_assert(data::ExampleDataset<Concat<Squares, Halves>>);
static_assert(data::ExampleDataset<Map<Squares, decltype(plus_one)>> &&
              !data::BatchDataset<Map<Squares, decltype(plus_one)>>);
static_assert(data::ExampleDataset<SeriesWindows>);

// All of a dataset, as one batch.
auto whole(auto dataset) {
  const Index size = dataset.size();
  DataLoader loader(std::move(dataset), {.batch_size = size});
  return *loader.begin();
}

}  // namespace

TEST_CASE("Subset: examples in the order given, of any kind of dataset") {
  const Tensor chosen{3, 0, 3};
  CHECK(bitwise_equal(whole(Subset(Squares{}, chosen)), Tensor{9, 0, 9}));
  CHECK(bitwise_equal(whole(Subset(Halves{}, chosen)), Tensor{30, 0, 30}));
  CHECK(whole(Subset(Counts{}, chosen)) == 3);
  const Subset pairs(TensorDataset(arange(4), arange(8).reshape({4, 2})), chosen);
  CHECK(bitwise_equal(whole(pairs)[1], Tensor{{6, 7}, {0, 1}, {6, 7}}));
  CHECK(bitwise_equal(pairs.get(1)[1], Tensor{0, 1}));
  CHECK(bitwise_equal(Subset(Squares{}, chosen).get(2), scalar(9)));
  CHECK(bitwise_equal(whole(Subset(Subset(Squares{}, chosen), Tensor{1, 2})), Tensor{0, 9}));
  CHECK(Subset(Squares{}, Tensor({}, int64)).size() == 0);
  CHECK(bitwise_equal(pairs.indices(), chosen));

  CHECK(contains(message_of<IndexError>([] {
                   Subset(Halves{}, Tensor{0, 4});
                 }),
                 "Subset: index 4 at position 1 is outside [0, 4)"));
  CHECK(contains(message_of<IndexError>([] { Subset(Halves{}, Tensor{-1}); }), "index -1 at position 0"));
  CHECK_THROWS_AS(Subset(Halves{}, Tensor{1.0}), DTypeError);
  CHECK_THROWS_AS(Subset(Halves{}, Tensor{{1}}), ShapeError);
  CHECK_THROWS_AS(Subset(Halves{}, Tensor()), GraphError);
  CHECK(contains(message_of<IndexError>([&] { pairs.get(3); }), "example 3 is outside [0, 3)"));
  CHECK(contains(message_of<IndexError>([&] {
                   pairs.gather(Tensor{0, 3});
                 }),
                 "index 3 at position 1 is outside [0, 3)"));
}

TEST_CASE("Concat: one after another, of any kind of dataset") {
  const Concat both(Squares{}, Halves{});
  CHECK(both.size() == 10);
  CHECK(bitwise_equal(whole(both), Tensor{0, 1, 4, 9, 16, 25, 0, 10, 20, 30}));
  CHECK(bitwise_equal(whole(Concat(Halves{})), Tensor{0, 10, 20, 30}));
  const Concat with_none(Subset(Halves{}, Tensor({}, int64)), Squares{}, Subset(Halves{}, Tensor{1}));
  CHECK(bitwise_equal(whole(with_none), Tensor{0, 1, 4, 9, 16, 25, 10}));
  const Concat pairs(TensorDataset(arange(2), arange(2)), TensorDataset(arange(5, 6), arange(7, 8)));
  CHECK(bitwise_equal(whole(pairs)[1], Tensor{0, 1, 7}));
  for (const Index wrong : {-1, 10})
    CHECK(contains(message_of<IndexError>([&, wrong] { both.get(wrong); }),
                   "example " + std::to_string(wrong) + " is outside [0, 10)"));
  CHECK_THROWS_AS(whole(Concat(Halves{}, Map(Halves{}, [](const Tensor& x) { return x.reshape({1}); }))),
                  ShapeError);
}

TEST_CASE("Map: each example through a function, of any kind of dataset") {
  CHECK(bitwise_equal(whole(Map(Squares{}, plus_one)), Tensor{1, 2, 5, 10, 17, 26}));
  CHECK(bitwise_equal(whole(Map(Halves{}, plus_one)), Tensor{1, 11, 21, 31}));
  // Another number of tensors.
  const Map twice(Halves{}, [](const Tensor& x) { return std::array{x, plus_one(x)}; });
  CHECK(bitwise_equal(whole(twice)[1], Tensor{1, 11, 21, 31}));
  const Map sums(
      twice, [](const std::array<Tensor, 2>& x) { return scalar(x[0].item<Index>() + x[1].item<Index>()); });
  CHECK(bitwise_equal(whole(Subset(Concat(sums, Squares{}), Tensor{3, 6, 0})), Tensor{61, 4, 1}));
  CHECK_THROWS_AS(sums.get(4), IndexError);
  CHECK_THROWS_AS(sums.get(-1), IndexError);
}

TEST_CASE("Map: an example's random numbers do not depend on batch size, order or threads") {
  const Map noisy(TensorDataset(arange(23), arange(23)), [](const std::array<Tensor, 2>& example) {
    const Tensor noise = uniform({3});
    return std::array{example[0], noise};
  });
  const auto noise_of = [](auto dataset, const data::LoaderOptions& options, Index epoch) {
    std::vector<std::vector<float>> noise(23);
    DataLoader loader(std::move(dataset), options);
    loader.set_epoch(epoch);
    for (const auto& [i, drawn] : loader)
      for (Index row = 0; row < i.count(); ++row) {
        const float* from = drawn.template data<float>() + 3 * row;
        noise[static_cast<std::size_t>(i.template data<Index>()[row])] = {from, from + 3};
      }
    return noise;
  };
  const auto first = noise_of(noisy, {.batch_size = 4, .seed = 2}, 0);
  const auto second = noise_of(noisy, {.batch_size = 4, .seed = 2}, 1);
  CHECK(first != second);
  CHECK(first[0] != first[1]);
  CHECK(noise_of(noisy, {.batch_size = 4, .seed = 3}, 0) != first);
  manual_seed(8);
  for (const Index size : {1, 5, 23})
    for (const Index workers : {0, 1, 3})
      for (const bool shuffle : {false, true}) {
        const data::LoaderOptions options{
            .batch_size = size, .shuffle = shuffle, .seed = 2, .workers = workers};
        CHECK(noise_of(noisy, options, 0) == first);
        CHECK(noise_of(noisy, options, 1) == second);
      }
  CHECK(default_generator().position() == 0);
}

TEST_CASE("SeriesWindows: inputs and targets") {
  const SeriesWindows windows(arange(10), {.input = 4, .horizon = 2, .stride = 3});
  REQUIRE(windows.size() == 2);
  CHECK(bitwise_equal(windows.get(1)[0], Tensor{3, 4, 5, 6}));
  CHECK(bitwise_equal(windows.get(1)[1], Tensor{7, 8}));
  CHECK(windows.start(1) == 3);
  const auto all = whole(SeriesWindows(arange(10).reshape({5, 2}), {.input = 2, .horizon = 1}));
  CHECK(bitwise_equal(all[0], Tensor{{{0, 1}, {2, 3}}, {{2, 3}, {4, 5}}, {{4, 5}, {6, 7}}}));
  CHECK(bitwise_equal(all[1], Tensor{{{4, 5}}, {{6, 7}}, {{8, 9}}}));
  // Exactly one window; one more; and every number of them by counting.
  for (Index length = 3; length < 20; ++length)
    for (const Index stride : {1, 2, 5}) {
      Index count = 0;
      for (Index begin = 0; begin + 3 <= length; begin += stride) ++count;
      const SeriesWindows some(arange(length), {.input = 2, .horizon = 1, .stride = stride});
      CHECK(some.size() == count);
      CHECK_NOTHROW(static_cast<void>(some.get(count - 1)));
    }
  const auto message = [](Tensor series, const data::WindowOptions& options) {
    return message_of<Error>([&] { SeriesWindows made(series, options); });
  };
  CHECK(contains(message(arange(5), {.input = 4, .horizon = 2}),
                 "a series of 5 is shorter than one window: 4 of input and 2 of horizon"));
  constexpr Index most = std::numeric_limits<Index>::max();
  CHECK(contains(message(arange(5), {.input = most, .horizon = most}), "is shorter than one window"));
  CHECK(contains(message(arange(5), {.input = 0}), "input must be at least 1, got 0"));
  CHECK(contains(message(arange(5), {.horizon = 0}), "horizon must be at least 1, got 0"));
  CHECK(contains(message(arange(5), {.stride = -1}), "stride must be at least 1, got -1"));
  CHECK(contains(message(zeros({2, 2, 2}), {}), "expects a series (T,) or (T, F), got float32 (2, 2, 2)"));
  CHECK(contains(message(Tensor(), {}), "undefined"));
  CHECK(contains(message_of<IndexError>([&] { static_cast<void>(windows.get(2)); }),
                 "SeriesWindows::get: example 2 is outside [0, 2)"));
}
