// Splits and folds: disjoint, complete, in proportion, the same for a seed.
#include <xgrad/data/split.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace {

using namespace xgrad;
using data::FoldIndices, data::k_fold, data::split_indices, data::SplitIndices, data::SplitOptions;
using test::contains, test::message_of;

std::vector<Index> list(const Tensor& tensor) {
  const auto all = tensor.span<Index>();
  return {all.begin(), all.end()};
}
bool ascending(const Tensor& tensor) {
  const auto all = list(tensor);
  return std::is_sorted(all.begin(), all.end());
}

// Each example of [0, size) once.
bool is_partition(Index size, std::initializer_list<Tensor> parts) {
  std::vector<Index> all;
  for (const Tensor& part : parts)
    for (const Index i : part.span<Index>()) all.push_back(i);
  std::sort(all.begin(), all.end());
  return all == list(arange(size));
}

Tensor labels_of(Index size) {
  std::vector<Index> labels;
  for (Index i = 0; i < size; ++i) labels.push_back(i % 10 == 0 ? 3 : i % 3 == 0 ? -1 : 8);
  return Tensor::from(labels);
}
std::map<Index, double> counts(const Tensor& labels, const Tensor& part) {
  std::map<Index, double> result;
  for (const Index i : part.span<Index>()) ++result[labels.data<Index>()[i]];
  return result;
}

}  // namespace

TEST_CASE("split: parts are disjoint and complete, whatever the options") {
  for (const Index size : {40, 101, 997})
    for (const bool shuffle : {false, true})
      for (const bool stratified : {false, true}) {
        CAPTURE(size);
        CAPTURE(shuffle);
        CAPTURE(stratified);
        SplitOptions options{.validation = 0.15, .test = 0.25, .shuffle = shuffle, .seed = 4};
        if (stratified) options.labels = labels_of(size);
        const SplitIndices parts = split_indices(size, options);
        CHECK(is_partition(size, {parts.train, parts.validation, parts.test}));
        CHECK(parts.validation.count() == std::llround(0.15 * static_cast<double>(size)));
        CHECK(parts.test.count() == std::llround(0.25 * static_cast<double>(size)));
        for (const Tensor& part : {parts.train, parts.validation, parts.test})
          CHECK(ascending(part) == !shuffle);
        const SplitIndices again = split_indices(size, options);
        CHECK(bitwise_equal(again.train, parts.train));
        CHECK(bitwise_equal(again.test, parts.test));
        options.seed = 5;
        CHECK(bitwise_equal(split_indices(size, options).train, parts.train) == !shuffle);
        if (!stratified) continue;
        const auto whole = counts(options.labels, arange(size));
        const auto check = [&](const Tensor& part, double within) {
          const auto some = counts(options.labels, part);
          for (const auto& [label, count] : whole) {
            const double expected = count * static_cast<double>(part.count()) / static_cast<double>(size);
            CHECK(std::abs(some.at(label) - expected) < within);
          }
        };
        check(parts.train, 2);
        check(parts.validation, 2);
        check(parts.test, 1);
      }
}

TEST_CASE("split: in order, training comes first and test last") {
  const SplitIndices parts = split_indices(10, {.validation = 2, .test = 3, .shuffle = false});
  CHECK(list(parts.train) == std::vector<Index>{0, 1, 2, 3, 4});
  CHECK(list(parts.validation) == std::vector<Index>{5, 6});
  CHECK(list(parts.test) == std::vector<Index>{7, 8, 9});
  const SplitIndices all = split_indices(3, {});
  CHECK(is_partition(3, {all.train}));
  CHECK(all.test.count() == 0);
  CHECK(all.test.dtype() == int64);
}

TEST_CASE("split: the largest remainders are rounded up, first those of classes that would have none") {
  // Of 10 in 40, the share of 3 is 0.75, that of 2 is 0.5 beside 9.5, that of 1 0.25 beside 9.75.
  for (const Index few : {1, 2, 3}) {
    std::vector<Index> labels(40, 0);
    std::fill(labels.end() - few, labels.end(), 5);
    const SplitOptions options{.test = 10, .shuffle = false, .labels = Tensor::from(labels)};
    if (few == 1) {
      CHECK_THROWS_AS(static_cast<void>(split_indices(40, options)), ValueError);  // none for training
      continue;
    }
    const SplitIndices parts = split_indices(40, options);
    CHECK(counts(options.labels, parts.test) == std::map<Index, double>{{0, 9}, {5, 1}});
    CHECK(parts.test.at({9}) == 39);
  }
}

TEST_CASE("split: of a dataset") {
  const data::TensorDataset dataset(arange(10), arange(20).reshape({10, 2}));
  const auto [train, validation, test] = data::split(dataset, {.test = 0.3, .shuffle = false});
  CHECK(train.size() == 7);
  CHECK(validation.size() == 0);
  CHECK(bitwise_equal(test.get(0)[1], Tensor{14, 15}));
}

