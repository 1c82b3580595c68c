// Linear equations, determinants and factorisations of matrices: NumPy's numpy.linalg and PyTorch's
// torch.linalg, over the last two axes. Leading axes are a batch, which may be empty, as may the matrices.
//
// Operands are float32 or float64 (DTypeError otherwise). A matrix with a NaN or an infinity, and one that
// has no result, throws NumericError with its index in the batch, in the backward pass too. Every operation
// is differentiable to any order unless it says otherwise. Each matrix is one thread's work: results do not
// depend on the number of threads, bit for bit, but for products of matrices, in pinverse and in gradients,
// which need set_reproducible() for that.
//
// Principal components of data x (samples, features):
//   const Variable centred = x - mean(x, 0);
//   // Rows of vh are the components, s^2 / (samples - 1) the variances; u * sqrt(samples - 1) is white.
//   const auto [u, s, vh] = linalg::svd(centred);
//   const Variable codes = matmul(centred, vh, {.transpose_b = true});
// Defined in systems.cpp and decompositions.cpp.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad::linalg {

/// x of a x = b for square a (..., n, n) and b (n), (..., n, k) or, where that is a's shape without its last
/// axis, (..., n); leading axes broadcast. NumericError where a is singular, also but for rounding: with its
/// rows and columns scaled, its condition number is above 1 / epsilon. Gradients: Giles 2008.
Variable solve(const Operand& a, const Operand& b);
/// The x that minimises |a x - b| for a (..., m, n) of full rank and b as in solve, of m rows; for m < n, of
/// all solutions, the one of least norm. NumericError where the smallest singular value is below max(m, n)
/// epsilon times the largest. Gradients: Golub and Pereyra 1973.
Variable lstsq(const Operand& a, const Operand& b);
/// a^-1. NumericError where solve has one; solve(a, b) is faster and more accurate than matmul(inverse(a),
/// b).
Variable inverse(const Operand& a);
/// The determinant; 0 of a singular matrix, with its gradient and second derivative (Giles 2008; by singular
/// values where the inverse would lose digits, and there NotImplementedError for the third one).
Variable det(const Operand& a);
/// Sign (-1, 0 or 1; no gradient) and logarithm of the size of a determinant, which may leave the range of
/// its type. Of a singular matrix 0 and -infinity, whose gradient throws NumericError unless the one that
/// comes in is 0.
struct [[nodiscard]] SlogDet {
  Variable sign;
  Variable log_abs;
};
SlogDet slogdet(const Operand& a);
/// The lower triangular l with a = l l^T, a symmetric and positive definite, NumericError where it is not.
/// The lower triangle of a is read; the gradient is symmetric (Murray 2016).
Variable cholesky(const Operand& a);
/// a (..., m, n) = q r with orthonormal columns of q (..., m, k) and upper triangular r (..., k, n),
/// k = min(m, n); signs are LAPACK's. The gradient (Walter and Lehmann 2010; Roberts and Roberts 2020 for
/// m < n) throws NumericError where the first k columns are not independent.
struct [[nodiscard]] Qr {
  Variable q;
  Variable r;
};
Qr qr(const Operand& a);
/// a (..., m, n) = u diag(s) vh with orthonormal columns of u (..., m, k) and rows of vh (..., k, n),
/// s (..., k) descending, k = min(m, n). Each pair of a column and a row has a sign of LAPACK's choice: a
/// loss must not depend on it. Gradients (Townsend 2016) through s alone are always right. Those through
/// columns of u and rows of vh, and all second ones, throw NumericError where singular values of theirs
/// coincide or, with m other than n, are 0.
struct [[nodiscard]] Svd {
  Variable u;
  Variable s;
  Variable vh;
};
Svd svd(const Operand& a);
/// Eigenvalues (..., n), ascending, and the eigenvectors as columns of (..., n, n) of symmetric matrices,
/// whose lower triangle is read. Signs of columns are LAPACK's choice. The gradient (Giles 2008) is
/// symmetric. Through the values alone it is always right; through vectors, and in all second ones, it throws
/// NumericError where eigenvalues of theirs coincide.
struct [[nodiscard]] Eigh {
  Variable values;
  Variable vectors;
};
Eigh eigh(const Operand& a);
struct PinverseOptions {
  std::optional<double> rcond = {};  ///< max(m, n) epsilon unless given
};
/// The Moore-Penrose inverse (..., n, m) of a (..., m, n), singular values up to rcond times the largest
/// being zero. The gradient (Golub and Pereyra 1973) is that among matrices of the same rank: where the rank
/// is not full, others are near, and the function jumps. Throws ValueError on an rcond below 0 or NaN.
Variable pinverse(const Operand& a, PinverseOptions options = {});
/// The sum of the diagonal, of any dtype; as sum() does, integers give int64.
Variable trace(const Operand& a);

}  // namespace xgrad::linalg
XGRAD_API_END
