// Rows for the recurrent passes: references are plain loops over the definition of one cell.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/recurrent.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// Row `row` of weight times the state of one example, plus what the bias adds.
double share(const Tensor& weight, Index row, const std::vector<double>& state, const Tensor& bias = {}) {
  double sum = bias.defined() ? bias.at({row}) : 0;
  for (Index k = 0; k < weight.size(1); ++k) sum += weight.at({row, k}) * state[static_cast<std::size_t>(k)];
  return sum;
}

std::vector<double> row_of(const Tensor& states, Index n) {
  std::vector<double> row;
  for (Index k = 0; k < states.size(1); ++k) row.push_back(states.at({n, k}));
  return row;
}

// Hidden states, or cell states, (T, N, H).
Tensor lstm_reference(const std::vector<Tensor>& x, bool cells) {
  const Index steps = x[0].size(0), batch = x[0].size(1), h = x[1].size(1);
  Tensor result = zeros({steps, batch, h}, float64);
  double* out = result.mutable_data<double>();
  for (Index n = 0; n < batch; ++n) {
    std::vector<double> hidden = row_of(x[1], n), cell = row_of(x[2], n);
    for (Index t = 0; t < steps; ++t) {
      std::vector<double> next = hidden;
      for (Index j = 0; j < h; ++j) {
        const auto gate = [&](Index k) {
          return x[0].at({t, n, k * h + j}) + share(x[3], k * h + j, hidden);
        };
        double& c = cell[static_cast<std::size_t>(j)];
        c = sigma(gate(1)) * c + sigma(gate(0)) * std::tanh(gate(2));
        next[static_cast<std::size_t>(j)] = sigma(gate(3)) * std::tanh(c);
        out[(t * batch + n) * h + j] = cells ? c : next[static_cast<std::size_t>(j)];
      }
      hidden = next;
    }
  }
  return result;
}

Tensor gru_reference(const std::vector<Tensor>& x) {
  const Index steps = x[0].size(0), batch = x[0].size(1), h = x[1].size(1);
  Tensor result = zeros({steps, batch, h}, float64);
  double* out = result.mutable_data<double>();
  for (Index n = 0; n < batch; ++n) {
    std::vector<double> hidden = row_of(x[1], n);
    for (Index t = 0; t < steps; ++t) {
      std::vector<double> next = hidden;
      for (Index j = 0; j < h; ++j) {
        const auto in = [&](Index k) { return x[0].at({t, n, k * h + j}); };
        const auto state = [&](Index k) { return share(x[2], k * h + j, hidden, x[3]); };
        const double z = sigma(in(1) + state(1)), r = sigma(in(0) + state(0));
        next[static_cast<std::size_t>(j)] =
            (1 - z) * std::tanh(in(2) + r * state(2)) + z * hidden[static_cast<std::size_t>(j)];
        out[(t * batch + n) * h + j] = next[static_cast<std::size_t>(j)];
      }
      hidden = next;
    }
  }
  return result;
}

std::vector<Tensor> lstm_inputs(Index steps, Index batch, Index h) {
  return {spread({steps, batch, 4 * h}, -2, 2, 1), spread({batch, h}, -1, 1, 2), spread({batch, h}, -1, 1, 3),
          spread({4 * h, h}, -1, 1, 4)};
}
std::vector<Tensor> gru_inputs(Index steps, Index batch, Index h) {
  return {spread({steps, batch, 3 * h}, -2, 2, 1), spread({batch, h}, -1, 1, 2), spread({3 * h, h}, -1, 1, 3),
          spread({3 * h}, -1, 1, 4)};
}

std::vector<Case> cases() {
  std::vector<Case> rows;
  struct Sizes {
    const char* name;
    Index steps, batch, hidden;
  };
  for (const Sizes& s : {Sizes{"small", 3, 2, 2}, Sizes{"one step", 1, 2, 3}, Sizes{"one unit", 4, 1, 1},
                         Sizes{"no step", 0, 2, 2}, Sizes{"no example", 3, 0, 2}}) {
    rows.push_back({.operation = "lstm",
                    .name = std::string(s.name) + ", hidden",
                    .function = [](const auto& x) { return lstm(x[0], x[1], x[2], x[3]).hidden; },
                    .inputs = lstm_inputs(s.steps, s.batch, s.hidden),
                    .reference = [](const auto& x) { return lstm_reference(x, false); }});
    rows.push_back({.operation = "lstm",
                    .name = std::string(s.name) + ", cells",
                    .function = [](const auto& x) { return lstm(x[0], x[1], x[2], x[3]).cells; },
                    .inputs = lstm_inputs(s.steps, s.batch, s.hidden),
                    .reference = [](const auto& x) { return lstm_reference(x, true); }});
    rows.push_back({.operation = "gru",
                    .name = s.name,
                    .function = [](const auto& x) { return gru(x[0], x[1], x[2], x[3]); },
                    .inputs = gru_inputs(s.steps, s.batch, s.hidden),
                    .reference = gru_reference});
  }
  rows.push_back({.operation = "lstm",
                  .name = "hidden and cells together",
                  .function =
                      [](const auto& x) {
                        const LstmStates states = lstm(x[0], x[1], x[2], x[3]);
                        return states.hidden * states.cells;
                      },
                  .inputs = lstm_inputs(3, 2, 2),
                  .reference =
                      [](const auto& x) {
                        Tensor product = lstm_reference(x, false);
                        const Tensor cells = lstm_reference(x, true);
                        for (Index i = 0; i < product.count(); ++i)
                          product.mutable_data<double>()[i] *= cells.data<double>()[i];
                        return product;
                      }});
  return rows;
}

const bool added = test::add_cases(cases());

}  // namespace
