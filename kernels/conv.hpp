// Convolution of images with channels last, and its two adjoints. What the backend has no convolution for is
// a matrix product with the windows as rows.
#pragma once

#include <xgrad/tensor/tensor.hpp>
#include <xgrad/tensor/window.hpp>

namespace xgrad::kernels {

/// y[n, i, j, o] = bias[o] + sum over taps (k, l) and channels c of o's group of
/// x[n, pixel(i, k), pixel(j, l), c] weight[o, k, l, c]; no bias when undefined. Cross-correlation, as in
/// every deep-learning library. float32 and float64, one dtype; the shapes are those of `sizes`.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Convolution& sizes);
/// The adjoint in x: the gradient of sum(y * gradient) with respect to x.
Tensor conv2d_input_gradient(const Tensor& gradient, const Tensor& weight, const Convolution& sizes);
/// The adjoint in the weight.
Tensor conv2d_weight_gradient(const Tensor& gradient, const Tensor& x, const Convolution& sizes);

}  // namespace xgrad::kernels
