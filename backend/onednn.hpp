// What the library takes from oneDNN. Invariant: onednn.cpp alone includes its headers; without XGRAD_ONEDNN
// every function here declines the work.
#pragma once

#include <xgrad/backend/blas.hpp>
#include <xgrad/tensor/window.hpp>

namespace xgrad::onednn {

/// Computes the product, whose sizes are not zero; false when oneDNN is absent or cannot, with c unchanged.
bool multiply(const blas::Product<float>& product);

/// blas::pack; undefined when oneDNN is absent or cannot.
Tensor pack(blas::Product<float>& product);

/// blas::faster_turned; false when oneDNN is absent.
bool faster_turned(const blas::Product<float>& product);

/// What a convolution computes from what: y from x and the weight; x's gradient from y's and the weight; the
/// weight's gradient from y's and x.
enum class Pass { forward, input_gradient, weight_gradient };

/// Computes one pass, whose operands `a` and `b` are those above in that order and not empty; the bias, which
/// may be null, belongs to the forward pass. False when oneDNN is absent or cannot.
bool convolve(Pass pass, const kernels::Convolution& sizes, const float* a, const float* b, const float* bias,
              float* result);

}  // namespace xgrad::onednn
