// The one table of elementwise derivative rules, for Dual<S, N>: each function's value and slopes, once for
// fused loops and for derivatives that are themselves recorded.
#pragma once

#include <xgrad/autograd/chain_rule.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/tensor/api.hpp>

#include <limits>
#include <numbers>

XGRAD_API_BEGIN
namespace xgrad {

namespace detail {

// Slopes that a function's value no longer tells where it saturates. On lanes value and slope share one
// exponential.
template <class T>
Lanes<T> tanh(const Lanes<T>& x, Lanes<T>& slope) {
  Lanes<T> r;
  r.active = slope.active = x.active;
  vmath::tanh(x.v, r.v, slope.v, r.defined());
  return r;
}
template <class T>
Lanes<T> sigmoid(const Lanes<T>& x, Lanes<T>& slope) {
  Lanes<T> r;
  r.active = slope.active = x.active;
  vmath::sigmoid(x.v, r.v, slope.v, r.defined());
  return r;
}
template <class T>
Lanes<T> erf_slope(const Lanes<T>& x) {
  return through<T>(vmath::erf_slope, x);
}
/// d/dx sigmoid(x), tanh(x) and erf(x), differentiable.
inline Variable sigmoid_slope(const Variable& x) { return xgrad::sigmoid(x) * xgrad::sigmoid(-x); }
inline Variable tanh_slope(const Variable& x) { return 4 * sigmoid_slope(2 * x); }
Variable erf_slope(const Variable& x);  // defined in ops/math.cpp
inline Variable tanh(const Variable& x, Variable& slope) {
  slope = tanh_slope(x);
  return xgrad::tanh(x);
}
inline Variable sigmoid(const Variable& x, Variable& slope) {
  slope = sigmoid_slope(x);
  return xgrad::sigmoid(x);
}

/// Where a = 0 and b is below, at or above the numbers with a finite logarithm.
template <class S>
auto nothing_times_infinite(const S& a, const S& b) {
  return logical_and(a == 0, logical_or(b <= 0, b == std::numeric_limits<double>::infinity()));
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------ arithmetic

template <class S, std::size_t N>
Dual<S, N> operator+(const Dual<S, N>& a, const Dual<S, N>& b) {
  Dual<S, N> r([&] { return a.value + b.value; });
  for (std::size_t i = 0; i < N; ++i) {
    const Partial left = a.kind[i], right = b.kind[i];
    if (right == Partial::zero) {
      detail::copy_partial(r, a, i);
    } else if (left == Partial::zero) {
      detail::copy_partial(r, b, i);
    } else {
      r.kind[i] = Partial::general;
      if (left == Partial::one && right == Partial::one)
        r.partial[i] = detail::constant<S>(2);
      else if (left == Partial::one)
        r.partial[i] = b.partial[i] + 1;
      else if (right == Partial::one)
        r.partial[i] = a.partial[i] + 1;
      else
        detail::set_sum(r.partial[i], a.partial[i], b.partial[i]);
    }
  }
  return r;
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator+(const Dual<S, N>& a, C b) {
  return detail::with_value([&] { return a.value + b; }, a);
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator+(C a, const Dual<S, N>& b) {
  return b + a;
}
template <class S, std::size_t N>
Dual<S, N> operator-(const Dual<S, N>& x) {
  return detail::chained([&] { return -x.value; }, x, [] { return -1.0; });
}
template <class S, std::size_t N>
Dual<S, N> operator-(const Dual<S, N>& a, const Dual<S, N>& b) {
  return a + -b;
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator-(const Dual<S, N>& a, C b) {
  return detail::with_value([&] { return a.value - b; }, a);
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator-(C a, const Dual<S, N>& b) {
  return detail::chained([&] { return a - b.value; }, b, [] { return -1.0; });
}
template <class S, std::size_t N>
Dual<S, N> operator*(const Dual<S, N>& a, const Dual<S, N>& b) {
  return detail::chained([&] { return a.value * b.value; }, a, [&]() -> const S& { return b.value; }, b,
                         [&]() -> const S& { return a.value; });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator*(const Dual<S, N>& a, C b) {
  return detail::chained([&] { return a.value * b; }, a, [&] { return static_cast<double>(b); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator*(C a, const Dual<S, N>& b) {
  return b * a;
}
template <class S, std::size_t N>
Dual<S, N> operator/(const Dual<S, N>& a, const Dual<S, N>& b) {
  return detail::chained([&] { return a.value / b.value; }, a, [&] { return S(1 / b.value); }, b,
                         [&](const S& quotient) { return S(-quotient / b.value); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator/(const Dual<S, N>& a, C b) {
  return detail::chained([&] { return a.value / b; }, a, [&] { return 1 / static_cast<double>(b); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator/(C a, const Dual<S, N>& b) {
  return detail::chained([&] { return a / b.value; }, b,
                         [&](const S& quotient) { return S(-quotient / b.value); });
}

// ------------------------------------------------------------------------------------------------ selection

template <class A, class B>
requires detail::DualPair<A, B>
auto operator<(const A& a, const B& b) { return detail::primal(a) < detail::primal(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator<=(const A& a, const B& b) { return detail::primal(a) <= detail::primal(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator>(const A& a, const B& b) { return detail::primal(a) > detail::primal(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator>=(const A& a, const B& b) { return detail::primal(a) >= detail::primal(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator==(const A& a, const B& b) { return detail::primal(a) == detail::primal(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator!=(const A& a, const B& b) { return detail::primal(a) != detail::primal(b); }

/// The branch not taken contributes zero, even where its derivative is infinite.
template <class Condition, class S, std::size_t N>
Dual<S, N> where(const Condition& condition, const Dual<S, N>& a, const Dual<S, N>& b) {
  Dual<S, N> r(where(condition, a.value, b.value));
  const auto partial = [](const Dual<S, N>& x, std::size_t i) {
    return x.kind[i] == Partial::zero  ? detail::constant<S>(0)
           : x.kind[i] == Partial::one ? detail::constant<S>(1)
                                       : x.partial[i];
  };
  for (std::size_t i = 0; i < N; ++i) {
    if (a.kind[i] == Partial::zero && b.kind[i] == Partial::zero) continue;
    r.partial[i] = where(condition, partial(a, i), partial(b, i));
    r.kind[i] = Partial::general;
  }
  return r;
}
template <class Condition, class S, std::size_t N, Number C>
Dual<S, N> where(const Condition& condition, const Dual<S, N>& a, C b) {
  return where(condition, a, Dual<S, N>(detail::constant<S>(static_cast<double>(b))));
}
template <class Condition, class S, std::size_t N, Number C>
Dual<S, N> where(const Condition& condition, C a, const Dual<S, N>& b) {
  return where(condition, Dual<S, N>(detail::constant<S>(static_cast<double>(a))), b);
}

/// Half the gradient to each on a tie.
template <class S, std::size_t N>
Dual<S, N> maximum(const Dual<S, N>& a, const Dual<S, N>& b) {
  const auto share = [](const S& own, const S& other) {
    return S(where(own > other, 1.0, where(own == other, 0.5, 0.0)));
  };
  return detail::chained([&] { return maximum(a.value, b.value); }, a,
                         [&] { return share(a.value, b.value); }, b, [&] { return share(b.value, a.value); });
}
template <class S, std::size_t N>
Dual<S, N> minimum(const Dual<S, N>& a, const Dual<S, N>& b) {
  return -maximum(-a, -b);
}
template <class S, std::size_t N, Number C>
Dual<S, N> maximum(const Dual<S, N>& a, C b) {
  return maximum(a, Dual<S, N>(detail::constant<S>(static_cast<double>(b))));
}
template <class S, std::size_t N, Number C>
Dual<S, N> minimum(const Dual<S, N>& a, C b) {
  return minimum(a, Dual<S, N>(detail::constant<S>(static_cast<double>(b))));
}
/// abs'(0) = 0.
template <class S, std::size_t N>
Dual<S, N> abs(const Dual<S, N>& x) {
  return detail::chained([&] { return abs(x.value); }, x, [&] { return S(sign(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> sign(const Dual<S, N>& x) {
  return Dual<S, N>(sign(x.value));
}
template <class S, std::size_t N>
Dual<S, N> floor(const Dual<S, N>& x) {
  return Dual<S, N>(floor(x.value));
}
template <class S, std::size_t N>
Dual<S, N> ceil(const Dual<S, N>& x) {
  return Dual<S, N>(ceil(x.value));
}
template <class S, std::size_t N>
Dual<S, N> round(const Dual<S, N>& x) {
  return Dual<S, N>(round(x.value));
}
template <class S, std::size_t N>
Dual<S, N> trunc(const Dual<S, N>& x) {
  return Dual<S, N>(trunc(x.value));
}

// ---------------------------------------------------------------------------------------------- exponentials

template <class S, std::size_t N>
Dual<S, N> exp(const Dual<S, N>& x) {
  return detail::chained([&] { return exp(x.value); }, x, [](const S& v) -> const S& { return v; });
}
template <class S, std::size_t N>
Dual<S, N> exp2(const Dual<S, N>& x) {
  return detail::chained([&] { return exp2(x.value); }, x,
                         [](const S& v) { return S(v * std::numbers::ln2); });
}
template <class S, std::size_t N>
Dual<S, N> expm1(const Dual<S, N>& x) {
  return detail::chained([&] { return expm1(x.value); }, x, [&] { return S(exp(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> log(const Dual<S, N>& x) {
  return detail::chained([&] { return log(x.value); }, x, [&] { return S(1 / x.value); });
}
template <class S, std::size_t N>
Dual<S, N> log2(const Dual<S, N>& x) {
  return detail::chained([&] { return log2(x.value); }, x, [&] { return S(std::numbers::log2e / x.value); });
}
template <class S, std::size_t N>
Dual<S, N> log10(const Dual<S, N>& x) {
  return detail::chained([&] { return log10(x.value); }, x,
                         [&] { return S(std::numbers::log10e / x.value); });
}
template <class S, std::size_t N>
Dual<S, N> log1p(const Dual<S, N>& x) {
  return detail::chained([&] { return log1p(x.value); }, x, [&] { return S(1 / (1 + x.value)); });
}

// ------------------------------------------------------------------------------------------------ powers

template <class S, std::size_t N>
Dual<S, N> sqrt(const Dual<S, N>& x) {
  return detail::chained([&] { return sqrt(x.value); }, x, [](const S& v) { return S(0.5 / v); });
}
template <class S, std::size_t N>
Dual<S, N> cbrt(const Dual<S, N>& x) {
  return detail::chained([&] { return cbrt(x.value); }, x, [](const S& v) { return S(1 / (3 * (v * v))); });
}
/// d/da = b a^(b-1), 0 where one factor is 0 and the other not finite; d/db = a^b log a, 0 where a = 0 and
/// b >= 0, and where a = inf and b < 0.
template <class S, std::size_t N>
Dual<S, N> pow(const Dual<S, N>& a, const Dual<S, N>& b) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto slope_a = [&] {
    const S power = pow(a.value, S(b.value - 1)), slope = b.value * power;
    return detail::unless(logical_and(logical_or(b.value == 0, power == 0), slope != slope), slope,
                          [] { return 0.0; });
  };
  const auto slope_b = [&](const S& v) {
    const S slope = v * log(a.value);
    return detail::unless(
        logical_or(logical_and(a.value == 0, b.value >= 0), logical_and(a.value == infinity, b.value < 0)),
        slope, [] { return 0.0; });
  };
  return detail::chained([&] { return pow(a.value, b.value); }, a, slope_a, b, slope_b);
}
template <class S, std::size_t N, Number C>
Dual<S, N> pow(const Dual<S, N>& a, C b) {
  return detail::chained([&] { return pow(a.value, b); }, a,
                         [&] {
                           const auto exponent = static_cast<double>(b);
                           return exponent == 0 ? detail::constant<S>(0)
                                                : S(exponent * pow(a.value, exponent - 1));
                         });
}
template <class S, std::size_t N, Number C>
Dual<S, N> pow(C a, const Dual<S, N>& b) {
  return pow(Dual<S, N>(detail::constant<S>(static_cast<double>(a))), b);
}
/// hypot'(0, 0) = 0, hypot'(inf, y) = (1, 0).
template <class S, std::size_t N>
Dual<S, N> hypot(const Dual<S, N>& a, const Dual<S, N>& b) {
  const auto slope = [](const S& x, const S& y, const S& v) {
    // The length may be infinite because of x, of y, or of both together, which alone are not.
    const auto beyond = [&] { return S(sign(x) / hypot(S(y / x), 1.0)); };
    const S ratio = detail::unless(v == std::numeric_limits<double>::infinity(), S(x / v), beyond);
    return detail::unless(v == 0, ratio, [] { return 0.0; });
  };
  return detail::chained([&] { return hypot(a.value, b.value); }, a,
                         [&](const S& v) { return slope(a.value, b.value, v); }, b,
                         [&](const S& v) { return slope(b.value, a.value, v); });
}
/// By the divisor: minus the quotient, towards zero for fmod, downwards for the remainder.
template <class S, std::size_t N>
Dual<S, N> fmod(const Dual<S, N>& a, const Dual<S, N>& b) {
  return detail::chained([&] { return fmod(a.value, b.value); }, a, [] { return 1.0; }, b,
                         [&] {
                           const S quotient = floor_divide(S(abs(a.value)), S(abs(b.value)));
                           return S(-(sign(a.value) * sign(b.value)) * quotient);
                         });
}
template <class S, std::size_t N>
Dual<S, N> remainder(const Dual<S, N>& a, const Dual<S, N>& b) {
  return detail::chained([&] { return remainder(a.value, b.value); }, a, [] { return 1.0; }, b,
                         [&] { return S(-floor_divide(a.value, b.value)); });
}
template <class S, std::size_t N>
Dual<S, N> floor_divide(const Dual<S, N>& a, const Dual<S, N>& b) {
  return Dual<S, N>(floor_divide(a.value, b.value));
}
/// a log(b), 0 where a = 0 and log(b) is no finite number (unless b is NaN).
template <class T>
Lanes<T> xlogy(const Lanes<T>& a, const Lanes<T>& b) {
  return where(detail::nothing_times_infinite(a, b), 0.0, a * log(b));
}
template <class S, std::size_t N>
Dual<S, N> xlogy(const Dual<S, N>& a, const Dual<S, N>& b) {
  const auto guarded = [&](const S& slope) {
    return detail::unless(detail::nothing_times_infinite(a.value, b.value), slope, [] { return 0.0; });
  };
  return detail::chained([&] { return xlogy(a.value, b.value); }, a, [&] { return guarded(log(b.value)); }, b,
                         [&] { return guarded(a.value / b.value); });
}
/// a + t (b - a).
template <class S, std::size_t N>
Dual<S, N> lerp(const Dual<S, N>& a, const Dual<S, N>& b, const Dual<S, N>& t) {
  return detail::chained([&] { return lerp(a.value, b.value, t.value); }, a, [&] { return S(1 - t.value); },
                         b, [&]() -> const S& { return t.value; }, t, [&] { return S(b.value - a.value); });
}

// ---------------------------------------------------------------------------------------------- trigonometry

template <class S, std::size_t N>
Dual<S, N> sin(const Dual<S, N>& x) {
  return detail::chained([&] { return sin(x.value); }, x, [&] { return S(cos(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> cos(const Dual<S, N>& x) {
  return detail::chained([&] { return cos(x.value); }, x, [&] { return S(-sin(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> tan(const Dual<S, N>& x) {
  return detail::chained([&] { return tan(x.value); }, x, [](const S& v) { return S(1 + v * v); });
}
template <class S, std::size_t N>
Dual<S, N> asin(const Dual<S, N>& x) {
  return detail::chained([&] { return asin(x.value); }, x,
                         [&] { return S(1 / sqrt(S((1 - x.value) * (1 + x.value)))); });
}
template <class S, std::size_t N>
Dual<S, N> acos(const Dual<S, N>& x) {
  return detail::chained([&] { return acos(x.value); }, x,
                         [&] { return S(-1 / sqrt(S((1 - x.value) * (1 + x.value)))); });
}
template <class S, std::size_t N>
Dual<S, N> atan(const Dual<S, N>& x) {
  return detail::chained([&] { return atan(x.value); }, x, [&] { return S(1 / (1 + x.value * x.value)); });
}
/// The angle of the point (b, a).
template <class S, std::size_t N>
Dual<S, N> atan2(const Dual<S, N>& a, const Dual<S, N>& b) {
  const auto slope = [&](const S& x) {
    const S radius = hypot(a.value, b.value);
    return detail::unless(radius == std::numeric_limits<double>::infinity(), S(x / radius / radius),
                          [] { return 0.0; });
  };
  return detail::chained([&] { return atan2(a.value, b.value); }, a, [&] { return slope(b.value); }, b,
                         [&] { return slope(S(-a.value)); });
}
template <class S, std::size_t N>
Dual<S, N> sinh(const Dual<S, N>& x) {
  return detail::chained([&] { return sinh(x.value); }, x, [&] { return S(cosh(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> cosh(const Dual<S, N>& x) {
  return detail::chained([&] { return cosh(x.value); }, x, [&] { return S(sinh(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> tanh(const Dual<S, N>& x) {
  S slope;
  return detail::chained([&] { return detail::tanh(x.value, slope); }, x,
                         [&]() -> const S& { return slope; });
}
template <class S, std::size_t N>
Dual<S, N> asinh(const Dual<S, N>& x) {
  return detail::chained([&] { return asinh(x.value); }, x, [&] { return S(1 / hypot(x.value, 1.0)); });
}
template <class S, std::size_t N>
Dual<S, N> acosh(const Dual<S, N>& x) {
  return detail::chained([&] { return acosh(x.value); }, x,
                         [&] { return S(1 / (sqrt(S(x.value - 1)) * sqrt(S(x.value + 1)))); });
}
template <class S, std::size_t N>
Dual<S, N> atanh(const Dual<S, N>& x) {
  return detail::chained([&] { return atanh(x.value); }, x,
                         [&] { return S(1 / ((1 - x.value) * (1 + x.value))); });
}

// ----------------------------------------------------------------------------------------- special functions

template <class S, std::size_t N>
Dual<S, N> sigmoid(const Dual<S, N>& x) {
  S slope;
  return detail::chained([&] { return detail::sigmoid(x.value, slope); }, x,
                         [&]() -> const S& { return slope; });
}
template <class S, std::size_t N>
Dual<S, N> softplus(const Dual<S, N>& x) {
  return detail::chained([&] { return softplus(x.value); }, x, [&] { return S(sigmoid(x.value)); });
}

template <class S, std::size_t N>
Dual<S, N> erf(const Dual<S, N>& x) {
  return detail::chained([&] { return erf(x.value); }, x, [&] { return detail::erf_slope(x.value); });
}
template <class S, std::size_t N>
Dual<S, N> erfc(const Dual<S, N>& x) {
  return detail::chained([&] { return erfc(x.value); }, x, [&] { return S(-detail::erf_slope(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> lgamma(const Dual<S, N>& x) {
  return detail::chained([&] { return lgamma(x.value); }, x, [&] { return S(digamma(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> digamma(const Dual<S, N>& x) {
  return detail::chained([&] { return digamma(x.value); }, x, [&] { return S(polygamma(1, x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> polygamma(int order, const Dual<S, N>& x) {
  return detail::chained([&] { return polygamma(order, x.value); }, x,
                         [&] { return S(polygamma(order + 1, x.value)); });
}

}  // namespace xgrad
XGRAD_API_END
