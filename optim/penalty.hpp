// Penalties on the size of weights, to be added to a loss.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <vector>

XGRAD_API_BEGIN
namespace xgrad::optim {

/// factor * (sum of |x| over all elements of all variables), a scalar to add to a loss:
/// `loss(model(x), y) + l1_penalty({model.hidden.weight}, 0.01)`. Throws ValueError on an empty list and
/// unless factor is finite and >= 0, GraphError on an undefined variable, DTypeError on integers.
[[nodiscard]] Variable l1_penalty(const std::vector<Variable>& parameters, double factor,
                                  Place place = Place::here());
/// factor * (sum of x^2): Keras's L2, whose gradient is 2 factor x. An optimizer's weight_decay, which adds
/// weight_decay x, is twice as large for the same effect. Throws as l1_penalty().
[[nodiscard]] Variable l2_penalty(const std::vector<Variable>& parameters, double factor,
                                  Place place = Place::here());

}  // namespace xgrad::optim
XGRAD_API_END
