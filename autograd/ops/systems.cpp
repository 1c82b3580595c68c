// Linear equations and determinants. Invariant: a rule solves equations anew rather than form an inverse that
// the operation did not.
//
// M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation", 2008; G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear
// least squares problems whose variables separate", 1973.
#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/decompositions.hpp>
#include <xgrad/autograd/ops/matrix.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/kernels/decompositions.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>
#include <limits>

namespace xgrad {

using detail::batch_of;
using detail::require_matrices;

namespace {

Variable times_transposed(const Variable& a, const Variable& b) {
  return matmul(a, b, {.transpose_b = true});
}
Variable transposed_times(const Variable& a, const Variable& b) {
  return matmul(a, b, {.transpose_a = true});
}

/// One number for each matrix as (..., 1, 1).
Variable per_matrix(const Variable& x) { return unsqueeze(unsqueeze(x, -1), -1); }

/// The right side of equations with `a`: matrices, or vectors that stand for matrices of one column.
struct RightSide {
  Variable matrices;
  bool vectors;

  RightSide(const Variable& a, const Variable& b) {
    if (!is_floating(b.dtype())) detail::reject_not_floating(b.dtype());
    const Shape& shape = a.shape();
    vectors = b.rank() == 1 || b.shape() == Shape(shape.begin(), shape.end() - 1);
    if (b.rank() == 0 || b.size(vectors ? -1 : -2) != a.size(-2))
      fail<ShapeError>("expects a right side of " + std::to_string(a.size(-2)) + " rows, got " +
                           to_string(b.shape()) + " for matrices " + to_string(shape),
                       "(rows), (..., rows, columns), or the shape of the matrices without the last axis");
    matrices = vectors ? unsqueeze(b, -1) : b;
    const Shape batch = batch_of(a), other = batch_of(matrices);
    for (Index i = 1; i <= std::min(batch.rank(), other.rank()); ++i)
      if (const Index m = batch[batch.rank() - i], n = other[other.rank() - i]; m != n && m != 1 && n != 1)
        fail<ShapeError>("batch sizes do not broadcast: " + to_string(shape) + " and " + to_string(b.shape()),
                         "they must match from the right, or be 1");
  }
  Variable answer(const Variable& x) const { return vectors ? squeeze(x, {-1}) : x; }
};

Variable least_squares(const Variable& a, const Variable& b, Place place = {}) {
  Op op("lstsq", place, {a, b});
  op.promote();
  const Index m = op.value(0).size(-2), n = op.value(0).size(-1);
  Tensor value = kernels::lstsq(op.value(0), op.value(1));
  // The rule is that of the pseudoinverse p times b, in terms of p y = lstsq(a, y) and p^T y = lstsq(a^T, y).
  const auto rule = [m, n](Backward& r) {
    const Variable matrix = r.input(0), g = r.gradient(), turned = transpose(matrix);
    const Variable to_b = least_squares(turned, g);
    if (r.needs(1)) r.give(1, to_b);
    if (!r.needs(0)) return;
    const Variable x = r.output();
    Variable to_a = -times_transposed(to_b, x);
    if (m > n) to_a = to_a + times_transposed(r.input(1) - matmul(matrix, x), least_squares(matrix, to_b));
    if (m < n) to_a = to_a + times_transposed(least_squares(turned, x), g - matmul(turned, to_b));
    r.give(0, to_a);
  };
  return op.record(
      std::move(value),
      JointRule{saves_input(0) | (m > n ? saves_input(1) : saves_nothing) | saves_output(), rule});
}

/// The derivative of det where the inverse is of no use.
Variable cofactors(const Variable& a) {
  Op op("det", {}, {a});
  return op.record(
      kernels::cofactors(op.value()),
      Rule{saves_input(0), [](Backward& r) {
             if (r.create_graph())
               fail<NotImplementedError>("det has no third derivative at singular matrices",
                                         "slogdet has every order where the matrix is regular");
             return Variable(kernels::cofactors_gradient(r.input_value(0), r.gradient().value()));
           }});
}

/// -p^T g p^T + (1 - x p) g^T p p^T + p^T p g^T (1 - p x), with no product larger than x on either side.
Variable pinverse_gradient(const Variable& x, const Variable& p, const Variable& g) {
  if (x.size(-2) >= x.size(-1)) {
    const Variable inner = times_transposed(g, p);
    const Variable left = transposed_times(g, times_transposed(p, p));
    const Variable right = matmul(p, inner, {.transpose_a = true, .transpose_b = true});
    return left - matmul(x, matmul(p, left)) + right - matmul(right, matmul(p, x)) -
           transposed_times(p, inner);
  }
  const Variable inner = transposed_times(p, g);
  const Variable left = matmul(inner, p, {.transpose_a = true, .transpose_b = true});
  const Variable right = times_transposed(transposed_times(p, p), g);
  return left - matmul(matmul(x, p), left) + right - matmul(matmul(right, p), x) - times_transposed(inner, p);
}

}  // namespace

Variable detail::solved(const Variable& a, const Variable& b, bool transposed, Place place) {
  Op op("solve", place, {a, b});
  op.promote();
  Tensor value = kernels::solve(op.value(0), op.value(1), transposed);
  return op.record(std::move(value),
                   JointRule{saves_input(0) | saves_output(), [transposed](Backward& r) {
                               const Variable to_b = solved(r.input(0), r.gradient(), !transposed);
                               if (r.needs(1)) r.give(1, to_b);
                               if (!r.needs(0)) return;
                               const Variable x = r.output();
                               r.give(0,
                                      -(transposed ? times_transposed(x, to_b) : times_transposed(to_b, x)));
                             }});
}

namespace linalg {

Variable solve(const Operand& a, const Operand& b) {
  const Scope scope("solve", a.place());
  const Variable matrix = a.as_variable();
  require_matrices(matrix, true);
  const RightSide right(matrix, b.as_variable());
  return right.answer(detail::solved(matrix, right.matrices, false, a.place()));
}

Variable lstsq(const Operand& a, const Operand& b) {
  const Scope scope("lstsq", a.place());
  const Variable matrix = a.as_variable();
  require_matrices(matrix);
  const RightSide right(matrix, b.as_variable());
  return right.answer(least_squares(matrix, right.matrices, a.place()));
}

Variable inverse(const Operand& a) {
  Op op("inverse", a);
  require_matrices(op[0], true);
  return op.record(kernels::inverse(op.value()), Rule{saves_output(), [](Backward& r) {
                                                        const Variable y = r.output();
                                                        return -transposed_times(
                                                            y, times_transposed(r.gradient(), y));
                                                      }});
}

Variable det(const Operand& a) {
  Op op("det", a);
  require_matrices(op[0], true);
  return op.record(kernels::determinants(op.value()).values,
                   Rule{saves_input(0) | saves_output(), [](Backward& r) {
                          const Variable matrix = r.input(0), g = per_matrix(r.gradient());
                          if (!kernels::has_accurate_cofactors(matrix.value()))
                            return detail::chain(g, cofactors(matrix));
                          return detail::chain(g, per_matrix(r.output()) * transpose(inverse(matrix)));
                        }});
}

SlogDet slogdet(const Operand& a) {
  Op op("slogdet", a);
  require_matrices(op[0], true);
  kernels::Determinants found = kernels::determinants(op.value());
  const auto rule = [](Backward& r) {
    Variable matrix = r.input(0);
    const Variable g = r.gradient(1);
    // What the loss does not depend on may be singular.
    const Variable unused = logical_and(equal(r.output_value(0), 0), equal(g.detach(), 0));
    if (any(unused).item<bool>())
      matrix = where(per_matrix(unused), eye(matrix.size(-1), -1, matrix.dtype()), matrix);
    r.give(0, detail::chain(per_matrix(g), transpose(inverse(matrix))));
  };
  auto outputs = op.record_many({std::move(found.signs), std::move(found.log_abs)},
                                JointRule{saves_input(0) | saves_output(0), rule}, 0b01);
  return {std::move(outputs[0]), std::move(outputs[1])};
}

Variable pinverse(const Operand& a, PinverseOptions options) {
  Op op("pinverse", a);
  require_matrices(op[0]);
  const Index m = op.value().size(-2), n = op.value().size(-1);
  const double epsilon = op.dtype() == float32 ? static_cast<double>(std::numeric_limits<float>::epsilon())
                                               : std::numeric_limits<double>::epsilon();
  const double rcond = options.rcond.value_or(static_cast<double>(std::max(m, n)) * epsilon);
  if (!(rcond >= 0)) fail<ValueError>("rcond must be 0 or more, got " + std::to_string(rcond));
  return op.record(kernels::pinverse(op.value(), rcond),
                   Rule{saves_input(0) | saves_output(),
                        [](Backward& r) { return pinverse_gradient(r.input(0), r.output(), r.gradient()); }});
}

Variable trace(const Operand& a) {
  const Scope scope("trace", a.place());
  const Variable x = a.as_variable();
  if (x.rank() < 2) fail<ShapeError>("expects matrices, got the shape " + to_string(x.shape()));
  // Off the diagonal there may be NaN.
  return sum(where(eye(x.size(-2), x.size(-1), boolean), x, 0), {-2, -1});
}

}  // namespace linalg
}  // namespace xgrad
