// Reduction of an (outer, size, inner) array along its middle axis with any associative operation.
// Invariant: the order of the combinations depends on the three sizes alone, never on threads, and sums of n
// terms pass through O(log n) roundings: short runs in vector lanes, runs combined as a balanced tree.
#pragma once

#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/tensor.hpp>
#include <xgrad/tensor/wrapping.hpp>
#include <xgrad/vmath/simd.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <memory>

namespace xgrad::detail {

/// A contiguous array as outer x size x inner.
struct Plan {
  Index outer, size, inner;
};

inline Plan plan_along(const Shape& shape, Index axis) {
  Plan plan{1, 1, 1};
  for (Index i = 0; i < shape.rank(); ++i)
    (i < axis ? plan.outer : i == axis ? plan.size : plan.inner) *= shape[i];
  return plan;
}

// What is folded: load<V>(i) is the term at element i, as a V or, for floating terms, as a vector of
// consecutive ones.

template <class V, class T>
V load_as(const T* x) {
  if constexpr (std::is_arithmetic_v<V>)
    return static_cast<V>(*x);
  else
    return V::load_unaligned(x);
}

template <class T>
struct Elements {
  const T* x;
  template <class V>
  V load(Index i) const {
    return load_as<V>(x + i);
  }
};

template <class T>
struct Products {
  const T *a, *b;
  template <class V>
  V load(Index i) const {
    return load_as<V>(a + i) * load_as<V>(b + i);
  }
};

template <class T>
struct Magnitudes {
  const T* x;
  template <class V>
  V load(Index i) const {
    using std::abs;
    return abs(load_as<V>(x + i));
  }
};

// How terms combine. Value is the type of terms and result.

template <class T>
struct Addition {
  using Value = T;
  static constexpr T identity = T(0);
  template <class V>
  static V combine(V a, V b) {
    if constexpr (std::is_arithmetic_v<V>)
      return plus(a, b);
    else
      return a + b;
  }
};

template <class T>
struct Multiplication {
  using Value = T;
  static constexpr T identity = T(1);
  template <class V>
  static V combine(V a, V b) {
    if constexpr (std::is_arithmetic_v<V>)
      return times(a, b);
    else
      return a * b;
  }
};

/// The larger (smaller) value; NaN before all others.
template <class T, bool largest>
struct Extreme {
  using Value = T;
  using Limits = std::numeric_limits<T>;
  static constexpr T identity = std::is_floating_point_v<T>
                                    ? (largest ? -Limits::infinity() : Limits::infinity())
                                    : (largest ? Limits::lowest() : Limits::max());
  template <class V>
  static V combine(V a, V b) {
    if constexpr (std::is_same_v<V, bool>)
      return largest ? a | b : a & b;
    else if constexpr (std::is_integral_v<V>)
      return (largest ? b > a : b < a) ? b : a;
    else if constexpr (std::is_floating_point_v<V>) {
      // In two steps: the first is one instruction, the second a branch that is never taken.
      const V better = (largest ? b > a : b < a) ? b : a;
      return b != b ? b : better;
    } else if constexpr (largest)
      return xsimd::select((b > a) | xsimd::isnan(b), b,
                           a);  // b != b is false for NaN in some versions of xsimd
    else
      return xsimd::select((b < a) | xsimd::isnan(b), b, a);
  }
};

/// The fold of values j, j + step, j + 2 step, ... of an array: halves of them one by one, then halves of
/// those. One expression, since a loop over halves goes through memory in pieces that wait for one another.
template <class Op, std::size_t step, class T, std::size_t size>
[[gnu::always_inline]] inline T fold_array(const std::array<T, size>& values, std::size_t j) {
  if constexpr (step >= size)
    return values[j];
  else
    return Op::combine(fold_array<Op, 2 * step>(values, j), fold_array<Op, 2 * step>(values, j + step));
}

/// The same of the lanes of a vector, as vectors while there are some of half the width.
template <class Op, class V>
[[gnu::always_inline]] inline auto fold_lanes(const V& vector) {
  using T = typename V::value_type;
  constexpr std::size_t half = V::size / 2;
  using Half = xsimd::make_sized_batch_t<T, half>;
  std::array<T, V::size> lanes;
  vector.store_unaligned(lanes.data());
  if constexpr (std::is_void_v<Half>)
    return fold_array<Op, 1>(lanes, 0);
  else
    return fold_lanes<Op>(
        Op::combine(Half::load_unaligned(lanes.data()), Half::load_unaligned(lanes.data() + half)));
}

/// The fold of terms [begin, begin + count), a run of at most a few thousand.
template <class Op, class Terms>
typename Op::Value fold_run(const Terms& terms, Index begin, Index count) {
  using T = typename Op::Value;
  T result = Op::identity;
  Index i = 0;
  if constexpr (std::is_floating_point_v<T>) {
    using V = Simd<T>;
    constexpr Index width = V::size, step = 4 * width;
    if (count >= width) {
      V total(Op::identity);
      while (i + step <= count) {
        // Four chains hide the latency of the operation; at most 16 steps each keep the roundings few.
        V a(Op::identity), b = a, c = a, d = a;
        for (const Index end = std::min(count, i + 16 * step); i + step <= end; i += step) {
          const Index at = begin + i;
          a = Op::combine(a, terms.template load<V>(at));
          b = Op::combine(b, terms.template load<V>(at + width));
          c = Op::combine(c, terms.template load<V>(at + 2 * width));
          d = Op::combine(d, terms.template load<V>(at + 3 * width));
        }
        total = Op::combine(total, Op::combine(Op::combine(a, b), Op::combine(c, d)));
      }
      for (; i + width <= count; i += width) total = Op::combine(total, terms.template load<V>(begin + i));
      result = fold_lanes<Op>(total);
    }
  }
  for (; i < count; ++i) result = Op::combine(result, terms.template load<T>(begin + i));
  return result;
}

inline constexpr Index fold_strip = 256;

/// out[j] = the fold of terms begin + r * stride + j over rows r, for at most fold_strip columns and a few
/// hundred rows.
template <class Op, class Terms>
void fold_strip_rows(const Terms& terms, Index begin, Index stride, Index rows, Index columns,
                     typename Op::Value* __restrict out) {
  using T = typename Op::Value;
  for (Index j = 0; j < columns; ++j) out[j] = Op::identity;
  Index r = 0;
  while (r + 4 <= rows) {
    std::array<T, fold_strip> leaf;
    T* __restrict sums = leaf.data();
    for (Index j = 0; j < columns; ++j) sums[j] = Op::identity;
    for (const Index end = std::min(rows, r + 64); r + 4 <= end; r += 4) {
      const Index at = begin + r * stride;
#pragma omp simd
      for (Index j = 0; j < columns; ++j) {
        const T left = Op::combine(terms.template load<T>(at + j), terms.template load<T>(at + stride + j));
        const T right = Op::combine(terms.template load<T>(at + 2 * stride + j),
                                    terms.template load<T>(at + 3 * stride + j));
        sums[j] = Op::combine(sums[j], Op::combine(left, right));
      }
    }
#pragma omp simd
    for (Index j = 0; j < columns; ++j) out[j] = Op::combine(out[j], sums[j]);
  }
  for (; r < rows; ++r)
#pragma omp simd
    for (Index j = 0; j < columns; ++j)
      out[j] = Op::combine(out[j], terms.template load<T>(begin + r * stride + j));
}

/// Rows of few columns that are read as one row of many.
inline Index rows_abreast(Index inner) {
  return inner < 64 ? static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(128 / inner))) : 1;
}

