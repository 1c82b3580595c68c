// What the library takes from oneDNN. Invariant: onednn.cpp alone includes its headers; without XGRAD_ONEDNN
// every function here declines the work.
#pragma once

#include <xgrad/tensor/blas.hpp>

namespace xgrad::onednn {

/// Computes the product, whose sizes are not zero; false when oneDNN is absent or cannot, with c unchanged.
bool multiply(const blas::Product<float>& product);

}  // namespace xgrad::onednn
