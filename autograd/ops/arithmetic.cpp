#include <xgrad/autograd/ops/arithmetic.hpp>

#include <xgrad/autograd/map.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/tensor/dispatch.hpp>

namespace xgrad {
namespace {

using kernels::Comparison;
using kernels::Logical;

// True when the type that a number takes beside `other` keeps what a comparison is to see of it: a real takes
// the type of reals, as it does in arithmetic, all else stays as it is.
bool adapts(const Operand& number, const Operand& other) {
  if (other.is_number()) return false;
  const Scalar value = number.number();
  if (!other.variable().defined() || value.dtype() == boolean) return true;
  if (is_floating(other.dtype())) {
    return detail::dispatch_floating(other.dtype(), [&]<class T>(std::type_identity<T>) {
      if (is_floating(value.dtype())) return value.fits<T>();
      const Scalar as_element = value.as<T>();
      return value.fits<Index>() && as_element.fits<Index>() && as_element.as<Index>() == value.integer();
    });
  }
  return !is_floating(value.dtype()) &&
         (other.dtype() == uint8 ? value.fits<std::uint8_t>() : value.fits<Index>());
}

// The number with all its digits, as the operand that it was.
Operand exactly(const Operand& number) {
  const Scalar value = number.number();
  const DType dtype = value.fits<Index>() ? value.dtype() : float64;
  return {Variable(scalar(value, is_floating(dtype) ? float64 : dtype)), number.place().file,
          number.place().line};
}

// What a number with all its digits is compared with. Without this it would take the type of the elements.
Operand beside_exact(const Operand& other) {
  if (other.dtype() != float32) return other;
  return {Variable(other.variable().value().to(float64)), other.place().file, other.place().line};
}

// Integers and reals are compared exactly, as are integers of two types; other operands meet in one type.
Variable comparison(const char* name, Comparison kind, const Operand& a, const Operand& b) {
  if (a.is_number() && !adapts(a, b)) return comparison(name, kind, exactly(a), beside_exact(b));
  if (b.is_number() && !adapts(b, a)) return comparison(name, kind, beside_exact(a), exactly(b));
  Op op(name, a, b);
  const DType x = op.dtype(0), y = op.dtype(1);
  const bool as_they_are = x != y && (x == int64 || y == int64);
  if (!as_they_are) op.promote();
  return op.constant(kernels::compare(kind, op.value(0), op.value(1)));
}

Variable logic(const char* name, Logical kind, const Operand& a, const Operand& b) {
  Op op(name, a, b);
  return op.constant(kernels::logical(kind, op.value(0), op.value(1)));
}

Variable classification(const char* name, kernels::Classification kind, const Operand& x) {
  Op op(name, x);
  return op.constant(kernels::classify(kind, op.value()));
}

// Integers have kernels of their own; floating operands go through the formula.
template <class F>
Variable integer_or_map(const char* name, Tensor (*integers)(const Tensor&, const Tensor&), F f,
                        const Operand& a, const Operand& b) {
  Op op(name, a, b);
  if (is_integer(op.promote())) return op.constant(integers(op.value(0), op.value(1)));
  return detail::map_operands<2>(op, f);
}

}  // namespace

Variable add(const Operand& a, const Operand& b) {
  Op op("add", a, b);
  op.promote();
  return op.record(kernels::add(op.value(0), op.value(1)),
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }},
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }});
}

Variable sub(const Operand& a, const Operand& b) {
  Op op("sub", a, b);
  op.promote();
  return op.record(kernels::sub(op.value(0), op.value(1)),
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }},
                   Rule{saves_nothing, [](Backward& r) { return -r.gradient(); }});
}

Variable mul(const Operand& a, const Operand& b) {
  Op op("mul", a, b);
  op.promote();
  return op.record(kernels::mul(op.value(0), op.value(1)),
                   Rule{saves_input(1), [](Backward& r) { return detail::chain_input(r, 1); }},
                   Rule{saves_input(0), [](Backward& r) { return detail::chain_input(r, 0); }});
}

Variable div(const Operand& a, const Operand& b) {
  Op op("div", a, b);
  op.promote_floating();
  return op.record(
      kernels::div(op.value(0), op.value(1)),
      Rule{saves_input(1), [](Backward& r) { return detail::chain(r.gradient(), 1 / r.input(1)); }},
      Rule{saves_input(1) | saves_output(),
           [](Backward& r) { return detail::chain(r.gradient(), -r.output() / r.input(1)); }});
}

Variable neg(const Operand& x) {
  Op op("neg", x);
  return op.record(kernels::neg(op.value()), Rule{saves_nothing, [](Backward& r) { return -r.gradient(); }});
}

Variable maximum(const Operand& a, const Operand& b) {
  Op op("maximum", a, b);
  if (!is_floating(op.promote())) return op.constant(kernels::maximum(op.value(0), op.value(1)));
  return detail::map_operands<2>(op, [](const auto& x, const auto& y) { return maximum(x, y); });
}

Variable minimum(const Operand& a, const Operand& b) {
  Op op("minimum", a, b);
  if (!is_floating(op.promote())) return op.constant(kernels::minimum(op.value(0), op.value(1)));
  return detail::map_operands<2>(op, [](const auto& x, const auto& y) { return minimum(x, y); });
}

