// Elementwise operations of one operand whose slope is cheapest, or most stable, as a function of their
// output, or a function of the input that is not the derivative of any formula.
#pragma once

#include <xgrad/autograd/map.hpp>
#include <xgrad/tensor/dispatch.hpp>

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
void output_slope_loop(const void* f, const std::byte* const* y, const Index*, const std::byte* cotangent,
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
template <class T, class F>
inline constexpr MapLoops forward_loops{forward_loop<T, F>(), nullptr};
template <class T, class Slope>
inline constexpr MapLoops output_loops{nullptr, &output_slope_loop<T, Slope>};

/// f of every element of x.
template <class F>
Tensor evaluated(const F& f, const Tensor& x) {
  const Tensor* const input = &x;
  return run_forward(forward_loops<float, F>, forward_loops<double, F>, &f, &input, 1);
}

/// The loops of a floating dtype.
const MapLoops& loops_of(DType dtype, const MapLoops& f32, const MapLoops& f64);
/// The gradient of one operand by its backward loop, written to `out`, which may be the cotangent. The loop
/// may read a second array of x's shape.
void backward_of_one(const MapLoops& loops, const void* f, const Tensor& x, const Tensor* second,
                     const Tensor& cotangent, std::byte* out);

/// The gradient of an operation of one operand by its backward loop, which reads `saved`, and `second` if
/// there is one. The loop's dx may be its cotangent.
Variable looped_gradient(Backward& r, const MapLoops& f32, const MapLoops& f64, const void* f,
                         const Tensor& saved, const Tensor* second = nullptr);

/// The rule that multiplies by slope(output), and saves the output.
template <class Slope>
auto rule_by_output(Slope slope) {
  return Rule{saves_output(), [slope](Backward& r) {
                if (r.create_graph()) return chain(r.gradient(), cast_like(slope(r.output()), r.gradient()));
                return looped_gradient(r, output_loops<float, Slope>, output_loops<double, Slope>, &slope,
                                       r.output_value());
              }};
}

/// f(x) with f'(x) = slope(f(x)); f is an ArrayFunction or a formula. Saves its output only.
template <class F, class Slope>
Variable map_by_output(const char* name, F f, Slope slope, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  return op.record(evaluated(f, op.value()), rule_by_output(slope));
}

/// `slope`, a differentiable formula of x, under the value that `exact` has there: a formula of float32
/// operations loses digits where an exponential vanishes. In float64 it is left as it is.
Variable under_exact_value(const char* name, const Variable& slope, const ArrayFunction& exact,
                           const Variable& x);

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
  const ArrayFunction& slope = *static_cast<const ArrayFunction*>(f);
  const T* input = reinterpret_cast<const T*>(x[0]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* out = reinterpret_cast<T*>(dx[0]);
  constexpr Index width = 256;
  T slopes[width];
  over_blocks<width>(n, [&](Index start, auto size) {
    slope(input + start, slopes, size);
#pragma omp simd
    for (Index i = 0; i < size; ++i) out[start + i] = g[start + i] == 0 ? T(0) : g[start + i] * slopes[i];
  });
}
template <class T>
inline constexpr MapLoops input_loops{nullptr, &input_slope_loop<T>};

/// The rule that multiplies by slope(input), recorded(input) where the run is recorded; saves the input.
template <class Recorded>
auto rule_by_input(const ArrayFunction& slope, Recorded recorded) {
  return Rule{saves_input(0), [slope, recorded](Backward& r) {
                if (r.create_graph())
                  return chain(r.gradient(), cast_like(recorded(r.input(0)), r.gradient()));
                return looped_gradient(r, input_loops<float>, input_loops<double>, &slope, r.input_value(0));
              }};
}

/// f(x) with the slope slope(x); recorded(x) is the slope in differentiable operations. Saves its input only.
template <class Recorded>
Variable map_by_input(const char* name, const ArrayFunction& f, const ArrayFunction& slope, Recorded recorded,
                      const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  return op.record(evaluated(f, op.value()), rule_by_input(slope, recorded));
}

/// Within this of a limit of 1, an output has lost digits of its distance from there: more than three bits of
/// float32, whose slopes are then wrong by up to 1e-6, or fourteen of float64.
template <class T>
inline constexpr T near_limit = sizeof(T) == 4 ? T(0x1p-3) : T(0x1p-14);

/// True when ByOutput::lost(y) for an element.
template <class ByOutput, class T>
bool any_lost(const T* y, Index n) {
  bool found = false;
  over_blocks<64>(n, [&](Index start, auto size) {
    if (found) return;
    int lost = 0;
#pragma omp simd reduction(| : lost)
    for (Index i = 0; i < size; ++i) lost |= ByOutput::lost(y[start + i]) ? 1 : 0;
    found = lost != 0;
  });
  return found;
}

/// Each element's slope by its output, or by its input where that has lost digits: what the others hold does
/// not matter.
template <class T, class ByOutput>
void mixed_slope_loop(const void* f, const std::byte* const* x, const Index*, const std::byte* cotangent,
                      std::byte* const* dx, Index n) {
  const ArrayFunction& slope = *static_cast<const ArrayFunction*>(f);
  const T* input = reinterpret_cast<const T*>(x[0]);
  const T* output = reinterpret_cast<const T*>(x[1]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* out = reinterpret_cast<T*>(dx[0]);
  constexpr Index width = 64;
  over_blocks<width>(n, [&](Index start, auto size) {
    T slopes[width];
    const T *y = output + start, *incoming = g + start;
    if (any_lost<ByOutput>(y, size)) slope(input + start, slopes, size);
#pragma omp simd
    for (Index i = 0; i < size; ++i)
      if (!ByOutput::lost(y[i])) slopes[i] = ByOutput()(y[i]);
#pragma omp simd
    for (Index i = 0; i < size; ++i) out[start + i] = incoming[i] == 0 ? T(0) : incoming[i] * slopes[i];
  });
}
template <class T, class ByOutput>
inline constexpr MapLoops mixed_loops{nullptr, &mixed_slope_loop<T, ByOutput>};

/// map_by_output with the slope ByOutput()(y), but by the input where ByOutput::lost(y) tells of an element
/// that has lost digits of it. The input is saved for such elements only.
template <class ByOutput, class Recorded>
Variable map_saturating(const char* name, const ArrayFunction& f, const ArrayFunction& slope,
                        Recorded recorded, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  Tensor value = evaluated(f, op.value());
  const bool lost = dispatch_floating(value.dtype(), [&]<class T>(std::type_identity<T>) {
    return any_lost<ByOutput>(value.data<T>(), value.count());
  });
  if (!lost) return op.record(std::move(value), rule_by_output(ByOutput()));
  return op.record(std::move(value), Rule{saves_input(0) | saves_output(), [slope, recorded](Backward& r) {
                                            if (r.create_graph())
                                              return chain(r.gradient(),
                                                           cast_like(recorded(r.input(0)), r.gradient()));
                                            return looped_gradient(r, mixed_loops<float, ByOutput>,
                                                                   mixed_loops<double, ByOutput>, &slope,
                                                                   r.input_value(0), &r.output_value());
                                          }});
}

}  // namespace xgrad::detail
