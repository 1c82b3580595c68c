// Matrix products and what is made of them. Invariant: a product is differentiated by products whose flags
// transpose in place, so no rule copies a matrix to turn it.
#include <xgrad/autograd/ops/linalg.hpp>

#include <xgrad/autograd/one_floating.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/matmul.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad {
namespace {

/// How an operand of matmul enters the product: a vector stands for a row on the left, a column on the right.
struct Side {
  Shape matrix;
  bool vector = false;
  bool left = false;

  Tensor value(const Tensor& x) const { return vector ? x.reshape(matrix) : x; }
  Variable variable(const Variable& x) const { return vector ? reshape(x, matrix) : x; }
  /// The axis that a vector was given.
  Index added(Index rank) const { return left ? rank - 2 : rank - 1; }
  /// True when the operand is the same matrix throughout the batch.
  bool single() const { return matrix.count() == matrix[matrix.rank() - 2] * matrix.back(); }
};

Side side_of(const Tensor& x, bool left, bool transposed, const auto& both) {
  if (x.rank() == 0) fail<ShapeError>("expects vectors or matrices, got " + both(), "scale with *");
  if (x.rank() == 1 && transposed) fail<ShapeError>("a vector cannot be transposed: " + both());
  if (x.rank() > 1) return {x.shape(), false, left};
  return {left ? Shape{1, x.count()} : Shape{x.count(), 1}, true, left};
}

/// Row (or column) k of every matrix of op(x), the other axis kept as size 1.
Tensor line(const Tensor& x, bool transposed, bool row, Index k) {
  kernels::View view = kernels::View::of(x);
  const Index last = x.rank() - 1, before = last - 1;
  const Index cut = row != transposed ? before : last;
  view.offset = k * view.strides[cut];
  view.shape[cut] = 1;
  if (transposed) {
    std::swap(view.shape[before], view.shape[last]);
    std::swap(view.strides[before], view.strides[last]);
  }
  return kernels::copy(x, view);
}

/// The product for integers and bool, in their own arithmetic: a sum of outer products.
Tensor integer_matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  Shape shape =
      broadcast_shapes({a.shape().begin(), a.shape().end() - 2}, {b.shape().begin(), b.shape().end() - 2});
  shape.push_back(a.size(transpose_a ? -1 : -2));
  shape.push_back(b.size(transpose_b ? -2 : -1));
  Tensor result = zeros(shape, a.dtype());
  if (result.count() == 0) return result;
  for (Index k = 0; k < a.size(transpose_a ? -2 : -1); ++k)
    result =
        kernels::add(result, kernels::mul(line(a, transpose_a, false, k), line(b, transpose_b, true, k)));
  return result;
}

/// op(x) op(y) as the gradient of an operand that entered as `side`: summed over the batch in one go where
/// the operand is one matrix, left to the engine to reduce otherwise.
Variable partial(Backward& r, const Side& side, const Variable& x, const Variable& y, bool transpose_x,
                 bool transpose_y) {
  const bool batched = x.rank() > 2 || y.rank() > 2;
  if (batched && side.single() && !r.create_graph()) {
    const Tensor total = kernels::matmul_sum(x.value(), y.value(), transpose_x, transpose_y);
    return Variable(total.reshape(side.vector ? Shape{total.count()} : side.matrix));
  }
  const Variable product = matmul(x, y, {transpose_x, transpose_y});
  if (!side.vector) return product;
  Shape shape = product.shape();
  shape.erase(side.added(shape.rank()));
  return reshape(product, shape);
}

void check_vector(const Variable& x) {
  if (x.rank() != 1) fail<ShapeError>("expects vectors, got the shape " + to_string(x.shape()));
}

/// All leading axes as one.
Variable as_rows(const Variable& x) {
  if (x.rank() == 2) return x;
  Index rows = 1;
  for (Index axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.size(axis);
  return reshape(x, {rows, x.size(-1)});
}

}  // namespace

Variable matmul(const Operand& a, const Operand& b, MatmulOptions options) {
  Op op("matmul", a, b);
  const DType dtype = op.promote();
  const bool ta = options.transpose_a, tb = options.transpose_b;
  const auto both = [&] {
    return to_string(op.shape(0)) + (ta ? " transposed x " : " x ") + to_string(op.shape(1)) +
           (tb ? " transposed" : "");
  };
  const Side left = side_of(op.value(0), true, ta, both), right = side_of(op.value(1), false, tb, both);
  const Tensor x = left.value(op.value(0)), y = right.value(op.value(1));
  if (x.size(ta ? -2 : -1) != y.size(tb ? -1 : -2)) fail<ShapeError>("inner sizes differ: " + both());

  Tensor product = is_floating(dtype) ? kernels::matmul(x, y, ta, tb) : integer_matmul(x, y, ta, tb);
  const Shape whole = product.shape();
  Shape shape = whole;
  if (right.vector) shape.erase(right.added(whole.rank()));
  if (left.vector) shape.erase(left.added(whole.rank()));
  const auto gradient = [=](Backward& r) {
    return shape == whole ? r.gradient() : reshape(r.gradient(), whole);
  };
  return op.record(
      product.reshape(shape),
      Rule{saves_input(1),
           [=](Backward& r) {
             const Variable g = gradient(r), other = right.variable(r.input(1));
             return ta ? partial(r, left, other, g, tb, true) : partial(r, left, g, other, false, !tb);
           }},
      Rule{saves_input(0), [=](Backward& r) {
             const Variable g = gradient(r), other = left.variable(r.input(0));
             return tb ? partial(r, right, g, other, true, ta) : partial(r, right, other, g, !ta, false);
           }});
}

Variable dot(const Operand& a, const Operand& b) {
  const Scope scope("dot", a.place());
  const Variable x = a.as_variable(), y = b.as_variable();
  check_vector(x);
  check_vector(y);
  return matmul(x, y);
}

Variable outer(const Operand& a, const Operand& b) {
  const Scope scope("outer", a.place());
  const Variable x = a.as_variable(), y = b.as_variable();
  check_vector(x);
  check_vector(y);
  return mul(reshape(x, {x.count(), 1}), y);
}

Variable linear(const Operand& x, const Operand& weight, const Variable& bias) {
  std::vector<Variable> operands{x.as_variable(), weight.as_variable()};
  if (bias.defined()) operands.push_back(bias);
  Op op("linear", x.place(), std::move(operands));
  detail::require_one_floating({{"x", op[0]}, {"weight", op[1]}, {"bias", bias}});
  op.promote_floating();
  Tensor value = kernels::linear(op.value(0), op.value(1), bias.defined() ? op.value(2) : Tensor());
  const Rule to_x{saves_input(1), [](Backward& r) { return matmul(r.gradient(), r.input(1)); }};
  const Rule to_weight{saves_input(0), [](Backward& r) {
                         return matmul(as_rows(r.gradient()), as_rows(r.input(0)), {.transpose_a = true});
                       }};
  if (!bias.defined()) return op.record(std::move(value), to_x, to_weight);
  return op.record(std::move(value), to_x, to_weight,
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }});
}

}  // namespace xgrad
