// Linear equations and factorisations over the last two axes of tensors, one matrix at a time. Invariants:
// operands are float32 or float64, of equal dtypes, with at least two axes; a matrix that a function cannot
// take, or whose elements are not all finite, throws NumericError with its index in the batch before a result
// is seen; but for products of matrices, results do not depend on the number of threads.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <string>

namespace xgrad::kernels {

/// "the matrix", or "matrix (1, 2) of the batch" for the one at a position of the leading axes of `shape`.
[[nodiscard]] std::string matrix_name(const Shape& shape, Index position);

/// a^-1 b, or a^-T b, for a (..., n, n) and b (..., n, k), leading axes broadcast.
Tensor solve(const Tensor& a, const Tensor& b, bool transposed);
Tensor inverse(const Tensor& a);

/// Of square matrices, over the leading axes; `log_abs` is -infinity where the sign is 0.
struct Determinants {
  Tensor values, signs, log_abs;
};
Determinants determinants(const Tensor& a);
/// True where det(a) a^-1 is right to half of the digits at least for all matrices.
[[nodiscard]] bool has_accurate_cofactors(const Tensor& a);
/// The derivative of det, transposed adjugates, also of singular matrices.
Tensor cofactors(const Tensor& a);
/// The gradient of sum(g * cofactors(a)) by a.
Tensor cofactors_gradient(const Tensor& a, const Tensor& g);

/// The lower factor; reads the lower triangle.
Tensor cholesky(const Tensor& a);
struct QrFactors {
  Tensor q, r;
};
QrFactors qr(const Tensor& a);
struct SvdFactors {
  Tensor u, s, vh;
};
SvdFactors svd(const Tensor& a);
struct EighFactors {
  Tensor values, vectors;
};
/// Reads the lower triangle.
EighFactors eigh(const Tensor& a);
/// Singular values up to `rcond` times the largest count as zero.
Tensor pinverse(const Tensor& a, double rcond);
/// The least-squares solution of least norm for a (..., m, n) of full rank and b (..., m, k), leading axes
/// broadcast.
Tensor lstsq(const Tensor& a, const Tensor& b);

/// (..., n) -> booleans (..., n, n): where two of n values differ by no more than rounding, 4 sqrt(n) epsilon
/// times the largest in size; true on the diagonal.
Tensor indistinct(const Tensor& values);
/// Booleans: singular values (..., k), descending, that are no more than `size` epsilon times the first one.
Tensor negligible(const Tensor& singular_values, Index size);

}  // namespace xgrad::kernels
