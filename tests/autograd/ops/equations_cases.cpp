// Rows for systems of linear equations, inverses and determinants. References are plain loops: elimination,
// and expansion by minors.
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

Matrix number(double x) {
  Matrix result(1, 1);
  result(0, 0) = x;
  return result;
}

Variable plain_solve_of(const Inputs& x) { return linalg::solve(x[0], x[1]); }
Variable plain_lstsq_of(const Inputs& x) { return linalg::lstsq(x[0], x[1]); }
Variable plain_inverse_of(const Inputs& x) { return linalg::inverse(x[0]); }
Variable det_of(const Inputs& x) { return linalg::det(x[0]); }
Variable plain_log_abs_of(const Inputs& x) { return linalg::slogdet(x[0]).log_abs; }
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

}  // namespace
