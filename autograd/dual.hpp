// Dual<S, N>: a value with its partial derivatives with respect to N inputs. This file is the one table of
// elementwise derivative rules; S is Lanes (fused loops) or Variable (derivatives that are themselves
// recorded). Invariant: a partial that is not present is zero, so inputs that need no gradient cost nothing.
#pragma once

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/lanes.hpp>

#include <concepts>
#include <cstddef>
#include <numbers>

namespace xgrad {

enum class Partial : unsigned char { zero, one, general };

template <class S, std::size_t N>
struct Dual {
  S value;
  S partial[N];
  Partial kind[N] = {};

  Dual() = default;
  explicit Dual(const S& v) : value(v) {}

  /// The input of number i: its own partial is 1.
  static Dual input(const S& v, std::size_t i, bool needed) {
    Dual r(v);
    if (needed) r.kind[i] = Partial::one;
    return r;
  }
};

namespace detail {

template <class T>
inline constexpr bool is_dual = false;
template <class S, std::size_t N>
inline constexpr bool is_dual<Dual<S, N>> = true;

/// A number as S. On the tape it is a float64 scalar, which takes the dtype of any tensor it meets.
template <class S>
S constant(double number) {
  if constexpr (std::is_same_v<S, Variable>)
    return Variable(scalar(number, float64));
  else
    return S(number);
}

/// Adds the chain rule of operand x to the partials of r. The slope is a function, computed when a partial
/// needs it.
template <class S, std::size_t N, class Slope>
void add_partials(Dual<S, N>& r, const Dual<S, N>& x, const Slope& slope_of) {
  bool any = false;
  for (std::size_t i = 0; i < N; ++i) any |= x.kind[i] != Partial::zero;
  if (!any) return;
  const S& slope = slope_of();
  for (std::size_t i = 0; i < N; ++i) {
    if (x.kind[i] == Partial::zero) continue;
    const bool first = r.kind[i] == Partial::zero;
    r.kind[i] = Partial::general;
    if (first && x.kind[i] == Partial::one)
      r.partial[i] = slope;
    else if (first)
      r.partial[i] = slope * x.partial[i];
    else if (x.kind[i] == Partial::one)
      r.partial[i] = r.partial[i] + slope;
    else
      r.partial[i] = r.partial[i] + slope * x.partial[i];
  }
}

/// f(x) with slope f'(x).
template <class S, std::size_t N, class Slope>
Dual<S, N> chained(const S& value, const Dual<S, N>& x, const Slope& slope_of) {
  Dual<S, N> r(value);
  add_partials(r, x, slope_of);
  return r;
}

/// f(a, b) with its two slopes.
template <class S, std::size_t N, class SlopeA, class SlopeB>
Dual<S, N> chained(const S& value, const Dual<S, N>& a, const SlopeA& slope_a, const Dual<S, N>& b,
                   const SlopeB& slope_b) {
  Dual<S, N> r(value);
  add_partials(r, a, slope_a);
  add_partials(r, b, slope_b);
  return r;
}

/// The same partials under another value.
template <class S, std::size_t N>
Dual<S, N> with_value(const S& value, const Dual<S, N>& x) {
  Dual<S, N> r(value);
  for (std::size_t i = 0; i < N; ++i) {
    r.kind[i] = x.kind[i];
    if (x.kind[i] == Partial::general) r.partial[i] = x.partial[i];
  }
  return r;
}

template <class T>
const T& value_of(const T& x) {
  return x;
}
template <class S, std::size_t N>
const S& value_of(const Dual<S, N>& x) {
  return x.value;
}

/// A number on the other side of a Dual.
template <class A, class B>
concept DualPair = (is_dual<A> && (is_dual<B> || Number<B>)) || (Number<A> && is_dual<B>);

}  // namespace detail

// ------------------------------------------------------------------------------------------------ arithmetic

template <class S, std::size_t N>
Dual<S, N> operator+(const Dual<S, N>& a, const Dual<S, N>& b) {
  Dual<S, N> r = detail::with_value(S(a.value + b.value), a);
  for (std::size_t i = 0; i < N; ++i) {
    if (b.kind[i] == Partial::zero) continue;
    if (r.kind[i] == Partial::zero) {
      r.kind[i] = b.kind[i];
      if (b.kind[i] == Partial::general) r.partial[i] = b.partial[i];
      continue;
    }
    if (r.kind[i] == Partial::one && b.kind[i] == Partial::one)
      r.partial[i] = detail::constant<S>(2);
    else if (r.kind[i] == Partial::one)
      r.partial[i] = b.partial[i] + 1;
    else
      r.partial[i] = b.kind[i] == Partial::one ? r.partial[i] + 1 : r.partial[i] + b.partial[i];
    r.kind[i] = Partial::general;
  }
  return r;
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator+(const Dual<S, N>& a, C b) {
  return detail::with_value(S(a.value + b), a);
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator+(C a, const Dual<S, N>& b) {
  return b + a;
}
template <class S, std::size_t N>
Dual<S, N> operator-(const Dual<S, N>& x) {
  return detail::chained(S(-x.value), x, [] { return detail::constant<S>(-1); });
}
template <class S, std::size_t N>
Dual<S, N> operator-(const Dual<S, N>& a, const Dual<S, N>& b) {
  return a + -b;
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator-(const Dual<S, N>& a, C b) {
  return detail::with_value(S(a.value - b), a);
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator-(C a, const Dual<S, N>& b) {
  return detail::chained(S(a - b.value), b, [] { return detail::constant<S>(-1); });
}
template <class S, std::size_t N>
Dual<S, N> operator*(const Dual<S, N>& a, const Dual<S, N>& b) {
  return detail::chained(
      S(a.value * b.value), a, [&]() -> const S& { return b.value; }, b,
      [&]() -> const S& { return a.value; });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator*(const Dual<S, N>& a, C b) {
  return detail::chained(S(a.value * b), a, [&] { return detail::constant<S>(static_cast<double>(b)); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator*(C a, const Dual<S, N>& b) {
  return b * a;
}
template <class S, std::size_t N>
Dual<S, N> operator/(const Dual<S, N>& a, const Dual<S, N>& b) {
  S quotient = a.value / b.value;
  return detail::chained(
      quotient, a, [&] { return S(1 / b.value); }, b, [&] { return S(-quotient / b.value); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator/(const Dual<S, N>& a, C b) {
  return detail::chained(S(a.value / b), a, [&] { return detail::constant<S>(1 / static_cast<double>(b)); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> operator/(C a, const Dual<S, N>& b) {
  S quotient = a / b.value;
  return detail::chained(quotient, b, [&] { return S(-quotient / b.value); });
}

// ------------------------------------------------------------------------------------------------ selection

template <class A, class B>
requires detail::DualPair<A, B>
auto operator<(const A& a, const B& b) { return detail::value_of(a) < detail::value_of(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator<=(const A& a, const B& b) { return detail::value_of(a) <= detail::value_of(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator>(const A& a, const B& b) { return detail::value_of(a) > detail::value_of(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator>=(const A& a, const B& b) { return detail::value_of(a) >= detail::value_of(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator==(const A& a, const B& b) { return detail::value_of(a) == detail::value_of(b); }
template <class A, class B>
requires detail::DualPair<A, B>
auto operator!=(const A& a, const B& b) { return detail::value_of(a) != detail::value_of(b); }

/// The branch not taken contributes zero, even where its derivative is infinite.
template <class Mask, class S, std::size_t N>
Dual<S, N> where(const Mask& mask, const Dual<S, N>& a, const Dual<S, N>& b) {
  Dual<S, N> r(where(mask, a.value, b.value));
  const auto partial = [](const Dual<S, N>& x, std::size_t i) {
    return x.kind[i] == Partial::zero  ? detail::constant<S>(0)
           : x.kind[i] == Partial::one ? detail::constant<S>(1)
                                       : x.partial[i];
  };
  for (std::size_t i = 0; i < N; ++i) {
    if (a.kind[i] == Partial::zero && b.kind[i] == Partial::zero) continue;
    r.partial[i] = where(mask, partial(a, i), partial(b, i));
    r.kind[i] = Partial::general;
  }
  return r;
}
template <class Mask, class S, std::size_t N, Number C>
Dual<S, N> where(const Mask& mask, const Dual<S, N>& a, C b) {
  return where(mask, a, Dual<S, N>(detail::constant<S>(static_cast<double>(b))));
}
template <class Mask, class S, std::size_t N, Number C>
Dual<S, N> where(const Mask& mask, C a, const Dual<S, N>& b) {
  return where(mask, Dual<S, N>(detail::constant<S>(static_cast<double>(a))), b);
}

/// Half the gradient to each on a tie.
template <class S, std::size_t N>
Dual<S, N> maximum(const Dual<S, N>& a, const Dual<S, N>& b) {
  const auto share = [](const S& own, const S& other) {
    return S(where(own > other, 1.0, where(own == other, 0.5, 0.0)));
  };
  return detail::chained(
      S(maximum(a.value, b.value)), a, [&] { return share(a.value, b.value); }, b,
      [&] { return share(b.value, a.value); });
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
  return detail::chained(S(abs(x.value)), x, [&] { return S(sign(x.value)); });
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

// ------------------------------------------------------------------------------------------------
// exponentials

template <class S, std::size_t N>
Dual<S, N> exp(const Dual<S, N>& x) {
  S v = exp(x.value);
  return detail::chained(v, x, [&]() -> const S& { return v; });
}
template <class S, std::size_t N>
Dual<S, N> exp2(const Dual<S, N>& x) {
  S v = exp2(x.value);
  return detail::chained(v, x, [&] { return S(v * std::numbers::ln2); });
}
template <class S, std::size_t N>
Dual<S, N> expm1(const Dual<S, N>& x) {
  return detail::chained(S(expm1(x.value)), x, [&] { return S(exp(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> log(const Dual<S, N>& x) {
  return detail::chained(S(log(x.value)), x, [&] { return S(1 / x.value); });
}
template <class S, std::size_t N>
Dual<S, N> log2(const Dual<S, N>& x) {
  return detail::chained(S(log2(x.value)), x, [&] { return S(std::numbers::log2e / x.value); });
}
template <class S, std::size_t N>
Dual<S, N> log10(const Dual<S, N>& x) {
  return detail::chained(S(log10(x.value)), x, [&] { return S(std::numbers::log10e / x.value); });
}
template <class S, std::size_t N>
Dual<S, N> log1p(const Dual<S, N>& x) {
  return detail::chained(S(log1p(x.value)), x, [&] { return S(1 / (1 + x.value)); });
}

// ------------------------------------------------------------------------------------------------ powers

template <class S, std::size_t N>
Dual<S, N> sqrt(const Dual<S, N>& x) {
  S v = sqrt(x.value);
  return detail::chained(v, x, [&] { return S(0.5 / v); });
}
template <class S, std::size_t N>
Dual<S, N> cbrt(const Dual<S, N>& x) {
  S v = cbrt(x.value);
  return detail::chained(v, x, [&] { return S(1 / (3 * (v * v))); });
}
/// d/da = b a^(b-1), 0 where b = 0; d/db = a^b log a, 0 where a = 0 and b >= 0.
template <class S, std::size_t N>
Dual<S, N> pow(const Dual<S, N>& a, const Dual<S, N>& b) {
  S v = pow(a.value, b.value);
  return detail::chained(
      v, a, [&] { return S(where(b.value == 0, 0.0, b.value * pow(a.value, S(b.value - 1)))); }, b,
      [&] { return S(where(logical_and(a.value == 0, b.value >= 0), 0.0, v * log(a.value))); });
}
template <class S, std::size_t N, Number C>
Dual<S, N> pow(const Dual<S, N>& a, C b) {
  return detail::chained(S(pow(a.value, b)), a, [&] {
    const auto exponent = static_cast<double>(b);
    return exponent == 0 ? detail::constant<S>(0) : S(exponent * pow(a.value, exponent - 1));
  });
}
template <class S, std::size_t N, Number C>
Dual<S, N> pow(C a, const Dual<S, N>& b) {
  return pow(Dual<S, N>(detail::constant<S>(static_cast<double>(a))), b);
}
/// hypot'(0, 0) = 0.
template <class S, std::size_t N>
Dual<S, N> hypot(const Dual<S, N>& a, const Dual<S, N>& b) {
  S v = hypot(a.value, b.value);
  const auto slope = [&v](const S& x) { return S(where(v == 0, 0.0, x / v)); };
  return detail::chained(
      v, a, [&] { return slope(a.value); }, b, [&] { return slope(b.value); });
}
template <class S, std::size_t N>
Dual<S, N> fmod(const Dual<S, N>& a, const Dual<S, N>& b) {
  return detail::chained(
      S(fmod(a.value, b.value)), a, [] { return detail::constant<S>(1); }, b,
      [&] { return S(-trunc(S(a.value / b.value))); });
}

// ------------------------------------------------------------------------------------------------
// trigonometry

template <class S, std::size_t N>
Dual<S, N> sin(const Dual<S, N>& x) {
  return detail::chained(S(sin(x.value)), x, [&] { return S(cos(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> cos(const Dual<S, N>& x) {
  return detail::chained(S(cos(x.value)), x, [&] { return S(-sin(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> tan(const Dual<S, N>& x) {
  S v = tan(x.value);
  return detail::chained(v, x, [&] { return S(1 + v * v); });
}
template <class S, std::size_t N>
Dual<S, N> asin(const Dual<S, N>& x) {
  return detail::chained(S(asin(x.value)), x, [&] { return S(1 / sqrt(S((1 - x.value) * (1 + x.value)))); });
}
template <class S, std::size_t N>
Dual<S, N> acos(const Dual<S, N>& x) {
  return detail::chained(S(acos(x.value)), x, [&] { return S(-1 / sqrt(S((1 - x.value) * (1 + x.value)))); });
}
template <class S, std::size_t N>
Dual<S, N> atan(const Dual<S, N>& x) {
  return detail::chained(S(atan(x.value)), x, [&] { return S(1 / (1 + x.value * x.value)); });
}
/// The angle of the point (b, a).
template <class S, std::size_t N>
Dual<S, N> atan2(const Dual<S, N>& a, const Dual<S, N>& b) {
  const auto radius = [&] { return S(hypot(a.value, b.value)); };
  return detail::chained(
      S(atan2(a.value, b.value)), a, [&, r = radius()] { return S(b.value / r / r); }, b,
      [&, r = radius()] { return S(-a.value / r / r); });
}
template <class S, std::size_t N>
Dual<S, N> sinh(const Dual<S, N>& x) {
  return detail::chained(S(sinh(x.value)), x, [&] { return S(cosh(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> cosh(const Dual<S, N>& x) {
  return detail::chained(S(cosh(x.value)), x, [&] { return S(sinh(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> tanh(const Dual<S, N>& x) {
  S v = tanh(x.value);
  return detail::chained(v, x, [&] { return S((1 - v) * (1 + v)); });
}
template <class S, std::size_t N>
Dual<S, N> asinh(const Dual<S, N>& x) {
  return detail::chained(S(asinh(x.value)), x, [&] { return S(1 / hypot(x.value, 1.0)); });
}
template <class S, std::size_t N>
Dual<S, N> acosh(const Dual<S, N>& x) {
  return detail::chained(S(acosh(x.value)), x,
                         [&] { return S(1 / (sqrt(S(x.value - 1)) * sqrt(S(x.value + 1)))); });
}
template <class S, std::size_t N>
Dual<S, N> atanh(const Dual<S, N>& x) {
  return detail::chained(S(atanh(x.value)), x, [&] { return S(1 / ((1 - x.value) * (1 + x.value))); });
}

// ------------------------------------------------------------------------------------------------ special
// functions

template <class S, std::size_t N>
Dual<S, N> sigmoid(const Dual<S, N>& x) {
  S v = sigmoid(x.value);
  return detail::chained(v, x, [&] { return S(v * (1 - v)); });
}
template <class S, std::size_t N>
Dual<S, N> softplus(const Dual<S, N>& x) {
  return detail::chained(S(softplus(x.value)), x, [&] { return S(sigmoid(x.value)); });
}

template <class S, std::size_t N>
Dual<S, N> erf(const Dual<S, N>& x) {
  return detail::chained(S(erf(x.value)), x,
                         [&] { return S(2 * std::numbers::inv_sqrtpi * exp(S(-(x.value * x.value)))); });
}
template <class S, std::size_t N>
Dual<S, N> erfc(const Dual<S, N>& x) {
  return detail::chained(S(erfc(x.value)), x,
                         [&] { return S(-2 * std::numbers::inv_sqrtpi * exp(S(-(x.value * x.value)))); });
}
template <class S, std::size_t N>
Dual<S, N> lgamma(const Dual<S, N>& x) {
  return detail::chained(S(lgamma(x.value)), x, [&] { return S(digamma(x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> digamma(const Dual<S, N>& x) {
  return detail::chained(S(digamma(x.value)), x, [&] { return S(polygamma(1, x.value)); });
}
template <class S, std::size_t N>
Dual<S, N> polygamma(int order, const Dual<S, N>& x) {
  return detail::chained(S(polygamma(order, x.value)), x, [&] { return S(polygamma(order + 1, x.value)); });
}

}  // namespace xgrad
