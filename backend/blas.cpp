#include <xgrad/backend/blas.hpp>

#include <cblas.h>

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

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, const float* a,
          blasint lda, const float* b, blasint ldb, float beta, float* c, blasint ldc) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}
void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, const double* a,
          blasint lda, const double* b, blasint ldb, double beta, double* c, blasint ldc) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

template <class T>
void on_one_thread(const backend::Product<T>& p) {
  T beta = p.beta;
  if (p.bias != nullptr) {
    for (Index i = 0; i < p.rows; ++i) std::copy(p.bias, p.bias + p.columns, p.c + i * p.ldc);
    beta = 1;
  }
  // The BLAS insists on row strides that cover a row, also where there is a single row.
  const auto stride = [](Index given, Index columns) { return narrow(std::max<Index>({given, columns, 1})); };
  const OneThread alone;
  gemm(p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans, narrow(p.rows),
       narrow(p.columns), narrow(p.inner), p.a, stride(p.lda, p.transpose_a ? p.rows : p.inner), p.b,
       stride(p.ldb, p.transpose_b ? p.inner : p.columns), beta, p.c, stride(p.ldc, p.columns));
}

}  // namespace

OneThread::OneThread() {
  static const bool once = [] {
    // Builds without OpenMP know no other way.
    if (openblas_get_parallel() == OPENBLAS_THREAD) openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(once);
}

void multiply(const backend::Product<float>& product) { on_one_thread(product); }
void multiply(const backend::Product<double>& product) { on_one_thread(product); }

}  // namespace xgrad::blas
