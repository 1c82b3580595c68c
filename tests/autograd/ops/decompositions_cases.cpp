// Rows for linear equations and factorisations. References are plain loops: elimination, Gram and Schmidt's
// process, Jacobi's rotations, expansion by minors. Results whose signs are free enter as products in which
// they cancel.
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
using test::Case;
using test::spread;
using Inputs = std::vector<Variable>;
using Values = std::vector<Tensor>;

/// One matrix, in loops.
struct Matrix {
  Index rows, columns;
  std::vector<double> elements;

  Matrix(Index m, Index n)
      : rows(m), columns(n), elements(static_cast<std::size_t>(m) * static_cast<std::size_t>(n)) {}
  double& operator()(Index i, Index j) { return elements[static_cast<std::size_t>(i * columns + j)]; }
  double operator()(Index i, Index j) const { return elements[static_cast<std::size_t>(i * columns + j)]; }
};

Matrix turned(const Matrix& a) {
  Matrix result(a.columns, a.rows);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) result(j, i) = a(i, j);
  return result;
}
Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix result(a.rows, b.columns);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j)
      for (Index k = 0; k < a.columns; ++k) result(i, j) += a(i, k) * b(k, j);
  return result;
}

/// a^-1 b by Gauss and Jordan, with the largest pivot.
Matrix eliminated(Matrix a, Matrix b) {
  for (Index c = 0; c < a.rows; ++c) {
    Index pivot = c;
    for (Index i = c; i < a.rows; ++i)
      if (std::abs(a(i, c)) > std::abs(a(pivot, c))) pivot = i;
    for (Index j = 0; j < a.columns; ++j) std::swap(a(c, j), a(pivot, j));
    for (Index j = 0; j < b.columns; ++j) std::swap(b(c, j), b(pivot, j));
    for (Index i = 0; i < a.rows; ++i) {
      if (i == c) continue;
      const double factor = a(i, c) / a(c, c);
      for (Index j = 0; j < a.columns; ++j) a(i, j) -= factor * a(c, j);
      for (Index j = 0; j < b.columns; ++j) b(i, j) -= factor * b(c, j);
    }
  }
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j) b(i, j) /= a(i, i);
  return b;
}

/// The pseudoinverse of a matrix of full rank by the normal equations.
Matrix pseudoinverse(const Matrix& a) {
  const Matrix t = turned(a);
  return a.rows >= a.columns ? eliminated(t * a, t) : turned(eliminated(a * t, a));
}

double by_minors(const Matrix& a) {
  double total = a.rows == 0 ? 1 : 0;
  for (Index c = 0; c < a.columns; ++c) {
    Matrix minor(a.rows - 1, a.columns - 1);
    for (Index i = 1; i < a.rows; ++i)
      for (Index j = 0, to = 0; j < a.columns; ++j)
        if (j != c) minor(i - 1, to++) = a(i, j);
    total += (c % 2 == 0 ? 1 : -1) * a(0, c) * by_minors(minor);
  }
  return total;
}

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

