// Arithmetic with broadcasting and numbers, comparisons, logic, and the operators for them.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad {

/// a + b, a - b, a * b: operands of two dtypes meet in their result_type.
Variable add(const Operand& a, const Operand& b);
Variable sub(const Operand& a, const Operand& b);
Variable mul(const Operand& a, const Operand& b);
/// a / b; integers divide as float32.
Variable div(const Operand& a, const Operand& b);
/// -x.
Variable neg(const Operand& x);
/// The larger (smaller) of each pair, NaN where either is NaN. On a tie each gets half the gradient.
Variable maximum(const Operand& a, const Operand& b);
Variable minimum(const Operand& a, const Operand& b);
/// The integer at or below a / b, of the exact quotient: floor_divide(1, 0.1) is 9. Integer division by zero
/// throws ValueError. No gradient.
Variable floor_divide(const Operand& a, const Operand& b);
/// a - floor(a / b) * b, exact before its one rounding: the sign of b, as Python's %. Integer division by
/// zero throws ValueError.
Variable remainder(const Operand& a, const Operand& b);
/// a - trunc(a / b) * b, exact: the sign of a (C's fmod). Integer division by zero throws ValueError.
Variable fmod(const Operand& a, const Operand& b);
/// a to the power b. Integers stay integers (wrapping); a negative integer exponent throws ValueError.
Variable pow(const Operand& a, const Operand& b);
/// condition ? a : b with broadcasting; the side not taken gets gradient zero. `condition` is boolean.
Variable where(const Operand& condition, const Operand& a, const Operand& b);

/// Comparisons: boolean, without gradient. Integers are compared with reals and with other integers exactly,
/// whatever their types; a real number takes the type of reals that it meets.
Variable equal(const Operand& a, const Operand& b);
Variable not_equal(const Operand& a, const Operand& b);
Variable less(const Operand& a, const Operand& b);
Variable less_equal(const Operand& a, const Operand& b);
Variable greater(const Operand& a, const Operand& b);
Variable greater_equal(const Operand& a, const Operand& b);

/// Logic on the truth (non-zero) of the operands: boolean, without gradient.
Variable logical_and(const Operand& a, const Operand& b);
Variable logical_or(const Operand& a, const Operand& b);
Variable logical_xor(const Operand& a, const Operand& b);
Variable logical_not(const Operand& x);

/// Booleans: tests of the class of each element, without gradient.
Variable isnan(const Operand& x);
Variable isinf(const Operand& x);
Variable isfinite(const Operand& x);

inline Variable operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Variable operator-(const Operand& a, const Operand& b) { return sub(a, b); }
inline Variable operator*(const Operand& a, const Operand& b) { return mul(a, b); }
inline Variable operator/(const Operand& a, const Operand& b) { return div(a, b); }
inline Variable operator%(const Operand& a, const Operand& b) { return remainder(a, b); }
inline Variable operator-(const Operand& x) { return neg(x); }
inline Variable operator==(const Operand& a, const Operand& b) { return equal(a, b); }
inline Variable operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }
inline Variable operator<(const Operand& a, const Operand& b) { return less(a, b); }
inline Variable operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
inline Variable operator>(const Operand& a, const Operand& b) { return greater(a, b); }
inline Variable operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
inline Variable operator&&(const Operand& a,
                           const Operand& b) = delete;  // would not short-circuit: use logical_and
inline Variable operator||(const Operand& a,
                           const Operand& b) = delete;  // would not short-circuit: use logical_or
inline Variable operator!(const Operand& x) { return logical_not(x); }

/// x = x + y and so on: rebinds x to the new value. Other handles on the old variable keep it; so a leaf that
/// requires a gradient, which an optimizer or a module may hold as well, throws GraphError, recorded or not.
Variable& operator+=(Variable& x, const Operand& y);
Variable& operator-=(Variable& x, const Operand& y);
Variable& operator*=(Variable& x, const Operand& y);
Variable& operator/=(Variable& x, const Operand& y);
Variable& operator%=(Variable& x, const Operand& y);

// An operator between a Variable and an xtensor expression records as well, instead of building an xtensor
// expression that the tape never sees. Needs <xgrad/tensor/xtensor.hpp>.
namespace detail {
template <class V, class E>
concept VariableAndExpression =
    std::derived_from<std::remove_cvref_t<V>, Variable> && XtensorExpression<std::remove_cvref_t<E>>;
}  // namespace detail

template <class A, class B>
requires detail::VariableAndExpression<A, B> Variable operator+(A&& a, B&& b) { return add(a, Tensor(b)); }
template <class A, class B>
requires detail::VariableAndExpression<B, A> Variable operator+(A&& a, B&& b) { return add(Tensor(a), b); }
template <class A, class B>
requires detail::VariableAndExpression<A, B> Variable operator-(A&& a, B&& b) { return sub(a, Tensor(b)); }
template <class A, class B>
requires detail::VariableAndExpression<B, A> Variable operator-(A&& a, B&& b) { return sub(Tensor(a), b); }
template <class A, class B>
requires detail::VariableAndExpression<A, B> Variable operator*(A&& a, B&& b) { return mul(a, Tensor(b)); }
template <class A, class B>
requires detail::VariableAndExpression<B, A> Variable operator*(A&& a, B&& b) { return mul(Tensor(a), b); }
template <class A, class B>
requires detail::VariableAndExpression<A, B> Variable operator/(A&& a, B&& b) { return div(a, Tensor(b)); }
template <class A, class B>
requires detail::VariableAndExpression<B, A> Variable operator/(A&& a, B&& b) { return div(Tensor(a), b); }

}  // namespace xgrad
XGRAD_API_END
