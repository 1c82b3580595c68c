// Samplers: frequencies, shares, reproducibility, and a state that knows them.
#include <xgrad/data/combine.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

namespace {

using namespace xgrad;
using data::DataLoader, data::LoaderOptions, data::Sampler, data::TensorDataset;
using test::contains, test::message_of;

// The batches of the next epoch, as lists of examples.
std::vector<std::vector<Index>> epoch_of(auto& loader) {
  std::vector<std::vector<Index>> batches;
  for (const auto& batch : loader) {
    const Tensor& x = batch[0];
    batches.emplace_back(x.template span<Index>().begin(), x.template span<Index>().end());
  }
  return batches;
}

std::vector<Index> all_of(const std::vector<std::vector<Index>>& batches) {
  std::vector<Index> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

Tensor uneven_labels() {
  std::vector<Index> labels;
  for (Index i = 0; i < 200; ++i) labels.push_back(i % 20 == 0 ? -5 : i % 3 == 0 ? 7 : 2);
  return Tensor::from(labels);
}

}  // namespace

TEST_CASE("Sampler::weighted: with replacement, frequencies follow the weights") {
  const std::vector<double> weights{1, 0, 3, 6, 0};
  DataLoader loader(TensorDataset(arange(5)),
                    {.batch_size = 100,
                     .seed = 4,
                     .sampler = Sampler::weighted(Tensor::from(weights), {.samples = 20000})});
  CHECK(loader.size() == 200);
  std::vector<double> counts(5);
  const auto first = epoch_of(loader);
  for (const Index i : all_of(first)) ++counts[static_cast<std::size_t>(i)];
  for (std::size_t i = 0; i < 5; ++i) {
    const double p = weights[i] / 10;
    CAPTURE(i);
    CHECK(std::abs(counts[i] - 20000 * p) <= 5 * std::sqrt(20000 * p * (1 - p)));
  }
  CHECK(epoch_of(loader) != first);
  loader.set_epoch(0);
  CHECK(epoch_of(loader) == first);
}

TEST_CASE("Sampler::weighted: without replacement, no example twice, and heavy ones come first") {
  constexpr Index epochs = 4000;
  DataLoader loader(
      TensorDataset(arange(4)),
      {.batch_size = 2,
       .sampler = Sampler::weighted(Tensor{1.0, 2.0, 0.0, 5.0}, {.samples = 2, .replacement = false})});
  REQUIRE(loader.size() == 1);
  std::map<std::vector<Index>, double> counts;
  for (Index i = 0; i < epochs; ++i) ++counts[epoch_of(loader).front()];
  // One after another: p(a) p(b | not a).
  const std::map<Index, double> weight{{0, 1}, {1, 2}, {3, 5}};
  for (const auto& [a, wa] : weight)
    for (const auto& [b, wb] : weight) {
      if (a == b) continue;
      const double p = wa / 8 * wb / (8 - wa);
      CHECK(std::abs(counts[{a, b}] - epochs * p) <= 5 * std::sqrt(epochs * p));
      counts.erase({a, b});
    }
  CHECK(counts.empty());
}

TEST_CASE("Sampler::stratified: every prefix and every batch has its share of each class") {
  const Tensor labels = uneven_labels();
  std::map<Index, double> share;
  for (const Index label : labels.span<Index>()) share[label] += 1.0 / 200;
  REQUIRE(share.size() == 3);
  std::set<std::vector<Index>> orders;
  for (const bool shuffle : {false, true})
    for (const Index size : {7, 40, 200}) {
      CAPTURE(shuffle);
      CAPTURE(size);
      DataLoader loader(TensorDataset(arange(200)),
                        {.batch_size = size, .shuffle = shuffle, .sampler = Sampler::stratified(labels)});
      const auto batches = epoch_of(loader);
      const auto order = all_of(batches);
      orders.insert(order);
      CHECK(std::set<Index>(order.begin(), order.end()).size() == 200);
      std::map<Index, double> counts;
      for (std::size_t i = 0; i < order.size(); ++i) {
        counts[labels.data<Index>()[order[i]]] += 1;
        for (const auto& [label, part] : share) {
          const double expected = part * static_cast<double>(i + 1);
          if (!(std::abs(counts[label] - expected) < 1)) FAIL("class ", label, " at ", i);
        }
      }
      for (const auto& batch : batches)
        for (const auto& [label, part] : share) {
          const Index wanted = label;
          const auto count = std::count_if(
              batch.begin(), batch.end(), [&, wanted](Index i) { return labels.data<Index>()[i] == wanted; });
          CHECK(std::abs(static_cast<double>(count) - part * static_cast<double>(batch.size())) < 2);
        }
      CHECK((epoch_of(loader) != batches) == shuffle);
    }
  CHECK(orders.size() == 2);  // whatever the size of a batch
}

TEST_CASE("Sampler::stratified: many classes, one class, single examples") {
  for (const Index classes : {1, 2, 5, 37, 90}) {
    CAPTURE(classes);
    std::vector<Index> labels;
    // Sizes of all kinds: class c has about as many as 90 / (c + 1).
    for (Index c = 0; c < classes; ++c)
      for (Index i = 0; i <= 90 / (c + 1); ++i) labels.push_back(c);
    const auto total = static_cast<Index>(labels.size());
    DataLoader loader(TensorDataset(arange(total)), {.sampler = Sampler::stratified(Tensor::from(labels))});
    std::vector<double> counts(static_cast<std::size_t>(classes));
    double worst = 0;
    Index seen = 0;
    for (const Index i : all_of(epoch_of(loader))) {
      ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(i)])];
      ++seen;
      for (Index c = 0; c < classes; ++c) {
        const double size = static_cast<double>(90 / (c + 1) + 1);
        worst = std::max(worst, std::abs(counts[static_cast<std::size_t>(c)] -
                                         size * static_cast<double>(seen) / static_cast<double>(total)));
      }
    }
    CHECK(seen == total);
    CHECK(worst < 1);
  }
}