TEST_CASE("split: bad input") {
  const auto text = [](Index size, const SplitOptions& options) {
    return message_of<Error>([&] { static_cast<void>(split_indices(size, options)); });
  };
  CHECK(contains(text(10, {.validation = 0.6, .test = 0.5}),
                 "split: validation and test, 6 and 5, leave none of 10 examples for training"));
  CHECK(contains(text(10, {.validation = 5, .test = 5}), "leave none of 10 examples"));
  CHECK(
      contains(text(10, {.test = 1.0}),
               "test must be a fraction from 0 to below 1, got 1.000000 (a whole number, 1 in place of 1.0, "
               "is a number of examples)"));
  CHECK(contains(text(10, {.test = -0.1}), "test must be a fraction"));
  CHECK(contains(text(10, {.test = std::nan("")}), "test must be a fraction"));
  CHECK(contains(text(10, {.validation = 11}), "validation must be from 0 to the 10 examples, got 11"));
  CHECK(contains(text(10, {.validation = -1}), "got -1"));
  CHECK(contains(text(10, {.validation = 0.01}), "validation: 0.010000 of 10 examples is less than one"));
  CHECK(contains(text(0, {}), "expects at least one example, got 0"));
  CHECK(contains(text(3, {.labels = Tensor{1, 2}}), "expects as many labels as examples, got 2 and 3"));
  CHECK(contains(text(2, {.labels = Tensor{1.0, 2.0}}), "expects int64 labels"));
  CHECK(contains(text(2, {.labels = Tensor{{1}, {2}}}), "expects labels (N,)"));
  CHECK(contains(text(6, {.test = 2, .labels = Tensor{0, 0, 0, 0, 0, 7}}),
                 "class 7 has 1 of 6 examples: none would be among the"));
}

TEST_CASE("k_fold: every example is once for validation, sizes differ by one at most") {
  for (const Index size : {30, 31, 97})
    for (const Index k : {2, 3})
      for (const bool shuffle : {false, true})
        for (const bool stratified : {false, true}) {
          CAPTURE(size);
          CAPTURE(k);
          CAPTURE(shuffle);
          CAPTURE(stratified);
          data::FoldOptions options{.shuffle = shuffle, .seed = 2};
          if (stratified) options.labels = labels_of(size);
          const auto folds = k_fold(size, k, options);
          REQUIRE(folds.size() == static_cast<std::size_t>(k));
          std::vector<Index> seen;
          for (const FoldIndices& fold : folds) {
            CHECK(is_partition(size, {fold.train, fold.validation}));
            CHECK((fold.validation.count() == size / k || fold.validation.count() == size / k + 1));
            CHECK(ascending(fold.train) == !shuffle);
            for (const Index i : fold.validation.span<Index>()) seen.push_back(i);
            if (stratified) {
              const auto some = counts(options.labels, fold.validation);
              for (const auto& [label, count] : counts(options.labels, arange(size)))
                CHECK(std::abs(some.at(label) - count / static_cast<double>(k)) < 1);
            }
          }
          std::sort(seen.begin(), seen.end());
          CHECK(seen == list(arange(size)));
          CHECK(bitwise_equal(k_fold(size, k, options)[1].train, folds[1].train));
          options.seed = 3;
          CHECK(bitwise_equal(k_fold(size, k, options)[1].train, folds[1].train) == !shuffle);
        }
  // As scikit-learn's KFold.
  const auto plain = k_fold(8, 3, {.shuffle = false});
  CHECK(list(plain[0].validation) == std::vector<Index>{0, 1, 2});
  CHECK(list(plain[1].validation) == std::vector<Index>{3, 4, 5});
  CHECK(list(plain[2].validation) == std::vector<Index>{6, 7});
  CHECK(k_fold(4, 4).size() == 4);

  const auto text = [](Index size, Index k, const data::FoldOptions& options = {}) {
    return message_of<Error>([&] { static_cast<void>(k_fold(size, k, options)); });
  };
  CHECK(contains(text(4, 5), "k_fold: k must be from 2 to the 4 examples, got 5"));
  CHECK(contains(text(4, 1), "got 1"));
  CHECK(contains(text(0, 0), "got 0"));
  CHECK(
      contains(text(4, 3, {.labels = Tensor{0, 0, 0, 9}}), "class 9 has 1 examples, fewer than the 3 folds"));
  CHECK(contains(text(4, 2, {.labels = Tensor{0, 0, 0}}), "expects as many labels as examples"));
}

TEST_CASE("split_indices and k_fold: numbers of examples that no memory has room for") {
  constexpr Index most = std::numeric_limits<Index>::max();
  for (const Index size : {most, (Index{1} << 40) + 1}) {
    CHECK(contains(
        message_of<ValueError>([&] { static_cast<void>(data::split_indices(size, {.validation = 0.5})); }),
        "expects at most 1099511627776 examples, got " + std::to_string(size)));
    CHECK(contains(message_of<ValueError>([&] { static_cast<void>(data::k_fold(size, 2)); }),
                   "expects at most 1099511627776 examples, got " + std::to_string(size)));
    CHECK_THROWS_AS(static_cast<void>(data::k_fold(size, most)), ValueError);
  }
  CHECK_THROWS_AS(static_cast<void>(data::split_indices(10, {.validation = most, .test = most})), ValueError);
  CHECK_THROWS_AS(static_cast<void>(data::k_fold(10, most)), ValueError);
  CHECK_THROWS_AS(static_cast<void>(data::k_fold(-1, -1)), ValueError);
}
