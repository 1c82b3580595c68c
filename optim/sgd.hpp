// Stochastic gradient descent.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::optim {

struct SGDOptions {
  double learning_rate = 1e-3;
  double momentum = 0;
  double dampening = 0;     ///< share of the gradient kept out of the momentum buffer
  double weight_decay = 0;  ///< adds weight_decay * p to the gradient
  bool nesterov = false;    ///< needs a momentum and no dampening
  bool maximize = false;    ///< ascend

  static constexpr const char* optimizer_name = "SGD";
  static std::vector<Field<SGDOptions>> fields();
  void check() const;
};
extern template class OptimizerWith<SGDOptions>;

/// g += weight_decay p; b = momentum b + (1 - dampening) g (b = g at first); g = b, or g + momentum b with
/// Nesterov's (Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
/// 2013); p -= learning_rate g. Without momentum there is no b. As PyTorch's SGD.
class SGD final : public OptimizerWith<SGDOptions> {
 public:
  using OptimizerWith::OptimizerWith;

 private:
  void update(Slot& slot, const Tensor& gradient) override;
  std::vector<const char*> state_names(std::size_t group) const override;
};

}  // namespace xgrad::optim
XGRAD_API_END
