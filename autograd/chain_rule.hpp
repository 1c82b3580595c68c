// Dual<S, N>: a value with its partial derivatives with respect to N inputs, and the chain rule. S is Lanes
// (fused loops) or Variable (derivatives that are themselves recorded). Invariant: a partial that is not
// present is zero, so inputs that need no gradient cost nothing.
#pragma once

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/vmath/lanes.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

XGRAD_API_BEGIN
namespace xgrad {

/// What is known of a partial derivative without reading it; `general` is the one that is stored.
enum class Partial : unsigned char { zero, one, general };

/// A value and its N partials; see the head of this file.
template <class S, std::size_t N>
struct Dual {
  S value;
  S partial[N];
  Partial kind[N] = {};

  Dual() = default;
  explicit Dual(const S& v) : value(v) {}
  /// The value is made in its place.
  template <std::invocable Make>
  explicit Dual(const Make& make) : value(make()) {}

  /// The input of number i, made in its place: its own partial is 1.
  template <std::invocable Make>
  static Dual input(const Make& make, std::size_t i, bool needed) {
    Dual r(make);
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

// to = a * b, to += a and to = a + b, where a copy of lanes would cost as much as the work.
inline void set_product(Variable& to, const Variable& a, const Variable& b) { to = a * b; }
inline void set_product(Variable& to, double a, const Variable& b) { to = a * b; }
inline void increase(Variable& to, const Variable& a) { to = to + a; }
inline void set_sum(Variable& to, const Variable& a, const Variable& b) { to = a + b; }
template <class T>
void set_product(Lanes<T>& to, const Lanes<T>& a, const Lanes<T>& b) {
  lanewise(LaneBinary::mul, a, b, to);
}
template <class T>
void set_product(Lanes<T>& to, double a, const Lanes<T>& b) {
  lanewise(LaneBinary::mul, b, static_cast<T>(a), to);
}
template <class T>
void increase(Lanes<T>& to, const Lanes<T>& a) {
  lanewise(LaneBinary::add, to, a, to);
}
template <class T>
void set_sum(Lanes<T>& to, const Lanes<T>& a, const Lanes<T>& b) {
  lanewise(LaneBinary::add, a, b, to);
}

/// Adds the chain rule of operand x to the partials of r. The slope is a function, of r's value or of
/// nothing, computed when a partial needs it: S or a number.
template <class S, std::size_t N, class Slope>
void add_partials(Dual<S, N>& r, const Dual<S, N>& x, const Slope& slope_of) {
  bool any = false;
  for (std::size_t i = 0; i < N; ++i) any |= x.kind[i] != Partial::zero;
  if (!any) return;
  const auto& slope = [&]() -> decltype(auto) {
    if constexpr (std::invocable<const Slope&, const S&>)
      return slope_of(r.value);
    else
      return slope_of();
  }();
  constexpr bool number = std::is_same_v<decltype(slope), const double&>;
  for (std::size_t i = 0; i < N; ++i) {
    if (x.kind[i] == Partial::zero) continue;
    const bool first = r.kind[i] == Partial::zero;
    const bool one = x.kind[i] == Partial::one;
    r.kind[i] = Partial::general;
    if (one && first) {
      if constexpr (number)
        r.partial[i] = constant<S>(slope);
      else
        r.partial[i] = slope;
    } else if (first) {
      set_product(r.partial[i], slope, x.partial[i]);
    } else if (one) {
      if constexpr (number)
        r.partial[i] = r.partial[i] + slope;
      else
        increase(r.partial[i], slope);
    } else {
      S term;
      set_product(term, slope, x.partial[i]);
      increase(r.partial[i], term);
    }
  }
}

/// f(x) with slope f'(x); the value is a function, and made in its place.
template <class S, std::size_t N, class Value, class Slope>
Dual<S, N> chained(const Value& value, const Dual<S, N>& x, const Slope& slope_of) {
  Dual<S, N> r(value);
  add_partials(r, x, slope_of);
  return r;
}

/// f(a, b) with its two slopes.
template <class S, std::size_t N, class Value, class SlopeA, class SlopeB>
Dual<S, N> chained(const Value& value, const Dual<S, N>& a, const SlopeA& slope_a, const Dual<S, N>& b,
                   const SlopeB& slope_b) {
  Dual<S, N> r(value);
  add_partials(r, a, slope_a);
  add_partials(r, b, slope_b);
  return r;
}

/// f(a, b, c) with its three slopes.
template <class S, std::size_t N, class Value, class SlopeA, class SlopeB, class SlopeC>
Dual<S, N> chained(const Value& value, const Dual<S, N>& a, const SlopeA& slope_a, const Dual<S, N>& b,
                   const SlopeB& slope_b, const Dual<S, N>& c, const SlopeC& slope_c) {
  Dual<S, N> r(value);
  add_partials(r, a, slope_a);
  add_partials(r, b, slope_b);
  add_partials(r, c, slope_c);
  return r;
}

inline bool holds_anywhere(const Variable& mask) {
  for (const bool value : mask.value().span<bool>())
    if (value) return true;
  return false;
}
template <class T>
bool holds_anywhere(const LaneMask<T>& mask) {
  return any(mask);
}
/// `value`, and other() where the condition holds, which is rare: nothing is selected where it holds nowhere.
template <class Condition, class S, class Other>
S unless(const Condition& condition, const S& value, const Other& other) {
  return holds_anywhere(condition) ? S(where(condition, other(), value)) : value;
}

template <class S, std::size_t N>
void copy_partial(Dual<S, N>& to, const Dual<S, N>& from, std::size_t i) {
  to.kind[i] = from.kind[i];
  if (from.kind[i] == Partial::general) to.partial[i] = from.partial[i];
}

/// The same partials under another value.
template <class S, std::size_t N, class Value>
Dual<S, N> with_value(const Value& value, const Dual<S, N>& x) {
  Dual<S, N> r(value);
  for (std::size_t i = 0; i < N; ++i) copy_partial(r, x, i);
  return r;
}

template <class T>
const T& primal(const T& x) {
  return x;
}
template <class S, std::size_t N>
const S& primal(const Dual<S, N>& x) {
  return x.value;
}

/// A number on the other side of a Dual.
template <class A, class B>
concept DualPair = (is_dual<A> && (is_dual<B> || Number<B>)) || (Number<A> && is_dual<B>);

}  // namespace detail

}  // namespace xgrad
XGRAD_API_END
