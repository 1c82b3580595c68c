// Restricted Boltzmann machines: units that are seen and units that are not, each of one kind joined to all
// of the other, learned by contrastive divergence. Invariant: nothing here is recorded; free_energy() alone
// can be.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/optim/sgd.hpp>

#include <cstddef>
#include <vector>

namespace example {

/// A joint distribution of bits v and h: in proportion to exp(h^T W v + b^T v + c^T h).
struct Rbm : xgrad::nn::Module {
  Rbm(xgrad::Index visible, xgrad::Index hidden);

  /// How probable each hidden unit is, given rows of visible ones; and the other way round.
  [[nodiscard]] xgrad::Tensor up(const xgrad::Tensor& v) const;
  [[nodiscard]] xgrad::Tensor down(const xgrad::Tensor& h) const;
  /// -log of what p(v) is in proportion to, a number for each row: -b^T v - sum_j log(1 + exp((W v + c)_j)).
  [[nodiscard]] xgrad::Variable free_energy(const xgrad::Operand& v) const;
  /// Bits (n, visible) after so many rounds of Gibbs sampling from the rows of v; the last are probabilities.
  [[nodiscard]] xgrad::Tensor sample(xgrad::Tensor v, xgrad::Index rounds) const;
  XGRAD_VISIT(weight, visible_bias, hidden_bias)

  xgrad::nn::Parameter weight;  ///< (hidden, visible), as that of nn::Linear
  xgrad::nn::Parameter visible_bias, hidden_bias;
};

/// Stacked machines: each takes the hidden probabilities of the one before as its data.
struct DeepBelief : xgrad::nn::Module {
  DeepBelief(xgrad::Index visible, const std::vector<xgrad::Index>& hidden);
  /// Through the first `count` machines, and back.
  [[nodiscard]] xgrad::Tensor up(xgrad::Tensor v, std::size_t count) const;
  [[nodiscard]] xgrad::Tensor down(xgrad::Tensor h, std::size_t count) const;
  XGRAD_VISIT(machines)

  std::vector<Rbm> machines;
};

/// As Hinton advises in "A practical guide to training restricted Boltzmann machines", 2010.
struct ContrastiveOptions {
  double rate = 0.1;
  double momentum = 0.5;
  double decay = 2e-4;     ///< of weights
  xgrad::Index steps = 1;  ///< rounds of Gibbs sampling before the comparison
  /// They go on from where those of the last batch ended, not from the data (Tieleman, "Training restricted
  /// Boltzmann machines using approximations to the likelihood gradient", 2008).
  bool persistent = false;
};

/// The gradients of mean(free_energy(data)) - mean(free_energy(model)): -(<h v> of the data - <h v> of the
/// model) for the weight. Both are rows of visible units.
void set_contrast(Rbm& rbm, const xgrad::Tensor& data, const xgrad::Tensor& model);

class ContrastiveDivergence {
 public:
  ContrastiveDivergence(Rbm& rbm, const ContrastiveOptions& options);
  /// One step for a batch of rows in [0, 1]. Returns the mean squared error of their reconstruction.
  double step(const xgrad::Tensor& batch);
  void set_rate(double rate) { optimizer_.set_learning_rate(rate); }

 private:
  Rbm& rbm_;
  ContrastiveOptions options_;
  xgrad::optim::SGD optimizer_;
  xgrad::Tensor chains_;  // hidden bits
};

}  // namespace example
