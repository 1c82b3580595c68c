// Restricted Boltzmann machines against sums over all states, and their gradients against those of the tape.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include "support/rbm.hpp"

#include <cmath>

using namespace xgrad;
using example::Rbm;

namespace {

// The rows are all 2^n patterns of bits.
Tensor patterns(Index n) {
  std::vector<float> bits;
  for (Index i = 0; i < Index{1} << n; ++i)
    for (Index k = 0; k < n; ++k) bits.push_back((i >> k & 1) != 0 ? 1.f : 0.f);
  return Tensor::from(bits, {-1, n});
}

Rbm random_machine(Index visible, Index hidden) {
  Rbm rbm(visible, hidden);
  rbm.weight.set_value(normal({hidden, visible}));
  rbm.visible_bias.set_value(normal({visible}));
  rbm.hidden_bias.set_value(normal({hidden}));
  return rbm;
}

// The mean of log p(v) over the rows, by the sum over all patterns.
double log_likelihood(const Rbm& rbm, const Tensor& v) {
  const NoGrad off_the_tape;
  const Variable all = logsumexp(-rbm.free_energy(patterns(v.size(1))), {0});
  return (mean(-rbm.free_energy(v)) - all).item();
}

bool close(const Variable& a, const Variable& b) { return max(abs(a - b)).item() < 1e-4; }

}  // namespace

TEST_CASE("the free energy of a machine is that of the sum over its hidden states") {
  manual_seed(1);
  const Rbm rbm = random_machine(3, 4);
  const NoGrad off_the_tape;
  const Tensor v = patterns(3), h = patterns(4);
  const Variable energy = -(matmul(matmul(h, rbm.weight), v, {.transpose_b = true}) +
                            reshape(matmul(h, rbm.hidden_bias), {-1, 1}) + matmul(v, rbm.visible_bias));
  CHECK(close(rbm.free_energy(v), -logsumexp(-energy, {0})));
}

TEST_CASE("the contrast is the gradient of the difference of free energies") {
  manual_seed(2);
  Rbm rbm = random_machine(5, 3);
  const Tensor data = uniform({7, 5}), model = uniform({4, 5});
  const auto expected = grad({mean(rbm.free_energy(data)) - mean(rbm.free_energy(model))},
                             {rbm.weight, rbm.visible_bias, rbm.hidden_bias});
  example::set_contrast(rbm, data, model);
  CHECK(close(rbm.weight.grad(), expected[0]));
  CHECK(close(rbm.visible_bias.grad(), expected[1]));
  CHECK(close(rbm.hidden_bias.grad(), expected[2]));
}

TEST_CASE("contrastive divergence makes the data likely, from the data or from chains of its own") {
  // Some patterns of four bits are frequent, some rare: 9, 4, 1 or 0 times.
  std::vector<Index> rows;
  std::vector<double> counts(16, 0);
  for (Index i = 0; i < 16; ++i)
    for (Index k = 0; k < (i % 4) * (i % 4); ++k) {
      rows.push_back(i);
      ++counts[static_cast<std::size_t>(i)];
    }
  const Tensor data = data::gather_rows(patterns(4), Tensor::from(rows));
  double best = 0;
  for (const double count : counts)
    if (count > 0)
      best += count / static_cast<double>(rows.size()) * std::log(count / static_cast<double>(rows.size()));
  for (const bool persistent : {false, true}) {
    CAPTURE(persistent);
    for (const Index steps : {1, 3}) {
      CAPTURE(steps);
      manual_seed(3);
      Rbm rbm(4, 8);
      CHECK(log_likelihood(rbm, data) == doctest::Approx(4 * std::log(0.5)).epsilon(0.01));
      example::ContrastiveDivergence divergence(rbm,
                                                {.rate = 0.05, .steps = steps, .persistent = persistent});
      const double first = divergence.step(data);
      double last = 0;
      for (int i = 0; i < 3'000; ++i) last = divergence.step(data);
      CHECK(last < first);
      CHECK(log_likelihood(rbm, data) < best);
      CHECK(log_likelihood(rbm, data) > best - 0.2);
      // And it makes them, whatever it begins with.
      const Tensor made = rbm.sample(bernoulli({2'000, 4}, 0.5), 100);
      CHECK(max(abs(mean(made, {0}) - mean(data, {0}))).item() < 0.1);
    }
  }
}

TEST_CASE("a stack goes up and down through its machines in order") {
  manual_seed(4);
  const example::DeepBelief belief(4, {3, 2});
  const Tensor v = uniform({5, 4});
  CHECK(close(belief.up(v, 2), belief.machines[1].up(belief.machines[0].up(v))));
  CHECK(close(belief.down(belief.up(v, 2), 2),
              belief.machines[0].down(belief.machines[1].down(belief.up(v, 2)))));
  CHECK(close(belief.up(v, 0), v));
}

TEST_CASE("persistent chains go on from where they were, others from the batch") {
  const Tensor one{{1.f, 0.f, 1.f, 0.f, 1.f, 0.f}}, other{{0.f, 1.f, 0.f, 1.f, 0.f, 1.f}};
  const Variable signs = 2 * Variable(one) - 1;
  for (const bool persistent : {false, true}) {
    CAPTURE(persistent);
    manual_seed(5);
    Rbm rbm(6, 1);  // its unit is on for the one and off for the other, and keeps them so
    rbm.weight.set_value((signs * 20).value());
    rbm.visible_bias.set_value(reshape(signs * -10, {6}).value());
    example::ContrastiveDivergence divergence(rbm, {.rate = 1e-9, .persistent = persistent});
    divergence.step(one);
    CHECK(close(rbm.visible_bias.grad(), zeros({6})));
    for (int i = 0; i < 2; ++i) {
      CHECK(divergence.step(other) < 1e-3);
      CHECK(close(rbm.visible_bias.grad(), persistent ? reshape(signs, {6}) : Variable(zeros({6}))));
    }
  }
}
