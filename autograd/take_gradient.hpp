// Gradients that may be written over. Invariant: a tensor that anybody else can see, or a later step of the
// run, is never given up.
#pragma once

#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/record.hpp>

#include <utility>

namespace xgrad::detail {

/// The incoming gradient of output 0, asked for last: where nobody else holds it the run gives it up, and the
/// tensor is unique. To write a result over it spares memory that is not in cache.
inline Tensor take_gradient(const Backward& r) {
  VariableState& state = Access::checked(r.gradient());
  // Anomaly mode looks at the incoming gradients after the rule.
  const bool spare = state.references.unique() && !r.create_graph() && !AnomalyMode::enabled();
  return spare ? std::move(state.value) : state.value;
}

}  // namespace xgrad::detail
