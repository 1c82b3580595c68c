// Higher orders of fused operations; private to the library.
#pragma once

#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/record.hpp>

namespace xgrad::detail {

/// x as a variable of its own whose history is x: a gradient by it leaves out other ways to x.
Variable alias(const Variable& x);

/// Gives the gradients of a fused operation in a run that is itself recorded: `composed` computes the same
/// outputs from the same inputs in differentiable operations (constant outputs, which come last, may be left
/// out), and is differentiated in the fused rule's place. Every input must have been saved.
void give_composed(Backward& r, const VectorFunction& composed);

}  // namespace xgrad::detail
