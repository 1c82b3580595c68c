// Lanes: a short run of elements on which a formula is evaluated, small enough to stay in first-level cache.
// Every operation is one call for all lanes into the library, which has the processor's vector instructions
// whatever flags the caller is compiled with. Invariant: the first `active` lanes mean something; all of them
// where that is 0, as in a constant, which fits any number of lanes.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/vmath/vmath.hpp>

#include <type_traits>

XGRAD_API_BEGIN
namespace xgrad {

/// What may stand beside lanes in a formula.
template <class T>
concept Number = std::is_arithmetic_v<T>;

namespace detail {
// Long enough that a call costs little beside its work; a dozen of them in first-level cache.
inline constexpr int lane_bytes = 512;
}  // namespace detail

/// The truth values of a comparison of Lanes<T>: 0 or -1, as wide as T so that selection needs no conversion.
template <class T>
struct LaneMask {
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  static constexpr int width = detail::lane_bytes / sizeof(T);
  alignas(64) Bits bits[width];

  /// For a readable message where a formula branches.
  explicit operator bool() const {
    static_assert(
        sizeof(T) == 0,
        "a formula of map() is evaluated on many elements at once: in place of if, ?:, &&, || and ! "
        "use where(condition, a, b), logical_and, logical_or and logical_not");
    return false;
  }
};

/// 128 floats or 64 doubles.
template <class T>
struct Lanes {
  static constexpr int width = detail::lane_bytes / sizeof(T);
  alignas(64) T v[width];
  int active = 0;

  Lanes() = default;
  template <Number N>
  Lanes(N number);
  Lanes(const Lanes& other);
  Lanes& operator=(const Lanes& other);

  /// For a readable message where a formula calls a function of one number.
  operator double() const {
    static_assert(
        sizeof(T) == 0,
        "a formula of map() is evaluated on many elements at once: call sin(x), not std::sin(x); the "
        "functions that there are stand in autograd/dual.hpp");
    return 0;
  }

  /// How many lanes hold values.
  int defined() const { return active == 0 ? width : active; }

