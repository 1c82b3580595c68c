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
      c = p.bias != nullptr ? p.bias[j] : p.beta == T(0) ? T(0) : p.beta * c;
    }
}

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, const float* a,
          blasint lda, const float* b, blasint ldb, float beta, float* c, blasint ldc) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}
void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, const double* a,
          blasint lda, const double* b, blasint ldb, double beta, double* c, blasint ldc) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

/// One product of the batch, with sizes that are not zero.
template <class T>
void single(const Product<T>& p) {
  if (p.inner == 0) return empty_inner(p);
  T beta = p.beta;
  if (p.bias != nullptr) {
    for (Index i = 0; i < p.rows; ++i) std::copy(p.bias, p.bias + p.columns, p.c + i * p.ldc);
    beta = 1;
  }
  // The BLAS insists on row strides that cover a row, also where there is a single row.
  const auto stride = [](Index given, Index columns) { return narrow(std::max<Index>({given, columns, 1})); };
  gemm(p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans, narrow(p.rows),
       narrow(p.columns), narrow(p.inner), p.a, stride(p.lda, p.transpose_a ? p.rows : p.inner), p.b,
       stride(p.ldb, p.transpose_b ? p.inner : p.columns), beta, p.c, stride(p.ldc, p.columns));
}

template <class T>
void each(const Product<T>& p) {
  // The calling thread may be one that set_num_threads never ran on.
  if (omp_in_parallel() == 0 && omp_get_max_threads() != num_threads()) omp_set_num_threads(num_threads());
  const auto range = [&](Index begin, Index end) {
    Product<T> one = p;
    for (Index i = begin; i < end; ++i) {
      one.a = p.a + i * p.step_a;
      one.b = p.b + i * p.step_b;
      one.c = p.c + i * p.step_c;
      single(one);
    }
  };
  // Many small products share the threads; a few large ones are each spread over all of them.
  constexpr double worth_a_thread = 1 << 18;
  const double work = static_cast<double>(p.rows) * static_cast<double>(p.columns) *
                      static_cast<double>(std::max<Index>(p.inner, 1));
  if (p.batch < num_threads())
    range(0, p.batch);
  else
    detail::parallel_for(p.batch, static_cast<Index>(worth_a_thread / work) + 1, range);
}

}  // namespace

void multiply(const Product<float>& p) {
  if (p.rows == 0 || p.columns == 0 || p.batch == 0) return;
  if (p.inner == 0 || !onednn::multiply(p)) each(p);
}

void multiply(const Product<double>& p) {
  if (p.rows == 0 || p.columns == 0 || p.batch == 0) return;
  each(p);
}

Tensor pack(Product<float>& p) { return onednn::pack(p); }

Tensor pack(Product<double>&) { return {}; }

bool faster_turned(const Product<float>& p) { return onednn::faster_turned(p); }

bool faster_turned(const Product<double>&) { return false; }

void set_threads(int threads) { openblas_set_num_threads(threads); }

}  // namespace xgrad::blas
