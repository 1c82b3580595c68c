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

bool close(const Variable& a, const Variable& b) { return max(abs(a - b)).item() < 1e-5; }

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
  const Tensor data{{1.f, 1.f, 0.f, 0.f, 1.f, 0.f}, {0.f, 0.f, 1.f, 1.f, 0.f, 1.f}};
  for (const bool persistent : {false, true}) {
    CAPTURE(persistent);
    for (const Index steps : {1, 3}) {
      manual_seed(3);
      Rbm rbm(6, 8);
      const double before = log_likelihood(rbm, data);
      CHECK(before == doctest::Approx(6 * std::log(0.5)).epsilon(0.01));
      example::ContrastiveDivergence divergence(rbm, {.rate = 0.1, .steps = steps, .persistent = persistent});
      const Tensor batch = tile(data, {20, 1}).value();
      const double first = divergence.step(batch);
      double last = 0;
      for (int i = 0; i < 600; ++i) last = divergence.step(batch);
      CHECK(last < first / 4);
      // Two patterns of equal probability can have log(1/2) at best.
      CHECK(log_likelihood(rbm, data) > -1.5);
      // And it makes them, whatever it begins with.
      const Tensor made = rbm.sample(bernoulli({400, 6}, 0.5), 200);
      const Variable distance = minimum(mean(abs(made - Variable(data.rows(0, 1))), {1}),
                                        mean(abs(made - Variable(data.rows(1, 2))), {1}));
      CHECK(mean(distance).item() < 0.15);
    }
  }
}

TEST_CASE("a stack goes up and down through its machines in order") {
  manual_seed(4);
  const example::DeepBelief belief({4, 3, 2});
  const Tensor v = uniform({5, 4});
  CHECK(close(belief.up(v, 2), belief.machines[1].up(belief.machines[0].up(v))));
  CHECK(close(belief.down(belief.up(v, 2), 2),
              belief.machines[0].down(belief.machines[1].down(belief.up(v, 2)))));
  CHECK(close(belief.up(v, 0), v));
}
