#include <xgrad/kernels/pairs.hpp>

#include <xgrad/kernels/broadcast.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/fold.hpp>
#include <xgrad/kernels/matmul.hpp>
#include <xgrad/kernels/strided.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad::kernels {
namespace {

/// x where `allowed`, `hidden` elsewhere; in place where x has the shape of both.
Tensor chosen(const Tensor& allowed, Tensor x, double hidden) {
  if (broadcast_shapes(allowed.shape(), x.shape()) != x.shape())
    return where(allowed, x, full({}, hidden, x.dtype()));
  detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    T* const to = x.mutable_data<T>();
    for_each_run<2>(
        {&x, &allowed}, x.shape(),
        [to, other = static_cast<T>(hidden)](const auto& data, const auto& steps, Index position, Index n) {
          // A byte, not a bool, so that the loop vectorises.
          const auto* may = reinterpret_cast<const std::uint8_t*>(data[1]);
          T* const here = to + position;
          const T fill = other;
          if (steps[1] == 1)
            for (Index i = 0; i < n; ++i) here[i] = may[i] != 0 ? here[i] : fill;
          else if (*may == 0)
            std::fill_n(here, n, fill);
        });
  });
  return x;
}

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
  detail::parallel_for(w.count() / pairs, detail::grain_of(pairs * width), [&](Index begin, Index end) {
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

Tensor pair_products(const Tensor& x, const Tensor& y, const Tensor& allowed, double hidden) {
  return chosen(allowed, matmul(x, y, false, true), hidden);
}

Tensor pair_sums(const Tensor& w, const Tensor& x, const Tensor& allowed, bool transposed) {
  Tensor result = matmul(w, x, transposed, false);
  if (all_finite(result)) return result;
  // A hidden weight of 0 may have made NaN of a row that is not finite.
  const Shape pairs = with_matrix(result.shape(), w.size(-2), w.size(-1));
  result = zeros(result.shape(), result.dtype());
  detail::dispatch_floating(w.dtype(), [&]<class T>(std::type_identity<T>) {
    add_pairs<T>(broadcast_to(w, pairs), broadcast_to(x, with_matrix(result.shape(), x.size(-2), x.size(-1))),
                 broadcast_to(allowed, pairs), transposed, result);
  });
  return result;
}

}  // namespace xgrad::kernels
