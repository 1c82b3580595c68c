#include <xgrad/tensor/pairs.hpp>

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/elementwise.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/fold.hpp>
#include <xgrad/tensor/matmul.hpp>
#include <xgrad/tensor/strided.hpp>

namespace xgrad::kernels {
namespace {

Tensor chosen(const Tensor& allowed, const Tensor& x) { return where(allowed, x, zeros({}, x.dtype())); }

/// The shape with the last two axes of these sizes.
Shape with_matrix(Shape shape, Index rows, Index columns) {
  shape[shape.rank() - 2] = rows;
  shape[shape.rank() - 1] = columns;
  return shape;
}

/// pair_sums pair after pair, into zeros; all of one batch.
template <class T>
void add_pairs(const Tensor& w, const Tensor& x, const Tensor& allowed, bool transposed, Tensor& result) {
  const Index rows = w.size(-2), columns = w.size(-1), width = x.size(-1), pairs = rows * columns;
  if (pairs == 0 || width == 0) return;
  const T *weights = w.data<T>(), *from = x.data<T>();
  const bool* may = allowed.data<bool>();
  T* to = result.mutable_data<T>();
  detail::parallel_for(w.count() / pairs, detail::grain_for(pairs * width), [&](Index begin, Index end) {
    for (Index matrix = begin; matrix < end; ++matrix)
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) {
          const Index place = matrix * pairs + i * columns + j;
          if (!may[place]) continue;
          const T* row = from + (transposed ? matrix * rows + i : matrix * columns + j) * width;
          T* sum = to + (transposed ? matrix * columns + j : matrix * rows + i) * width;
          for (Index c = 0; c < width; ++c) sum[c] += weights[place] * row[c];
        }
  });
}

}  // namespace

Tensor pair_products(const Tensor& x, const Tensor& y, const Tensor& allowed) {
  return chosen(allowed, matmul(x, y, false, true));
}

Tensor pair_sums(const Tensor& w, const Tensor& x, const Tensor& allowed, bool transposed) {
  const Tensor weights = chosen(allowed, w);
  Tensor result = matmul(weights, x, transposed, false);
  if (all_finite(result)) return result;
  // A weight of 0 may have made NaN of a hidden row that is not finite.
  const Shape pairs = with_matrix(result.shape(), w.size(-2), w.size(-1));
  result = zeros(result.shape(), result.dtype());
  detail::dispatch_floating(w.dtype(), [&]<class T>(std::type_identity<T>) {
    add_pairs<T>(broadcast_to(weights, pairs),
                 broadcast_to(x, with_matrix(result.shape(), x.size(-2), x.size(-1))),
                 broadcast_to(allowed, pairs), transposed, result);
  });
  return result;
}

}  // namespace xgrad::kernels
