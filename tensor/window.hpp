// A window that slides along one axis of an image, and the sizes of a convolution: the geometry of
// convolution and pooling. Invariant: a Window that an operation was given has at least one position, and no
// size above 2^31.
#pragma once

#include <xgrad/tensor/shape.hpp>

namespace xgrad::kernels {

/// `kernel` taps, `dilation` pixels apart, that move by `stride` over `input` pixels with `before` and
/// `after` more around them. A negative `after` leaves the last pixels out.
struct Window {
  Index input = 1;
  Index kernel = 1;
  Index stride = 1;
  Index before = 0;
  Index after = 0;
  Index dilation = 1;

  /// Pixels from the first tap to the last.
  Index extent() const { return dilation * (kernel - 1) + 1; }
  Index padded() const { return input + before + after; }
  /// Number of positions.
  Index output() const { return (padded() - extent()) / stride + 1; }
  /// The pixel under tap `tap` at a position; outside [0, input) it is padding.
  Index pixel(Index position, Index tap) const { return position * stride - before + tap * dilation; }
  /// The taps [first, last) that lie on pixels at a position.
  Index first_tap(Index position) const { return taps_below(0, position); }
  Index last_tap(Index position) const {
    const Index first = first_tap(position), last = taps_below(input, position);
    return first < last ? last : first;
  }

  /// True when position i reads pixel i and nothing else.
  bool trivial() const { return kernel == 1 && stride == 1 && before == 0 && after == 0; }

  friend bool operator==(const Window&, const Window&) = default;

 private:
  Index taps_below(Index pixels, Index position) const {
    const Index distance = pixels - pixel(position, 0);
    if (distance <= 0) return 0;
    // A division takes longer than a window of a few taps.
    const Index taps = dilation == 1 ? distance : (distance + dilation - 1) / dilation;
    return taps < kernel ? taps : kernel;
  }
};

/// The sizes of a convolution: x (batch, H, W, in) with weight (out, kh, kw, in / groups) gives
/// y (batch, H', W', out). `groups` divides `in` and `out`; group g of `out` reads group g of `in`.
struct Convolution {
  Index batch = 1;
  Window height, width;
  Index in = 1;
  Index out = 1;
  Index groups = 1;

  Shape x() const { return {batch, height.input, width.input, in}; }
  Shape weight() const { return {out, height.kernel, width.kernel, in / groups}; }
  Shape y() const { return {batch, height.output(), width.output(), out}; }

  friend bool operator==(const Convolution&, const Convolution&) = default;
};

}  // namespace xgrad::kernels
