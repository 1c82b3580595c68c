// Diagonals and triangles. The two directions of diag are adjoint; a triangle is its own adjoint.
#include <xgrad/autograd/ops/views.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cstring>

namespace xgrad {
namespace {

/// Diagonal k of a matrix; empty where k leaves it.
kernels::View diagonal(const Shape& matrix, Index k) {
  const Index rows = matrix[0], columns = matrix[1];
  if (k <= -rows || k >= columns) return {0, {0}, {0}};
  const Index size = std::min(rows + std::min<Index>(k, 0), columns - std::max<Index>(k, 0));
  return {k >= 0 ? k : -k * columns, {size}, {columns + 1}};
}

/// Zeros of `shape` with the vector x on diagonal k.
Variable matrix_of(const Variable& x, const Shape& shape, Index k) {
  Op op("diag", {}, {x});
  Tensor value = zeros(shape, op.dtype());
  if (op.value().count() > 0) kernels::write(value, diagonal(shape, k), op.value());
  return op.record(std::move(value), Rule{saves_nothing, [k](Backward& r) { return diag(r.gradient(), k); }});
}

Variable triangle(const char* name, const Operand& x, Index k, bool lower) {
  Op op(name, x);
  if (op.value().rank() < 2) fail<ShapeError>("expects at least 2 axes, got " + to_string(op.shape()));
  Tensor value = op.value();
  if (value.count() > 0) {
    const Index columns = value.size(-1), rows = value.size(-2), width = element_size(value.dtype());
    const Index shift = std::clamp(k, -rows, columns);
    std::byte* row = value.mutable_raw();
    for (Index i = 0; i < value.count() / columns; ++i, row += columns * width) {
      const Index begin = lower ? std::clamp<Index>(i % rows + shift + 1, 0, columns) : 0;
      const Index end = lower ? columns : std::clamp<Index>(i % rows + shift, 0, columns);
      std::memset(row + begin * width, 0, static_cast<std::size_t>((end - begin) * width));
    }
  }
  return op.record(std::move(value), Rule{saves_nothing, [name, k, lower](Backward& r) {
                                            return triangle(name, r.gradient(), k, lower);
                                          }});
}

}  // namespace

Variable diag(const Operand& x, Index k) {
  const Scope scope("diag", x.place());
  const Variable v = x.as_variable();
  if (v.rank() == 1) {
    Index size = 0;
    if (__builtin_add_overflow(v.count(), k < 0 ? -(k + 1) : k, &size) ||
        __builtin_add_overflow(size, k < 0 ? 1 : 0, &size))
      fail<ShapeError>("diagonal " + std::to_string(k) + " needs a matrix whose size does not fit 63 bits");
    return matrix_of(v, {size, size}, k);
  }
  Op op("diag", x);
  if (v.rank() != 2) fail<ShapeError>("expects a vector or a matrix, got " + to_string(v.shape()));
  return op.record(
      detail::read(op.value(), diagonal(op.shape(), k)),
      Rule{saves_nothing, [k](Backward& r) { return matrix_of(r.gradient(), r.input_shape(0), k); }});
}

Variable tril(const Operand& x, Index k) { return triangle("tril", x, k, true); }
Variable triu(const Operand& x, Index k) { return triangle("triu", x, k, false); }

}  // namespace xgrad
