// Factorisations. Invariant: what a gradient does not reach is not computed, so that the values alone,
// singular values or eigenvalues, have right gradients where the vectors have none.
//
// I. Murray, "Differentiation of the Cholesky decomposition", 2016; S. F. Walter and L. Lehmann, "Algorithmic
// differentiation of linear algebra functions with application in optimum experimental design", 2010;
// D. A. O. Roberts and L. R. Roberts, "QR and LQ decomposition matrix backpropagation algorithms for square,
// wide, and deep matrices", 2020; J. Townsend, "Differentiating the singular value decomposition", 2016;
// M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation", 2008.
#include <xgrad/autograd/ops/decompositions.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/matrix.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/kernels/decompositions.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>

namespace xgrad::linalg {
namespace {

using detail::require_matrices;

Variable times_transposed(const Variable& a, const Variable& b) {
  return matmul(a, b, {.transpose_b = true});
}
Variable transposed_times(const Variable& a, const Variable& b) {
  return matmul(a, b, {.transpose_a = true});
}
Variable row(const Variable& x) { return unsqueeze(x, -2); }
Variable column(const Variable& x) { return unsqueeze(x, -1); }

/// Throws NumericError naming the first matrix with a true element; `rank` counts axes after the batch.
void reject_where(const Tensor& found, Index rank, const std::string& text) {
  const bool* begin = found.data<bool>();
  const Index at = std::find(begin, begin + found.count(), true) - begin;
  if (at == found.count()) return;
  Index size = 1;
  for (Index axis = 1; axis <= rank; ++axis) size *= found.size(-axis);
  Shape shape(found.shape().begin(), found.shape().end() - rank);
  shape.push_back(1);
  shape.push_back(1);
  fail<NumericError>(kernels::matrix_name(shape, at / size) + text);
}

/// Vectors whose gradient along `axis` is not zero. A second derivative may need those of others.
Variable used_vectors(const Backward& r, const Variable& gradient, Index axis) {
  const Variable used = any(not_equal(gradient.detach(), 0), axis);
  return r.create_graph() ? logical_not(zeros(used.shape(), boolean)) : used;
}

/// antisymmetric / gaps, 0 on the diagonal. `gaps` belong to pairs of `values`: where these coincide, there
/// is no quotient, zero over zero included, and neither vector may be `used`.
Variable over_gaps(const Variable& antisymmetric, const Variable& gaps, const Tensor& values,
                   const Variable& used, const char* text) {
  const Variable same = kernels::indistinct(values);
  const Variable pairs = logical_and(same, logical_not(eye(values.size(-1), -1, boolean)));
  reject_where(logical_and(pairs, logical_or(row(used), column(used))).value(), 2, text);
  return where(same, 0, antisymmetric / where(same, 1, gaps));
}

/// The part of a gradient that keeps q's columns orthonormal and r triangular, for q (m, k), r (k, k).
Variable qr_gradient(const Variable& q, const Variable& r, const Variable& to_q, const Variable& to_r) {
  const Variable m = times_transposed(r, to_r) - transposed_times(to_q, q);
  const Variable symmetric = tril(m) + transpose(tril(m, -1));
  return transpose(detail::solved(r, transpose(to_q + matmul(q, symmetric)), false));
}

Variable half_diagonal(const Variable& x) { return (tril(x) + tril(x, -1)) / 2; }

}  // namespace

Variable cholesky(const Operand& a) {
  Op op("cholesky", a);
  require_matrices(op[0], true);
  return op.record(kernels::cholesky(op.value()),
                   Rule{saves_output(), [](Backward& r) {
                          const Variable l = r.output();
                          const Variable inner = half_diagonal(transposed_times(l, r.gradient()));
                          // l^-T inner l^-1.
                          const Variable left = detail::solved(l, inner, true);
                          const Variable s = detail::solved(l, transpose(left), true);
                          return (s + transpose(s)) / 2;
                        }});
}

Qr qr(const Operand& a) {
  Op op("qr", a);
  require_matrices(op[0]);
  kernels::QrFactors found = kernels::qr(op.value());
  const Index m = op.value().size(-2), n = op.value().size(-1);
  const auto rule = [m, n](Backward& r) {
    const Variable q = r.output(0), upper = r.output(1), to_q = r.gradient(0), to_r = r.gradient(1);
    if (m >= n) return r.give(0, qr_gradient(q, upper, to_q, to_r));
    // a = (x, y), r = (upper, q^T y).
    const auto first = [m](const Variable& x) { return slice(x, -1, {0, m}); };
    const auto rest = [m](const Variable& x) { return slice(x, -1, {m}); };
    const Variable through = to_q + times_transposed(rest(r.input(0)), rest(to_r));
    r.give(0, concat({qr_gradient(q, first(upper), through, first(to_r)), matmul(q, rest(to_r))}, -1));
  };
  auto outputs = op.record_many(
      {std::move(found.q), std::move(found.r)},
      JointRule{(m < n ? saves_input(0) : saves_nothing) | saves_output(0) | saves_output(1), rule});
  return {std::move(outputs[0]), std::move(outputs[1])};
}

Svd svd(const Operand& a) {
  Op op("svd", a);
  require_matrices(op[0]);
  kernels::SvdFactors found = kernels::svd(op.value());
  const Index m = op.value().size(-2), n = op.value().size(-1);
  const auto rule = [m, n](Backward& r) {
    const Variable u = r.output(0), vh = r.output(2);
    Variable total;
    const auto add = [&total](Variable x) { total = total.defined() ? total + x : std::move(x); };
    if (r.has_gradient(1)) add(matmul(u * row(r.gradient(1)), vh));
    const bool through_u = r.has_gradient(0), through_v = r.has_gradient(2);
    if (through_u || through_v) {
      const Variable s = r.output(1);
      const Variable gaps = (row(s) - column(s)) * (row(s) + column(s));
      const Variable zero = kernels::negligible(s.value(), std::max(m, n));
      const auto turning = [&](const Variable& x, const Variable& used) {
        return over_gaps(x - transpose(x), gaps, s.value(), used,
                         " has singular values that coincide: singular vectors have no derivative");
      };
      // The part of u or v outside of its own columns, which a square one does not have.
      const auto outside = [&](const Variable& used) {
        reject_where(logical_and(zero, used).value(), 1,
                     " has a singular value of 0: singular vectors of a matrix that is not square have no "
                     "derivative");
        return where(zero, 1, s);
      };
      if (through_u) {
        const Variable g = r.gradient(0), used = used_vectors(r, g, -2), inner = transposed_times(u, g);
        add(matmul(matmul(u, turning(inner, used) * row(s)), vh));
        if (m > n) add(matmul((g - matmul(u, inner)) / row(outside(used)), vh));
      }
      if (through_v) {
        const Variable g = r.gradient(2), used = used_vectors(r, g, -1), inner = times_transposed(vh, g);
        add(matmul(matmul(u, column(s) * turning(inner, used)), vh));
        if (n > m) add(matmul(u, (g - matmul(inner, vh, {.transpose_a = true})) / column(outside(used))));
      }
    }
    r.give(0, total);
  };
  auto outputs = op.record_many({std::move(found.u), std::move(found.s), std::move(found.vh)},
                                JointRule{saves_output(0) | saves_output(1) | saves_output(2), rule});
  return {std::move(outputs[0]), std::move(outputs[1]), std::move(outputs[2])};
}

Eigh eigh(const Operand& a) {
  Op op("eigh", a);
  require_matrices(op[0], true);
  kernels::EighFactors found = kernels::eigh(op.value());
  const auto rule = [](Backward& r) {
    const Variable v = r.output(1);
    Variable total;
    if (r.has_gradient(0)) total = times_transposed(v * row(r.gradient(0)), v);
    if (r.has_gradient(1)) {
      const Variable g = r.gradient(1), values = r.output(0), inner = transposed_times(v, g);
      const Variable turning = over_gaps((inner - transpose(inner)) / 2, row(values) - column(values),
                                         values.value(), used_vectors(r, g, -2),
                                         " has eigenvalues that coincide: eigenvectors have no derivative");
      const Variable through = times_transposed(matmul(v, turning), v);
      total = total.defined() ? total + through : through;
    }
    r.give(0, total.defined() ? (total + transpose(total)) / 2 : total);
  };
  auto outputs = op.record_many({std::move(found.values), std::move(found.vectors)},
                                JointRule{saves_output(0) | saves_output(1), rule});
  return {std::move(outputs[0]), std::move(outputs[1])};
}

}  // namespace xgrad::linalg
