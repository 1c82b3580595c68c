// Pooling of images with channels last, (N, H, W, C) -> (N, H', W', C) with
// H' = (H + padding - dilation (kernel - 1) - 1) / stride + 1. Operations throw ShapeError naming the shape
// when x has not four axes, when a window is larger than the padded image or holds nothing but padding, and
// ValueError on sizes that are not possible. The kernel must be given.
#pragma once

#include <xgrad/autograd/ops/window.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad {

struct MaxPool2dOptions {
  Size2d kernel;
  Size2d stride = 0;  ///< 0: the kernel's size
  Padding2d padding = 0;
  Size2d dilation = 1;  ///< pixels from tap to tap
};
/// The largest value in each window; numbers of any dtype. NaN wins; among equals the first in row-major
/// order gets the gradient.
Variable max_pool2d(const Operand& x, const MaxPool2dOptions& options);

struct AvgPool2dOptions {
  Size2d kernel;
  Size2d stride = 0;  ///< 0: the kernel's size
  Padding2d padding = 0;
  bool count_include_pad = true;  ///< divides by the kernel's size at the borders too
};
/// The mean of each window. Floating; integers become float32.
Variable avg_pool2d(const Operand& x, const AvgPool2dOptions& options);
/// Its adjoint: the gradient with respect to an x of shape `input`, given the output's.
Variable avg_pool2d_input_gradient(const Operand& gradient, const Shape& input,
                                   const AvgPool2dOptions& options);

/// The means of `output` windows that divide the image as evenly as they can: window i covers the pixels from
/// floor(i H / H') to ceil((i + 1) H / H'). An output of 1 is global average pooling. Floating; integers
/// become float32.
Variable adaptive_avg_pool2d(const Operand& x, Size2d output);
/// Its adjoint: the gradient with respect to an x of shape `input`, given the output's.
Variable adaptive_avg_pool2d_input_gradient(const Operand& gradient, const Shape& input);

}  // namespace xgrad
XGRAD_API_END
