// How a module changes what a leaf holds; private to nn/.
// Defined in parameter.cpp.
#pragma once

#include <xgrad/autograd/variable.hpp>

namespace xgrad::nn::detail {

/// Gives a leaf another value, of any shape and dtype, for all handles; a gradient that no longer fits is
/// cleared.
void replace_value(Variable& leaf, Tensor value);

}  // namespace xgrad::nn::detail
