// Adam and AdamW: steps scaled by running estimates of the gradient's first two moments.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::optim {

/// `decoupled` tells AdamW from Adam.
template <bool decoupled>
struct BasicAdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;    ///< decay of the mean of gradients
  double beta2 = 0.999;  ///< decay of the mean of squared gradients
  double eps = 1e-8;
  double weight_decay =
      decoupled ? 1e-2 : 0;  ///< Adam: adds weight_decay * p to the gradient; AdamW: see there
  bool amsgrad = false;  ///< divide by the largest v so far (Reddi et al., "On the convergence of Adam and
                         ///< beyond", ICLR 2018)

  static constexpr const char* optimizer_name = decoupled ? "AdamW" : "Adam";
  static std::vector<Field<BasicAdamOptions>> fields();
};

/// m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// p -= learning_rate / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps) in the t-th update of p
/// (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015). As PyTorch's Adam.
template <bool decoupled>
class BasicAdam final : public OptimizerWith<BasicAdamOptions<decoupled>> {
  using Base = OptimizerWith<BasicAdamOptions<decoupled>>;

 public:
  using Base::Base;

 private:
  void update(typename Base::Slot& slot, const Tensor& gradient) override;
  std::vector<const char*> state_names(std::size_t group) const override;
};

extern template struct BasicAdamOptions<false>;
extern template struct BasicAdamOptions<true>;
extern template class OptimizerWith<BasicAdamOptions<false>>;
extern template class OptimizerWith<BasicAdamOptions<true>>;
extern template class BasicAdam<false>;
extern template class BasicAdam<true>;

using AdamOptions = BasicAdamOptions<false>;
using Adam = BasicAdam<false>;
using AdamWOptions = BasicAdamOptions<true>;
/// Adam with p *= 1 - learning_rate weight_decay before the step in place of a decay within the gradient
/// (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019). As PyTorch's AdamW.
using AdamW = BasicAdam<true>;

}  // namespace xgrad::optim
XGRAD_API_END
