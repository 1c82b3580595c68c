// Elementwise mathematics, each defined in one place: a formula for map(), or a formula with its slope by the
// output.
#include <xgrad/autograd/ops/math.hpp>

#include <xgrad/autograd/by_output.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace xgrad {
namespace {

using detail::ArrayFunction, detail::map_by_input, detail::map_by_output, detail::map_saturating;
using detail::map_operands;

// Constant almost everywhere: integers stay, and the gradient is zero, not absent.
template <class F>
Variable stepwise(const char* name, F f, const Operand& x) {
  Op op(name, x);
  if (!is_floating(op.dtype())) return op.constant(op.value());
  const Tensor* input = &op.value();
  return op.record(
      detail::run_forward(detail::map_loops<float, 1, F>, detail::map_loops<double, 1, F>, &f, &input, 1),
      Rule{saves_nothing, [](Backward& r) { return Variable(zeros_like(r.gradient().value())); }});
}

// The integers of the dtype between two bounds.
std::pair<Index, Index> integer_bounds(DType dtype, Scalar low, Scalar high) {
  const auto [least, most] = detail::dispatch(dtype, []<class T>(std::type_identity<T>) {
    using Limits = std::numeric_limits<T>;
    return std::pair{detail::convert<Index>(Limits::lowest()), detail::convert<Index>(Limits::max())};
  });
  // Saturating: what lies beyond int64 is seen by its real.
  const auto rounded = [](Scalar bound, double (*round)(double)) {
    return is_floating(bound.dtype()) ? Scalar(round(bound.real())).as<Index>() : bound.as<Index>();
  };
  const Index first = std::max(least, rounded(low, std::ceil));
  const Index last = std::min(most, rounded(high, std::floor));
  if (first > last || low.real() >= 0x1p63 || high.real() < -0x1p63)
    fail<ValueError>("no " + std::string(to_string(dtype)) + " lies between the bounds " + to_string(low) +
                     " and " + to_string(high));
  return {first, last};
}

struct Expm1ByOutput {
  auto operator()(const auto& y) const { return 1 + y; }
  template <class T>
  static bool lost(T y) {
    return y < -1 + detail::near_limit<T>;
  }
};
struct TanhByOutput {
  auto operator()(const auto& y) const { return (1 - y) * (1 + y); }
  template <class T>
  static bool lost(T y) {
    return std::fabs(y) > 1 - detail::near_limit<T>;
  }
};

// x limited by numbers.
Variable clamped(Op& op, Scalar low, Scalar high) {
  const bool integers =
      !is_floating(low.dtype()) && !is_floating(high.dtype()) && low.fits<Index>() && high.fits<Index>();
  if (!(integers ? low.integer() <= high.integer() : low.real() <= high.real()))
    fail<ValueError>("low must not be above high, got " + to_string(low) + " and " + to_string(high));
  if (!is_floating(op.dtype())) {
    const auto [lowest, highest] = integer_bounds(op.dtype(), low, high);
    return op.constant(kernels::minimum(kernels::maximum(op.value(), scalar(lowest, op.dtype())),
                                        scalar(highest, op.dtype())));
  }
  return map_operands<1>(op, [bottom = low.real(), top = high.real()](const auto& v) {
    return where(v < bottom, bottom, where(v > top, top, v));
  });
}

// v limited by another value, of which a NaN counts; v itself, and its gradient, at the bound.
template <class T>
T at_least(const T& v, const T& bottom) {
  return where(logical_or(v < bottom, bottom != bottom), bottom, v);
}
template <class T>
T at_most(const T& v, const T& top) {
  return where(logical_or(v > top, top != top), top, v);
}

}  // namespace

