// The formula of Adam and AdamW.
#include <xgrad/optim/adam.hpp>

#include <xgrad/optim/update.hpp>

#include <cmath>

namespace xgrad::optim {

template <bool decoupled>
std::vector<Field<BasicAdamOptions<decoupled>>> BasicAdamOptions<decoupled>::fields() {
  using O = BasicAdamOptions;
  return {{"learning_rate", &O::learning_rate},
          {"beta1", &O::beta1, 1},
          {"beta2", &O::beta2, 1},
          {"eps", &O::eps},
          {"weight_decay", &O::weight_decay},
          {"amsgrad", &O::amsgrad}};
}

template <bool decoupled>
std::vector<const char*> BasicAdam<decoupled>::state_names(std::size_t group) const {
  if (this->options(group).amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  return {"exp_avg", "exp_avg_sq"};
}

template <bool decoupled>
void BasicAdam<decoupled>::update(typename Base::Slot& slot, const Tensor& gradient) {
  const auto& o = this->options(slot.group);
  const double t = static_cast<double>(slot.steps);
  const double step = o.learning_rate / (1 - std::pow(o.beta1, t));
  const double scale = 1 / std::sqrt(1 - std::pow(o.beta2, t));
  const double shrink = decoupled ? 1 - o.learning_rate * o.weight_decay : 1;
  detail::with_flag(o.amsgrad, [&](auto amsgrad) {
    detail::update_elements<amsgrad ? 3 : 2>(
        xgrad::detail::Access::mutable_value(slot.parameter), gradient, slot.state,
        {decoupled ? 0 : o.weight_decay, {shrink, o.beta1, o.beta2, step}},
        [&]<class T>(std::type_identity<T>, auto factor, auto decay) {
          const auto number = [](double value) { return static_cast<T>(value); };
          return [decay, shrink = factor(shrink), beta1 = factor(o.beta1), rest1 = number(1 - o.beta1),
                  beta2 = factor(o.beta2), rest2 = number(1 - o.beta2), step = factor(step),
                  scale = number(scale), eps = number(o.eps)](T& p, T g, T& m, T& v, auto&... largest) {
            g += decay * p;
            m = beta1 * m + rest1 * g;
            v = beta2 * v + rest2 * g * g;
            T second = v;
            // Written so that a NaN in v wins.
            ((second = largest = largest > v ? largest : v), ...);
            p = shrink * p - step * (m / (std::sqrt(second) * scale + eps));
          };
        });
  });
}

template struct BasicAdamOptions<false>;
template struct BasicAdamOptions<true>;
template class OptimizerWith<BasicAdamOptions<false>>;
template class OptimizerWith<BasicAdamOptions<true>>;
template class BasicAdam<false>;
template class BasicAdam<true>;

}  // namespace xgrad::optim
