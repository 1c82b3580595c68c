// Checkpointing: memory for time.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

XGRAD_API_BEGIN
namespace xgrad {

using CheckpointFunction = Callback<Variable(const std::vector<Variable>&)>;

/// f(inputs), recorded without the values its rules need; the first rule that runs computes f once more to
/// get them (T. Chen et al., "Training deep nets with sublinear memory cost", 2016). Gradients are bitwise
/// those of f(inputs). f must compute the same again: parameters it captures must not change between forward
/// and backward. What f itself changes is looked after where the library can see it: the default generator,
/// variables that f gives another value by set_value, and what f keeps by value start from what the first
/// pass found and end as it left them. Anything else that f changes asks recomputing() first; for a module
/// whose forward reads and changes buffers there is nn::checkpoint. Throws ValueError when f is empty.
Variable checkpoint(CheckpointFunction f, const std::vector<Variable>& inputs, Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
