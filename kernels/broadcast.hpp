// Loops over broadcast operands. Invariant: operands are contiguous, so after merging axes every operand
// either advances with the result or stands still along an axis.
#pragma once

#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <algorithm>
#include <array>

namespace xgrad::kernels {

/// The common shape of N operands.
template <std::size_t N>
Shape broadcast_shape(const std::array<const Tensor*, N>& operands) {
  Shape shape = operands[0]->shape();
  for (std::size_t k = 1; k < N; ++k) shape = broadcast_shapes(shape, operands[k]->shape());
  return shape;
}

/// Calls run(data, steps, position, n) for runs of n consecutive result elements starting at `position`:
/// element i of operand k stands at data[k] plus i * steps[k] elements, every step being 0 or 1. `shape` is
/// their common shape.
template <std::size_t N, class Run>
void for_each_run(const std::array<const Tensor*, N>& operands, const Shape& shape, Run&& run) {
  const Index count = shape.count();
  if (count == 0) return;

  const auto located = [&](const std::array<Index, N>& offsets) {
    std::array<const std::byte*, N> data;
    for (std::size_t k = 0; k < N; ++k)
      data[k] = operands[k]->raw() + offsets[k] * element_size(operands[k]->dtype());
    return data;
  };
  const auto one_axis = [&](const std::array<Index, N>& steps) {
    detail::parallel_for(count, detail::worth_a_thread, [&](Index begin, Index end) {
      std::array<Index, N> offsets;
      for (std::size_t k = 0; k < N; ++k) offsets[k] = begin * steps[k];
      run(located(offsets), steps, begin, end - begin);
    });
  };

  // Most often every operand has all the elements, or just one.
  std::array<Index, N> whole;
  bool simple = true;
  for (std::size_t k = 0; k < N; ++k) {
    whole[k] = operands[k]->count() == count ? 1 : 0;
    simple = simple && (whole[k] == 1 || operands[k]->count() == 1);
  }
  if (simple) return one_axis(whole);

  // Merge neighbouring axes along which every operand behaves alike.
  std::array<std::array<Index, N>, Shape::max_rank> strides{};
  std::array<Index, Shape::max_rank> sizes{};
  std::size_t axes = 0;
  std::array<Index, N> stride;
  stride.fill(1);
  for (Index axis = shape.rank(); axis-- > 0;) {
    if (shape[axis] == 1) continue;
    std::array<Index, N> here{};
    for (std::size_t k = 0; k < N; ++k) {
      const Index own = axis - (shape.rank() - operands[k]->rank());
      const bool moves = own >= 0 && operands[k]->shape()[own] != 1;
      here[k] = moves ? stride[k] : 0;
      if (moves) stride[k] *= shape[axis];
    }
    bool merges = axes > 0;
    for (std::size_t k = 0; merges && k < N; ++k) merges = here[k] == strides[axes - 1][k] * sizes[axes - 1];
    if (merges) {
      sizes[axes - 1] *= shape[axis];
    } else {
      sizes[axes] = shape[axis];
      strides[axes++] = here;
    }
  }
  if (axes <= 1) return one_axis(strides[0]);

  // Short innermost runs cost more than copying the small operands to full size.
  constexpr Index short_run = 32;
  if (sizes[0] < short_run && count > 4 * short_run) {
    std::array<Tensor, N> copies;
    std::array<const Tensor*, N> full = operands;
    for (std::size_t k = 0; k < N; ++k)
      if (operands[k]->count() != 1 && operands[k]->shape() != shape) {
        copies[k] = broadcast_to(*operands[k], shape);
        full[k] = &copies[k];
      }
    return for_each_run<N>(full, shape, run);
  }

  const Index inner = sizes[0];
  detail::parallel_for(count / inner, detail::grain_of(inner), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      std::array<Index, N> offsets{};
      Index rest = row;
      for (std::size_t axis = 1; axis < axes; ++axis) {
        const Index i = rest % sizes[axis];
        rest /= sizes[axis];
        for (std::size_t k = 0; k < N; ++k) offsets[k] += i * strides[axis][k];
      }
      run(located(offsets), strides[0], row * inner, inner);
    }
  });
}

}  // namespace xgrad::kernels
