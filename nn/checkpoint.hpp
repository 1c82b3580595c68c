// Checkpointing of modules.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// module(x) under xgrad::checkpoint, with the module's state looked after: the second computation starts
/// from the buffers (all that visit names) of the first, and leaves them as they are when it begins. The
/// module stays where it is until backward has run.
Variable checkpoint(Module& module, const Variable& x, Place place = Place::here());

}  // namespace xgrad::nn
XGRAD_API_END
