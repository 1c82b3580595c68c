// Rows for factorisations. References are plain loops: Gram and Schmidt's process, Jacobi's rotations.
// Results whose signs are free enter as products in which they cancel.
#include "autograd/ops/matrices.hpp"
#include "support/cases.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/decompositions.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace {

using namespace xgrad;
using namespace xgrad::test;
using Inputs = std::vector<Variable>;
using Values = std::vector<Tensor>;

/// Eigenvalues, ascending, with vectors in columns, of a symmetric matrix by Jacobi's rotations.
std::pair<std::vector<double>, Matrix> rotated(Matrix a) {
  const Index n = a.rows;
  Matrix v(n, n);
  for (Index i = 0; i < n; ++i) v(i, i) = 1;
  for (int sweep = 0; sweep < 30; ++sweep)
    for (Index p = 0; p < n; ++p)
      for (Index q = p + 1; q < n; ++q) {
        if (a(p, q) == 0) continue;
        const double angle = 0.5 * std::atan2(2 * a(p, q), a(q, q) - a(p, p));
        const double c = std::cos(angle), s = std::sin(angle);
        for (Matrix* x : {&a, &v})
          for (Index i = 0; i < n; ++i) {
            const double left = (*x)(i, p), right = (*x)(i, q);
            (*x)(i, p) = c * left - s * right;
            (*x)(i, q) = s * left + c * right;
          }
        for (Index i = 0; i < n; ++i) {
          const double upper = a(p, i), lower = a(q, i);
          a(p, i) = c * upper - s * lower;
          a(q, i) = s * upper + c * lower;
        }
      }
  std::vector<Index> order(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return a(i, i) < a(j, j); });
  std::pair<std::vector<double>, Matrix> result{{}, Matrix(n, n)};
  for (Index j = 0; j < n; ++j) {
    const Index from = order[static_cast<std::size_t>(j)];
    result.first.push_back(a(from, from));
    for (Index i = 0; i < n; ++i) result.second(i, j) = v(i, from);
  }
  return result;
}

/// u, s, vh of a matrix of full rank, by the eigenvectors of its smaller square.
struct Parts {
  Matrix u, s, vh;
};
Parts parts_of(const Matrix& a) {
  const bool wide = a.rows < a.columns;
  const Index k = std::min(a.rows, a.columns);
  const auto [values, vectors] = rotated(wide ? a * turned(a) : turned(a) * a);
  Matrix known(k, k), s(1, k);
  for (Index j = 0; j < k; ++j) {
    s(0, j) = std::sqrt(values[static_cast<std::size_t>(k - 1 - j)]);
    for (Index i = 0; i < k; ++i) known(i, j) = vectors(i, k - 1 - j);
  }
  Matrix other = (wide ? turned(a) : a) * known;
  for (Index i = 0; i < other.rows; ++i)
    for (Index j = 0; j < k; ++j) other(i, j) /= s(0, j);
  return wide ? Parts{known, s, turned(other)} : Parts{other, s, turned(known)};
}

/// Columns of x times 1, 2, 3, ...
Matrix weighted(Matrix x) {
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.columns; ++j) x(i, j) *= static_cast<double>(j + 1);
  return x;
}
Variable weighted(const Variable& x) {
  return x * (arange(0, static_cast<double>(x.size(-1)), 1, x.dtype()) + 1);
}

Variable symmetric(const Variable& x) { return (x + transpose(x)) / 2; }
Matrix symmetric(const Matrix& x) {
  Matrix result = turned(x);
  for (std::size_t i = 0; i < x.elements.size(); ++i)
    result.elements[i] = (result.elements[i] + x.elements[i]) / 2;
  return result;
}
/// Symmetric and positive definite, with distinct eigenvalues.
Variable definite(const Variable& x) {
  return matmul(x, x, {.transpose_b = true}) +
         diag(arange(1, 1 + static_cast<double>(x.size(-1)), 1, x.dtype()));
}
Matrix definite(const Matrix& x) {
  Matrix result = x * turned(x);
  for (Index i = 0; i < x.rows; ++i) result(i, i) += static_cast<double>(i + 1);
  return result;
}

Variable cholesky_of(const Inputs& x) { return linalg::cholesky(definite(x[0])); }
Matrix cholesky_reference(const std::vector<Matrix>& x) {
  const Matrix a = definite(x[0]);
  Matrix l(a.rows, a.rows);
  for (Index j = 0; j < a.rows; ++j)
    for (Index i = j; i < a.rows; ++i) {
      double rest = a(i, j);
      for (Index k = 0; k < j; ++k) rest -= l(i, k) * l(j, k);
      l(i, j) = i == j ? std::sqrt(rest) : rest / l(j, j);
    }
  return l;
}

