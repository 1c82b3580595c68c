// Pooling of images with channels last. Invariant: every window holds a pixel (callers check), and results do
// not depend on the number of threads.
#pragma once

#include <xgrad/tensor/tensor.hpp>
#include <xgrad/tensor/window.hpp>

#include <utility>

namespace xgrad::kernels {

/// The largest value under the taps of each window of x (N, H, W, C), and the number of its tap (counted row
/// by row; uint8 where that holds them all, int64 otherwise); both (N, H', W', C). NaN wins, and among equals
/// the first. Numbers of any dtype.
std::pair<Tensor, Tensor> max_pool2d(const Tensor& x, const Window& height, const Window& width);
/// The adjoint at the taps of max_pool2d: each window's gradient added to the pixel it came from,
/// (N, H', W', C) to (N, H, W, C).
Tensor max_pool2d_input_gradient(const Tensor& gradient, const Tensor& taps, const Window& height,
                                 const Window& width);
/// The positions i * W + j of the taps in their images, int64.
Tensor max_pool2d_positions(const Tensor& taps, const Window& height, const Window& width);

/// One axis of an average: the value at position i is the sum over pixels [begin(i), end(i)) by divisor(i).
struct Averaging {
  Index input = 1;
  Index output = 1;
  Index kernel = 0;  ///< 0: adaptive, windows as even as they can be
  Index stride = 1;
  Index before = 0;
  bool count_padding = true;  ///< divides by `kernel` at the borders too

  Index begin(Index i) const {
    return kernel == 0 ? i * input / output : std::max<Index>(0, i * stride - before);
  }
  Index end(Index i) const {
    return kernel == 0 ? ((i + 1) * input + output - 1) / output
                       : std::min(input, i * stride - before + kernel);
  }
  Index divisor(Index i) const { return kernel > 0 && count_padding ? kernel : end(i) - begin(i); }
};

/// Averages over the windows of x (N, H, W, C): (N, H', W', C). float32 (summed in double) and float64.
Tensor avg_pool2d(const Tensor& x, const Averaging& height, const Averaging& width);
/// The adjoint: each pixel's share of the gradients (N, H', W', C) of its windows, (N, H, W, C).
Tensor avg_pool2d_input_gradient(const Tensor& gradient, const Averaging& height, const Averaging& width);

}  // namespace xgrad::kernels
