// General matrix products through the system's libraries. Invariant: blas.cpp alone includes cblas.h.
#pragma once

#include <xgrad/tensor/shape.hpp>

namespace xgrad::blas {

/// c = op(a) op(b) + beta * c for row-major matrices: op(a) is rows x inner, op(b) inner x columns. `lda`,
/// `ldb` and `ldc` are the row strides as stored. With beta = 0, c is written without being read; inner = 0
/// is allowed.
template <class T>
struct Product {
  bool transpose_a, transpose_b;
  Index rows, columns, inner;
  const T* a;
  Index lda;
  const T* b;
  Index ldb;
  T beta;
  T* c;
  Index ldc;
};

/// float goes through oneDNN where the library was built with it. Throws ShapeError when a size does not fit
/// the integers of the BLAS.
void multiply(const Product<float>& product);
void multiply(const Product<double>& product);

/// The number of threads the BLAS uses.
void set_threads(int threads);

}  // namespace xgrad::blas