/// q and r with positive diagonals of r, by Gram and Schmidt.
std::pair<Matrix, Matrix> orthogonalised(const Matrix& a) {
  const Index k = std::min(a.rows, a.columns);
  Matrix q(a.rows, k);
  for (Index j = 0; j < k; ++j) {
    for (Index i = 0; i < a.rows; ++i) q(i, j) = a(i, j);
    for (int pass = 0; pass < 2; ++pass)
      for (Index c = 0; c < j; ++c) {
        double along = 0;
        for (Index i = 0; i < a.rows; ++i) along += q(i, c) * q(i, j);
        for (Index i = 0; i < a.rows; ++i) q(i, j) -= along * q(i, c);
      }
    double size = 0;
    for (Index i = 0; i < a.rows; ++i) size += q(i, j) * q(i, j);
    for (Index i = 0; i < a.rows; ++i) q(i, j) /= std::sqrt(size);
  }
  return {q, turned(q) * a};
}

/// 1 or -1 as r's diagonal has it, one for each column of q.
Variable signs(const linalg::Qr& f) {
  const Index k = f.r.size(-2);
  return linalg::solve(
      eye(k, -1, f.r.dtype()),
      sign(sum(slice(f.r.detach(), -1, {0, k}) * eye(k, -1, f.r.dtype()), -1, {.keepdims = true})));
}

Variable plain_q_of(const Inputs& x) {
  const auto f = linalg::qr(x[0]);
  return f.q * transpose(signs(f));
}
Variable plain_r_of(const Inputs& x) {
  const auto f = linalg::qr(x[0]);
  return f.r * signs(f);
}
Variable plain_q_and_r_of(const Inputs& x) {
  const auto f = linalg::qr(x[0]);
  return matmul(weighted(f.q), f.r);
}
Matrix plain_q_reference(const std::vector<Matrix>& x) { return orthogonalised(x[0]).first; }
Matrix plain_r_reference(const std::vector<Matrix>& x) {
  Matrix r = orthogonalised(x[0]).second;
  for (Index i = 0; i < r.rows; ++i)
    for (Index j = 0; j < i; ++j) r(i, j) = 0;
  return r;
}
Matrix plain_q_and_r_reference(const std::vector<Matrix>& x) {
  const auto [q, r] = orthogonalised(x[0]);
  return weighted(q) * r;
}

Variable plain_s_of(const Inputs& x) { return linalg::svd(x[0]).s; }
Variable plain_u_of(const Inputs& x) {
  const Variable u = linalg::svd(x[0]).u;
  return matmul(weighted(u), u, {.transpose_b = true});
}
Variable plain_v_of(const Inputs& x) {
  const Variable v = transpose(linalg::svd(x[0]).vh);
  return matmul(weighted(v), v, {.transpose_b = true});
}
Variable plain_svd_of(const Inputs& x) {
  const auto [u, s, vh] = linalg::svd(x[0]);
  return matmul(weighted(u) / unsqueeze(s, -2), vh);
}
Matrix plain_s_reference(const std::vector<Matrix>& x) { return parts_of(x[0]).s; }
Matrix plain_u_reference(const std::vector<Matrix>& x) {
  const Matrix u = parts_of(x[0]).u;
  return weighted(u) * turned(u);
}
Matrix plain_v_reference(const std::vector<Matrix>& x) {
  const Matrix v = turned(parts_of(x[0]).vh);
  return weighted(v) * turned(v);
}
Matrix plain_svd_reference(const std::vector<Matrix>& x) {
  const Parts f = parts_of(x[0]);
  Matrix u = weighted(f.u);
  for (Index i = 0; i < u.rows; ++i)
    for (Index j = 0; j < u.columns; ++j) u(i, j) /= f.s(0, j);
  return u * f.vh;
}

Variable plain_values_of(const Inputs& x) { return linalg::eigh(symmetric(x[0])).values; }
Variable plain_vectors_of(const Inputs& x) {
  const Variable v = linalg::eigh(symmetric(x[0])).vectors;
  return matmul(weighted(v), v, {.transpose_b = true});
}
Variable square_root_of(const Inputs& x) {
  const auto [values, vectors] = linalg::eigh(definite(x[0]));
  return matmul(vectors * unsqueeze(sqrt(values), -2), vectors, {.transpose_b = true});
}
Matrix plain_values_reference(const std::vector<Matrix>& x) {
  const auto values = rotated(symmetric(x[0])).first;
  Matrix result(1, x[0].rows);
  result.elements = values;
  return result;
}
Matrix plain_vectors_reference(const std::vector<Matrix>& x) {
  const Matrix v = rotated(symmetric(x[0])).second;
  return weighted(v) * turned(v);
}
Matrix square_root_reference(const std::vector<Matrix>& x) {
  const auto [values, vectors] = rotated(definite(x[0]));
  Matrix scaled = vectors;
  for (Index i = 0; i < scaled.rows; ++i)
    for (Index j = 0; j < scaled.rows; ++j) scaled(i, j) *= std::sqrt(values[static_cast<std::size_t>(j)]);
  return scaled * turned(vectors);
}

