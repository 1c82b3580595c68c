// Products with constant factors that may be 0.
#pragma once

#include <xgrad/autograd/variable.hpp>

namespace xgrad::detail {

/// x times constant factors, of its dtype and broadcast to its shape. A factor of 0 is a choice: it gives 0
/// and passes on 0, whatever stands in x and in the gradient.
Variable weighted(const Variable& x, const Tensor& factors);

}  // namespace xgrad::detail
