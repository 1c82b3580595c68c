// Checkpointing: memory for time.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/callback.hpp>

namespace xgrad {

using CheckpointFunction = Callback<Variable(const std::vector<Variable>&)>;

/// f(inputs), recorded without the values its rules need; the first rule that runs computes f once more, with
/// the same random numbers, to get them. Gradients are bitwise those of f(inputs). f must compute the same
/// again: parameters it captures must not change between forward and backward (T. Chen et al., "Training deep
/// nets with sublinear memory cost", 2016).
Variable checkpoint(CheckpointFunction f, const std::vector<Variable>& inputs, Place place = Place::here());

}  // namespace xgrad
