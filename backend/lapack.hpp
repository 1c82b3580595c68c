// Factorisations of single matrices: xtensor-blas where it is right, the LAPACK that OpenBLAS has elsewhere.
// A port provides this interface. Invariants: lapack.cpp alone includes xtensor-blas; matrices come and go
// row-major, finite and with sizes that are not zero; the bits of a result depend on the matrix alone.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <limits>
#include <vector>

namespace xgrad::lapack {

/// The LU factors of a square matrix whose rows and columns are scaled by powers of 2, which costs no
/// rounding and takes the units of its equations and unknowns out of its condition number.
template <class T>
class Lu {
 public:
  explicit Lu(Index size);

  void factor(const T* matrix);
  /// A pivot is zero, or the condition number in the 1-norm is above 1 / epsilon: no digit of a solution
  /// would be right.
  bool singular() { return reciprocal_condition() < std::numeric_limits<T>::epsilon(); }
  /// 0 where a pivot is zero.
  T reciprocal_condition();
  /// x = A^-1 b, or A^-T b, for `columns` right sides.
  void solve(bool transposed, Index columns, const T* b, T* x);

  /// The determinant is sign * 2^exponent * fraction, the fraction in [sqrt(1/2), sqrt(2)). The sign is 0
  /// where a pivot is zero.
  struct Determinant {
    int sign;
    Index exponent;
    T fraction;
  };
  Determinant determinant() const;

 private:
  Index size_;
  std::vector<T> factors_, row_scale_, column_scale_, right_;
  std::vector<int> pivots_, row_exponent_, column_exponent_;
  T norm_ = 0, reciprocal_condition_ = -1;  // negative: not asked for yet
  bool zero_pivot_ = false;
};

/// a = l l^T of the symmetric matrix whose lower triangle is a's. False when it is not positive definite.
template <class T>
bool cholesky(Index size, const T* a, T* l);
/// a (m, n) = q (m, k) r (k, n), k = min(m, n).
template <class T>
void qr(Index m, Index n, const T* a, T* q, T* r);
/// a (m, n) = u (m, k) diag(s) vh (k, n), s descending. False when the iteration does not converge.
template <class T>
bool svd(Index m, Index n, const T* a, T* u, T* s, T* vh);
/// a = v diag(values) v^T of the symmetric matrix whose lower triangle is a's, values ascending. False when
/// the iteration does not converge.
template <class T>
bool eigh(Index size, const T* a, T* values, T* vectors);
/// x (n, k), of all that minimise |a x - b| for a (m, n), b (m, k), the one of least norm. Returns the rank
/// of a, singular values up to `rcond` times the largest being zero; -1 when the iteration does not converge.
template <class T>
Index lstsq(Index m, Index n, Index k, const T* a, const T* b, T rcond, T* x);

}  // namespace xgrad::lapack
