// Running sums and products along an axis.
#include <xgrad/kernels/fold.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/dispatch.hpp>

namespace xgrad::kernels {
namespace {

/// out[o, i, j] = step(out[o, i - 1, j], x[o, i, j]), from the other end when reversed; Carry holds the
/// running value.
template <class Carry, class T, class Out, class Step>
void scan(const T* x, const detail::Plan& plan, bool reverse, Carry start, Out* out, Step step) {
  const Index size = plan.size, inner = plan.inner;
  constexpr Index strip = 256;
  const Index strips = (inner + strip - 1) / strip;
  detail::parallel_for(
      plan.outer * strips, detail::grain_of(size * std::min(inner, strip)), [&](Index task, Index last) {
        std::array<Carry, strip> running;
        for (; task < last; ++task) {
          const Index first = task % strips * strip, columns = std::min(strip, inner - first);
          Carry* __restrict carry = running.data();
          std::fill(carry, carry + columns, start);
          for (Index n = 0; n < size; ++n) {
            const Index i = reverse ? size - 1 - n : n;
            const Index at = (task / strips * size + i) * inner + first;
            const T* __restrict from = x + at;
            Out* __restrict to = out + at;
            for (Index j = 0; j < columns; ++j) {
              carry[j] = step(carry[j], static_cast<Carry>(from[j]));
              to[j] = static_cast<Out>(carry[j]);
            }
          }
        }
      });
}

template <class Step>
Tensor scan_along(const Tensor& x, Index axis, bool reverse, int start, Step step) {
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    using Out = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;
    // A running float sum is kept in double: rounding errors would otherwise grow with the length.
    using Carry = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
    Tensor result = Tensor::uninitialized(x.shape(), dtype_of<Out>);
    if (x.count() > 0)
      scan(x.data<T>(), detail::plan_along(x.shape(), axis), reverse, static_cast<Carry>(start),
           result.mutable_data<Out>(), step);
    return result;
  });
}

}  // namespace

Tensor cumsum(const Tensor& x, Index axis, bool reverse) {
  return scan_along(x, axis, reverse, 0, [](auto sum, auto value) { return detail::plus(sum, value); });
}

Tensor cumprod(const Tensor& x, Index axis) {
  return scan_along(x, axis, false, 1,
                    [](auto product, auto value) { return detail::times(product, value); });
}

}  // namespace xgrad::kernels