Variable floor_divide(const Operand& a, const Operand& b) {
  Op op("floor_divide", a, b);
  if (is_integer(op.promote())) return op.constant(kernels::integer_floor_divide(op.value(0), op.value(1)));
  op.promote_floating();
  const auto quotient = [](const auto& x, const auto& y) { return floor_divide(x, y); };
  const Tensor* operands[] = {&op.value(0), &op.value(1)};
  using Quotient = decltype(quotient);
  return op.constant(detail::run_forward(detail::map_loops<float, 2, Quotient>,
                                         detail::map_loops<double, 2, Quotient>, &quotient, operands, 2));
}

Variable remainder(const Operand& a, const Operand& b) {
  return integer_or_map(
      "remainder", kernels::integer_remainder, [](const auto& x, const auto& y) { return remainder(x, y); },
      a, b);
}

Variable fmod(const Operand& a, const Operand& b) {
  return integer_or_map(
      "fmod", kernels::integer_fmod, [](const auto& x, const auto& y) { return fmod(x, y); }, a, b);
}

Variable pow(const Operand& a, const Operand& b) {
  if (b.is_number() && is_floating(result_type({&a, &b}))) {
    // A constant exponent needs no logarithm and no second operand.
    Op op("pow", a);
    return detail::map_operands<1>(
        op, [exponent = b.number().real()](const auto& x) { return pow(x, exponent); });
  }
  return integer_or_map(
      "pow", kernels::integer_pow, [](const auto& x, const auto& y) { return pow(x, y); }, a, b);
}

namespace {

// x = f(x, y), under the line of y. The result must not take the place of a leaf that others train.
Variable& rebind(const char* symbol, Variable& x, const Operand& y,
                 Variable (*f)(const Operand&, const Operand&)) {
  if (x.defined() && x.requires_grad() && x.is_leaf())
    detail::fail_at<GraphError>(
        y.place(),
        std::string("a ") + symbol +
            " b would put another variable in the place of a leaf that requires a gradient, which its "
            "optimizer and module would not see",
        std::string(
            "to change its value, a.set_value(...) or a.mutable_data<float>(); for a new variable, b = a ") +
            symbol[0] + " c");
  return x = f(Operand(x, y.place().file, y.place().line), y);
}

}  // namespace

Variable& operator+=(Variable& x, const Operand& y) { return rebind("+=", x, y, add); }
Variable& operator-=(Variable& x, const Operand& y) { return rebind("-=", x, y, sub); }
Variable& operator*=(Variable& x, const Operand& y) { return rebind("*=", x, y, mul); }
Variable& operator/=(Variable& x, const Operand& y) { return rebind("/=", x, y, div); }
Variable& operator%=(Variable& x, const Operand& y) { return rebind("%=", x, y, remainder); }

Variable where(const Operand& condition, const Operand& a, const Operand& b) {
  const Scope scope("where", condition.place());
  if (condition.dtype() != boolean)
    fail<DTypeError>("the condition must be boolean, got " + std::string(to_string(condition.dtype())),
                     "compare first, as in where(x > 0, ...)");
  const DType type = result_type({&a, &b});
  Op op("where", condition.place(),
        {condition.as_variable(), cast(a.as_variable(type), type), cast(b.as_variable(type), type)});
  const auto masked = [type](Backward& r, bool taken) {
    const Tensor zero = scalar(0, type);
    return taken ? where(r.input(0), r.gradient(), zero) : where(r.input(0), zero, r.gradient());
  };
  return op.record(kernels::where(op.value(0), op.value(1), op.value(2)),
                   Rule{saves_nothing, [](Backward&) { return Variable(); }},
                   Rule{saves_input(0), [masked](Backward& r) { return masked(r, true); }},
                   Rule{saves_input(0), [masked](Backward& r) { return masked(r, false); }});
}

Variable equal(const Operand& a, const Operand& b) { return comparison("equal", Comparison::equal, a, b); }
Variable not_equal(const Operand& a, const Operand& b) {
  return comparison("not_equal", Comparison::not_equal, a, b);
}
Variable less(const Operand& a, const Operand& b) { return comparison("less", Comparison::less, a, b); }
Variable less_equal(const Operand& a, const Operand& b) {
  return comparison("less_equal", Comparison::less_equal, a, b);
}
Variable greater(const Operand& a, const Operand& b) {
  return comparison("greater", Comparison::greater, a, b);
}
Variable greater_equal(const Operand& a, const Operand& b) {
  return comparison("greater_equal", Comparison::greater_equal, a, b);
}

Variable logical_and(const Operand& a, const Operand& b) { return logic("logical_and", Logical::both, a, b); }
Variable logical_or(const Operand& a, const Operand& b) { return logic("logical_or", Logical::either, a, b); }
Variable logical_xor(const Operand& a, const Operand& b) { return logic("logical_xor", Logical::one, a, b); }
Variable logical_not(const Operand& x) {
  Op op("logical_not", x);
  return op.constant(kernels::logical_not(op.value()));
}

Variable isnan(const Operand& x) { return classification("isnan", kernels::Classification::nan, x); }
Variable isinf(const Operand& x) { return classification("isinf", kernels::Classification::infinite, x); }
Variable isfinite(const Operand& x) { return classification("isfinite", kernels::Classification::finite, x); }

}  // namespace xgrad
