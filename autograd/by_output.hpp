// Elementwise operations of one operand whose slope is cheapest, or most stable, as a function of their
// output.
#pragma once

#include <xgrad/autograd/map.hpp>

#include <concepts>
#include <type_traits>

namespace xgrad::detail {

/// A function of whole arrays, as those of vmath are.
struct ArrayFunction {
  void (*f32)(const float* x, float* out, Index n);
  void (*f64)(const double* x, double* out, Index n);
  void operator()(const float* x, float* out, Index n) const { f32(x, out, n); }
  void operator()(const double* x, double* out, Index n) const { f64(x, out, n); }
};

template <class T>
void array_loop(const void* f, const std::byte* const* x, const Index*, std::byte* out, Index n) {
  (*static_cast<const ArrayFunction*>(f))(reinterpret_cast<const T*>(x[0]), reinterpret_cast<T*>(out), n);
}

/// dx = cotangent * slope(y). A slope that maps T to T is arithmetic alone, and a loop over elements
/// vectorises; any other is computed on lanes.
template <class T, class Slope>
void slope_loop(const void* f, const std::byte* const* y, const Index*, const std::byte* cotangent,
                std::byte* const* dx, Index n) {
  const Slope& slope = *static_cast<const Slope*>(f);
  const T* output = reinterpret_cast<const T*>(y[0]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* out = reinterpret_cast<T*>(dx[0]);
  if constexpr (std::same_as<std::invoke_result_t<const Slope&, const T&>, T>) {
#pragma omp simd
    for (Index i = 0; i < n; ++i) out[i] = g[i] == 0 ? T(0) : g[i] * slope(output[i]);
  } else {
    for (Index i = 0; i < n; i += Lanes<T>::width)
      chain(Lanes<T>::load(g + i, n - i), Lanes<T>(slope(Lanes<T>::load(output + i, n - i))))
          .store(out + i, n - i);
  }
}

template <class T, class F>
constexpr auto forward_loop() {
  if constexpr (std::same_as<F, ArrayFunction>)
    return &array_loop<T>;
  else
    return &map_forward<T, 1, F>;
}
template <class T, class F, class Slope>
inline constexpr MapLoops output_loops{forward_loop<T, F>(), &slope_loop<T, Slope>};

/// The gradient of an operation of one operand by its backward loop, which reads `saved`. The loop's dx may
/// be its cotangent.
Variable looped_gradient(const Backward& r, const MapLoops& f32, const MapLoops& f64, const void* f,
                         const Tensor& saved);

/// f(x) with f'(x) = slope(f(x)); f is an ArrayFunction or a formula. Saves its output only.
template <class F, class Slope>
Variable map_by_output(const char* name, F f, Slope slope, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  const Tensor* input = &op.value();
  Tensor value = run_forward(output_loops<float, F, Slope>, output_loops<double, F, Slope>, &f, &input, 1);
  return op.record(std::move(value),
                   Rule{saves_output(), [slope](const Backward& r) {
                          if (r.create_graph())
                            return chain(r.gradient(), cast_like(slope(r.output()), r.gradient()));
                          return looped_gradient(r, output_loops<float, F, Slope>,
                                                 output_loops<double, F, Slope>, &slope, r.output_value());
                        }});
}

}  // namespace xgrad::detail
