// A table of a module's layers.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Layers with the shapes of their outputs and their own parameter counts, then the totals, as text. Runs the
/// module on `input` once, in evaluation mode and off the tape; modes return as they were. A forward() that
/// changes members of its own even then is not for a const module, and no other thread may use it meanwhile.
[[nodiscard]] std::string summary(const Module& module, const Variable& input, Place place = Place::here());
/// The same for a module with several inputs: `run` calls it.
[[nodiscard]] std::string summary(const Module& module, const Callback<void()>& run,
                                  Place place = Place::here());

}  // namespace xgrad::nn
XGRAD_API_END
