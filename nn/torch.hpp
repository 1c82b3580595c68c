// Weights from and for PyTorch: dictionaries with its names and its orders of axes.
// Invariant: what load_torch has taken from a dictionary, to_torch gives back bitwise, in the same dtype.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Module::load_state_dict of a dictionary from PyTorch, whether it is marked so or not: weights are permuted
/// as their layers say, num_batches_tracked may be missing, as in old files. Throws ValueError as that does,
/// changing nothing, when the dictionary is marked as this library's, and on a Flatten of images that is not
/// in PyTorch's order, for which a lenient load has a note.
LoadReport load_torch(Module& model, const StateDict& dict, LoadOptions options = {},
                      Place place = Place::here());

/// The model's parameters and buffers as PyTorch's state_dict() has them: its axes, its order (a module's own
/// parts before those of its children), shared ones under each of their names. Throws ValueError naming the
/// weights whose axes PyTorch may have in two orders (LayerNormOptions::pytorch_axes), and on a Flatten of
/// images that is not in PyTorch's order. A Linear behind an image fits there only if the image was flattened
/// in PyTorch's order (FlattenOptions).
[[nodiscard]] StateDict to_torch(const Module& model, Place place = Place::here());

}  // namespace xgrad::nn
XGRAD_API_END
