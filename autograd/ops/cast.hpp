// Conversion between element types.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad {

/// x converted to `dtype`; differentiable between float32 and float64. NaN or out-of-range reals to integers
/// throw ValueError.
Variable cast(const Operand& x, DType dtype);

}  // namespace xgrad
XGRAD_API_END
