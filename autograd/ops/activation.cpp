// Activations: formulas for map(), or formulas with their slope by the output where that is cheaper or more
// stable.
#include <xgrad/autograd/by_output.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/tensor/gelu.hpp>

#include <numbers>

namespace xgrad {
namespace {

using detail::ArrayFunction, detail::map_by_output;

template <class F>
Variable map_one(const char* name, F f, const Operand& x) {
  Op op(name, x);
  return detail::map_operands<1>(op, f);
}

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
    return 0.5 * erfc(-std::numbers::sqrt2 / 2 * x) + x * (factor * exp(-0.5 * square(x)));
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
    const Variable squared = square(x), twice_u = 2 * gelu_factor * x * (1 + 0.044715 * squared);
    const Variable s = sigmoid(twice_u);
    return s + x * s * sigmoid(-twice_u) * (2 * gelu_factor * (1 + 3 * 0.044715 * squared));
  }
};

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
template <class T>
inline constexpr detail::MapLoops relu_loops{&relu_forward<T>, &relu_backward<T>};

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
  const auto rule = [=, &f32, &f64](const Backward& r) {
    if (r.create_graph()) return gradient(r.gradient(), from_output ? r.output() : r.input(0));
    return detail::looped_gradient(r, f32, f64, nullptr, from_output ? r.output_value() : r.input_value(0));
  };
  return op.record(std::move(value), Rule{saves, rule});
}

}  // namespace

Variable sigmoid(const Operand& x) {
  return map_by_output(
      "sigmoid", ArrayFunction{vmath::sigmoid, vmath::sigmoid}, [](const auto& y) { return y * (1 - y); }, x);
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
  return map_one(
      "leaky_relu", [slope](const auto& v) { return where(v > 0, v, slope * v); }, x);
}

Variable elu(const Operand& x, double alpha) {
  return map_one(
      "elu", [alpha](const auto& v) { return where(v > 0, v, alpha * expm1(v)); }, x);
}

Variable selu(const Operand& x) {
  return map_one(
      "selu", [](const auto& v) { return selu_scale * where(v > 0, v, selu_alpha * expm1(v)); }, x);
}

Variable celu(const Operand& x, double alpha) {
  const Scope scope("celu", x.place());
  if (alpha == 0) fail<ValueError>("alpha must not be zero");
  return map_one(
      "celu", [alpha](const auto& v) { return where(v > 0, v, alpha * expm1(v / alpha)); }, x);
}

Variable gelu(const Operand& x, GeluForm form) {
  const auto apply = [&]<class Form>(std::type_identity<Form>) {
    return by_loops(
        Form::name, gelu_loops<Form, float>, gelu_loops<Form, double>, saves_input(0),
        [](const Variable& g, const Variable& v) {
          return detail::chain(g, detail::cast_like(Form::slope(v), g));
        },
        x);
  };
  return form == GeluForm::erf ? apply(std::type_identity<ExactGelu>{})
                               : apply(std::type_identity<TanhGelu>{});
}

Variable silu(const Operand& x) {
  return map_one(
      "silu", [](const auto& v) { return v * sigmoid(v); }, x);
}

Variable mish(const Operand& x) {
  return map_one(
      "mish", [](const auto& v) { return v * tanh(softplus(v)); }, x);
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
  return map_one(
      "hardsigmoid", [](const auto& v) { return where(v <= -3, 0.0, where(v >= 3, 1.0, v / 6 + 0.5)); }, x);
}

Variable hardswish(const Operand& x) {
  return map_one(
      "hardswish", [](const auto& v) { return where(v <= -3, 0.0, where(v >= 3, v, v * (v / 6 + 0.5))); }, x);
}

Variable softsign(const Operand& x) {
  return map_one(
      "softsign", [](const auto& v) { return v / (1 + abs(v)); }, x);
}

Variable tanhshrink(const Operand& x) {
  return map_one(
      "tanhshrink", [](const auto& v) { return v - tanh(v); }, x);
}

Variable softshrink(const Operand& x, double lambda) {
  const Scope scope("softshrink", x.place());
  if (!(lambda >= 0)) fail<ValueError>("lambda must not be negative, got " + std::to_string(lambda));
  return map_one(
      "softshrink",
      [lambda](const auto& v) {
        return where(v > lambda, v - lambda, where(v < -lambda, v + lambda, where(v == v, 0.0, v)));
      },
      x);
}

Variable hardshrink(const Operand& x, double lambda) {
  return map_one(
      "hardshrink", [lambda](const auto& v) { return where(abs(v) <= lambda, 0.0, v); }, x);
}

Variable threshold(const Operand& x, double limit, double value) {
  return map_one(
      "threshold", [limit, value](const auto& v) { return where(v <= limit, value, v); }, x);
}

}  // namespace xgrad
