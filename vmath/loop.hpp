// Loops that carry a function of vectors over arrays. Invariant: every element passes through the same code
// as one lane of a full vector, the last ones in a padded vector, so a result depends on its own inputs
// alone.
#pragma once

#include <xgrad/tensor/index.hpp>
#include <xgrad/vmath/simd.hpp>

#include <algorithm>
#include <array>

namespace xgrad::detail {

/// out[i] = f(x[i]) over `count` whole vectors. Never inlined: both callers below run the same instructions.
template <class T, class F>
[[gnu::noinline]] void map_vectors(const T* x, T* out, Index count, F f) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  for (Index i = 0; i < count * width; i += width) f(Simd<T>::load_unaligned(x + i)).store_unaligned(out + i);
}

template <class T, class F>
[[gnu::noinline]] void map_vectors(const T* x, const T* y, T* out, Index count, F f) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  for (Index i = 0; i < count * width; i += width)
    f(Simd<T>::load_unaligned(x + i), Simd<T>::load_unaligned(y + i)).store_unaligned(out + i);
}

/// out[i] = f(x[i]) for a function of one Simd<T>; `out` may be x.
template <class T, class F>
void map_batches(const T* x, T* out, Index n, F f) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  const Index whole = n - n % width;
  if (whole != 0) map_vectors(x, out, whole / width, f);
  if (whole == n) return;
  std::array<T, Simd<T>::size> last;
  last.fill(T(1));
  std::copy(x + whole, x + n, last.begin());
  map_vectors(last.data(), last.data(), (n - whole + width - 1) / width, f);
  std::copy_n(last.begin(), n - whole, out + whole);
}

/// out[i] = f(x[i], y[i]) for a function of two Simd<T>; `out` may be x or y.
template <class T, class F>
void map_batches(const T* x, const T* y, T* out, Index n, F f) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  const Index whole = n - n % width;
  if (whole != 0) map_vectors(x, y, out, whole / width, f);
  if (whole == n) return;
  std::array<T, Simd<T>::size> last_x, last_y;
  last_x.fill(T(1));
  last_y.fill(T(1));
  std::copy(x + whole, x + n, last_x.begin());
  std::copy(y + whole, y + n, last_y.begin());
  map_vectors(last_x.data(), last_y.data(), last_x.data(), (n - whole + width - 1) / width, f);
  std::copy_n(last_x.begin(), n - whole, out + whole);
}

/// out[i] and slope[i] are the members of f(x[i]), a pair of Simd<T>.
template <class T, class F>
void map_with_slope(const T* x, T* out, T* slope, Index n, F f) {
  constexpr auto width = static_cast<Index>(Simd<T>::size);
  std::array<T, Simd<T>::size> last, last_slope;
  last.fill(T(1));
  for (Index i = 0; i < n; i += width) {
    const bool whole = n - i >= width;
    if (!whole) std::copy(x + i, x + n, last.begin());
    const auto [value, derivative] = f(Simd<T>::load_unaligned(whole ? x + i : last.data()));
    value.store_unaligned(whole ? out + i : last.data());
    derivative.store_unaligned(whole ? slope + i : last_slope.data());
    if (whole) continue;
    std::copy_n(last.begin(), n - i, out + i);
    std::copy_n(last_slope.begin(), n - i, slope + i);
  }
}

/// Elements that a function of floats takes through double at a time: both buffers stay in the first-level
/// cache.
inline constexpr Index widened_block = 512;

/// A function of floats by way of the one of doubles, rounded once.
template <void (*F)(const double*, double*, Index)>
void map_widened(const float* x, float* out, Index n) {
  std::array<double, widened_block> block;
  for (Index start = 0; start < n; start += widened_block) {
    const Index size = std::min(widened_block, n - start);
    std::copy_n(x + start, size, block.begin());
    F(block.data(), block.data(), size);
    std::transform(block.begin(), block.begin() + size, out + start,
                   [](double v) { return static_cast<float>(v); });
  }
}

template <void (*F)(const double*, const double*, double*, Index)>
void map_widened(const float* x, const float* y, float* out, Index n) {
  std::array<double, widened_block> block_x, block_y;
  for (Index start = 0; start < n; start += widened_block) {
    const Index size = std::min(widened_block, n - start);
    std::copy_n(x + start, size, block_x.begin());
    std::copy_n(y + start, size, block_y.begin());
    F(block_x.data(), block_y.data(), block_x.data(), size);
    std::transform(block_x.begin(), block_x.begin() + size, out + start,
                   [](double v) { return static_cast<float>(v); });
  }
}

/// `result`, with the lanes in `where` replaced by the scalar f of that lane of the arguments: for rare
/// inputs.
template <class T, class F, class... Arguments>
Simd<T> patch_lanes(const Simd<T>& result, const SimdMask<T>& where, F f, const Arguments&... arguments) {
  if (!xsimd::any(where)) return result;
  constexpr std::size_t width = Simd<T>::size;
  const auto lanes = [](const Simd<T>& v) {
    std::array<T, width> values;
    v.store_unaligned(values.data());
    return values;
  };
  auto values = lanes(result);
  const auto chosen = lanes(xsimd::select(where, Simd<T>(T(1)), Simd<T>(T(0))));
  const std::array<std::array<T, width>, sizeof...(Arguments)> inputs{lanes(arguments)...};
  for (std::size_t i = 0; i < width; ++i) {
    if (chosen[i] == T(0)) continue;
    if constexpr (sizeof...(Arguments) == 1)
      values[i] = f(inputs[0][i]);
    else
      values[i] = f(inputs[0][i], inputs[1][i]);
  }
  return Simd<T>::load_unaligned(values.data());
}

}  // namespace xgrad::detail