  static Lanes load(const T* from, Index n);
  void store(T* to, Index n) const;
};

namespace detail {

// The loops over lanes, in lanes.cpp; `out` may be an operand.
enum class LaneUnary { negate, abs, sign, softplus };
enum class LaneBinary { add, sub, mul, div, maximum, minimum, chain };
enum class LaneTest { less, less_equal, greater, greater_equal, equal, not_equal };

template <class T>
void lane_fill(T value, T* out);
template <class T>
void lane_copy(const T* from, T* to);
template <class T>
void lane_loop(LaneUnary op, int active, const T* a, T* out);
template <class T>
void lane_loop(LaneBinary op, int active, const T* a, const T* b, T* out);
template <class T>
void lane_loop(LaneBinary op, int active, const T* a, T b, T* out);
template <class T>
void lane_loop(LaneBinary op, int active, T a, const T* b, T* out);
template <class T>
void lane_test(LaneTest op, const T* a, const T* b, typename LaneMask<T>::Bits* out);
/// out = a + t (b - a), exact at 0 and 1 and without overflow between.
template <class T>
void lane_lerp(const T* a, const T* b, const T* t, T* out);
template <class T>
bool lane_any(const typename LaneMask<T>::Bits* mask);
template <class T>
void lane_select(const typename LaneMask<T>::Bits* mask, const T* a, const T* b, T* out);

template <class T>
Lanes<T> lanewise(LaneUnary op, const Lanes<T>& a) {
  Lanes<T> r;
  r.active = a.active;
  lane_loop(op, r.active, a.v, r.v);
  return r;
}
// Into `r`, which may be an operand.
template <class T>
void lanewise(LaneBinary op, const Lanes<T>& a, const Lanes<T>& b, Lanes<T>& r) {
  r.active = a.active > b.active ? a.active : b.active;
  lane_loop(op, r.active, a.v, b.v, r.v);
}
template <class T>
void lanewise(LaneBinary op, const Lanes<T>& a, T b, Lanes<T>& r) {
  r.active = a.active;
  lane_loop(op, r.active, a.v, b, r.v);
}
template <class T>
Lanes<T> lanewise(LaneBinary op, const Lanes<T>& a, const Lanes<T>& b) {
  Lanes<T> r;
  lanewise(op, a, b, r);
  return r;
}
template <class T>
Lanes<T> lanewise(LaneBinary op, const Lanes<T>& a, T b) {
  Lanes<T> r;
  lanewise(op, a, b, r);
  return r;
}
template <class T>
Lanes<T> lanewise(LaneBinary op, T a, const Lanes<T>& b) {
  Lanes<T> r;
  r.active = b.active;
  lane_loop(op, r.active, a, b.v, r.v);
  return r;
}
template <class T>
LaneMask<T> lanetest(LaneTest op, const Lanes<T>& a, const Lanes<T>& b) {
  LaneMask<T> r;
  lane_test(op, a.v, b.v, r.bits);
  return r;
}
template <class T>
Lanes<T> through(void (*function)(const T*, T*, Index), const Lanes<T>& a) {
  Lanes<T> r;
  r.active = a.active;
  function(a.v, r.v, r.defined());
  return r;
}
template <class T>
Lanes<T> through(void (*function)(const T*, const T*, T*, Index), const Lanes<T>& a, const Lanes<T>& b) {
  Lanes<T> r;
  r.active = a.active > b.active ? a.active : b.active;
  function(a.v, b.v, r.v, r.defined());
  return r;
}

}  // namespace detail

template <class T>
template <Number N>
Lanes<T>::Lanes(N number) {
  detail::lane_fill(static_cast<T>(number), v);
}
// Compilers copy so many bytes with one slow instruction: hence by hand.
template <class T>
Lanes<T>::Lanes(const Lanes& other) : active(other.active) {
  detail::lane_copy(other.v, v);
}
template <class T>
Lanes<T>& Lanes<T>::operator=(const Lanes& other) {
  active = other.active;
  if (this != &other) detail::lane_copy(other.v, v);
  return *this;
}
template <class T>
Lanes<T> Lanes<T>::load(const T* from, Index n) {
  Lanes r;
  if (n >= width) {
    detail::lane_copy(from, r.v);
  } else {
    // Copies of the first element stand behind the others: a formula meets no value that is not there.
    r.active = static_cast<int>(n);
    detail::lane_fill(*from, r.v);
    __builtin_memcpy(r.v, from, static_cast<std::size_t>(n) * sizeof(T));
  }
  return r;
}
template <class T>
void Lanes<T>::store(T* to, Index n) const {
  if (n >= width)
    detail::lane_copy(v, to);
  else
    __builtin_memcpy(to, v, static_cast<std::size_t>(n) * sizeof(T));
}

// Arithmetic of lanes with lanes and with numbers of any type, which take the lanes' type.
template <class T>
Lanes<T> operator+(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::add, a, b);
}
template <class T>
Lanes<T> operator-(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::sub, a, b);
}
template <class T>
Lanes<T> operator*(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::mul, a, b);
}
template <class T>
Lanes<T> operator/(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::div, a, b);
}
template <class T, Number N>
Lanes<T> operator+(const Lanes<T>& a, N b) {
  return detail::lanewise(detail::LaneBinary::add, a, static_cast<T>(b));
}
template <class T, Number N>
Lanes<T> operator+(N a, const Lanes<T>& b) {
  return b + a;
}
template <class T, Number N>
Lanes<T> operator-(const Lanes<T>& a, N b) {
  return detail::lanewise(detail::LaneBinary::sub, a, static_cast<T>(b));
}
template <class T, Number N>
Lanes<T> operator-(N a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::sub, static_cast<T>(a), b);
}
template <class T, Number N>
Lanes<T> operator*(const Lanes<T>& a, N b) {
  return detail::lanewise(detail::LaneBinary::mul, a, static_cast<T>(b));
}
template <class T, Number N>
Lanes<T> operator*(N a, const Lanes<T>& b) {
  return b * a;
}
template <class T, Number N>
Lanes<T> operator/(const Lanes<T>& a, N b) {
  return detail::lanewise(detail::LaneBinary::div, a, static_cast<T>(b));
}
template <class T, Number N>
Lanes<T> operator/(N a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::div, static_cast<T>(a), b);
}
template <class T>
Lanes<T> operator-(const Lanes<T>& a) {
  return detail::lanewise(detail::LaneUnary::negate, a);
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
  return detail::lanetest<T>(detail::LaneTest::less, a, b);
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator<=(const A& a, const B& b) {
  return detail::lanetest<T>(detail::LaneTest::less_equal, a, b);
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator>(const A& a, const B& b) {
  return detail::lanetest<T>(detail::LaneTest::greater, a, b);
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator>=(const A& a, const B& b) {
  return detail::lanetest<T>(detail::LaneTest::greater_equal, a, b);
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator==(const A& a, const B& b) {
  return detail::lanetest<T>(detail::LaneTest::equal, a, b);
}
template <class A, class B, class T = LaneType<A, B>>
LaneMask<T> operator!=(const A& a, const B& b) {
  return detail::lanetest<T>(detail::LaneTest::not_equal, a, b);
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

/// True when the mask is true anywhere.
template <class T>
bool any(const LaneMask<T>& mask) {
  return detail::lane_any<T>(mask.bits);
}

/// mask ? a : b; a and b are lanes or numbers.
template <class T, class A, class B>
requires(Number<A> || std::is_same_v<A, Lanes<T>>) &&
    (Number<B> || std::is_same_v<B, Lanes<T>>)Lanes<T> where(const LaneMask<T>& mask, const A& a,
                                                             const B& b) {
  const Lanes<T>&x = a, &y = b;
  Lanes<T> r;
  r.active = x.active > y.active ? x.active : y.active;
  detail::lane_select(mask.bits, x.v, y.v, r.v);
  return r;
}

template <class T>
Lanes<T> abs(const Lanes<T>& x) {
  return detail::lanewise(detail::LaneUnary::abs, x);
}
/// -1, 0 or 1; NaN stays.
template <class T>
Lanes<T> sign(const Lanes<T>& x) {
  return detail::lanewise(detail::LaneUnary::sign, x);
}
/// NaN where either is NaN.
template <class T>
Lanes<T> maximum(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::maximum, a, b);
}
template <class T>
Lanes<T> minimum(const Lanes<T>& a, const Lanes<T>& b) {
  return detail::lanewise(detail::LaneBinary::minimum, a, b);
}

template <Number N, class T>
Lanes<T> maximum(const Lanes<T>& a, N b) {
  return detail::lanewise(detail::LaneBinary::maximum, a, static_cast<T>(b));
}
template <Number N, class T>
Lanes<T> minimum(const Lanes<T>& a, N b) {
  return detail::lanewise(detail::LaneBinary::minimum, a, static_cast<T>(b));
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
  Lanes<T> r;
  r.active = x.active;
  vmath::polygamma(order, x.v, r.v, r.defined());
  return r;
}

/// 1 / (1 + exp(-x)).
template <class T>
Lanes<T> sigmoid(const Lanes<T>& x) {
  return detail::through<T>(vmath::sigmoid, x);
}
/// log(1 + exp(x)) without overflow of exp, accurate for very negative x.
template <class T>
Lanes<T> softplus(const Lanes<T>& x) {
  return detail::lanewise(detail::LaneUnary::softplus, x);
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
template <class A, class B, class T = LaneType<A, B>>
Lanes<T> floor_divide(const A& a, const B& b) {
  return detail::through<T>(vmath::floor_divide, Lanes<T>(a), Lanes<T>(b));
}
template <class A, class B, class T = LaneType<A, B>>
Lanes<T> remainder(const A& a, const B& b) {
  return detail::through<T>(vmath::remainder, Lanes<T>(a), Lanes<T>(b));
}
/// a + t (b - a), exact at t = 0 and 1.
template <class T>
Lanes<T> lerp(const Lanes<T>& a, const Lanes<T>& b, const Lanes<T>& t) {
  Lanes<T> r;
  r.active = a.active > b.active ? a.active : b.active;
  if (t.active > r.active) r.active = t.active;
  detail::lane_lerp(a.v, b.v, t.v, r.v);
  return r;
}
}  // namespace xgrad
XGRAD_API_END
