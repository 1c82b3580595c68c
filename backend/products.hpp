// Matrix products through the libraries that a build has: BLAS, and oneDNN for float where it was found. A
// port provides this interface and that of convolution.hpp. Invariant: what a library likes or keeps is known
// behind this interface alone.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::backend {

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
};

/// b of a product in the order that the library reads fastest, for as many threads as shared the product
/// then. What it holds is the library's own affair; undefined values stand for b as it is.
struct Packed {
  Tensor values;
  int threads = 0;
};

/// Throws ShapeError when a size does not fit the integers of the BLAS. While reproducible() is set, the bits
/// of c depend on the sizes alone.
void multiply(const Product<float>& product);
void multiply(const Product<double>& product);

/// Worth its time where many products of these sizes share one b; undefined where b is read as it is.
[[nodiscard]] Packed pack(const Product<float>& product);
[[nodiscard]] Packed pack(const Product<double>& product);

/// The product with the b that was packed for these sizes; `product.b` itself where it is undefined.
void multiply(const Product<float>& product, const Packed& b);
void multiply(const Product<double>& product, const Packed& b);

/// True where op(b)^T op(a)^T is so much faster than the product that its result is worth turning.
bool prefers_turned(const Product<float>& product);
bool prefers_turned(const Product<double>& product);

}  // namespace xgrad::backend
