// RMSprop: steps scaled by a running root mean square of the gradient.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::optim {

struct RMSpropOptions {
  double learning_rate = 1e-2;
  double alpha = 0.99;  ///< decay of the mean of squared gradients, in [0, 1)
  double eps = 1e-8;
  double weight_decay = 0;  ///< adds weight_decay * p to the gradient
  double momentum = 0;
  bool centered = false;  ///< divide by the estimated deviation instead of the root mean square

  static constexpr const char* optimizer_name = "RMSprop";
  static std::vector<Field<RMSpropOptions>> fields();
};
extern template class OptimizerWith<RMSpropOptions>;

/// s = alpha s + (1 - alpha) g^2; centered: a = alpha a + (1 - alpha) g, s - a^2 in place of s below, never
/// less than 0 (Graves, "Generating sequences with recurrent neural networks", 2013); d = g / (sqrt(s) +
/// eps); with momentum b = momentum b + d in place of d; p -= learning_rate d (Tieleman and Hinton,
/// lecture 6.5, 2012). As PyTorch's RMSprop.
class RMSprop final : public OptimizerWith<RMSpropOptions> {
 public:
  using OptimizerWith::OptimizerWith;

 private:
  void update(Slot& slot, const Tensor& gradient) override;
  std::vector<const char*> state_names(std::size_t group) const override;
};

}  // namespace xgrad::optim
XGRAD_API_END
