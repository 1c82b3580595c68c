// Adagrad: steps scaled by the root of the sum of squared gradients.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::optim {

struct AdagradOptions {
  double learning_rate = 1e-2;
  double learning_rate_decay = 0;
  double weight_decay = 0;               ///< adds weight_decay * p to the gradient
  double initial_accumulator_value = 0;  ///< what the sum starts from
  double eps = 1e-10;

  static constexpr const char* optimizer_name = "Adagrad";
  static std::vector<Field<AdagradOptions>> fields();
};
extern template class OptimizerWith<AdagradOptions>;

/// s += g^2; p -= learning_rate / (1 + (t - 1) learning_rate_decay) * g / (sqrt(s) + eps) in the t-th update
/// of p (Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", JMLR
/// 2011). As PyTorch's Adagrad.
class Adagrad final : public OptimizerWith<AdagradOptions> {
 public:
  using OptimizerWith::OptimizerWith;

 private:
  void update(Slot& slot, const Tensor& gradient) override;
  std::vector<const char*> state_names(std::size_t group) const override;
};

}  // namespace xgrad::optim
XGRAD_API_END
