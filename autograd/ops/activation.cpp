// Activations: formulas for map(), or formulas with their slope by the output where that is cheaper or more
// stable.
#include <xgrad/autograd/by_output.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/vmath/gelu.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

namespace xgrad {
namespace {

using detail::ArrayFunction, detail::map_by_input, detail::map_by_output, detail::map_saturating;

constexpr double selu_alpha = 1.6732632423543772848170429916717;
constexpr double selu_scale = 1.0507009873554804934193349852946;
constexpr double gelu_factor = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;

/// x Phi(x) for the normal distribution function Phi, and the slope Phi(x) + x Phi'(x).
struct ExactGelu {
  static constexpr const char* name = "gelu";
  template <class T>
  static void value(const T* x, T* out, Index n) {
    vmath::gelu(x, out, n);
  }
  template <class T>
  static void gradient(const T* x, const T* g, T* out, Index n) {
    vmath::gelu_gradient(x, g, out, n);
  }
  static Variable slope(const Variable& x) {
    constexpr double factor = std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2;
    // Far out the second term vanishes, and infinity must not meet its zero.
    const Variable v = clamp(x, -40, 40);
    return 0.5 * erfc(-std::numbers::sqrt2 / 2 * v) + v * (factor * exp(-0.5 * square(v)));
  }
};

/// x s for s = sigmoid(2 u), u = gelu_factor (x + 0.044715 x^3), and the slope s + x s (1 - s) 2 u'.
struct TanhGelu {
  static constexpr const char* name = "gelu_tanh";
  template <class T>
  static void value(const T* x, T* out, Index n) {
    vmath::gelu_tanh(x, out, n);
  }
  template <class T>
  static void gradient(const T* x, const T* g, T* out, Index n) {
    vmath::gelu_tanh_gradient(x, g, out, n);
  }
  static Variable slope(const Variable& x) {
    const Variable v = clamp(x, -24, 24), squared = square(v);
    const Variable twice_u = 2 * gelu_factor * v * (1 + 0.044715 * squared);
    const Variable s = sigmoid(twice_u);
    return s + v * s * sigmoid(-twice_u) * (2 * gelu_factor * (1 + 3 * 0.044715 * squared));
  }
};

template <class Form, class T>
void gelu_slope(const T* x, T* out, Index n) {
  std::fill_n(out, n, T(1));
  Form::gradient(x, out, out, n);
}
template <class Form, class T>
void gelu_forward(const void*, const std::byte* const* x, const Index*, std::byte* out, Index n) {
  Form::value(reinterpret_cast<const T*>(x[0]), reinterpret_cast<T*>(out), n);
}
template <class Form, class T>
void gelu_backward(const void*, const std::byte* const* x, const Index*, const std::byte* cotangent,
                   std::byte* const* dx, Index n) {
  Form::gradient(reinterpret_cast<const T*>(x[0]), reinterpret_cast<const T*>(cotangent),
                 reinterpret_cast<T*>(dx[0]), n);
}
template <class Form, class T>
inline constexpr detail::MapLoops gelu_loops{&gelu_forward<Form, T>, &gelu_backward<Form, T>};

template <class T>
void relu_forward(const void*, const std::byte* const* x, const Index*, std::byte* out, Index n) {
  const T* __restrict from = reinterpret_cast<const T*>(x[0]);
  T* __restrict to = reinterpret_cast<T*>(out);
  for (Index i = 0; i < n; ++i) to[i] = from[i] <= 0 ? T(0) : from[i];
}
template <class T>
void relu_backward(const void*, const std::byte* const* y, const Index*, const std::byte* cotangent,
                   std::byte* const* dx, Index n) {
  const T* output = reinterpret_cast<const T*>(y[0]);
  const T* g = reinterpret_cast<const T*>(cotangent);
  T* to = reinterpret_cast<T*>(dx[0]);
#pragma omp simd
  for (Index i = 0; i < n; ++i) to[i] = output[i] <= 0 ? T(0) : g[i];
}
// Both by 1 / (1 + |x|); infinity counts as the largest number.
template <class T>
T bounded_size(T x) {
  constexpr T largest = std::numeric_limits<T>::max();
  const T size = std::fabs(x);
  return size > largest ? largest : size;
}
template <class T>
void softsign_forward(const T* x, T* out, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    const T size = bounded_size(x[i]);
    out[i] = std::copysign(size / (T(1) + size), x[i]);
  }
}
template <class T>
void softsign_slope(const T* x, T* out, Index n) {
#pragma omp simd
  for (Index i = 0; i < n; ++i) {
    const T inverse = T(1) / (T(1) + std::fabs(x[i]));
    out[i] = inverse * inverse;
  }
}

template <class T>
inline constexpr detail::MapLoops relu_loops{&relu_forward<T>, &relu_backward<T>};

struct SigmoidByOutput {
  auto operator()(const auto& y) const { return y * (1 - y); }
  template <class T>
  static bool lost(T y) {
    return y > 1 - detail::near_limit<T>;
  }
};

/// An operation with loops of its own, whose backward loop reads the input or the output: what is saved.
/// gradient(cotangent, saved) says the same in differentiable operations.
template <class Gradient>
Variable by_loops(const char* name, const detail::MapLoops& f32, const detail::MapLoops& f64, Saves saves,
                  Gradient gradient, const Operand& x) {
  Op op(name, x);
  op.promote_floating();
  op.take_uniform_gradient();
  const Tensor* input = &op.value();
  Tensor value = detail::run_forward(f32, f64, nullptr, &input, 1);
  const bool from_output = saves.outputs != 0;
  const auto rule = [=, &f32, &f64](Backward& r) {
    if (r.create_graph()) return gradient(r.gradient(), from_output ? r.output() : r.input(0));
    return detail::looped_gradient(r, f32, f64, nullptr, from_output ? r.output_value() : r.input_value(0));
  };
  return op.record(std::move(value), Rule{saves, rule});
}

}  // namespace

