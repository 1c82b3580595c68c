// The walk of the normalisation kernels through columns: means that belong to every channels-th element.
#pragma once

#include <xgrad/kernels/fold.hpp>
#include <xgrad/kernels/normalize.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <array>
#include <utility>

namespace xgrad::kernels {

/// How columns are walked: `width` elements are one row of many channels, or several rows of few. A block is
/// 64 such lines; strips divide lines that are long.
struct Walk {
  explicit Walk(const Grouping& grouping)
      : channels(grouping.channels()),
        copies(detail::rows_abreast(channels)),
        width(copies * channels),
        elements(grouping.size * channels),
        blocks((elements + 64 * width - 1) / (64 * width)),
        strips((width + detail::fold_strip - 1) / detail::fold_strip) {}

  Index rows(Index block) const { return std::min(64 * width, elements - block * 64 * width) / channels; }

  /// Calls f(position, n, rows) for the lines of one strip of a block, positions counted from the outer's
  /// first; `rows` of them, an integral constant, stand below each other from there on.
  template <class F>
  void lines(Index block, Index strip, F f) const {
    constexpr Index together = 4;
    const Index first = strip * detail::fold_strip, columns = std::min(detail::fold_strip, width - first);
    const Index end = std::min(elements, (block + 1) * 64 * width);
    Index at = block * 64 * width + first;
    for (; at + (together - 1) * width + columns <= end; at += together * width)
      f(at, columns, std::integral_constant<Index, together>());
    for (; at < end; at += width) f(at, std::min(columns, end - at), std::integral_constant<Index, 1>());
  }

  /// The sum of term(i, j) over the elements i under each other, from at + j on.
  template <Index rows, class F>
  auto down(std::integral_constant<Index, rows>, Index at, Index j, F term) const {
    return [&]<Index... r>(std::integer_sequence<Index, r...>) { return (term(at + j + r * width, j) + ...); }
    (std::make_integer_sequence<Index, rows>());
  }

  /// sums[j] += the other copies of channel j.
  template <class T>
  void join(std::array<T, detail::fold_strip>& sums) const {
    for (Index half = copies / 2; half > 0; half /= 2)
      for (Index j = 0; j < half * channels; ++j)
        sums[static_cast<std::size_t>(j)] += sums[static_cast<std::size_t>(j + half * channels)];
  }

  /// Calls f(outer, position in the array, n) for every line of the whole array, in parallel.
  template <class F>
  void every_line(Index outer, F f) const {
    const Index count = (elements + width - 1) / width;
    detail::parallel_for(outer * count, detail::grain_of(width), [&](Index begin, Index end) {
      // Counted, not divided: a division takes as long as a line.
      Index o = begin / count, at = begin % count * width;
      for (Index line = begin; line < end; ++line) {
        f(o, o * elements + at, std::min(width, elements - at));
        at += width;
        if (at >= elements) at = 0, ++o;
      }
    });
  }

  Index channels, copies, width, elements, blocks, strips;
};

template <class T>
using Strip = std::array<T, detail::fold_strip>;

}  // namespace xgrad::kernels
