// Case rows of the elementwise operations. References are the C library's functions, or the formula written
// out.
#include <xgrad/xgrad.hpp>

#include "support/cases.hpp"

#include <cmath>
#include <numbers>

namespace xgrad::test {
namespace {

// ------------------------------------------------------------------------------------------------ references

double sigmoid_reference(double x) { return 1 / (1 + std::exp(-x)); }
double softplus_reference(double x) { return std::log1p(std::exp(x)); }
double elu_reference(double x, double alpha) { return x > 0 ? x : alpha * std::expm1(x); }
double digamma_reference(double x) {
  // Recurrence up to a large argument, then Stirling's series.
  double shift = 0;
  for (; x < 30; x += 1) shift -= 1 / x;
  const double w = 1 / (x * x);
  return shift + std::log(x) - 0.5 / x - w * (1.0 / 12 - w * (1.0 / 120 - w / 252));
}
double trigamma_reference(double x) {
  double shift = 0;
  for (; x < 30; x += 1) shift += 1 / (x * x);
  const double w = 1 / (x * x);
  return shift + 1 / x + 0.5 * w + w / x * (1.0 / 6 - w * (1.0 / 30 - w / 42));
}
double python_remainder(double a, double b) { return a - std::floor(a / b) * b; }
double xlogy_reference(double x, double y) { return x == 0 ? 0 : x * std::log(y); }

// ------------------------------------------------------------------------------------------------ rows

using Unary = std::function<Variable(const Variable&)>;

const bool smooth = [] {
  const auto add = [](const char* name, Variable (*f)(const Operand&), double (*reference)(double),
                      double low, double high) {
    return add_cases(unary_cases(
        name, [f](const Variable& x) { return f(x); }, reference, low, high));
  };
  add(
      "neg", neg, [](double x) { return -x; }, -2, 2);
  add("exp", exp, std::exp, -2, 2);
  add("exp2", exp2, std::exp2, -2, 2);
  add("expm1", expm1, std::expm1, -2, 2);
  add("log", log, std::log, 0.3, 3);
  add("log2", log2, std::log2, 0.3, 3);
  add("log10", log10, std::log10, 0.3, 3);
  add("log1p", log1p, std::log1p, -0.6, 3);
  add("sqrt", sqrt, std::sqrt, 0.3, 3);
  add(
      "rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.3, 3);
  add("cbrt", cbrt, std::cbrt, 0.3, 3);
  add("cbrt", cbrt, std::cbrt, -3, -0.3);
  add(
      "square", square, [](double x) { return x * x; }, -2, 2);
  add(
      "reciprocal", reciprocal, [](double x) { return 1 / x; }, 0.4, 3);
  add(
      "abs", abs, [](double x) { return std::fabs(x); }, 0.2, 2);
  add(
      "abs", abs, [](double x) { return std::fabs(x); }, -2, -0.2);
  add("sin", sin, std::sin, -3, 3);
  add("cos", cos, std::cos, -3, 3);
  add("tan", tan, std::tan, -1, 1);
  add("asin", asin, std::asin, -0.8, 0.8);
  add("acos", acos, std::acos, -0.8, 0.8);
  add("atan", atan, std::atan, -3, 3);
  add("sinh", sinh, std::sinh, -2, 2);
  add("cosh", cosh, std::cosh, -2, 2);
  add("tanh", tanh, std::tanh, -2, 2);
  add("asinh", asinh, std::asinh, -3, 3);
  add("acosh", acosh, std::acosh, 1.3, 4);
  add("atanh", atanh, std::atanh, -0.8, 0.8);
  add("erf", erf, std::erf, -2, 2);
  add("erfc", erfc, std::erfc, -2, 2);
  add("lgamma", lgamma, std::lgamma, 0.4, 5);
  add("digamma", digamma, digamma_reference, 0.4, 5);
  add("sigmoid", sigmoid, sigmoid_reference, -4, 4);
  add(
      "logsigmoid", logsigmoid, [](double x) { return -softplus_reference(-x); }, -4, 4);
  add(
      "silu", silu, [](double x) { return x * sigmoid_reference(x); }, -4, 4);
  add(
      "mish", mish, [](double x) { return x * std::tanh(softplus_reference(x)); }, -4, 4);
  add(
      "softsign", softsign, [](double x) { return x / (1 + std::fabs(x)); }, 0.1, 3);
  add(
      "softsign", softsign, [](double x) { return x / (1 + std::fabs(x)); }, -3, -0.1);
  add(
      "tanhshrink", tanhshrink, [](double x) { return x - std::tanh(x); }, -2, 2);
  add(
      "selu", selu, [](double x) { return 1.0507009873554805 * elu_reference(x, 1.6732632423543772); }, 0.1,
      3);
  add(
      "selu", selu, [](double x) { return 1.0507009873554805 * elu_reference(x, 1.6732632423543772); }, -3,
      -0.1);
  return true;
}();

const bool with_options = [] {
  const auto add = [](const char* name, Unary f, double (*reference)(double), double low, double high) {
    return add_cases(unary_cases(name, std::move(f), reference, low, high));
  };
  add(
      "polygamma", [](const Variable& x) { return polygamma(1, x); }, trigamma_reference, 0.5, 5);
  add(
      "softplus", [](const Variable& x) { return softplus(x); }, softplus_reference, -4, 4);
  add(
      "softplus", [](const Variable& x) { return softplus(x, 3); },
      [](double x) { return softplus_reference(3 * x) / 3; }, -2, 2);
  add(
      "elu", [](const Variable& x) { return elu(x, 0.7); }, [](double x) { return elu_reference(x, 0.7); },
      -3, -0.1);
  add(
      "elu", [](const Variable& x) { return elu(x); }, [](double x) { return elu_reference(x, 1); }, 0.1, 3);
  add(
      "celu", [](const Variable& x) { return celu(x, 0.6); },
      [](double x) { return x > 0 ? x : 0.6 * std::expm1(x / 0.6); }, -3, -0.1);
  add(
      "gelu", [](const Variable& x) { return gelu(x); },
      [](double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }, -3, 3);
  add(
      "gelu_tanh", [](const Variable& x) { return gelu(x, GeluForm::tanh); },
      [](double x) {
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
      },
      -3, 3);
  add(
      "pow", [](const Variable& x) { return pow(x, 2.5); }, [](double x) { return std::pow(x, 2.5); }, 0.3,
      2);
  add(
      "pow", [](const Variable& x) { return pow(x, 3); }, [](double x) { return x * x * x; }, -2, -0.2);
  add(
      "pow", [](const Variable& x) { return pow(2.0, x); }, [](double x) { return std::pow(2.0, x); }, -2, 2);
  add(
      "clamp", [](const Variable& x) { return clamp(x, -1, 1); },
      [](double x) { return std::fmin(std::fmax(x, -1), 1); }, -0.9, 0.9);
  add(
      "clamp", [](const Variable& x) { return clamp(x, -1, 1); }, [](double) { return 1.0; }, 1.1, 3);
  add(
      "clamp", [](const Variable& x) { return clamp(x, {.min = 0.5}); },
      [](double x) { return std::fmax(x, 0.5); }, -2, 0.4);
  add(
      "clamp", [](const Variable& x) { return clamp(x, {.max = 0.5}); },
      [](double x) { return std::fmin(x, 0.5); }, -2, 0.4);
  return true;
}();

// Piecewise linear ones: a stretch on each side of every kink.
const bool piecewise = [] {
  const auto add = [](const char* name, Unary f, double (*reference)(double)) {
    for (const auto& [low, high] : {std::pair{-9.0, -6.2},
                                    {-2.8, -1.1},
                                    {-0.9, -0.6},
                                    {-0.4, -0.1},
                                    {0.1, 0.4},
                                    {0.6, 0.9},
                                    {1.1, 2.8},
                                    {3.2, 5.8},
                                    {6.2, 9.0}})
      add_cases(unary_cases(name, f, reference, low, high));
  };
  add(
      "relu", [](const Variable& x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; });
  add(
      "leaky_relu", [](const Variable& x) { return leaky_relu(x, 0.2); },
      [](double x) { return x > 0 ? x : 0.2 * x; });
  add(
      "hardtanh", [](const Variable& x) { return hardtanh(x); },
      [](double x) { return std::fmin(std::fmax(x, -1), 1); });
  add(
      "relu6", [](const Variable& x) { return relu6(x); },
      [](double x) { return std::fmin(std::fmax(x, 0), 6); });
  add(
      "hardsigmoid", [](const Variable& x) { return hardsigmoid(x); },
      [](double x) { return std::fmin(std::fmax(x / 6 + 0.5, 0), 1); });
  add(
      "hardswish", [](const Variable& x) { return hardswish(x); },
      [](double x) { return x * std::fmin(std::fmax(x + 3, 0), 6) / 6; });
  add(
      "softshrink", [](const Variable& x) { return softshrink(x); },
      [](double x) { return x > 0.5    ? x - 0.5
                            : x < -0.5 ? x + 0.5
                                       : 0; });
  add(
      "hardshrink", [](const Variable& x) { return hardshrink(x); },
      [](double x) { return std::fabs(x) <= 0.5 ? 0 : x; });
  add(
      "threshold", [](const Variable& x) { return threshold(x, 1, 20); },
      [](double x) { return x <= 1 ? 20 : x; });
  add(
      "sign", [](const Variable& x) { return sign(x); }, [](double x) { return x > 0 ? 1.0 : -1.0; });
  return true;
}();

const bool steps = [] {
  const auto add = [](const char* name, Unary f, double (*reference)(double)) {
    add_cases(unary_cases(name, f, reference, 1.1, 1.4));
    add_cases({{name,
                "several",
                [f](const auto& x) { return f(x[0]); },
                {spread({20}, -5, 5)},
                elementwise(reference),
                Order::none}});
  };
  add(
      "floor", [](const Variable& x) { return floor(x); }, std::floor);
  add(
      "ceil", [](const Variable& x) { return ceil(x); }, std::ceil);
  add(
      "round", [](const Variable& x) { return round(x); }, std::nearbyint);
  add(
      "trunc", [](const Variable& x) { return trunc(x); }, std::trunc);
  return true;
}();

const bool binary = [] {
  const auto add_rows = [](const char* name, Variable (*f)(const Operand&, const Operand&),
                           double (*reference)(double, double), double low_a, double high_a, double low_b,
                           double high_b) {
    return add_cases(binary_cases(
        name, [f](const Variable& a, const Variable& b) { return f(a, b); }, reference, low_a, high_a, low_b,
        high_b));
  };
  add_rows(
      "add", add, [](double a, double b) { return a + b; }, -2, 2, -2, 2);
  add_rows(
      "sub", sub, [](double a, double b) { return a - b; }, -2, 2, -2, 2);
  add_rows(
      "mul", mul, [](double a, double b) { return a * b; }, -2, 2, -2, 2);
  add_rows(
      "div", div, [](double a, double b) { return a / b; }, -2, 2, 0.5, 2);
  add_rows(
      "pow", pow, [](double a, double b) { return std::pow(a, b); }, 0.4, 2, -2, 2);
  add_rows(
      "atan2", atan2, [](double a, double b) { return std::atan2(a, b); }, 0.3, 2, 0.3, 2);
  add_rows(
      "hypot", hypot, [](double a, double b) { return std::hypot(a, b); }, 0.3, 2, -2, -0.3);
  add_rows("xlogy", xlogy, xlogy_reference, 0.3, 2, 0.3, 2);
  add_rows(
      "fmod", fmod, [](double a, double b) { return std::fmod(a, b); }, 2.1, 2.9, 1.1, 1.4);
  add_rows(
      "fmod", fmod, [](double a, double b) { return std::fmod(a, b); }, -2.9, -2.3, 1.2, 1.4);
  add_rows("remainder", remainder, python_remainder, -2.7, -2.5, 2.8, 3.4);
  add_rows("remainder", remainder, python_remainder, 2.5, 2.7, 1.0, 1.2);
  // Disjoint ranges keep pairs away from ties.
  add_rows(
      "maximum", maximum, [](double a, double b) { return std::fmax(a, b); }, -2, -1, 1, 2);
  add_rows(
      "maximum", maximum, [](double a, double b) { return std::fmax(a, b); }, 1, 2, -2, -1);
  add_rows(
      "minimum", minimum, [](double a, double b) { return std::fmin(a, b); }, -2, -1, 1, 2);
  return true;
}();

Reference ternary(double (*f)(double, double, double)) {
  return [f](const std::vector<Tensor>& x) {
    Tensor result = Tensor::uninitialized(x[0].shape(), float64);
    const Tensor a = x[0].to(float64), b = x[1].to(float64), c = x[2].to(float64);
    for (Index i = 0; i < result.count(); ++i)
      result.mutable_data<double>()[i] = f(a.data<double>()[i], b.data<double>()[i], c.data<double>()[i]);
    return result;
  };
}

// Values of 0 and 1, compared with booleans and integers too.
Reference truth(double (*f)(double, double)) {
  return [f](const std::vector<Tensor>& x) { return elementwise(f)({x[0].to(float64), x[1].to(float64)}); };
}

const bool others = [] {
  const Tensor a = spread({3, 4}, -2, 2, 1), b = spread({3, 4}, -2, 2, 2), t = spread({3, 4}, 0, 1, 3);
  const Tensor mask = Tensor{{1, 0, 1, 1}, {0, 0, 1, 0}, {1, 1, 0, 0}}.to(boolean);
  add_cases({
      {"lerp",
       "three operands",
       [](const auto& x) { return lerp(x[0], x[1], x[2]); },
       {a, b, t},
       ternary([](double x, double y, double w) { return x + w * (y - x); })},
      {"where",
       "same shapes",
       [](const auto& x) { return where(x[0], x[1], x[2]); },
       {mask, a, b},
       ternary([](double c, double x, double y) { return c != 0 ? x : y; })},
      {"where",
       "a number on one side",
       [](const auto& x) { return where(x[0], x[1], 7.0); },
       {mask, a},
       [](const std::vector<Tensor>& x) {
         return elementwise([](double c, double v) { return c != 0 ? v : 7.0; })({x[0].to(float64), x[1]});
       }},
      {"chain",
       "a zero cotangent",
       [](const auto& x) { return detail::chain(x[0], x[1]); },
       {a, b},
       elementwise([](double g, double s) { return g == 0 ? 0 : g * s; })},
      {"cast",
       "to float32 and back",
       [](const auto& x) { return cast(cast(x[0], float32), x[0].dtype()); },
       {Tensor({{0.5, 1.5}, {-2.0, 4.0}}, float64)},
       elementwise([](double x) { return x; }),
       Order::second,
       1e-4,
       // Differences of what float32 holds.
       {.step = 0.25, .rtol = 1e-4}},
      {"floor_divide",
       "reals",
       [](const auto& x) { return floor_divide(x[0], x[1]); },
       {a, spread({3, 4}, 0.6, 2, 4)},
       elementwise([](double x, double y) { return std::floor(x / y); }),
       Order::none},
  });
  const Tensor low = spread({4}, -1, 0, 6), high = spread({3, 1}, 0.1, 1, 7);
  add_cases({
      {"clamp",
       "bounds of axes of their own",
       [](const auto& x) { return clamp(x[0], x[1], x[2]); },
       {spread({3, 4}, -2, 2, 8), low, high},
       [](const std::vector<Tensor>& x) {
         Tensor result = x[0];
         double* out = result.mutable_data<double>();
         for (Index i = 0; i < 12; ++i)
           out[i] = std::fmin(std::fmax(out[i], x[1].at({i % 4})), x[2].at({i / 4, 0}));
         return result;
       }},
      {"clamp",
       "one bound of an axis",
       [](const auto& x) { return clamp(x[0], {.min = x[1]}); },
       {spread({3, 4}, -2, 2, 8), low},
       elementwise([](double x, double y) { return std::fmax(x, y); })},
      {"clamp",
       "one bound of another axis",
       [](const auto& x) { return clip(x[0], {.max = x[1]}); },
       {spread({3, 4}, -2, 2, 8), high},
       elementwise([](double x, double y) { return std::fmin(x, y); })},
  });
  const auto compare = [&](const char* name, Variable (*f)(const Operand&, const Operand&),
                           double (*reference)(double, double)) {
    Tensor equal_in_places = a;
    equal_in_places.mutable_data<double>()[2] = b.at({0, 2});
    const auto function = [f](const std::vector<Variable>& x) { return cast(f(x[0], x[1]), float64); };
    add_cases({{name, "pairs", function, {equal_in_places, b}, truth(reference), Order::none},
               {name, "row", function, {a, spread({4}, -2, 2, 5)}, truth(reference), Order::none},
               {name,
                "empty",
                function,
                {zeros({0, 3}, float64), zeros({3}, float64)},
                truth(reference),
                Order::none},
               {name,
                "scalars",
                function,
                {scalar(1.0, float64), scalar(1.0, float64)},
                truth(reference),
                Order::none}});
  };
  compare("equal", equal, [](double x, double y) -> double { return x == y; });
  compare("not_equal", not_equal, [](double x, double y) -> double { return x != y; });
  compare("less", less, [](double x, double y) -> double { return x < y; });
  compare("less_equal", less_equal, [](double x, double y) -> double { return x <= y; });
  compare("greater", greater, [](double x, double y) -> double { return x > y; });
  compare("greater_equal", greater_equal, [](double x, double y) -> double { return x >= y; });
  compare("logical_and", logical_and, [](double x, double y) -> double { return x != 0 && y != 0; });
  compare("logical_or", logical_or, [](double x, double y) -> double { return x != 0 || y != 0; });
  compare("logical_xor", logical_xor, [](double x, double y) -> double { return (x != 0) != (y != 0); });

  Tensor special = spread({2, 3}, -1, 1);
  special.mutable_data<double>()[0] = NAN;
  special.mutable_data<double>()[1] = INFINITY;
  special.mutable_data<double>()[2] = -INFINITY;
  special.mutable_data<double>()[3] = 0;
  const auto test = [&](const char* name, Variable (*f)(const Operand&), double (*reference)(double)) {
    add_cases({{name,
                "special values",
                [f](const auto& x) { return cast(f(x[0]), float64); },
                {special},
                elementwise(reference),
                Order::none}});
  };
  test("isnan", isnan, [](double x) -> double { return std::isnan(x); });
  test("isinf", isinf, [](double x) -> double { return std::isinf(x); });
  test("isfinite", isfinite, [](double x) -> double { return std::isfinite(x); });
  test("logical_not", logical_not, [](double x) -> double { return x == 0; });
  return true;
}();

}  // namespace
}  // namespace xgrad::test
