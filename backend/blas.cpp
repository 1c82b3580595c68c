#include <xgrad/backend/blas.hpp>

#include <xgrad/backend/onednn.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

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

/// In its lifetime OpenBLAS works on the calling thread alone. One that starts threads takes their number,
/// and their buffers, from what is global to the process, and ends the process where it has no memory for
/// them.
class OneThread {
 public:
  OneThread() {
    static const bool once = [] {
      // Builds without OpenMP know no other way.
      if (openblas_get_parallel() == OPENBLAS_THREAD) openblas_set_num_threads(1);
      return true;
    }();
    static_cast<void>(once);
  }

 private:
  detail::OpenMpThreads openmp_{1};
};

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
  const OneThread alone;
  gemm(p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans, narrow(p.rows),
       narrow(p.columns), narrow(p.inner), p.a, stride(p.lda, p.transpose_a ? p.rows : p.inner), p.b,
       stride(p.ldb, p.transpose_b ? p.inner : p.columns), beta, p.c, stride(p.ldc, p.columns));
}

/// The blocks of c that threads share: `down` times `across`, each of `rows` times `columns` but for the
/// last.
struct Blocks {
  Index down = 1, across = 1;
  Index rows, columns;
};

/// About `wanted` blocks, as near to squares as can be: what is read for a block grows with its edges.
template <class T>
Blocks blocks_of(const Product<T>& p, Index wanted) {
  constexpr Index edge = 16;  // whole tiles of the kernels
  const auto share = [](Index size, Index parts) {
    return std::min(size, ((size + parts - 1) / parts + edge - 1) / edge * edge);
  };
  Blocks best{1, 1, p.rows, p.columns};
  Index least = std::numeric_limits<Index>::max();
  for (Index down = 1; down <= wanted; ++down) {
    const Index rows = share(p.rows, down), columns = share(p.columns, wanted / down);
    const Index parts = wanted / down * down;
    // Uneven divisors leave threads idle: they count as the longer edge that each block then has.
    const Index cost = (rows + columns) * wanted / parts;
    if (cost >= least) continue;
    least = cost;
    best = {(p.rows + rows - 1) / rows, (p.columns + columns - 1) / columns, rows, columns};
  }
  return best;
}

/// Blocks that oneDNN can take: of whole rows, which lie together in c, and in an a that is not transposed.
template <class T>
Blocks rows_of(const Product<T>& p, Index wanted) {
  constexpr Index least = 64;
  const Index rows = p.transpose_a ? p.rows : std::max(least, (p.rows + wanted - 1) / wanted);
  return {(p.rows + rows - 1) / rows, 1, std::min(rows, p.rows), p.columns};
}

/// Block i of the product.
template <class T>
Product<T> block(const Product<T>& p, const Blocks& blocks, Index i) {
  const Index row = i / blocks.across * blocks.rows, column = i % blocks.across * blocks.columns;
  Product<T> one = p;
  one.rows = std::min(blocks.rows, p.rows - row);
  one.columns = std::min(blocks.columns, p.columns - column);
  one.a += p.transpose_a ? row : row * p.lda;
  one.b += p.transpose_b ? column * p.ldb : column;
  one.c += row * p.ldc + column;
  if (p.bias != nullptr) one.bias += column;
  return one;
}

/// Shares the product among threads by blocks: `by_sizes` alone, or one for each thread.
template <class T>
void each(const Product<T>& p, bool by_sizes) {
  constexpr double worth_a_thread = 1 << 17, worth_a_block = 1 << 21;
  const double work = static_cast<double>(p.rows) * static_cast<double>(p.columns) *
                      static_cast<double>(std::max<Index>(p.inner, 1));
  const Index threads = p.threads > 0 ? p.threads : detail::threads_here();
  const auto at_most = [](double count, Index limit) {
    return std::max<Index>(1, count < static_cast<double>(limit) ? static_cast<Index>(count) : limit);
  };
  const Index wanted = by_sizes ? at_most(work / worth_a_block, 16)
                                : at_most(work / worth_a_thread, (threads + p.batch - 1) / p.batch);
  const Blocks blocks = wanted <= 1                            ? Blocks{1, 1, p.rows, p.columns}
                        : by_sizes && std::is_same_v<T, float> ? rows_of(p, wanted)
                                                               : blocks_of(p, wanted);
  const Index count = blocks.down * blocks.across;
  const auto range = [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Product<T> one = block(p, blocks, i % count);
      one.a += i / count * p.step_a;
      one.b += i / count * p.step_b;
      one.c += i / count * p.step_c;
      one.batch = one.threads = 1;
      if constexpr (std::is_same_v<T, float>)
        if (by_sizes && p.inner > 0 && onednn::multiply(one)) continue;
      single(one);
    }
  };
  if (threads == 1) return range(0, p.batch * count);
  detail::parallel_for(p.batch * count,
                       static_cast<Index>(std::ceil(worth_a_thread * static_cast<double>(count) / work)),
                       range);
}

}  // namespace

void multiply(const Product<float>& p) {
  if (p.rows == 0 || p.columns == 0 || p.batch == 0) return;
  const bool by_sizes = reproducible() && !p.packed;
  if (by_sizes || p.inner == 0 || !onednn::multiply(p)) each(p, by_sizes);
}

void multiply(const Product<double>& p) {
  if (p.rows == 0 || p.columns == 0 || p.batch == 0) return;
  each(p, reproducible());
}

Tensor pack(Product<float>& p) { return onednn::pack(p); }

Tensor pack(Product<double>&) { return {}; }

bool faster_turned(const Product<float>& p) { return onednn::faster_turned(p); }

bool faster_turned(const Product<double>&) { return false; }

}  // namespace xgrad::blas
