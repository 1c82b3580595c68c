// How a dictionary gets into a module: what load_state_dict and load_torch share; private to nn/.
#pragma once

#include <xgrad/nn/module.hpp>

namespace xgrad::nn::detail {

/// Module::prepare_load, with the dictionary's weights in that layout.
ModuleLoad prepare_load(Module& module, const StateDict& dict, StateDict::Layout layout, LoadOptions options);

}  // namespace xgrad::nn::detail
