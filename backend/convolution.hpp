// Convolutions through the libraries that a build has: oneDNN for float where it was found. A port provides
// this interface and that of products.hpp; without one, convolutions are made of products. Invariant: what a
// library likes is known behind this interface alone.
#pragma once

#include <xgrad/tensor/tensor.hpp>
#include <xgrad/tensor/window.hpp>

namespace xgrad::backend {

/// What a convolution computes from what: y from x and the weight; x's gradient from y's and the weight; the
/// weight's gradient from y's and x.
enum class Pass { forward, input_gradient, weight_gradient };

/// Computes one pass, whose operands `a` and `b` are those above in that order; the bias, which may be null,
/// belongs to the forward pass. False where no library can: the result is then undefined. While
/// reproducible() is set, its bits depend on the sizes alone.
bool convolve(Pass pass, const kernels::Convolution& sizes, const float* a, const float* b, const float* bias,
              float* result);
bool convolve(Pass pass, const kernels::Convolution& sizes, const double* a, const double* b,
              const double* bias, double* result);

/// True where x's gradient is computed so much faster as the forward pass of another convolution, over y's
/// gradient with the weight mirrored, that mirroring it is worth the time.
bool prefers_mirrored(const kernels::Convolution& sizes, DType dtype);

}  // namespace xgrad::backend
