// Elementwise operations of one operand whose slope is cheapest, or most stable, as a function of their
// output.
#pragma once

#include <xgrad/autograd/map.hpp>

namespace xgrad::detail {

template <class T, class Slope>
void slope_loop(const void* f, const std::byte* const* y, const Index*, const std::byte* cotangent,
                std::byte* const* dx, Index n) {
  const Slope& slope = *static_cast<const Slope*>(f);
  const T* output = reinterpret_cast<const T*>(y[0]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* out = reinterpret_cast<T*>(dx[0]);
  for (Index i = 0; i < n; i += Lanes<T>::width)
    chain(Lanes<T>::load(g + i, n - i), Lanes<T>(slope(Lanes<T>::load(output + i, n - i))))
        .store(out + i, n - i);
}

template <class T, class Slope>
inline constexpr MapLoops slope_loops{nullptr, &slope_loop<T, Slope>};

/// f(x) with f'(x) = slope(f(x)). Saves its output only.
template <class F, class Slope>
Variable map_by_output(const char* name, F f, Slope slope, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  const Tensor* input = &op.value();
  Tensor value = run_forward(map_loops<float, 1, F>, map_loops<double, 1, F>, &f, &input, 1);
  return op.record(
      std::move(value),
      Rule{saves_output(), [slope](const Backward& r) {
             if (r.create_graph()) return chain(r.gradient(), cast_like(slope(r.output()), r.gradient()));
             const Tensor* output = &r.output_value();
             const bool needed = true;
             return Variable(std::move(run_backward(slope_loops<float, Slope>, slope_loops<double, Slope>,
                                                    &slope, &output, 1, r.gradient().value(), &needed)[0]));
           }});
}

}  // namespace xgrad::detail
