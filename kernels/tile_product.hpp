// Products of matrices small enough for the caches, where a call into a library costs as much as the product.
// Invariant: an element of the result is one sum over the inner index in ascending order, whatever tile holds
// it; all columns come in whole vectors.
#pragma once

#include <xgrad/tensor/index.hpp>
#include <xgrad/vmath/simd.hpp>

#include <utility>

namespace xgrad::detail {

/// n elements of T, rounded up to whole vectors.
template <class T>
constexpr Index padded(Index n) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
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

/// f(0) to f(count - 1) with constants for indices. Loops would be unrolled only after the arrays that they
/// index were given places in memory, which then are written and read around every product.
template <int count, class F>
void unrolled(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (f(std::integral_constant<int, i>()), ...); }
  (std::make_integer_sequence<int, count>());
}

/// The rows from i and the columns from j, which stay in registers.
template <int Rows, int Vectors, class T>
void tile(const TileProduct<T>& p, Index i, Index j) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  const Index row_a = p.row_a, inner_a = p.inner_a, row_b = p.row_b, row_c = p.row_c, inner = p.inner;
  const T *a = p.a + i * row_a, *b = p.b + j;
  T* c = p.c + i * row_c + j;
  const auto at = [=](int n) { return c + n / Vectors * row_c + n % Vectors * width; };
  Simd<T> sums[Rows * Vectors];
  if (p.add)
    unrolled<Rows * Vectors>([&](auto n) { sums[n] = Simd<T>::load_unaligned(at(n)); });
  else
    unrolled<Rows * Vectors>([&](auto n) { sums[n] = Simd<T>(T(0)); });
  for (Index k = 0; k < inner; ++k, a += inner_a, b += row_b) {
    Simd<T> row[Vectors];
    unrolled<Vectors>([&](auto v) { row[v] = Simd<T>::load_unaligned(b + v * width); });
    unrolled<Rows>([&](auto r) {
      const Simd<T> factor(a[r * row_a]);
      unrolled<Vectors>(
          [&](auto v) { sums[r * Vectors + v] = fused(factor, row[v], sums[r * Vectors + v]); });
    });
  }
  unrolled<Rows * Vectors>([&](auto n) { sums[n].store_unaligned(at(n)); });
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
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  // Two vectors a row, and as many rows as the registers of the widest vectors, or of others, can hold.
  constexpr int rows = Simd<T>::size * sizeof(T) == 64 ? 8 : 4;
  Index j = 0;
  for (; j + 2 * width <= p.columns; j += 2 * width) tile_rows<rows, 2>(p, 0, j);
  if (j < p.columns) tile_rows<rows, 1>(p, 0, j);
}

}  // namespace xgrad::detail
