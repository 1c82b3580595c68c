// A check that visit() and forward() of a module agree.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/check_result.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Fails when `forward`'s output reaches a trainable leaf that visit() omits, or when a listed trainable
/// parameter gets no gradient from it. Leaves stored gradients and buffers as they were; `text` names every
/// disagreement. Use: CHECK(check_parameters(model, x)).
CheckResult check_parameters(Module& module, const Callback<Variable()>& forward,
                             Place place = Place::here());
/// The same for one input, which is not itself differentiated.
CheckResult check_parameters(Module& module, const Variable& input, Place place = Place::here());

}  // namespace xgrad::nn
XGRAD_API_END