/// A reference from one for single matrices: f(matrices of the inputs) for each of a batch that is the same
/// for all inputs. The result's shape follows the batch; it loses axes where `last` is shorter.
test::Reference each(std::function<Matrix(const std::vector<Matrix>&)> f, std::function<Shape(Matrix)> last) {
  return [=](const Values& inputs) {
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
Shape as_matrix(const Matrix& x) { return {x.rows, x.columns}; }
Shape as_row(const Matrix& x) { return {x.columns}; }
Shape as_number(const Matrix&) { return {}; }

Matrix number(double x) {
  Matrix result(1, 1);
  result(0, 0) = x;
  return result;
}

test::Reference of_shape(const Shape& shape, double value = 0) {
  return [=](const Values&) { return full(shape, value, float64); };
}

/// 2 k, ..., 4, 2 on the diagonal, and x / 4: whatever x in [-1, 1] is, the matrix is far from singular and
/// its singular values, or eigenvalues, are apart.
Variable apart(const Variable& x) {
  const Index rows = x.size(-2), columns = x.size(-1), k = std::min(rows, columns);
  Tensor diagonal = zeros({rows, columns}, float64);
  for (Index i = 0; i < k; ++i)
    diagonal.mutable_data<double>()[i * columns + i] = 2 * static_cast<double>(k - i);
  return x / 4 + diagonal.to(x.dtype());
}
Matrix apart(Matrix x) {
  const Index k = std::min(x.rows, x.columns);
  for (double& element : x.elements) element /= 4;
  for (Index i = 0; i < k; ++i) x(i, i) += 2 * static_cast<double>(k - i);
  return x;
}
/// A row's function and its reference of matrices apart.
test::CaseFunction apart_first(test::CaseFunction f) {
  return [f](Inputs x) {
    x[0] = apart(x[0]);
    return f(x);
  };
}
std::function<Matrix(const std::vector<Matrix>&)> apart_first(
    std::function<Matrix(const std::vector<Matrix>&)> f) {
  return [f](std::vector<Matrix> x) {
    x[0] = apart(x[0]);
    return f(x);
  };
}
Tensor matrices(const Shape& shape, unsigned seed = 1) { return spread(shape, -1, 1, seed); }

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

Variable plain_solve_of(const Inputs& x) { return linalg::solve(x[0], x[1]); }
Variable plain_lstsq_of(const Inputs& x) { return linalg::lstsq(x[0], x[1]); }
Variable plain_inverse_of(const Inputs& x) { return linalg::inverse(x[0]); }
Variable det_of(const Inputs& x) { return linalg::det(x[0]); }
Variable plain_log_abs_of(const Inputs& x) { return linalg::slogdet(x[0]).log_abs; }
Variable cholesky_of(const Inputs& x) { return linalg::cholesky(definite(x[0])); }
Variable plain_pinverse_of(const Inputs& x) { return linalg::pinverse(x[0]); }
Variable trace_of(const Inputs& x) { return linalg::trace(x[0]); }

Matrix plain_solve_reference(const std::vector<Matrix>& x) { return eliminated(x[0], x[1]); }
Matrix plain_lstsq_reference(const std::vector<Matrix>& x) { return pseudoinverse(x[0]) * x[1]; }
Matrix det_reference(const std::vector<Matrix>& x) { return number(by_minors(x[0])); }
Matrix plain_pinverse_reference(const std::vector<Matrix>& x) { return pseudoinverse(x[0]); }
Matrix plain_inverse_reference(const std::vector<Matrix>& x) {
  Matrix unit(x[0].rows, x[0].rows);
  for (Index i = 0; i < unit.rows; ++i) unit(i, i) = 1;
  return eliminated(x[0], unit);
}
Matrix plain_log_abs_reference(const std::vector<Matrix>& x) {
  return number(std::log(std::abs(by_minors(x[0]))));
}
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

const test::CaseFunction solve_of = apart_first(plain_solve_of);
const auto solve_reference = apart_first(plain_solve_reference);
const test::CaseFunction lstsq_of = apart_first(plain_lstsq_of);
const auto lstsq_reference = apart_first(plain_lstsq_reference);
const test::CaseFunction inverse_of = apart_first(plain_inverse_of);
const auto inverse_reference = apart_first(plain_inverse_reference);
const test::CaseFunction log_abs_of = apart_first(plain_log_abs_of);
const auto log_abs_reference = apart_first(plain_log_abs_reference);
const test::CaseFunction pinverse_of = apart_first(plain_pinverse_of);
const auto pinverse_reference = apart_first(plain_pinverse_reference);

const bool equations = test::add_cases({
    {"solve",
     "matrices",
     solve_of,
     {matrices({3, 3}), spread({3, 2}, -1, 1, 2)},
     each(solve_reference, as_matrix)},
    {"solve",
     "batch",
     solve_of,
     {matrices({2, 3, 3}), spread({2, 3, 2}, -1, 1, 2)},
     each(solve_reference, as_matrix)},
    {"solve",
     "vector",
     solve_of,
     {matrices({3, 3}), spread({3}, -1, 1, 2)},
     [](const Values& x) {
       return each(solve_reference, as_matrix)({x[0], x[1].reshape({3, 1})}).reshape({3});
     }},
    {"solve",
     "vectors of a batch",
     solve_of,
     {matrices({2, 3, 3}), spread({2, 3}, -1, 1, 2)},
     [](const Values& x) {
       return each(solve_reference, as_matrix)({x[0], x[1].reshape({2, 3, 1})}).reshape({2, 3});
     }},
    {"solve",
     "one matrix for many right sides",
     solve_of,
     {matrices({2, 2}), spread({3, 2, 1}, -1, 1, 2)},
     [](const Values& x) {
       const Tensor many = Variable(broadcast_to(x[0], {3, 2, 2})).value();
       return each(solve_reference, as_matrix)({many, x[1]});
     }},
    {"solve",
     "one right side for many matrices",
     solve_of,
     {matrices({3, 1, 2, 2}), spread({1, 2, 2, 3}, -1, 1, 2)},
     [](const Values& x) {
       const Tensor a = broadcast_to(x[0], {3, 2, 2, 2}).value(),
                    b = broadcast_to(x[1], {3, 2, 2, 3}).value();
       return each(solve_reference, as_matrix)({a, b});
     }},
    {"solve",
     "1 x 1",
     solve_of,
     {Tensor({{-4.0}}, float64), Tensor({{2.0, 3.0}}, float64)},
     each(solve_reference, as_matrix)},
    {"solve",
     "same operand twice",
     [](const Inputs& x) { return linalg::solve(apart(x[0]), x[0] * x[0]); },
     {matrices({3, 3})},
     [](const Values& x) {
       return each(solve_reference, as_matrix)({x[0], (Variable(x[0]) * x[0]).value()});
     }},
    {"solve",
     "empty batch",
     solve_of,
     {zeros({0, 3, 3}, float64), zeros({0, 3, 2}, float64)},
     of_shape({0, 3, 2})},
    {"solve",
     "empty matrices",
     solve_of,
     {zeros({2, 0, 0}, float64), zeros({2, 0, 3}, float64)},
     of_shape({2, 0, 3})},
    {"solve", "no right sides", solve_of, {matrices({2, 2}), zeros({2, 0}, float64)}, of_shape({2, 0})},
    {"inverse", "matrix", inverse_of, {matrices({4, 4})}, each(inverse_reference, as_matrix)},
    {"inverse", "batch", inverse_of, {matrices({2, 1, 3, 3})}, each(inverse_reference, as_matrix)},
    {"inverse", "1 x 1", inverse_of, {Tensor({{0.5}}, float64)}, each(inverse_reference, as_matrix)},
    {"inverse", "empty", inverse_of, {zeros({3, 0, 0}, float64)}, of_shape({3, 0, 0})},
    {"det", "matrix", det_of, {matrices({4, 4})}, each(det_reference, as_number)},
    {"det", "batch", det_of, {matrices({2, 2, 3, 3})}, each(det_reference, as_number)},
    {"det", "1 x 1", det_of, {Tensor({{-3.0}}, float64)}, each(det_reference, as_number)},
    {"det", "negative", det_of, {Tensor({{0.5, 2.0}, {3.0, 1.0}}, float64)}, each(det_reference, as_number)},
    {"det", "empty", det_of, {zeros({2, 0, 0}, float64)}, of_shape({2}, 1)},
    {"det",
     "rank 2 of 3",
     det_of,
     {Tensor({{1.0, 2.0, 3.0}, {2.0, 4.0, 6.0}, {1.0, 0.0, 1.0}}, float64)},
     each(det_reference, as_number)},
    {"det",
     "rank 1 of 3, beside a regular matrix",
     det_of,
     {Tensor({{{1.0, 2.0, 3.0}, {2.0, 4.0, 6.0}, {-1.0, -2.0, -3.0}},
              {{1.0, 2.0, 3.0}, {0.0, 4.0, 6.0}, {1.0, -2.0, -3.0}}},
             float64)},
     each(det_reference, as_number)},
    {"det", "zero, 2 x 2", det_of, {zeros({2, 2}, float64)}, each(det_reference, as_number)},
    {"det", "zero, 1 x 1", det_of, {zeros({1, 1}, float64)}, each(det_reference, as_number)},
    {"slogdet", "matrix", log_abs_of, {matrices({4, 4})}, each(log_abs_reference, as_number)},
    {"slogdet", "batch", log_abs_of, {matrices({3, 2, 2})}, each(log_abs_reference, as_number)},
    {"slogdet", "empty", log_abs_of, {zeros({2, 0, 0}, float64)}, of_shape({2})},
    {"slogdet",
     "sign",
     [](const Inputs& x) { return linalg::slogdet(x[0]).sign; },
     {Tensor({{{0.0, 1.0}, {1.0, 0.0}}, {{1.0, 0.0}, {0.0, 1.0}}, {{1.0, 2.0}, {2.0, 4.0}}}, float64)},
     [](const Values&) {
       return Tensor({-1.0, 1.0, 0.0}, float64);
     },
     test::Order::none},
    {"lstsq",
     "tall",
     lstsq_of,
     {spread({4, 2}, -1, 1), spread({4, 3}, -1, 1, 2)},
     each(lstsq_reference, as_matrix)},
    {"lstsq",
     "wide",
     lstsq_of,
     {spread({2, 4}, -1, 1), spread({2, 3}, -1, 1, 2)},
     each(lstsq_reference, as_matrix)},
    {"lstsq",
     "square",
     lstsq_of,
     {matrices({3, 3}), spread({3, 2}, -1, 1, 2)},
     each(lstsq_reference, as_matrix)},
    {"lstsq",
     "batch",
     lstsq_of,
     {spread({2, 3, 2}, -1, 1), spread({2, 3, 1}, -1, 1, 2)},
     each(lstsq_reference, as_matrix)},
    {"lstsq",
     "vector, batch of matrices",
     lstsq_of,
     {spread({2, 3, 2}, -1, 1), spread({3}, -1, 1, 2)},
     [](const Values& x) {
       const Tensor many = broadcast_to(x[1].reshape({3, 1}), {2, 3, 1}).value();
       return each(lstsq_reference, as_matrix)({x[0], many}).reshape({2, 2});
     }},
    {"lstsq", "empty", lstsq_of, {zeros({0, 3, 2}, float64), zeros({0, 3, 1}, float64)}, of_shape({0, 2, 1})},
    {"pinverse", "tall", pinverse_of, {spread({4, 2}, -1, 1)}, each(pinverse_reference, as_matrix)},
    {"pinverse", "wide batch", pinverse_of, {spread({2, 2, 3}, -1, 1)}, each(pinverse_reference, as_matrix)},
    {"pinverse", "square", pinverse_of, {matrices({3, 3})}, each(pinverse_reference, as_matrix)},
    {"pinverse",
     "rank 2 of 3",
     [](const Inputs& x) { return linalg::pinverse(matmul(apart(x[0]), apart(x[1])), {.rcond = 1e-5}); },
     {spread({3, 2}, -1, 1), spread({2, 3}, -1, 1, 2)},
     each(
         [](const std::vector<Matrix>& x) { return pseudoinverse(apart(x[1])) * pseudoinverse(apart(x[0])); },
         as_matrix)},
    {"pinverse", "empty", pinverse_of, {zeros({2, 0, 3}, float64)}, of_shape({2, 3, 0})},
    {"sum",
     "trace",
     trace_of,
     {spread({2, 3, 4}, -1, 1)},
     each(
         [](const std::vector<Matrix>& x) {
           double total = 0;
           for (Index i = 0; i < 3; ++i) total += x[0](i, i);
           return number(total);
         },
         as_number)},
});

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
