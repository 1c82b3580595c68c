// The formula of stochastic gradient descent.
#include <xgrad/optim/sgd.hpp>

#include <xgrad/optim/update.hpp>

namespace xgrad::optim {

std::vector<Field<SGDOptions>> SGDOptions::fields() {
  return {{"learning_rate", &SGDOptions::learning_rate}, {"momentum", &SGDOptions::momentum},
          {"dampening", &SGDOptions::dampening},         {"weight_decay", &SGDOptions::weight_decay},
          {"nesterov", &SGDOptions::nesterov},           {"maximize", &SGDOptions::maximize}};
}

void SGDOptions::check() const {
  if (nesterov && (momentum == 0 || dampening != 0))
    fail<ValueError>("nesterov needs momentum > 0 and dampening = 0, got momentum " +
                     std::to_string(momentum) + " and dampening " + std::to_string(dampening));
}

std::vector<const char*> SGD::state_names(std::size_t group) const {
  if (options(group).momentum == 0) return {};
  return {"momentum_buffer"};
}

void SGD::update(Slot& slot, const Tensor& gradient) {
  const SGDOptions& o = options(slot.group);
  const bool first = slot.steps == 1;
  const double keep = first ? 0 : o.momentum, take = first ? 1 : 1 - o.dampening;
  detail::with_flag(o.momentum != 0, [&](auto momentum) {
    // In the first step the buffer holds zeros, which any factor keeps.
    detail::update_elements<momentum ? 1 : 0>(
        xgrad::detail::Access::mutable_value(slot.parameter), gradient, slot.state,
        {o.weight_decay, {o.learning_rate, take}},
        [&]<class T>(std::type_identity<T>, auto factor, auto decay) {
          return [decay, sign = o.maximize ? T(-1) : T(1), rate = factor(o.learning_rate),
                  keep = static_cast<T>(keep), take = factor(take), ahead = static_cast<T>(o.momentum),
                  nesterov = o.nesterov](T& p, T g, auto&... buffer) {
            g = sign * g + decay * p;
            ((buffer = keep * buffer + take * g, g = nesterov ? g + ahead * buffer : buffer), ...);
            p -= rate * g;
          };
        });
  });
}

template class OptimizerWith<SGDOptions>;

}  // namespace xgrad::optim
