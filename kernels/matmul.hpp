// Matrix products. Invariant: transposed operands are read in place, batches broadcast without copies.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// op(a) op(b) over the last two axes, op transposing where asked: (..., m, k) x (..., k, n) -> (..., m, n),
/// batch axes broadcast. float32 and float64, equal dtypes. Rank 2 or more. An inner size of 0 gives zeros.
/// Throws ShapeError naming both shapes.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

/// The sum over the broadcast batch of op(a) op(b), of shape (m, n): one product when both operands have the
/// same batch.
Tensor matmul_sum(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);

/// x (..., in) times weight (out, in) transposed, plus bias (out) unless undefined -> (..., out).
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace xgrad::kernels