Variable sigmoid(const Operand& x) {
  return map_saturating<SigmoidByOutput>(
      "sigmoid", {vmath::sigmoid, vmath::sigmoid}, {vmath::sigmoid_slope, vmath::sigmoid_slope},
      [](const Variable& v) { return detail::sigmoid_slope(v); }, x);
}

Variable logsigmoid(const Operand& x) {
  // The slope is 1 - sigmoid(x) = 1 - exp(y).
  return map_by_output(
      "logsigmoid", [](const auto& v) { return -softplus(-v); }, [](const auto& y) { return -expm1(y); }, x);
}

Variable softplus(const Operand& x, double beta) {
  const Scope scope("softplus", x.place());
  if (!(beta > 0)) fail<ValueError>("beta must be positive, got " + std::to_string(beta));
  return map_by_output(
      "softplus", [beta](const auto& v) { return softplus(beta * v) / beta; },
      [beta](const auto& y) { return -expm1(-beta * y); }, x);
}

Variable relu(const Operand& x) {
  return by_loops(
      "relu", relu_loops<float>, relu_loops<double>, saves_output(),
      [](const Variable& g, const Variable& y) { return where(y <= 0, 0.0, g); }, x);
}

Variable leaky_relu(const Operand& x, double slope) {
  // Zero times minus infinity is not wanted.
  if (slope == 0) return relu(x);
  return map(
      "leaky_relu", [slope](const auto& v) { return where(v > 0, v, slope * v); }, x);
}

Variable elu(const Operand& x, double alpha) {
  return map(
      "elu", [alpha](const auto& v) { return where(v > 0, v, alpha * expm1(v)); }, x);
}

Variable selu(const Operand& x) {
  return map(
      "selu", [](const auto& v) { return selu_scale * where(v > 0, v, selu_alpha * expm1(v)); }, x);
}

Variable celu(const Operand& x, double alpha) {
  const Scope scope("celu", x.place());
  if (alpha == 0) fail<ValueError>("alpha must not be zero");
  return map(
      "celu", [alpha](const auto& v) { return where(v > 0, v, alpha * expm1(v / alpha)); }, x);
}

