// The formula of RMSprop.
#include <xgrad/optim/rmsprop.hpp>

#include <xgrad/optim/update.hpp>

#include <cmath>
#include <tuple>

namespace xgrad::optim {

std::vector<Field<RMSpropOptions>> RMSpropOptions::fields() {
  using O = RMSpropOptions;
  return {{"learning_rate", &O::learning_rate}, {"alpha", &O::alpha, 1},    {"eps", &O::eps},
          {"weight_decay", &O::weight_decay},   {"momentum", &O::momentum}, {"centered", &O::centered}};
}

std::vector<const char*> RMSprop::state_names(std::size_t group) const {
  std::vector<const char*> names{"square_avg"};
  if (options(group).centered) names.push_back("grad_avg");
  if (options(group).momentum != 0) names.push_back("momentum_buffer");
  return names;
}

void RMSprop::update(Slot& slot, const Tensor& gradient) {
  const RMSpropOptions& o = options(slot.group);
  detail::with_flag(o.centered, [&](auto centered) {
    detail::with_flag(o.momentum != 0, [&](auto with_momentum) {
      detail::update_elements<1 + centered + with_momentum>(
          xgrad::detail::Access::mutable_value(slot.parameter), gradient, slot.state,
          {o.weight_decay, {o.learning_rate, o.alpha}},
          [&]<class T>(std::type_identity<T>, auto factor, auto decay) {
            const auto rate = factor(o.learning_rate), alpha = factor(o.alpha);
            const T rest = static_cast<T>(1 - o.alpha), eps = static_cast<T>(o.eps);
            const T momentum = static_cast<T>(o.momentum);
            return [=](T& p, T g, T& square, auto&... more) {
              const auto others = std::tie(more...);
              g += decay * p;
              square = alpha * square + rest * g * g;
              T variance = square;
              if constexpr (centered) {
                T& mean = std::get<0>(others);
                mean = alpha * mean + rest * g;
                variance = square - mean * mean;
                // Rounding alone makes this negative; a NaN stays.
                variance = variance < 0 ? T(0) : variance;
              }
              T step = g / (std::sqrt(variance) + eps);
              if constexpr (with_momentum) {
                T& buffer = std::get<sizeof...(more) - 1>(others);
                step = buffer = momentum * buffer + step;
              }
              p -= rate * step;
            };
          });
    });
  });
}

template class OptimizerWith<RMSpropOptions>;

}  // namespace xgrad::optim
