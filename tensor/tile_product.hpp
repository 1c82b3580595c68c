// Products of matrices small enough for the caches, where a call into a library costs as much as the product.
// Invariant: an element of the result is one sum over the inner index in ascending order, whatever tile holds
// it; all columns come in whole vectors.
#pragma once

#include <xgrad/tensor/shape.hpp>
#include <xgrad/tensor/simd.hpp>

namespace xgrad::detail {

/// n elements of T, rounded up to whole vectors.
template <class T>
constexpr Index padded(Index n) {
  constexpr auto width = static_cast<Index>(Batch<T>::size);
  return (n + width - 1) / width * width;
}

/// c = a b + c, or c = a b where `add` is false. Element (i, k) of a stands at a[i * row_a + k * inner_a], so
/// either order of storage serves; `columns` is padded, and rows of b and c hold as many elements.
template <class T>
struct TileProduct {
  Index rows, columns, inner;
  const T* a;
  Index row_a, inner_a;
  const T* b;
  Index row_b;
  T* c;
  Index row_c;
  bool add = false;
};

/// The rows from i and the columns from j, which stay in registers.
template <int Rows, int Vectors, class T>
void tile(const TileProduct<T>& p, Index i, Index j) {
  constexpr auto width = static_cast<Index>(Batch<T>::size);
  const T *a = p.a + i * p.row_a, *b = p.b + j;
  T* c = p.c + i * p.row_c + j;
  Batch<T> sums[Rows][Vectors];
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v)
      sums[r][v] = p.add ? Batch<T>::load_unaligned(c + r * p.row_c + v * width) : Batch<T>(T(0));
  for (Index k = 0; k < p.inner; ++k, a += p.inner_a, b += p.row_b) {
    Batch<T> row[Vectors];
    for (int v = 0; v < Vectors; ++v) row[v] = Batch<T>::load_unaligned(b + v * width);
    for (int r = 0; r < Rows; ++r) {
      const Batch<T> factor(a[r * p.row_a]);
      for (int v = 0; v < Vectors; ++v) sums[r][v] = fused(factor, row[v], sums[r][v]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < Vectors; ++v) sums[r][v].store_unaligned(c + r * p.row_c + v * width);
}

/// The columns from j, in tiles of at most `Rows` rows.
template <int Rows, int Vectors, class T>
void tile_rows(const TileProduct<T>& p, Index i, Index j) {
  for (; i + Rows <= p.rows; i += Rows) tile<Rows, Vectors>(p, i, j);
  if constexpr (Rows > 1) {
    if (i < p.rows) tile_rows<Rows / 2, Vectors>(p, i, j);
  }
}

template <class T>
void multiply(const TileProduct<T>& p) {
  constexpr auto width = static_cast<Index>(Batch<T>::size);
  // Two vectors a row, and as many rows as the registers of the widest vectors, or of others, can hold.
  constexpr int rows = Batch<T>::size * sizeof(T) == 64 ? 8 : 4;
  Index j = 0;
  for (; j + 2 * width <= p.columns; j += 2 * width) tile_rows<rows, 2>(p, 0, j);
  if (j < p.columns) tile_rows<rows, 1>(p, 0, j);
}

}  // namespace xgrad::detail
