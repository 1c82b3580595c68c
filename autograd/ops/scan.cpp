// Running sums, products and linear recurrences. Invariant: no rule divides, so zeros are no special case,
// and the recurrence, which all others are instances of, is differentiated by itself run the other way.
#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/fold.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad {
namespace {

// What comes before every element in the order of the scan; `start` comes before the first.
Variable preceding(const Variable& x, Index axis, bool reverse, double start) {
  if (x.rank() == 0) return Variable(full({}, start, x.dtype()));
  if (x.count() == 0) return x;
  std::vector<Padding> padding(static_cast<std::size_t>(x.rank()));
  padding[static_cast<std::size_t>(axis)] = reverse ? Padding{-1, 1} : Padding{1, -1};
  return pad(x, padding, {.value = start});
}

// How a factor meets what came before it: as numbers do, or as a slope meets a cotangent, where zero gives
// zero.
enum class Product { plain, chain };

template <Product product, class T>
void recur(const T* a, const T* b, const detail::Plan& plan, bool reverse, T* y) {
  const Index size = plan.size, inner = plan.inner, step = reverse ? -inner : inner;
  detail::parallel_for(plan.outer, detail::grain_of(size * inner), [&](Index begin, Index end) {
    for (; begin < end; ++begin) {
      Index at = (begin * size + (reverse ? size - 1 : 0)) * inner;
      std::copy(b + at, b + at + inner, y + at);
      for (Index i = 1; i < size; ++i) {
        at += step;
        const T *factor = a + at, *term = b + at, *before = y + at - step;
        T* to = y + at;
        for (Index j = 0; j < inner; ++j)
          to[j] = product == Product::chain && before[j] == 0 ? term[j] : term[j] + factor[j] * before[j];
      }
    }
  });
}

Variable recurrence(const Operand& a, const Operand& b, Index axis, bool reverse, Product product) {
  Op op("recurrence", a, b);
  const DType dtype = op.promote_floating();
  const Shape shape = broadcast_shapes(op.shape(0), op.shape(1));
  axis = axis_along(shape, axis);
  for (std::size_t i = 0; i < 2; ++i)
    if (op.shape(i) != shape) op.replace(i, broadcast_to(op[i], shape));

  Tensor value = Tensor::uninitialized(shape, dtype);
  if (value.count() > 0)
    detail::dispatch_floating(dtype, [&]<class T>(std::type_identity<T>) {
      // Finite slopes make the same of either product, in less time.
      const auto loop = product == Product::chain && !kernels::all_finite(op.value(0))
                            ? recur<Product::chain, T>
                            : recur<Product::plain, T>;
      loop(op.value(0).data<T>(), op.value(1).data<T>(), detail::plan_along(shape, axis), reverse,
           value.mutable_data<T>());
    });
  return op.record(std::move(value),
                   JointRule{saves_input(0) | (op.needs(0) ? saves_output() : saves_nothing),
                             [axis, reverse](Backward& r) {
                               const Variable total =
                                   recurrence(preceding(r.input(0), axis, !reverse, 0), r.gradient(), axis,
                                              !reverse, Product::chain);
                               if (r.needs(0))
                                 r.give(0, detail::chain(total, preceding(r.output(), axis, reverse, 0)));
                               if (r.needs(1)) r.give(1, total);
                             }});
}

}  // namespace

Variable recurrence(const Operand& a, const Operand& b, Index axis, ScanOptions options) {
  return recurrence(a, b, axis, options.reverse, Product::plain);
}

Variable cumsum(const Operand& x, Index axis, ScanOptions options) {
  const Op op("cumsum", x);
  axis = axis_along(op.shape(), axis);
  return op.record(kernels::cumsum(op.value(), axis, options.reverse),
                   Rule{saves_nothing, [axis, reverse = options.reverse](Backward& r) {
                          return cumsum(r.gradient(), axis, {.reverse = !reverse});
                        }});
}

Variable cumprod(const Operand& x, Index axis, ScanOptions options) {
  const Op op("cumprod", x);
  axis = axis_along(op.shape(), axis);
  if (options.reverse && !op.shape().empty()) return flip(cumprod(flip(op[0], axis), axis), axis);
  // dy_i/dx_k is the product before k times the product from k + 1 to i; the recurrence adds up the latter
  // over i.
  return op.record(kernels::cumprod(op.value(), axis),
                   Rule{saves_input(0) | saves_output(), [axis](Backward& r) {
                          return detail::chain(recurrence(preceding(r.input(0), axis, true, 0), r.gradient(),
                                                          axis, true, Product::chain),
                                               preceding(r.output(), axis, false, 1));
                        }});
}

}  // namespace xgrad
