// General matrix products through the system's libraries. Invariant: blas.cpp alone includes cblas.h.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::blas {

/// c = op(a) op(b) + beta * c for row-major matrices: op(a) is rows x inner, op(b) inner x columns. `lda`,
/// `ldb` and `ldc` are the row strides as stored. With beta = 0, c is written without being read; inner = 0
/// is allowed. A bias, one value a column, is added to every row and needs beta = 0. `batch` products stand
/// `step_a`, `step_b`, `step_c` elements apart; a step of 0 repeats one matrix of a or b.
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
  const T* bias = nullptr;
  Index batch = 1, step_a = 0, step_b = 0, step_c = 0;
  bool packed = false;  // b is what `pack` made of it
  int threads = 0;      // that share it; 0: as many as may
};

/// float goes through oneDNN where the library was built with it. Throws ShapeError when a size does not fit
/// the integers of the BLAS. While reproducible() is set, the bits of c depend on the sizes alone.
void multiply(const Product<float>& product);
void multiply(const Product<double>& product);

/// Points the product at a copy of its b in the order that its kernel reads fastest, and returns the copy:
/// worth its time where many products of these sizes share one b. Undefined, with the product unchanged,
/// where the kernel reads b as it is. The copy is for as many threads as the product then names.
Tensor pack(Product<float>& product);
Tensor pack(Product<double>& product);

/// True where op(b)^T op(a)^T is so much faster than the product that its result is worth turning.
bool faster_turned(const Product<float>& product);
bool faster_turned(const Product<double>& product);

}  // namespace xgrad::blas
