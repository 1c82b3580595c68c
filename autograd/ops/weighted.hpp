// Products with constant factors that may be 0. Not installed, but exported for the
// table of cases.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::detail {

/// x times constant factors, of its dtype and broadcast to its shape. A factor of 0 is a choice: it gives 0
/// and passes on 0, whatever stands in x and in the gradient.
Variable weighted(const Variable& x, const Tensor& factors);

}  // namespace xgrad::detail
XGRAD_API_END
