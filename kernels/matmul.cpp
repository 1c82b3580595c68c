#include <xgrad/kernels/matmul.hpp>

#include <xgrad/backend/products.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>

namespace xgrad::kernels {
namespace {

/// The sizes of op(a) op(b) over a broadcast batch.
struct Sizes {
  Index rows, inner, columns;
  Shape batch_a, batch_b, batch;
};

Shape batch_of(const Tensor& x) { return {x.shape().begin(), x.shape().end() - 2}; }

std::string operand(const Tensor& x, bool transposed) {
  return to_string(x.shape()) + (transposed ? " transposed" : "");
}

Sizes sizes_of(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const auto both = [&] { return operand(a, transpose_a) + " x " + operand(b, transpose_b); };
  if (a.dtype() != b.dtype())
    fail<DTypeError>("expects operands of one dtype, got " + describe(a) + " x " + describe(b),
                     "convert one with cast");
  if (a.rank() < 2 || b.rank() < 2) fail<ShapeError>("expects matrices, got " + both());
  const Index inner = a.size(transpose_a ? -2 : -1);
  if (inner != b.size(transpose_b ? -1 : -2)) fail<ShapeError>("inner sizes differ: " + both());
  Sizes sizes{
      a.size(transpose_a ? -1 : -2), inner, b.size(transpose_b ? -2 : -1), batch_of(a), batch_of(b), {}};
  const Shape &p = sizes.batch_a, &q = sizes.batch_b;
  for (Index i = 1; i <= std::min(p.rank(), q.rank()); ++i)
    if (const Index m = p[p.rank() - i], n = q[q.rank() - i]; m != n && m != 1 && n != 1)
      fail<ShapeError>("batch sizes do not broadcast: " + both(), "they must match from the right, or be 1");
  sizes.batch = broadcast_shapes(sizes.batch_a, sizes.batch_b);
  return sizes;
}

template <class T>
backend::Product<T> product(const Sizes& s, bool transpose_a, bool transpose_b, const T* a, const T* b,
                            T beta, T* c) {
  return {.transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .rows = s.rows,
          .columns = s.columns,
          .inner = s.inner,
          .a = a,
          .lda = transpose_a ? s.rows : s.inner,
          .b = b,
          .ldb = transpose_b ? s.inner : s.columns,
          .beta = beta,
          .c = c,
          .ldc = s.columns};
}

/// The batch as more rows of a, where b is one matrix.
bool fold_batch_into_rows(Sizes& sizes, bool transpose_a) {
  if (transpose_a || sizes.batch_b.count() != 1 || sizes.batch_a.count() != sizes.batch.count()) return false;
  sizes.rows *= sizes.batch.count();
  return true;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  Sizes sizes = sizes_of(a, b, transpose_a, transpose_b);
  return detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T *left = a.data<T>(), *right = b.data<T>();
    backend::Product<T> each = product<T>(sizes, transpose_a, transpose_b, left, right, T(0), nullptr);
    if (a.rank() == 2 && b.rank() == 2 && backend::prefers_turned(each))
      return permute(matmul(b, a, !transpose_b, !transpose_a), {1, 0});
    Shape shape = sizes.batch;
    shape.push_back(sizes.rows);
    shape.push_back(sizes.columns);
    Tensor result = Tensor::uninitialized(shape, a.dtype());
    if (result.count() == 0) return result;
    T* out = each.c = result.mutable_data<T>();
    const Index matrices = sizes.batch.count();
    if (fold_batch_into_rows(sizes, transpose_a)) {
      each.rows = sizes.rows;
      backend::multiply(each);
      return result;
    }
    const Index matrix_a = sizes.rows * sizes.inner, matrix_b = sizes.inner * sizes.columns,
                matrix_c = sizes.rows * sizes.columns;
    const auto regular = [&](const Shape& own) { return own.count() == 1 || own.count() == matrices; };
    if (regular(sizes.batch_a) && regular(sizes.batch_b)) {
      each.batch = matrices;
      each.step_a = sizes.batch_a.count() == 1 ? 0 : matrix_a;
      each.step_b = sizes.batch_b.count() == 1 ? 0 : matrix_b;
      each.step_c = matrix_c;
      backend::multiply(each);
      return result;
    }
    const BroadcastBatch of_a(sizes.batch_a, sizes.batch), of_b(sizes.batch_b, sizes.batch);
    for (Index i = 0; i < matrices; ++i) {
      each.a = left + of_a(i) * matrix_a;
      each.b = right + of_b(i) * matrix_b;
      each.c = out + i * matrix_c;
      backend::multiply(each);
    }
    return result;
  });
}

