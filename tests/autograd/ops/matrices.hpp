// Single matrices in loops, for the references of linear algebra, and the batches that its rows are about.
#pragma once

#include "support/cases.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace xgrad::test {

/// One matrix, in loops.
struct Matrix {
  Index rows, columns;
  std::vector<double> elements;

  Matrix(Index m, Index n)
      : rows(m), columns(n), elements(static_cast<std::size_t>(m) * static_cast<std::size_t>(n)) {}
  double& operator()(Index i, Index j) { return elements[static_cast<std::size_t>(i * columns + j)]; }
  double operator()(Index i, Index j) const { return elements[static_cast<std::size_t>(i * columns + j)]; }
};

inline Matrix turned(const Matrix& a) {
  Matrix result(a.columns, a.rows);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) result(j, i) = a(i, j);
  return result;
}
inline Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix result(a.rows, b.columns);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j)
      for (Index k = 0; k < a.columns; ++k) result(i, j) += a(i, k) * b(k, j);
  return result;
}

/// A reference from one for single matrices: f(matrices of the inputs) for each of a batch that is the same
/// for all inputs. The result's shape follows the batch; it loses axes where `last` is shorter.
inline Reference each(std::function<Matrix(const std::vector<Matrix>&)> f,
                      std::function<Shape(Matrix)> last) {
  return [=](const std::vector<Tensor>& inputs) {
    const Shape batch(inputs[0].shape().begin(), inputs[0].shape().end() - 2);
    Shape shape;
    std::vector<double> all;
    for (Index at = 0; at < batch.count(); ++at) {
      std::vector<Matrix> matrices;
      for (const Tensor& input : inputs) {
        Matrix x(input.size(-2), input.size(-1));
        const double* from = input.data<double>() + at * x.rows * x.columns;
        std::copy_n(from, x.elements.size(), x.elements.begin());
        matrices.push_back(x);
      }
      const Matrix result = f(matrices);
      shape = last(result);
      all.insert(all.end(), result.elements.begin(), result.elements.end());
    }
    Shape whole = batch;
    for (const Index size : shape) whole.push_back(size);
    return Tensor::from(all, whole);
  };
}
inline Shape as_matrix(const Matrix& x) { return {x.rows, x.columns}; }
inline Shape as_row(const Matrix& x) { return {x.columns}; }
inline Shape as_number(const Matrix&) { return {}; }

inline Reference of_shape(const Shape& shape, double value = 0) {
  return [=](const std::vector<Tensor>&) { return full(shape, value, float64); };
}

/// 2 k, ..., 4, 2 on the diagonal, and x / 4: whatever x in [-1, 1] is, the matrix is far from singular and
/// its singular values, or eigenvalues, are apart.
inline Variable apart(const Variable& x) {
  const Index rows = x.size(-2), columns = x.size(-1), k = std::min(rows, columns);
  Tensor diagonal = zeros({rows, columns}, float64);
  for (Index i = 0; i < k; ++i)
    diagonal.mutable_data<double>()[i * columns + i] = 2 * static_cast<double>(k - i);
  return x / 4 + diagonal.to(x.dtype());
}
inline Matrix apart(Matrix x) {
  const Index k = std::min(x.rows, x.columns);
  for (double& element : x.elements) element /= 4;
  for (Index i = 0; i < k; ++i) x(i, i) += 2 * static_cast<double>(k - i);
  return x;
}
/// A row's function and its reference of matrices apart.
inline CaseFunction apart_first(CaseFunction f) {
  return [f](std::vector<Variable> x) {
    x[0] = apart(x[0]);
    return f(x);
  };
}
inline std::function<Matrix(const std::vector<Matrix>&)> apart_first(
    std::function<Matrix(const std::vector<Matrix>&)> f) {
  return [f](std::vector<Matrix> x) {
    x[0] = apart(x[0]);
    return f(x);
  };
}
inline Tensor matrices(const Shape& shape, unsigned seed = 1) { return spread(shape, -1, 1, seed); }

}  // namespace xgrad::test
