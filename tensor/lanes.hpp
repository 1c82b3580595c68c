// Lanes: a short run of elements on which a formula is evaluated, small enough to stay in registers and
// first-level cache. Arithmetic is inline and vectorises with the caller's flags; mathematical functions run
// in the library with its own. Invariant: all lanes hold defined values; only the first `active` ones mean
// something.
#pragma once

#include <xgrad/tensor/vmath.hpp>

#include <type_traits>

namespace xgrad {

template <class T>
concept Number = std::is_arithmetic_v<T>;

/// The truth values of a comparison of Lanes<T>: 0 or -1, as wide as T so that selection needs no conversion.
template <class T>
struct LaneMask {
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  static constexpr int width = 256 / sizeof(T);
  alignas(64) Bits bits[width];
};

/// 64 floats or 32 doubles.
template <class T>
struct Lanes {
  static constexpr int width = 256 / sizeof(T);
  alignas(64) T v[width];
  int active = width;

  Lanes() = default;
  template <Number N>
  Lanes(N number) : active(1) {
    for (int i = 0; i < width; ++i) v[i] = static_cast<T>(number);
  }

  static Lanes load(const T* from, Index n) {
    Lanes r;
    if (n >= width) {
      for (int i = 0; i < width; ++i) r.v[i] = from[i];
    } else {
      // Copies of the first element stand behind the others: a formula meets no value that is not there.
      r.active = static_cast<int>(n);
      for (int i = 0; i < width; ++i) r.v[i] = *from;
      __builtin_memcpy(r.v, from, static_cast<std::size_t>(n) * sizeof(T));
    }
    return r;
  }
  void store(T* to, Index n) const {
    if (n >= width) {
      for (int i = 0; i < width; ++i) to[i] = v[i];
    } else {
      __builtin_memcpy(to, v, static_cast<std::size_t>(n) * sizeof(T));
    }
  }
};

namespace detail {

template <class T, class F>
Lanes<T> lanewise(const Lanes<T>& a, F f) {
  Lanes<T> r;
  r.active = a.active;
  for (int i = 0; i < Lanes<T>::width; ++i) r.v[i] = f(a.v[i]);
  return r;
}
template <class T, class F>
Lanes<T> lanewise(const Lanes<T>& a, const Lanes<T>& b, F f) {
  Lanes<T> r;
  r.active = a.active > b.active ? a.active : b.active;
  for (int i = 0; i < Lanes<T>::width; ++i) r.v[i] = f(a.v[i], b.v[i]);
  return r;
}
template <class T, class F>
LaneMask<T> lanetest(const Lanes<T>& a, const Lanes<T>& b, F f) {
  LaneMask<T> r;
  for (int i = 0; i < Lanes<T>::width; ++i) r.bits[i] = f(a.v[i], b.v[i]) ? -1 : 0;
  return r;
}
template <class T>
Lanes<T> through(void (*function)(const T*, T*, Index), const Lanes<T>& a) {
  Lanes<T> r = a;
  function(a.v, r.v, a.active);
  return r;
}
template <class T>
Lanes<T> through(void (*function)(const T*, const T*, T*, Index), const Lanes<T>& a, const Lanes<T>& b) {
  Lanes<T> r = a;
  r.active = a.active > b.active ? a.active : b.active;
  function(a.v, b.v, r.v, r.active);
  return r;
}

}  // namespace detail

// Arithmetic of lanes with lanes and with numbers of any type, which take the lanes' type.
template <class T>
Lanes<T> operator+(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(a, b, [](T x, T y) { return x + y; });
}
template <class T>
Lanes<T> operator-(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(a, b, [](T x, T y) { return x - y; });
}
template <class T>
Lanes<T> operator*(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(a, b, [](T x, T y) { return x * y; });
}
template <class T>
Lanes<T> operator/(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(a, b, [](T x, T y) { return x / y; });
}
template <class T, Number N>
Lanes<T> operator+(const Lanes<T>& a, N b) {
  return detail::lanewise(a, [n = static_cast<T>(b)](T x) { return x + n; });
}
template <class T, Number N>
Lanes<T> operator+(N a, const Lanes<T>& b) {
  return b + a;
}
template <class T, Number N>
Lanes<T> operator-(const Lanes<T>& a, N b) {
  return detail::lanewise(a, [n = static_cast<T>(b)](T x) { return x - n; });
}
template <class T, Number N>
Lanes<T> operator-(N a, const Lanes<T>& b) {
  return detail::lanewise(b, [n = static_cast<T>(a)](T x) { return n - x; });
}
template <class T, Number N>
Lanes<T> operator*(const Lanes<T>& a, N b) {
  return detail::lanewise(a, [n = static_cast<T>(b)](T x) { return x * n; });
}
template <class T, Number N>
Lanes<T> operator*(N a, const Lanes<T>& b) {
  return b * a;
}
template <class T, Number N>
Lanes<T> operator/(const Lanes<T>& a, N b) {
  return detail::lanewise(a, [n = static_cast<T>(b)](T x) { return x / n; });
}
template <class T, Number N>
Lanes<T> operator/(N a, const Lanes<T>& b) {
  return detail::lanewise(b, [n = static_cast<T>(a)](T x) { return n / x; });
}
template <class T>
Lanes<T> operator-(const Lanes<T>& a) {
  return detail::lanewise(a, [](T x) { return -x; });
}

// Comparisons, for where(). Either side may be a number.
template <class A, class B>
struct LaneOperands;
template <class T>
struct LaneOperands<Lanes<T>, Lanes<T>> {
  using type = T;
};
template <class T, Number N>
struct LaneOperands<Lanes<T>, N> {
  using type = T;
};
template <class T, Number N>
struct LaneOperands<N, Lanes<T>> {
  using type = T;
};
template <class A, class B>
using LaneType = typename LaneOperands<A, B>::type;

template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator<(const A& a, const B& b) {
  return detail::lanetest<T>(Lanes<T>(a), Lanes<T>(b), [](T x, T y) { return x < y; });
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator<=(const A& a, const B& b) {
  return detail::lanetest<T>(Lanes<T>(a), Lanes<T>(b), [](T x, T y) { return x <= y; });
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator>(const A& a, const B& b) {
  return detail::lanetest<T>(Lanes<T>(a), Lanes<T>(b), [](T x, T y) { return x > y; });
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator>=(const A& a, const B& b) {
  return detail::lanetest<T>(Lanes<T>(a), Lanes<T>(b), [](T x, T y) { return x >= y; });
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator==(const A& a, const B& b) {
  return detail::lanetest<T>(Lanes<T>(a), Lanes<T>(b), [](T x, T y) { return x == y; });
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator!=(const A& a, const B& b) {
  return detail::lanetest<T>(Lanes<T>(a), Lanes<T>(b), [](T x, T y) { return x != y; });
}
template <class T>
LaneMask<T> logical_and(LaneMask<T> a, const LaneMask<T>& b) {
  for (int i = 0; i < LaneMask<T>::width; ++i) a.bits[i] &= b.bits[i];
  return a;
}
template <class T>
LaneMask<T> logical_or(LaneMask<T> a, const LaneMask<T>& b) {
  for (int i = 0; i < LaneMask<T>::width; ++i) a.bits[i] |= b.bits[i];
  return a;
}
template <class T>
LaneMask<T> logical_not(LaneMask<T> a) {
  for (int i = 0; i < LaneMask<T>::width; ++i) a.bits[i] = ~a.bits[i];
  return a;
}

/// mask ? a : b; a and b are lanes or numbers.
template <class T, class A, class B>
requires(Number<A> || std::is_same_v<A, Lanes<T>>) &&
    (Number<B> || std::is_same_v<B, Lanes<T>>)Lanes<T> where(const LaneMask<T>& mask, const A& a,
                                                             const B& b) {
  const Lanes<T>&x = a, &y = b;
  Lanes<T> r;
  r.active = x.active > y.active ? x.active : y.active;
  if constexpr (Number<A> && Number<B>) r.active = Lanes<T>::width;
  for (int i = 0; i < Lanes<T>::width; ++i) r.v[i] = mask.bits[i] != 0 ? x.v[i] : y.v[i];
  return r;
}

template <class T>
Lanes<T> abs(const Lanes<T>& x) {
  return detail::lanewise(x, [](T v) { return v < 0 ? -v : v + T{0}; });
}
/// -1, 0 or 1; NaN stays.
template <class T>
Lanes<T> sign(const Lanes<T>& x) {
  return detail::lanewise(x, [](T v) { return v > 0 ? T{1} : v < 0 ? T{-1} : v; });
}
/// NaN where either is NaN.
template <class T>
Lanes<T> maximum(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(a, b, [](T x, T y) { return x > y || x != x ? x : y; });
}
template <class T>
Lanes<T> minimum(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(a, b, [](T x, T y) { return x < y || x != x ? x : y; });
}

template <Number N, class T>
Lanes<T> maximum(const Lanes<T>& a, N b) {
  return maximum(a, Lanes<T>(b));
}
template <Number N, class T>
Lanes<T> minimum(const Lanes<T>& a, N b) {
  return minimum(a, Lanes<T>(b));
}

template <class T>
Lanes<T> exp(const Lanes<T>& x) {
  return detail::through<T>(vmath::exp, x);
}
template <class T>
Lanes<T> exp2(const Lanes<T>& x) {
  return detail::through<T>(vmath::exp2, x);
}
template <class T>
Lanes<T> expm1(const Lanes<T>& x) {
  return detail::through<T>(vmath::expm1, x);
}
template <class T>
Lanes<T> log(const Lanes<T>& x) {
  return detail::through<T>(vmath::log, x);
}
template <class T>
Lanes<T> log2(const Lanes<T>& x) {
  return detail::through<T>(vmath::log2, x);
}
template <class T>
Lanes<T> log10(const Lanes<T>& x) {
  return detail::through<T>(vmath::log10, x);
}
template <class T>
Lanes<T> log1p(const Lanes<T>& x) {
  return detail::through<T>(vmath::log1p, x);
}
template <class T>
Lanes<T> sqrt(const Lanes<T>& x) {
  return detail::through<T>(vmath::sqrt, x);
}
template <class T>
Lanes<T> cbrt(const Lanes<T>& x) {
  return detail::through<T>(vmath::cbrt, x);
}
template <class T>
Lanes<T> sin(const Lanes<T>& x) {
  return detail::through<T>(vmath::sin, x);
}
template <class T>
Lanes<T> cos(const Lanes<T>& x) {
  return detail::through<T>(vmath::cos, x);
}
template <class T>
Lanes<T> tan(const Lanes<T>& x) {
  return detail::through<T>(vmath::tan, x);
}
template <class T>
Lanes<T> asin(const Lanes<T>& x) {
  return detail::through<T>(vmath::asin, x);
}
template <class T>
Lanes<T> acos(const Lanes<T>& x) {
  return detail::through<T>(vmath::acos, x);
}
template <class T>
Lanes<T> atan(const Lanes<T>& x) {
  return detail::through<T>(vmath::atan, x);
}
template <class T>
Lanes<T> sinh(const Lanes<T>& x) {
  return detail::through<T>(vmath::sinh, x);
}
template <class T>
Lanes<T> cosh(const Lanes<T>& x) {
  return detail::through<T>(vmath::cosh, x);
}
template <class T>
Lanes<T> tanh(const Lanes<T>& x) {
  return detail::through<T>(vmath::tanh, x);
}
template <class T>
Lanes<T> asinh(const Lanes<T>& x) {
  return detail::through<T>(vmath::asinh, x);
}
template <class T>
Lanes<T> acosh(const Lanes<T>& x) {
  return detail::through<T>(vmath::acosh, x);
}
template <class T>
Lanes<T> atanh(const Lanes<T>& x) {
  return detail::through<T>(vmath::atanh, x);
}
template <class T>
Lanes<T> erf(const Lanes<T>& x) {
  return detail::through<T>(vmath::erf, x);
}
template <class T>
Lanes<T> erfc(const Lanes<T>& x) {
  return detail::through<T>(vmath::erfc, x);
}
template <class T>
Lanes<T> lgamma(const Lanes<T>& x) {
  return detail::through<T>(vmath::lgamma, x);
}
template <class T>
Lanes<T> digamma(const Lanes<T>& x) {
  return detail::through<T>(vmath::digamma, x);
}
template <class T>
Lanes<T> floor(const Lanes<T>& x) {
  return detail::through<T>(vmath::floor, x);
}
template <class T>
Lanes<T> ceil(const Lanes<T>& x) {
  return detail::through<T>(vmath::ceil, x);
}
template <class T>
Lanes<T> round(const Lanes<T>& x) {
  return detail::through<T>(vmath::round, x);
}
template <class T>
Lanes<T> trunc(const Lanes<T>& x) {
  return detail::through<T>(vmath::trunc, x);
}
template <class T>
Lanes<T> polygamma(int order, const Lanes<T>& x) {
  Lanes<T> r = x;
  vmath::polygamma(order, x.v, r.v, x.active);
  return r;
}

/// 1 / (1 + exp(-x)) without overflow of exp.
template <class T>
Lanes<T> sigmoid(const Lanes<T>& x) {
  const Lanes<T> e = exp(-abs(x));
  return where(x >= 0, 1, e) / (1 + e);
}
/// log(1 + exp(x)) without overflow of exp, accurate for very negative x.
template <class T>
Lanes<T> softplus(const Lanes<T>& x) {
  return maximum(x, 0) + log1p(exp(-abs(x)));
}

// Binary functions; either side may be a number.
template <class A, class B, class T = LaneType<A, B>>
Lanes<T> pow(const A& a, const B& b) {
  return detail::through<T>(vmath::pow, Lanes<T>(a), Lanes<T>(b));
}
template <class A, class B, class T = LaneType<A, B>>
Lanes<T> atan2(const A& a, const B& b) {
  return detail::through<T>(vmath::atan2, Lanes<T>(a), Lanes<T>(b));
}
template <class A, class B, class T = LaneType<A, B>>
Lanes<T> hypot(const A& a, const B& b) {
  return detail::through<T>(vmath::hypot, Lanes<T>(a), Lanes<T>(b));
}
template <class A, class B, class T = LaneType<A, B>>
Lanes<T> fmod(const A& a, const B& b) {
  return detail::through<T>(vmath::fmod, Lanes<T>(a), Lanes<T>(b));
}
}  // namespace xgrad