Variable gelu(const Operand& x, GeluForm form) {
  const auto apply = [&]<class Form>(std::type_identity<Form>) {
    return by_loops(
        Form::name, gelu_loops<Form, float>, gelu_loops<Form, double>, saves_input(0),
        [](const Variable& g, const Variable& v) {
          const Variable slope = detail::under_exact_value(
              Form::name, Form::slope(v), {gelu_slope<Form, float>, gelu_slope<Form, double>}, v);
          return detail::chain(g, detail::cast_like(slope, g));
        },
        x);
  };
  return form == GeluForm::erf ? apply(std::type_identity<ExactGelu>{})
                               : apply(std::type_identity<TanhGelu>{});
}

Variable silu(const Operand& x) {
  return map_by_input(
      "silu", {vmath::silu, vmath::silu}, {vmath::silu_slope, vmath::silu_slope},
      [](const Variable& v) {
        // Far out the second term vanishes, and infinity must not meet its zero; as in mish.
        const Variable u = clamp(v, -800, 800), s = sigmoid(u);
        return detail::under_exact_value("silu", s + u * s * sigmoid(-u),
                                         {vmath::silu_slope, vmath::silu_slope}, v);
      },
      x);
}

Variable mish(const Operand& x) {
  return map_by_input(
      "mish", {vmath::mish, vmath::mish}, {vmath::mish_slope, vmath::mish_slope},
      [](const Variable& v) {
        const Variable u = clamp(v, -800, 800), gate = softplus(u);
        return detail::under_exact_value("mish", tanh(gate) + u * detail::tanh_slope(gate) * sigmoid(u),
                                         {vmath::mish_slope, vmath::mish_slope}, v);
      },
      x);
}

Variable hardtanh(const Operand& x, double low, double high) {
  const Scope scope("hardtanh", x.place());
  if (!(low <= high))
    fail<ValueError>("low must not be above high, got " + std::to_string(low) + " and " +
                     std::to_string(high));
  return map_by_output(
      "hardtanh", [low, high](const auto& v) { return where(v <= low, low, where(v >= high, high, v)); },
      [low, high](const auto& y) { return where(logical_and(y > low, y < high), 1.0, 0.0); }, x);
}

Variable relu6(const Operand& x) {
  return map_by_output(
      "relu6", [](const auto& v) { return where(v <= 0, 0.0, where(v >= 6, 6.0, v)); },
      [](const auto& y) { return where(logical_and(y > 0, y < 6), 1.0, 0.0); }, x);
}

Variable hardsigmoid(const Operand& x) {
  return map(
      "hardsigmoid", [](const auto& v) { return where(v <= -3, 0.0, where(v >= 3, 1.0, v / 6 + 0.5)); }, x);
}

Variable hardswish(const Operand& x) {
  return map(
      "hardswish", [](const auto& v) { return where(v <= -3, 0.0, where(v >= 3, v, v * (v / 6 + 0.5))); }, x);
}

Variable softsign(const Operand& x) {
  return map_by_input(
      "softsign", {softsign_forward, softsign_forward}, {softsign_slope, softsign_slope},
      [](const Variable& v) { return square(1 / (1 + abs(v))); }, x);
}

Variable tanhshrink(const Operand& x) {
  return map_by_input(
      "tanhshrink", {vmath::tanhshrink, vmath::tanhshrink},
      {vmath::tanhshrink_slope, vmath::tanhshrink_slope}, [](const Variable& v) { return square(tanh(v)); },
      x);
}

Variable softshrink(const Operand& x, double lambda) {
  const Scope scope("softshrink", x.place());
  if (!(lambda >= 0)) fail<ValueError>("lambda must not be negative, got " + std::to_string(lambda));
  return map(
      "softshrink",
      [lambda](const auto& v) {
        return where(v > lambda, v - lambda, where(v < -lambda, v + lambda, where(v == v, 0.0, v)));
      },
      x);
}

Variable hardshrink(const Operand& x, double lambda) {
  return map(
      "hardshrink", [lambda](const auto& v) { return where(abs(v) <= lambda, 0.0, v); }, x);
}

Variable threshold(const Operand& x, double limit, double value) {
  return map(
      "threshold", [limit, value](const auto& v) { return where(v <= limit, value, v); }, x);
}

}  // namespace xgrad
