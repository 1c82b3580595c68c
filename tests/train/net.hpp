// A small network with everything that a run has to keep, and its examples.
#pragma once

#include <xgrad/train/fit.hpp>
#include <xgrad/xgrad.hpp>

#include <array>

namespace xgrad::test {

using Batch = std::array<Tensor, 2>;

struct Net : nn::Module {
  nn::Linear hidden{3, 8};
  nn::BatchNorm1d norm{8};
  nn::Dropout dropout{0.2};
  nn::Linear output{8, 2};
  Variable forward(const Variable& x) override { return output(dropout(norm(tanh(hidden(x))))); }
  void visit(nn::Visitor& v) override {
    v("hidden", hidden);
    v("norm", norm);
    v("dropout", dropout);
    v("output", output);
  }
};

/// Two classes in three features; 22 examples, so that batches of 4 are unequal.
inline data::TensorDataset<2> examples(Index count = 22) {
  Generator generator(5);
  Tensor x = normal({count, 3}, 0, 1, float32, generator), y = randint({count}, 0, 2, generator);
  return data::TensorDataset(x, y);
}

inline const auto cross_entropy =
    train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });

inline bool same(const StateDict& left, const StateDict& right) {
  for (const auto& [name, tensor] : left)
    if (!bitwise_equal(tensor, right.at(name))) return false;
  return left.size() == right.size();
}
inline bool same(const nn::Module& a, const nn::Module& b) { return same(a.state_dict(), b.state_dict()); }

}  // namespace xgrad::test