Tensor matmul_sum(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  Sizes sizes = sizes_of(a, b, transpose_a, transpose_b);
  // Where one operand repeats, the other is summed first: sum(a b) = sum(a) b.
  if (const Shape& batch = sizes.batch; batch.count() > 1) {
    const auto summed = [&](const Tensor& x) { return sum(x, Axes().sorted(x.rank() - 2)); };
    const Index of_a = sizes.batch_a.count(), of_b = sizes.batch_b.count();
    if (of_b == 1 && of_a > 1)
      return matmul_sum(summed(a), b.reshape({b.size(-2), b.size(-1)}), transpose_a, transpose_b);
    if (of_a == 1 && of_b > 1)
      return matmul_sum(a.reshape({a.size(-2), a.size(-1)}), summed(b), transpose_a, transpose_b);
  }
  return detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized({sizes.rows, sizes.columns}, a.dtype());
    const Index matrices = sizes.batch.count();
    const BroadcastBatch of_a(sizes.batch_a, sizes.batch), of_b(sizes.batch_b, sizes.batch);
    // Matrices stacked along the inner axis are one product already.
    const bool stacked =
        transpose_a && !transpose_b && sizes.batch_a.count() == matrices && sizes.batch_b.count() == matrices;
    const Index matrix_a = sizes.rows * sizes.inner, matrix_b = sizes.inner * sizes.columns;
    const T *left = a.data<T>(), *right = b.data<T>();
    T* out = result.mutable_data<T>();
    if (stacked || matrices == 0) {
      sizes.inner *= matrices;
      backend::multiply(product<T>(sizes, transpose_a, transpose_b, left, right, T(0), out));
      return result;
    }
    for (Index i = 0; i < matrices; ++i)
      backend::multiply(product<T>(sizes, transpose_a, transpose_b, left + of_a(i) * matrix_a,
                                   right + of_b(i) * matrix_b, i == 0 ? T(0) : T(1), out));
    return result;
  });
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto given = [&] {
    return "x " + describe(x) + ", weight " + describe(weight) +
           (bias.defined() ? ", bias " + describe(bias) : "");
  };
  if (x.rank() < 1 || weight.rank() != 2 || x.size(-1) != weight.size(1) ||
      (bias.defined() && bias.shape() != Shape{weight.size(0)}))
    fail<ShapeError>("expects x (..., in), weight (out, in), bias (out), got " + given());
  if (x.dtype() != weight.dtype() || (bias.defined() && x.dtype() != bias.dtype()))
    fail<DTypeError>("expects operands of one dtype, got " + given(), "convert with cast");
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const Index out = weight.size(0), in = weight.size(1);
    Shape shape = x.shape();
    shape[shape.rank() - 1] = out;
    Tensor result = Tensor::uninitialized(shape, x.dtype());
    if (result.count() == 0) return result;
    backend::multiply(backend::Product<T>{.transpose_a = false,
                                          .transpose_b = true,
                                          .rows = result.count() / out,
                                          .columns = out,
                                          .inner = in,
                                          .a = x.data<T>(),
                                          .lda = in,
                                          .b = weight.data<T>(),
                                          .ldb = in,
                                          .beta = T(0),
                                          .c = result.mutable_data<T>(),
                                          .ldc = out,
                                          .bias = bias.defined() ? bias.data<T>() : nullptr});
    return result;
  });
}

}  // namespace xgrad::kernels
