// What softmax and its relatives do with the rows of the last axis. Invariant: a row's result depends on that
// row alone, not on its place or on the thread count.
#pragma once

#include <xgrad/kernels/fold.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <array>

namespace xgrad::detail {

/// Elements handled at a time by one thread, so that intermediate values stay in cache.
inline constexpr Index group_elements = 1024;

/// Calls f(first row, rows) on groups of whole rows: one, or as many as fit into group_elements.
template <class F>
void for_row_groups(Index rows, Index size, F f) {
  const Index group = std::max<Index>(1, group_elements / size);
  const Index groups = (rows + group - 1) / group;
  parallel_for(groups, grain_of(group * size), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) f(i * group, std::min(group, rows - i * group));
  });
}

/// Asks for the beginning of a row that will be read, or written, soon: memory then works while another row
/// is used from cache.
template <bool written = false, class T>
void fetch(T* row, Index n) {
  constexpr Index line = 64 / Index{sizeof(T)}, most = 128 * line;
  for (Index i = 0; i < std::min(n, most); i += line) __builtin_prefetch(row + i, written);
  // GCC 12 would take a function that only fetches for one without effects, and drop calls of it.
  asm volatile("");
}

/// x - centre.
template <class T>
struct Centred {
  const T* x;
  T centre;
  template <class V>
  V load(Index i) const {
    return load_as<V>(x + i) - V(centre);
  }
};

/// The sum of the first `count` terms.
template <class T, class Terms>
T sum_terms(const Terms& terms, Index count) {
  constexpr Index block = 4096;
  if (count <= block) return fold_run<Addition<T>>(terms, 0, count);
  double total = 0;
  for (Index i = 0; i < count; i += block)
    total += static_cast<double>(fold_run<Addition<T>>(terms, i, std::min(block, count - i)));
  return static_cast<T>(total);
}

template <class T>
T row_sum(const T* x, Index count) {
  return sum_terms<T>(Elements<T>{x}, count);
}

template <class T>
T row_max(const T* x, Index count) {
  return fold_run<Extreme<T, true>>(Elements<T>{x}, 0, count);
}

/// sums[r] = sum over i of exp(x[r, i] - shifts[r]) for the rows of one group.
template <class T>
void sum_exp(const T* x, const T* shifts, Index rows, Index size, T* sums) {
  std::array<T, group_elements> buffer{};
  T* terms = buffer.data();
  if (size <= group_elements) {
    for (Index r = 0; r < rows; ++r)
      for (Index i = 0; i < size; ++i) terms[r * size + i] = x[r * size + i] - shifts[r];
    vmath::exp(terms, terms, rows * size);
    for (Index r = 0; r < rows; ++r) sums[r] = row_sum(terms + r * size, size);
    return;
  }
  double total = 0;
  for (Index begin = 0; begin < size; begin += group_elements) {
    const Index n = std::min(group_elements, size - begin);
    for (Index i = 0; i < n; ++i) terms[i] = x[begin + i] - shifts[0];
    vmath::exp(terms, terms, n);
    total += static_cast<double>(row_sum(terms, n));
  }
  sums[0] = static_cast<T>(total);
}

}  // namespace xgrad::detail
