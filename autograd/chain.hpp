// A gradient times a slope, and gradients that may be written over. Invariants: a gradient of zero gives zero
// whatever the slope; a tensor that anybody else can see, or a later step of the run, is never given up.
#pragma once

#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/api.hpp>

#include <utility>

XGRAD_API_BEGIN
namespace xgrad::detail {

/// cotangent * slope, where a zero cotangent gives zero; differentiable.
Variable chain(const Operand& cotangent, const Operand& slope);
/// The gradient of a rule times saved input i, which takes the gradient.
Variable chain_input(Backward& r, std::size_t i);
/// x in the dtype of `like`.
Variable cast_like(const Variable& x, const Variable& like);

/// True when this handle alone reaches the value.
inline bool sole(const Variable& variable) {
  const VariableState& state = Access::checked(variable);
  return state.references.unique() && state.value.unique();
}

/// The value of a gradient that was taken: unique where it may be written over.
inline Tensor released_value(Variable taken) {
  return sole(taken) ? std::move(Access::mutable_value(taken)) : taken.value();
}

}  // namespace xgrad::detail
XGRAD_API_END
