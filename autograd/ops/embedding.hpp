// Rows of a table, looked up by number.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad {

/// weight[ids] for a table (count, size) and integer ids of any shape (...): (..., size). The gradient adds
/// up over repeated ids; the row `padding_idx` (negative counts from the end) gets none. Throws IndexError on
/// an id outside [0, count).
Variable embedding(const Operand& ids, const Operand& weight, std::optional<Index> padding_idx = {});

}  // namespace xgrad
XGRAD_API_END
