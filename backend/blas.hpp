// Matrix products through the system's BLAS. Invariant: blas.cpp alone includes cblas.h, and OpenBLAS works
// on the calling thread alone, whatever numbers of threads are set elsewhere.
#pragma once

#include <xgrad/backend/products.hpp>
#include <xgrad/tensor/parallel.hpp>

namespace xgrad::blas {

/// In its lifetime OpenBLAS works on the calling thread alone. One that starts threads takes their number,
/// and their buffers, from what is global to the process, and ends the process where it has no memory for
/// them.
class OneThread {
 public:
  OneThread();

 private:
  detail::OpenMpThreads openmp_{1};
};

/// The first product of the batch, of sizes that are not zero. Throws ShapeError when one does not fit the
/// integers of the BLAS.
void multiply(const backend::Product<float>& product);
void multiply(const backend::Product<double>& product);

}  // namespace xgrad::blas
