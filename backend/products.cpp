// float goes through oneDNN, which shares a product among threads itself, wherever it is the faster one; all
// else through the BLAS in blocks that threads share.
#include <xgrad/backend/products.hpp>

#include <xgrad/backend/blas.hpp>
#include <xgrad/backend/onednn.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace xgrad::backend {
namespace {

/// Sums of nothing.
template <class T>
void empty_inner(const Product<T>& p) {
  for (Index i = 0; i < p.rows; ++i)
    for (Index j = 0; j < p.columns; ++j) {
      T& c = p.c[i * p.ldc + j];
      c = p.bias != nullptr ? p.bias[j] : p.beta == T(0) ? T(0) : p.beta * c;
    }
}

/// One product of the batch, with rows and columns.
template <class T>
void single(const Product<T>& p) {
  if (p.inner == 0) return empty_inner(p);
  blas::multiply(p);
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
  // In multiply-adds, of which a processor does several in the time of a simple loop's element.
  constexpr double thread_work = 4 * detail::worth_a_thread, block_work = 1 << 21;
  const double work = static_cast<double>(p.rows) * static_cast<double>(p.columns) *
                      static_cast<double>(std::max<Index>(p.inner, 1));
  const Index threads = detail::threads_here();
  const auto at_most = [](double count, Index limit) {
    return std::max<Index>(1, count < static_cast<double>(limit) ? static_cast<Index>(count) : limit);
  };
  const Index wanted = by_sizes ? at_most(work / block_work, 16)
                                : at_most(work / thread_work, (threads + p.batch - 1) / p.batch);
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
      one.batch = 1;
      if constexpr (std::is_same_v<T, float>)
        if (by_sizes && p.inner > 0 && onednn::multiply(one, 1)) continue;
      single(one);
    }
  };
  if (threads == 1) return range(0, p.batch * count);
  detail::parallel_for(p.batch * count,
                       static_cast<Index>(std::ceil(thread_work * static_cast<double>(count) / work)), range);
}

template <class T>
bool empty(const Product<T>& p) {
  return p.rows == 0 || p.columns == 0 || p.batch == 0;
}

}  // namespace

void multiply(const Product<float>& p) {
  if (empty(p)) return;
  const bool by_sizes = reproducible();
  if (by_sizes || p.inner == 0 || !onednn::multiply(p)) each(p, by_sizes);
}

void multiply(const Product<double>& p) {
  if (!empty(p)) each(p, reproducible());
}

Packed pack(const Product<float>& p) { return onednn::pack(p); }
Packed pack(const Product<double>&) { return {}; }

void multiply(const Product<float>& p, const Packed& b) {
  if (!b.values.defined()) return multiply(p);
  if (!empty(p)) onednn::multiply(p, b);
}
void multiply(const Product<double>& p, const Packed&) { multiply(p); }

bool prefers_turned(const Product<float>& p) { return onednn::prefers_turned(p); }
bool prefers_turned(const Product<double>&) { return false; }

}  // namespace xgrad::backend
