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

/// The gradient of an operation of one operand by its backward loop, which reads `saved`. The loop's dx may
/// be its cotangent.
Variable looped_gradient(const Backward& r, const MapLoops& f32, const MapLoops& f64, const void* f,
                         const Tensor& saved);

/// f(x) with f'(x) = slope(f(x)). Saves its output only.
template <class F, class Slope>
Variable map_by_output(const char* name, F f, Slope slope, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  const Tensor* input = &op.value();
  Tensor value = run_forward(map_loops<float, 1, F>, map_loops<double, 1, F>, &f, &input, 1);
  return op.record(std::move(value),
                   Rule{saves_output(), [slope](const Backward& r) {
                          if (r.create_graph())
                            return chain(r.gradient(), cast_like(slope(r.output()), r.gradient()));
                          return looped_gradient(r, slope_loops<float, Slope>, slope_loops<double, Slope>,
                                                 &slope, r.output_value());
                        }});
}

}  // namespace xgrad::detail
