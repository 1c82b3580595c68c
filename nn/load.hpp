// How a dictionary gets into a module: what load_state_dict and load_torch share; private to nn/.
#pragma once

#include <xgrad/nn/module.hpp>

namespace xgrad::nn::detail {

/// Whether the module is a Flatten of whole images in the order here: a Linear behind it learns the columns
/// in another order than in PyTorch.
bool flattens_channels_last(const Module& module);
/// What to say of such a one.
inline constexpr std::string_view channels_last_text =
    "lays images out channels last, where a Linear behind it has its columns channels first in PyTorch "
    "(Flatten({.order = FlattenOrder::pytorch}) fits, and is the same for images of 1 x 1)";

/// Module::prepare_load, with the dictionary's weights in that layout.
ModuleLoad prepare_load(Module& module, const StateDict& dict, StateDict::Layout layout, LoadOptions options);

}  // namespace xgrad::nn::detail
