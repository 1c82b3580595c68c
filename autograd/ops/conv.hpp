// Convolution of images with channels last, (N, H, W, C). Weights are (out, kernel height, kernel width,
// channels / groups). Each of conv2d and its two adjoints is differentiated by the other two.
#pragma once

#include <xgrad/autograd/ops/window.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad {

struct Conv2dOptions {
  Size2d stride = 1;
  Padding2d padding = 0;
  Size2d dilation = 1;  ///< pixels from tap to tap
  Index groups = 1;     ///< channels and outputs in so many parts that do not mix; C of them: depthwise
};
/// Cross-correlation of x (N, H, W, C) with weight (out, kh, kw, C / groups), plus bias (out) unless
/// undefined: (N, H', W', out) with H' = (H + padding - dilation (kh - 1) - 1) / stride + 1. Floating;
/// integers become float32. Throws ShapeError naming the shapes when ranks or channels do not fit or the
/// kernel is larger than the padded image, ValueError on options that are not possible, DTypeError where one
/// operand is float32 and another float64.
Variable conv2d(const Operand& x, const Operand& weight, const Variable& bias = {},
                const Conv2dOptions& options = {});
/// The gradient of conv2d(x, weight) with respect to an x of shape `input`, given the output's. Throws as
/// conv2d does.
Variable conv2d_input_gradient(const Operand& gradient, const Operand& weight, const Shape& input,
                               const Conv2dOptions& options = {});
/// The gradient of conv2d(x, weight) with respect to a weight of shape `weight`, given the output's. Throws
/// as conv2d does.
Variable conv2d_weight_gradient(const Operand& gradient, const Operand& x, const Shape& weight,
                                const Conv2dOptions& options = {});

struct ConvTranspose2dOptions {
  Size2d stride = 1;
  Padding2d padding = 0;      ///< pixels taken off the result's sides
  Size2d output_padding = 0;  ///< pixels added below and to the right; less than stride or dilation
  Size2d dilation = 1;
  Index groups = 1;
};
/// The transposed convolution: what conv2d_input_gradient computes, as an operation in its own right. x
/// (N, H, W, C), weight (C, kh, kw, out / groups), bias (out) or undefined: (N, H', W', out) with
/// H' = (H - 1) stride - padding + dilation (kh - 1) + output_padding + 1. Throws as conv2d does.
Variable conv_transpose2d(const Operand& x, const Operand& weight, const Variable& bias = {},
                          const ConvTranspose2dOptions& options = {});

}  // namespace xgrad
XGRAD_API_END
