// Datasets and loops that the tests of DataLoader share.
#pragma once

#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/factory.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace xgrad::test {

using data::DataLoader, data::LoaderOptions, data::TensorDataset;

/// Single examples, each its position plus a random number.
struct Drawing {
  Index size() const { return 20; }
  Tensor get(Index i) const {
    Tensor example = uniform({2});
    example.mutable_data<float>()[0] += static_cast<float>(i);
    return example;
  }
};

/// Throws at one position.
struct Failing {
  Index bad = 0;
  Index size() const { return 10; }
  Index gather(const Tensor& indices) const {
    for (const Index i : indices.span<Index>())
      if (i == bad) throw std::out_of_range("example " + std::to_string(i));
    return indices.data<Index>()[0];
  }
};

inline TensorDataset<2> numbers(Index count) {
  return TensorDataset(arange(count), arange(2 * count).reshape({count, 2}));
}

inline std::vector<Index> epoch_of(auto& loader) {
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

inline std::vector<Index> epoch_with(Index count, const LoaderOptions& options, Index epoch = 0) {
  DataLoader loader(numbers(count), options);
  loader.set_epoch(epoch);
  return epoch_of(loader);
}

inline std::vector<Index> counted(Index count) {
  const Tensor all = arange(count);
  return {all.span<Index>().begin(), all.span<Index>().end()};
}

}  // namespace xgrad::test