/// As fold_strip_rows for whole rows of `inner` columns, `abreast` of them side by side.
template <class Op, class Terms>
void fold_narrow_rows(const Terms& terms, Index begin, Index rows, Index inner, Index abreast,
                      typename Op::Value* __restrict out) {
  using T = typename Op::Value;
  std::array<T, fold_strip> wide;
  fold_strip_rows<Op>(terms, begin, abreast * inner, rows / abreast, abreast * inner, wide.data());
  for (Index half = abreast / 2; half > 0; half /= 2)
    for (Index j = 0; j < half * inner; ++j)
      wide[static_cast<std::size_t>(j)] =
          Op::combine(wide[static_cast<std::size_t>(j)], wide[static_cast<std::size_t>(j + half * inner)]);
  fold_strip_rows<Op>(terms, begin + rows / abreast * abreast * inner, inner, rows % abreast, inner, out);
  for (Index j = 0; j < inner; ++j) out[j] = Op::combine(out[j], wide[static_cast<std::size_t>(j)]);
}

/// out[o, j] = the fold of the terms (o, 0, j), (o, 1, j), ...; the identity where size is 0.
template <class Op, class Terms>
void fold(const Terms& terms, const Plan& plan, typename Op::Value* out) {
  using T = typename Op::Value;
  const Index outer = plan.outer, size = plan.size, inner = plan.inner;
  if (outer == 0 || inner == 0) return;
  const bool by_rows = inner == 1;
  const Index abreast = by_rows ? 1 : rows_abreast(inner);
  const Index block = by_rows ? 4096 : 256 * abreast;
  const Index blocks = std::max<Index>(1, (size + block - 1) / block);
  const Index strips = (inner + fold_strip - 1) / fold_strip;

  std::unique_ptr<T[]> memory;
  if (blocks > 1)
    memory = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(outer * blocks * inner));
  T* partial = blocks > 1 ? memory.get() : out;

  const Index work = std::min(block, size) * std::min(inner, fold_strip);
  parallel_for(outer * blocks * strips, grain_of(work), [&](Index task, Index last) {
    // Counted on, since three divisions take longer than a short row.
    Index strip = task % strips, b = task / strips % blocks, o = task / strips / blocks;
    for (; task < last; ++task) {
      const Index rows = std::min(block, size - b * block), column = strip * fold_strip;
      const Index begin = (o * size + b * block) * inner + column;
      T* to = partial + (o * blocks + b) * inner + column;
      if (by_rows)
        *to = fold_run<Op>(terms, begin, rows);
      else if (abreast > 1 && rows >= 2 * abreast)
        fold_narrow_rows<Op>(terms, begin, rows, inner, abreast, to);
      else
        fold_strip_rows<Op>(terms, begin, inner, rows, std::min(fold_strip, inner - column), to);
      if (++strip < strips) continue;
      strip = 0;
      if (++b < blocks) continue;
      b = 0;
      ++o;
    }
  });
  if (blocks == 1) return;
  parallel_for(outer, grain_of(blocks * inner), [&](Index begin, Index end) {
    for (Index o = begin; o < end; ++o) {
      T* base = partial + o * blocks * inner;
      for (Index step = 1; step < blocks; step *= 2)
        for (Index b = 0; b + step < blocks; b += 2 * step) {
          T* __restrict left = base + b * inner;
          const T* __restrict right = base + (b + step) * inner;
          for (Index j = 0; j < inner; ++j) left[j] = Op::combine(left[j], right[j]);
        }
      std::copy(base, base + inner, out + o * inner);
    }
  });
}

/// One step of reduce_axes: the outer x inner results of reducing `part`, read as `plan`, in any shape;
/// `first` is true on the first call, which there always is.
using ReduceStep = std::function<Tensor(const Tensor& part, const Plan& plan, bool first)>;

/// Reduces `axes` one run of neighbours after the other, the last first.
Tensor reduce_axes(const Tensor& x, const IndexList& axes, const ReduceStep& step);

}  // namespace xgrad::detail
