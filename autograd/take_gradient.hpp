// Gradients that may be written over. Invariant: a tensor that anybody else can see, or a later step of the
// run, is never given up.
#pragma once

#include <xgrad/autograd/record.hpp>

#include <utility>

namespace xgrad::detail {

/// True when this handle alone reaches the value.
inline bool sole(const Variable& variable) {
  const VariableState& state = Access::checked(variable);
  return state.references.unique() && state.value.unique();
}

/// The value of a gradient that was taken: unique where it may be written over.
inline Tensor value_of(Variable taken) {
  return sole(taken) ? std::move(taken.mutable_value()) : taken.value();
}

}  // namespace xgrad::detail