Variable exp(const Operand& x) {
  return map_by_output(
      "exp", ArrayFunction{vmath::exp, vmath::exp}, [](const auto& y) { return y; }, x);
}
Variable exp2(const Operand& x) {
  return map_by_output(
      "exp2", ArrayFunction{vmath::exp2, vmath::exp2}, [](const auto& y) { return y * std::numbers::ln2; },
      x);
}
Variable expm1(const Operand& x) {
  return map_saturating<Expm1ByOutput>(
      "expm1", {vmath::expm1, vmath::expm1}, {vmath::exp, vmath::exp},
      [](const Variable& v) { return exp(v); }, x);
}
Variable log(const Operand& x) {
  return map(
      "log", [](const auto& v) { return log(v); }, x);
}
Variable log2(const Operand& x) {
  return map(
      "log2", [](const auto& v) { return log2(v); }, x);
}
Variable log10(const Operand& x) {
  return map(
      "log10", [](const auto& v) { return log10(v); }, x);
}
Variable log1p(const Operand& x) {
  return map(
      "log1p", [](const auto& v) { return log1p(v); }, x);
}
Variable sqrt(const Operand& x) {
  return map_by_output(
      "sqrt", ArrayFunction{vmath::sqrt, vmath::sqrt}, [](const auto& y) { return 0.5 / y; }, x);
}
Variable rsqrt(const Operand& x) {
  return map_by_output(
      "rsqrt", [](const auto& v) { return 1 / sqrt(v); }, [](const auto& y) { return -0.5 * (y * y * y); },
      x);
}
Variable cbrt(const Operand& x) {
  return map_by_output(
      "cbrt", ArrayFunction{vmath::cbrt, vmath::cbrt}, [](const auto& y) { return 1 / (3 * (y * y)); }, x);
}
Variable square(const Operand& x) {
  Op op("square", x);
  if (!is_floating(op.dtype())) return op.constant(kernels::mul(op.value(), op.value()));
  return map_operands<1>(op, [](const auto& v) { return v * v; });
}
Variable reciprocal(const Operand& x) {
  return map_by_output(
      "reciprocal", [](const auto& v) { return 1 / v; }, [](const auto& y) { return -(y * y); }, x);
}
Variable abs(const Operand& x) {
  Op op("abs", x);
  if (!is_floating(op.dtype())) return op.constant(kernels::abs(op.value()));
  return map_operands<1>(op, [](const auto& v) { return abs(v); });
}
Variable sign(const Operand& x) {
  Op op("sign", x);
  if (!is_floating(op.dtype())) {
    const Tensor zero = scalar(0, op.dtype());
    const Tensor above = kernels::compare(kernels::Comparison::greater, op.value(), zero).to(op.dtype());
    if (op.dtype() != int64) return op.constant(above);
    return op.constant(
        kernels::sub(above, kernels::compare(kernels::Comparison::less, op.value(), zero).to(int64)));
  }
  return stepwise(
      "sign", [](const auto& v) { return sign(v); }, op[0]);
}
Variable sin(const Operand& x) {
  return map(
      "sin", [](const auto& v) { return sin(v); }, x);
}
Variable cos(const Operand& x) {
  return map(
      "cos", [](const auto& v) { return cos(v); }, x);
}
Variable tan(const Operand& x) {
  return map_by_output(
      "tan", ArrayFunction{vmath::tan, vmath::tan}, [](const auto& y) { return 1 + y * y; }, x);
}
Variable asin(const Operand& x) {
  return map(
      "asin", [](const auto& v) { return asin(v); }, x);
}
Variable acos(const Operand& x) {
  return map(
      "acos", [](const auto& v) { return acos(v); }, x);
}
Variable atan(const Operand& x) {
  return map(
      "atan", [](const auto& v) { return atan(v); }, x);
}
Variable atan2(const Operand& y, const Operand& x) {
  Op op("atan2", y, x);
  return map_operands<2>(op, [](const auto& a, const auto& b) { return atan2(a, b); });
}
Variable sinh(const Operand& x) {
  return map(
      "sinh", [](const auto& v) { return sinh(v); }, x);
}
Variable cosh(const Operand& x) {
  return map(
      "cosh", [](const auto& v) { return cosh(v); }, x);
}
Variable tanh(const Operand& x) {
  return map_saturating<TanhByOutput>(
      "tanh", {vmath::tanh, vmath::tanh}, {vmath::tanh_slope, vmath::tanh_slope},
      [](const Variable& v) { return detail::tanh_slope(v); }, x);
}
Variable asinh(const Operand& x) {
  return map(
      "asinh", [](const auto& v) { return asinh(v); }, x);
}
Variable acosh(const Operand& x) {
  return map(
      "acosh", [](const auto& v) { return acosh(v); }, x);
}
Variable atanh(const Operand& x) {
  return map(
      "atanh", [](const auto& v) { return atanh(v); }, x);
}
Variable detail::erf_slope(const Variable& x) {
  return under_exact_value("erf", 2 * std::numbers::inv_sqrtpi * exp(-square(x)),
                           {vmath::erf_slope, vmath::erf_slope}, x);
}
Variable erf(const Operand& x) {
  return map(
      "erf", [](const auto& v) { return erf(v); }, x);
}
Variable erfc(const Operand& x) {
  return map(
      "erfc", [](const auto& v) { return erfc(v); }, x);
}
Variable lgamma(const Operand& x) {
  return map(
      "lgamma", [](const auto& v) { return lgamma(v); }, x);
}
Variable digamma(const Operand& x) {
  return map(
      "digamma", [](const auto& v) { return digamma(v); }, x);
}
Variable polygamma(int order, const Operand& x) {
  const Scope scope("polygamma", x.place());
  if (order < 0) fail<ValueError>("the order must not be negative, got " + std::to_string(order));
  if (order == 0) return digamma(x);
  return map(
      "polygamma", [order](const auto& v) { return polygamma(order, v); }, x);
}
Variable floor(const Operand& x) {
  return stepwise(
      "floor", [](const auto& v) { return floor(v); }, x);
}
Variable ceil(const Operand& x) {
  return stepwise(
      "ceil", [](const auto& v) { return ceil(v); }, x);
}
Variable round(const Operand& x) {
  return stepwise(
      "round", [](const auto& v) { return round(v); }, x);
}
Variable trunc(const Operand& x) {
  return stepwise(
      "trunc", [](const auto& v) { return trunc(v); }, x);
}
Variable hypot(const Operand& a, const Operand& b) {
  Op op("hypot", a, b);
  return map_operands<2>(op, [](const auto& x, const auto& y) { return hypot(x, y); });
}
Variable xlogy(const Operand& x, const Operand& y) {
  Op op("xlogy", x, y);
  return map_operands<2>(op, [](const auto& a, const auto& b) { return xlogy(a, b); });
}
Variable lerp(const Operand& a, const Operand& b, const Operand& t) {
  Op op("lerp", a, b, t);
  return map_operands<3>(op, [](const auto& x, const auto& y, const auto& w) { return lerp(x, y, w); });
}
Variable clamp(const Operand& x, const Operand& low, const Operand& high) {
  if (low.is_number() && high.is_number()) {
    Op op("clamp", x);
    return clamped(op, low.number(), high.number());
  }
  Op op("clamp", x, low, high);
  if (!is_floating(op.promote()))
    return op.constant(kernels::minimum(kernels::maximum(op.value(0), op.value(1)), op.value(2)));
  return map_operands<3>(op, [](const auto& v, const auto& bottom, const auto& top) {
    return at_most(at_least(v, bottom), top);
  });
}

Variable clamp(const Operand& x, const ClampOptions& bounds) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (bounds.min && bounds.max) return clamp(x, *bounds.min, *bounds.max);
  const std::optional<Operand>& bound = bounds.min ? bounds.min : bounds.max;
  if (bound && !bound->is_number()) {
    Op op("clamp", x, *bound);
    if (!is_floating(op.promote()))
      return op.constant(bounds.min ? kernels::maximum(op.value(0), op.value(1))
                                    : kernels::minimum(op.value(0), op.value(1)));
    if (bounds.min)
      return map_operands<2>(op, [](const auto& v, const auto& bottom) { return at_least(v, bottom); });
    return map_operands<2>(op, [](const auto& v, const auto& top) { return at_most(v, top); });
  }
  Op op("clamp", x);
  if (!bound) fail<ValueError>("expects a bound, got none", "clamp(x, {.min = 0})");
  return clamped(op, bounds.min ? bound->number() : Scalar(-infinity),
                 bounds.max ? bound->number() : Scalar(infinity));
}

}  // namespace xgrad
