// Matrix products through the system's BLAS. Invariant: blas.cpp alone includes cblas.h, and OpenBLAS works
// on the calling thread alone, whatever numbers of threads are set elsewhere.
#pragma once

#include <xgrad/backend/products.hpp>

namespace xgrad::blas {

/// The first product of the batch, of sizes that are not zero. Throws ShapeError when one does not fit the
/// integers of the BLAS.
void multiply(const backend::Product<float>& product);
void multiply(const backend::Product<double>& product);

}  // namespace xgrad::blas
