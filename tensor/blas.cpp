#include <xgrad/tensor/blas.hpp>

#include <xgrad/tensor/onednn.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <limits>

namespace xgrad::blas {
namespace {

blasint narrow(Index size) {
  if (size > std::numeric_limits<blasint>::max())
    fail<ShapeError>("matrix product: a size of " + std::to_string(size) + " exceeds the " +
                     std::to_string(std::numeric_limits<blasint>::max()) + " that the BLAS can count");
  return static_cast<blasint>(size);
}

template <class T>
void empty_inner(const Product<T>& p) {
  for (Index i = 0; i < p.rows; ++i)
    for (Index j = 0; j < p.columns; ++j) {
      T& c = p.c[i * p.ldc + j];
      c = p.beta == T(0) ? T(0) : p.beta * c;
    }
}

template <class T, class Gemm>
void call(Gemm gemm, const Product<T>& p) {
  // The BLAS insists on row strides that cover a row, also where there is a single row.
  const auto stride = [](Index given, Index columns) { return narrow(std::max<Index>({given, columns, 1})); };
  gemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans,
       narrow(p.rows), narrow(p.columns), narrow(p.inner), T(1), p.a,
       stride(p.lda, p.transpose_a ? p.rows : p.inner), p.b,
       stride(p.ldb, p.transpose_b ? p.inner : p.columns), p.beta, p.c, stride(p.ldc, p.columns));
}

/// True when nothing is left to do. The calling thread may be one that set_num_threads never ran on.
template <class T>
bool prepare(const Product<T>& p) {
  if (p.rows == 0 || p.columns == 0) return true;
  if (p.inner == 0) {
    empty_inner(p);
    return true;
  }
  if (omp_in_parallel() == 0 && omp_get_max_threads() != num_threads()) omp_set_num_threads(num_threads());
  return false;
}

}  // namespace

void multiply(const Product<float>& product) {
  if (prepare(product) || onednn::multiply(product)) return;
  call(cblas_sgemm, product);
}

void multiply(const Product<double>& product) {
  if (prepare(product)) return;
  call(cblas_dgemm, product);
}

void set_threads(int threads) { openblas_set_num_threads(threads); }

}  // namespace xgrad::blas
