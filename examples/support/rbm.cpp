#include "rbm.hpp"

#include <xgrad/tensor/sample.hpp>
#include <xgrad/xgrad.hpp>

#include <utility>

namespace example {

using namespace xgrad;

Rbm::Rbm(Index visible, Index hidden)
    : weight(normal({hidden, visible}, 0, 0.01)),
      visible_bias(zeros({visible})),
      hidden_bias(zeros({hidden})) {}

Tensor Rbm::up(const Tensor& v) const {
  const NoGrad off_the_tape;
  return sigmoid(linear(v, weight, hidden_bias)).value();
}

Tensor Rbm::down(const Tensor& h) const {
  const NoGrad off_the_tape;
  return sigmoid(matmul(h, weight) + visible_bias).value();
}

Variable Rbm::free_energy(const Operand& v) const {
  return -matmul(v, visible_bias) - sum(softplus(linear(v, weight, hidden_bias)), {1});
}

Tensor Rbm::sample(Tensor v, Index rounds) const {
  for (Index i = 0; i < rounds; ++i) {
    if (i > 0) v = bernoulli(v);
    v = down(bernoulli(up(v)));
  }
  return v;
}

DeepBelief::DeepBelief(Index visible, const std::vector<Index>& hidden) {
  for (const Index units : hidden) machines.emplace_back(std::exchange(visible, units), units);
}

Tensor DeepBelief::up(Tensor v, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) v = machines[i].up(v);
  return v;
}

Tensor DeepBelief::down(Tensor h, std::size_t count) const {
  for (std::size_t i = count; i-- > 0;) h = machines[i].down(h);
  return h;
}

void set_contrast(Rbm& rbm, const Tensor& data, const Tensor& model) {
  const NoGrad off_the_tape;
  const Tensor of_data = rbm.up(data), of_model = rbm.up(model);
  const double m = static_cast<double>(data.size(0)), n = static_cast<double>(model.size(0));
  rbm.weight.set_grad(matmul(of_model, model, {.transpose_a = true}) / n -
                      matmul(of_data, data, {.transpose_a = true}) / m);
  rbm.visible_bias.set_grad(mean(model, {0}) - mean(data, {0}));
  rbm.hidden_bias.set_grad(mean(of_model, {0}) - mean(of_data, {0}));
}

namespace {

std::vector<optim::Group<optim::SGDOptions>> groups(Rbm& rbm, const ContrastiveOptions& options) {
  optim::SGDOptions of_biases{.learning_rate = options.rate, .momentum = options.momentum};
  optim::SGDOptions of_weights = of_biases;
  of_weights.weight_decay = options.decay;
  return {{{rbm.weight}, of_weights}, {{rbm.visible_bias, rbm.hidden_bias}, of_biases}};
}

}  // namespace

ContrastiveDivergence::ContrastiveDivergence(Rbm& rbm, const ContrastiveOptions& options)
    : rbm_(rbm), options_(options), optimizer_(groups(rbm, options)) {}

double ContrastiveDivergence::step(const Tensor& batch) {
  Tensor hidden = options_.persistent && chains_.defined() ? chains_ : bernoulli(rbm_.up(batch));
  Tensor visible = rbm_.down(hidden);
  for (Index i = 1; i < options_.steps; ++i) {
    hidden = bernoulli(rbm_.up(bernoulli(visible)));
    visible = rbm_.down(hidden);
  }
  if (options_.persistent) {
    visible = bernoulli(visible);
    chains_ = bernoulli(rbm_.up(visible));
  }
  set_contrast(rbm_, batch, visible);
  optimizer_.step();
  const NoGrad off_the_tape;
  return options_.persistent ? mean(square(rbm_.down(rbm_.up(batch)) - Variable(batch))).item()
                             : mean(square(visible - Variable(batch))).item();
}

}  // namespace example
