// Elementwise operations of one operand whose slope is cheapest, or most stable, as a function of their
// output, or a function of the input that is not the derivative of any formula.
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

/// The gradient of an operation of one operand by its backward loop, which reads `saved`, and `second` if
/// there is one. The loop's dx may be its cotangent.
Variable looped_gradient(const Backward& r, const MapLoops& f32, const MapLoops& f64, const void* f,
                         const Tensor& saved, const Tensor* second = nullptr);

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

/// `slope`, a differentiable formula of x, under the value that `exact` has there: a formula of float32
/// operations loses digits where an exponential vanishes. In float64 it is left as it is.
Variable under_exact_value(const char* name, const Variable& slope, const ArrayFunction& exact,
                           const Variable& x);

/// A function and its slope over arrays, both of the input.
struct FunctionAndSlope {
  ArrayFunction value, slope;
};

template <class T>
void value_loop(const void* f, const std::byte* const* x, const Index* steps, std::byte* out, Index n) {
  array_loop<T>(&static_cast<const FunctionAndSlope*>(f)->value, x, steps, out, n);
}
/// Calls step(i, size) for blocks of n elements, of `width`, a constant there, but the last.
template <Index width, class Step>
void over_blocks(Index n, Step step) {
  Index i = 0;
  for (; i + width <= n; i += width) step(i, std::integral_constant<Index, width>{});
  if (i < n) step(i, n - i);
}

template <class T>
void input_slope_loop(const void* f, const std::byte* const* x, const Index*, const std::byte* cotangent,
                      std::byte* const* dx, Index n) {
  const FunctionAndSlope& function = *static_cast<const FunctionAndSlope*>(f);
  const T* input = reinterpret_cast<const T*>(x[0]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* out = reinterpret_cast<T*>(dx[0]);
  constexpr Index width = 256;
  T slopes[width];
  over_blocks<width>(n, [&](Index start, auto size) {
    function.slope(input + start, slopes, size);
#pragma omp simd
    for (Index i = 0; i < size; ++i) out[start + i] = g[start + i] == 0 ? T(0) : g[start + i] * slopes[i];
  });
}
template <class T>
inline constexpr MapLoops input_loops{&value_loop<T>, &input_slope_loop<T>};

/// f.value(x) with the slope f.slope(x); recorded(x) is the slope in differentiable operations. Saves its
/// input only.
template <class Slope>
Variable map_by_input(const char* name, const FunctionAndSlope& f, Slope recorded, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  const Tensor* input = &op.value();
  Tensor value = run_forward(input_loops<float>, input_loops<double>, &f, &input, 1);
  return op.record(std::move(value), Rule{saves_input(0), [f, recorded](const Backward& r) {
                                            if (r.create_graph())
                                              return chain(r.gradient(),
                                                           cast_like(recorded(r.input(0)), r.gradient()));
                                            return looped_gradient(r, input_loops<float>, input_loops<double>,
                                                                   &f, r.input_value(0));
                                          }});
}

/// The slope by the output, and by the input in blocks where the output has lost its digits.
template <class ByOutput>
void mixed_slope_loop(const void* f, const std::byte* const* x, const Index*, const std::byte* cotangent,
                      std::byte* const* dx, Index n) {
  using T = double;
  const FunctionAndSlope& function = *static_cast<const FunctionAndSlope*>(f);
  const T* input = reinterpret_cast<const T*>(x[0]);
  const T* output = reinterpret_cast<const T*>(x[1]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* out = reinterpret_cast<T*>(dx[0]);
  constexpr Index width = 32;
  over_blocks<width>(n, [&](Index start, auto size) {
    const T *y = output + start, *incoming = g + start;
    T* to = out + start;
    int lost = 0;
#pragma omp simd reduction(| : lost)
    for (Index i = 0; i < size; ++i) lost |= ByOutput::lost(y[i]) ? 1 : 0;
    if (lost == 0) {
#pragma omp simd
      for (Index i = 0; i < size; ++i) to[i] = incoming[i] == 0 ? T(0) : incoming[i] * ByOutput::slope(y[i]);
      return;
    }
    T exact[width];
    function.slope(input + start, exact, size);
#pragma omp simd
    for (Index i = 0; i < size; ++i)
      to[i] =
          incoming[i] == 0 ? T(0) : incoming[i] * (ByOutput::lost(y[i]) ? exact[i] : ByOutput::slope(y[i]));
  });
}
template <class ByOutput>
inline constexpr MapLoops mixed_loops{&value_loop<double>, &mixed_slope_loop<ByOutput>};

/// map_by_input where a float64 output tells the slope, ByOutput::slope(y), unless ByOutput::lost(y): the
/// input is read there alone, and no exponential is computed elsewhere. A float32 output loses its digits so
/// early that nearly every vector would ask the input.
template <class ByOutput, class Slope>
Variable map_saturating(const char* name, const FunctionAndSlope& f, Slope recorded, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  const Tensor* input = &op.value();
  Tensor value = run_forward(input_loops<float>, mixed_loops<ByOutput>, &f, &input, 1);
  const bool mixed = value.dtype() == float64;
  return op.record(
      std::move(value),
      Rule{mixed ? saves_input(0) | saves_output() : saves_input(0), [f, recorded, mixed](const Backward& r) {
             if (r.create_graph()) return chain(r.gradient(), cast_like(recorded(r.input(0)), r.gradient()));
             return looped_gradient(r, input_loops<float>, mixed_loops<ByOutput>, &f, r.input_value(0),
                                    mixed ? &r.output_value() : nullptr);
           }});
}

}  // namespace xgrad::detail
