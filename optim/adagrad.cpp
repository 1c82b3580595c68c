// The formula of Adagrad.
#include <xgrad/optim/adagrad.hpp>

#include <xgrad/optim/update.hpp>

#include <cmath>

namespace xgrad::optim {

std::vector<Field<AdagradOptions>> AdagradOptions::fields() {
  using O = AdagradOptions;
  return {{"learning_rate", &O::learning_rate},
          {"learning_rate_decay", &O::learning_rate_decay},
          {"weight_decay", &O::weight_decay},
          {"initial_accumulator_value", &O::initial_accumulator_value},
          {"eps", &O::eps}};
}

std::vector<const char*> Adagrad::state_names(std::size_t) const { return {"sum"}; }

void Adagrad::update(Slot& slot, const Tensor& gradient) {
  const AdagradOptions& o = options(slot.group);
  const double rate = o.learning_rate / (1 + static_cast<double>(slot.steps - 1) * o.learning_rate_decay);
  const double initial = slot.steps == 1 ? o.initial_accumulator_value : 0;
  detail::update_elements<1>(xgrad::detail::Access::mutable_value(slot.parameter), gradient, slot.state,
                             {o.weight_decay, {rate}},
                             [&]<class T>(std::type_identity<T>, auto factor, auto decay) {
                               return [decay, rate = factor(rate), eps = static_cast<T>(o.eps),
                                       initial = static_cast<T>(initial)](T& p, T g, T& sum) {
                                 g += decay * p;
                                 sum += initial + g * g;
                                 p -= rate * (g / (std::sqrt(sum) + eps));
                               };
                             });
}

template class OptimizerWith<AdagradOptions>;

}  // namespace xgrad::optim