TEST_CASE("Sampler: stopped and resumed, and a state of another sampler") {
  const Tensor weights{1.0, 2.0, 3.0, 4.0, 5.0, 6.0};
  const Tensor labels{0, 0, 0, 1, 1, 1};
  const auto with = [](const Sampler& sampler) {
    return DataLoader(TensorDataset(arange(6)), {.batch_size = 2, .seed = 3, .sampler = sampler});
  };
  for (const Sampler& sampler :
       {Sampler::weighted(weights), Sampler::weighted(weights, {.samples = 9}),
        Sampler::weighted(weights, {.replacement = false}), Sampler::stratified(labels)}) {
    auto whole = with(sampler);
    const auto all = epoch_of(whole);
    auto loader = with(sampler);
    StateDict state;
    for (const auto& batch : loader) {
      static_cast<void>(batch);
      state = loader.state_dict();
      break;
    }
    auto other = with(sampler);
    other.load_state_dict(state);
    CHECK(epoch_of(other) == std::vector<std::vector<Index>>(all.begin() + 1, all.end()));
    CHECK(epoch_of(other) == epoch_of(whole));
    // Any other sampler, or none, is refused.
    std::vector<Sampler> others{Sampler::weighted(weights),
                                Sampler::weighted(Tensor{1.0, 2.0, 3.0, 4.0, 5.0, 7.0}),
                                Sampler::weighted(weights, {.samples = 9}),
                                Sampler::weighted(weights, {.replacement = false}),
                                Sampler::stratified(labels),
                                Sampler::stratified(Tensor{0, 0, 0, 1, 1, 2})};
    int refused = 0;
    for (const Sampler& one : others) {
      auto another = with(one);
      const std::string text = message_of<ValueError>([&] { another.load_state_dict(state); });
      if (contains(text, "sampler: another one; its kind, options, weights or labels differ")) ++refused;
    }
    CHECK(refused == 5);
    auto plain = with({});
    CHECK(contains(message_of<ValueError>([&] { plain.load_state_dict(state); }), "sampler: unexpected"));
    CHECK(contains(message_of<ValueError>([&] { loader.load_state_dict(plain.state_dict()); }),
                   "sampler: missing"));
  }
}

TEST_CASE("Sampler: bad input") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor good{1.0, 2.0, 0.0};
  const auto weighted = [](const Tensor& weights, const data::WeightedOptions& options = {}) {
    return message_of<Error>([&] { static_cast<void>(Sampler::weighted(weights, options)); });
  };
  CHECK(contains(weighted(Tensor{1.0, -2.0}),
                 "weights must be finite and at least 0, got -2.000000 for example 1"));
  CHECK(contains(weighted(Tensor{nan}), "got nan for example 0"));
  CHECK(contains(weighted(Tensor{0.0, 0.0}), "the sum of the weights must be finite and above 0"));
  CHECK(contains(weighted(Tensor({}, float32)), "the sum of the weights"));
  CHECK(contains(weighted(Tensor{{1.0}}), "expects weights (N,), got float32 (1, 1)"));
  CHECK(contains(weighted(Tensor{true}), "expects numbers as weights"));
  CHECK(contains(weighted(Tensor()), "undefined"));
  CHECK(contains(weighted(good, {.samples = -1}), "samples must be at least 0, got -1"));
  CHECK(contains(weighted(good, {.replacement = false}),
                 "without replacement 3 samples need as many weights above 0, got 2"));
  CHECK_NOTHROW(static_cast<void>(Sampler::weighted(good, {.samples = 2, .replacement = false})));

  CHECK_THROWS_AS(static_cast<void>(Sampler::stratified(Tensor{{1}})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(Sampler::stratified(Tensor{1.0})), DTypeError);
  CHECK_THROWS_AS(static_cast<void>(Sampler::stratified(Tensor({}, int64))), ValueError);
  CHECK_THROWS_AS(static_cast<void>(Sampler::stratified(Tensor())), GraphError);

  const auto loader = [](Index size, const LoaderOptions& options) {
    return message_of<ValueError>([&] { DataLoader made(TensorDataset(arange(size)), options); });
  };
  CHECK(contains(loader(4, {.sampler = Sampler::weighted(good)}),
                 "the sampler is for 3 examples, the dataset has 4"));
  CHECK(contains(loader(3, {.shuffle = true, .sampler = Sampler::weighted(good)}),
                 "a weighted sampler gives a random order of its own (leave out shuffle)"));
  CHECK(contains(loader(3, {.sampler = Sampler::stratified(Tensor{1, 2})}), "the sampler is for 2 examples"));
  CHECK(contains(loader(3, {.workers = -1}), "workers must be at least 0, got -1"));
}

TEST_CASE("Sampler::weighted: numbers of samples that no memory has room for") {
  constexpr Index most = std::numeric_limits<Index>::max();
  for (const Index samples : {most, (Index{1} << 40) + 1})
    CHECK(contains(message_of<ValueError>([&] {
                     static_cast<void>(Sampler::weighted(Tensor{1.0, 2.0}, {.samples = samples}));
                   }),
                   {"samples must be at most 1099511627776", std::to_string(samples).c_str()}));
}
