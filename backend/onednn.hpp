// What products.cpp and convolution.cpp take from oneDNN. Invariant: onednn.cpp alone includes its headers;
// without XGRAD_ONEDNN every function here declines the work.
#pragma once

#include <xgrad/backend/convolution.hpp>
#include <xgrad/backend/products.hpp>

namespace xgrad::onednn {

/// Computes the product, whose sizes are not zero, on so many threads, or as many as may; false when oneDNN
/// is absent, cannot or is the slower one, with c unchanged.
bool multiply(const backend::Product<float>& product, int threads = 0);

/// backend::pack; undefined when oneDNN is absent or cannot.
[[nodiscard]] backend::Packed pack(const backend::Product<float>& product);
/// The product with a b that `pack` made.
void multiply(const backend::Product<float>& product, const backend::Packed& b);

/// backend::prefers_turned; false when oneDNN is absent.
bool prefers_turned(const backend::Product<float>& product);

/// One pass of sizes that are not zero; false when oneDNN is absent or cannot, with the result unchanged.
bool convolve(backend::Pass pass, const kernels::Convolution& sizes, const float* a, const float* b,
              const float* bias, float* result);

/// backend::prefers_mirrored for float; false when oneDNN is absent.
bool prefers_mirrored(const kernels::Convolution& sizes);

}  // namespace xgrad::onednn