const test::CaseFunction q_of = apart_first(plain_q_of);
const auto q_reference = apart_first(plain_q_reference);
const test::CaseFunction r_of = apart_first(plain_r_of);
const auto r_reference = apart_first(plain_r_reference);
const test::CaseFunction q_and_r_of = apart_first(plain_q_and_r_of);
const auto q_and_r_reference = apart_first(plain_q_and_r_reference);
const test::CaseFunction s_of = apart_first(plain_s_of);
const auto s_reference = apart_first(plain_s_reference);
const test::CaseFunction u_of = apart_first(plain_u_of);
const auto u_reference = apart_first(plain_u_reference);
const test::CaseFunction v_of = apart_first(plain_v_of);
const auto v_reference = apart_first(plain_v_reference);
const test::CaseFunction svd_of = apart_first(plain_svd_of);
const auto svd_reference = apart_first(plain_svd_reference);
const test::CaseFunction values_of = apart_first(plain_values_of);
const auto values_reference = apart_first(plain_values_reference);
const test::CaseFunction vectors_of = apart_first(plain_vectors_of);
const auto vectors_reference = apart_first(plain_vectors_reference);

/// Rows of one function for tall, wide and square matrices and a batch.
std::vector<Case> shapes_of(const std::string& operation, const std::string& what,
                            test::CaseFunction function,
                            std::function<Matrix(const std::vector<Matrix>&)> reference,
                            std::function<Shape(Matrix)> last) {
  std::vector<Case> rows;
  for (const Shape& shape : {Shape{3, 3}, Shape{4, 2}, Shape{2, 4}, Shape{2, 3, 2}, Shape{1, 1}, Shape{1, 3}})
    rows.push_back(
        {operation, what + " of " + to_string(shape), function, {matrices(shape, 3)}, each(reference, last)});
  return rows;
}

const bool of_qr = test::add_cases(shapes_of("qr", "q", q_of, q_reference, as_matrix)) &&
                   test::add_cases(shapes_of("qr", "r", r_of, r_reference, as_matrix)) &&
                   test::add_cases(shapes_of("qr", "both", q_and_r_of, q_and_r_reference, as_matrix));
const bool of_svd = test::add_cases(shapes_of("svd", "s", s_of, s_reference, as_row)) &&
                    test::add_cases(shapes_of("svd", "u", u_of, u_reference, as_matrix)) &&
                    test::add_cases(shapes_of("svd", "v", v_of, v_reference, as_matrix)) &&
                    test::add_cases(shapes_of("svd", "all", svd_of, svd_reference, as_matrix));
const bool factors = test::add_cases({
    {"cholesky", "matrix", cholesky_of, {spread({3, 3}, -1, 1)}, each(cholesky_reference, as_matrix)},
    {"cholesky", "batch", cholesky_of, {spread({2, 2, 2}, -1, 1)}, each(cholesky_reference, as_matrix)},
    {"cholesky", "1 x 1", cholesky_of, {Tensor({{2.0}}, float64)}, each(cholesky_reference, as_matrix)},
    {"cholesky",
     "empty",
     [](const Inputs& x) { return linalg::cholesky(x[0]); },
     {zeros({2, 0, 0}, float64)},
     of_shape({2, 0, 0})},
    {"eigh", "values", values_of, {spread({3, 3}, -1, 1)}, each(values_reference, as_row)},
    {"eigh", "values of a batch", values_of, {spread({2, 2, 2}, -1, 1)}, each(values_reference, as_row)},
    {"eigh", "vectors", vectors_of, {spread({3, 3}, -1, 1)}, each(vectors_reference, as_matrix)},
    {"eigh", "both", square_root_of, {spread({2, 3, 3}, -1, 1)}, each(square_root_reference, as_matrix)},
    {"eigh", "1 x 1", values_of, {Tensor({{-2.0}}, float64)}, each(values_reference, as_row)},
    {"eigh", "empty", vectors_of, {zeros({2, 0, 0}, float64)}, of_shape({2, 0, 0})},
    {"qr", "empty", q_and_r_of, {zeros({0, 3, 2}, float64)}, of_shape({0, 3, 2})},
    {"qr", "no columns", q_and_r_of, {zeros({3, 0}, float64)}, of_shape({3, 0})},
    {"svd", "empty", u_of, {zeros({0, 3, 2}, float64)}, of_shape({0, 3, 3})},
    {"svd", "no columns", s_of, {zeros({3, 0}, float64)}, of_shape({0})},
    {"svd", "no rows", v_of, {zeros({2, 0, 3}, float64)}, of_shape({2, 3, 3})},
});

}  // namespace
