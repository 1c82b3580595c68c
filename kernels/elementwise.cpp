#include <xgrad/kernels/elementwise.hpp>

#include <xgrad/kernels/broadcast.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <atomic>
#include <cmath>
#include <limits>

namespace xgrad::kernels {
namespace {

// out[i] = f(a[i * a_step], b[i * b_step]); each step is 0 or 1.
using PairLoop = void (*)(const std::byte* a, Index a_step, const std::byte* b, Index b_step, std::byte* out,
                          Index n);

// One loop for each way in which two operands advance, so that every one of them vectorises.
template <class Out, class A, class B, class F>
void pair_loop(const std::byte* a, Index a_step, const std::byte* b, Index b_step, std::byte* to, Index n) {
  const A* x = reinterpret_cast<const A*>(a);
  const B* y = reinterpret_cast<const B*>(b);
  Out* out = reinterpret_cast<Out*>(to);
  const F f;
  if (a_step == 1 && b_step == 1) {
    for (Index i = 0; i < n; ++i) out[i] = f(x[i], y[i]);
  } else if (a_step == 1) {
    const B right = *y;
    for (Index i = 0; i < n; ++i) out[i] = f(x[i], right);
  } else {
    const A left = *x;
    for (Index i = 0; i < n; ++i) out[i] = f(left, y[i * b_step]);
  }
}

[[gnu::noinline]] Tensor zip_broadcast(const Tensor& a, const Tensor& b, DType dtype, PairLoop loop) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  Tensor result = Tensor::uninitialized(shape, dtype);
  std::byte* const out = result.mutable_raw();
  const Index width = element_size(dtype);
  for_each_run<2>({&a, &b}, shape, [&](const auto& data, const auto& steps, Index position, Index n) {
    loop(data[0], steps[0], data[1], steps[1], out + position * width, n);
  });
  return result;
}

[[gnu::flatten]] Tensor zip(const Tensor& a, const Tensor& b, DType dtype, PairLoop loop) {
  const Index count = a.count();
  if (count > detail::worth_a_thread || a.shape() != b.shape()) return zip_broadcast(a, b, dtype, loop);
  Tensor result = Tensor::uninitialized_like(a, dtype);
  loop(a.raw(), 1, b.raw(), 1, result.mutable_raw(), count);
  return result;
}

// f has no state: its type tells all.
template <class Out, class A, class B, class F>
Tensor zip(const Tensor& a, const Tensor& b, F) {
  return zip(a, b, dtype_of<Out>, pair_loop<Out, A, B, F>);
}

// target[i] = f(target[i], x[i]); same shape and dtype.
template <class T, class F>
[[gnu::flatten]] void update(Tensor& target, const Tensor& x, F f) {
  const Index count = target.count();
  T* const out = reinterpret_cast<T*>(target.mutable_raw());
  const T* const in = x.data<T>();
  const auto range = [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out[i] = f(out[i], in[i]);
  };
  if (count > detail::worth_a_thread) return detail::parallel_for(count, detail::worth_a_thread, range);
  range(0, count);
}

template <class Out, class A, class F>
Tensor transform(const Tensor& x, F f) {
  Tensor result = Tensor::uninitialized_like(x, dtype_of<Out>);
  const A* in = x.data<A>();
  Out* out = result.mutable_data<Out>();
  detail::parallel_for(x.count(), detail::worth_a_thread, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out[i] = f(in[i]);
  });
  return result;
}

[[noreturn, gnu::noinline]] void reject_dtypes(const Tensor& a, const Tensor& b) {
  fail<DTypeError>("expects operands of one dtype, got " + describe(a) + " and " + describe(b));
}
// As a call of its own it is felt in operations on a few elements.
[[gnu::always_inline]] inline void check_same_dtype(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) reject_dtypes(a, b);
}

template <class F>
decltype(auto) dispatch_integer(DType dtype, F&& f) {
  using Result = decltype(f(std::type_identity<std::int64_t>{}));
  if (!is_integer(dtype)) fail<DTypeError>("expects integers, got " + std::string(to_string(dtype)));
  return detail::dispatch(dtype, [&]<class T>(std::type_identity<T> type) -> Result {
    if constexpr (is_integer(dtype_of<T>)) return f(type);
    __builtin_unreachable();
  });
}

// Signed overflow is undefined in C++, so integers are computed in their unsigned type, where it wraps.
template <class T, class F>
T wrapping(F f, T a, T b) {
  if constexpr (std::is_same_v<T, std::int64_t>)
    return static_cast<T>(f(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
  else
    return static_cast<T>(f(a, b));
}

template <class F>
Tensor arithmetic(const Tensor& a, const Tensor& b, F) {
  check_same_dtype(a, b);
  return detail::dispatch_number(a.dtype(), [&]<class T>(std::type_identity<T>) {
    return zip<T, T, T>(a, b, [](T x, T y) { return wrapping<T>(F{}, x, y); });
  });
}

template <class T>
T floor_quotient(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return static_cast<T>(-static_cast<std::uint64_t>(a));
    const T quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
  } else {
    return static_cast<T>(a / b);
  }
}

template <class T>
T truncated_remainder(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}

template <class T>
T floored_remainder(T a, T b) {
  const T remainder = truncated_remainder(a, b);
  if constexpr (std::is_signed_v<T>) {
    if (remainder != 0 && (remainder < 0) != (b < 0)) return remainder + b;
  }
  return remainder;
}

template <class F>
Tensor integer_division(const Tensor& a, const Tensor& b, F) {
  check_same_dtype(a, b);
  return dispatch_integer(a.dtype(), [&]<class T>(std::type_identity<T>) {
    for (T divisor : b.span<T>())
      if (divisor == 0) fail<ValueError>("integer division by zero");
    return zip<T, T, T>(a, b, [](T x, T y) { return F{}(x, y); });
  });
}

constexpr auto chained = [](auto g, auto slope) { return g == 0 ? decltype(g){0} : g * slope; };
constexpr auto maximum_of = [](auto x, auto y) { return x > y || x != x ? x : y; };
constexpr auto minimum_of = [](auto x, auto y) { return x < y || x != x ? x : y; };

template <class F>
Tensor extremum(const Tensor& a, const Tensor& b, F f) {
  check_same_dtype(a, b);
  return detail::dispatch(a.dtype(), [&]<class T>(std::type_identity<T>) { return zip<T, T, T>(a, b, f); });
}

// to[i] = chosen[i * step] != 0 ? x[i * x_step] : y[i * y_step]; each step is 0 or 1. Both values are read
// whatever is chosen, and the choice is a byte, not a bool: such loops vectorise.
template <class T>
void select(const std::uint8_t* chosen, Index step, const T* x, Index x_step, const T* y, Index y_step, T* to,
            Index n) {
  const auto loop = [&](auto first, auto second) {
    for (Index i = 0; i < n; ++i) {
      const T p = first(i), q = second(i);
      to[i] = chosen[i] != 0 ? p : q;
    }
  };
  const auto each_x = [x](Index i) { return x[i]; };
  const auto each_y = [y](Index i) { return y[i]; };
  const auto only_x = [value = *x](Index) { return value; };
  const auto only_y = [value = *y](Index) { return value; };
  if (step == 0) {
    const T* const from = *chosen != 0 ? x : y;
    const Index from_step = *chosen != 0 ? x_step : y_step;
    for (Index i = 0; i < n; ++i) to[i] = from[i * from_step];
  } else if (x_step == 1 && y_step == 1) {
    loop(each_x, each_y);
  } else if (x_step == 1) {
    loop(each_x, only_y);
  } else if (y_step == 1) {
    loop(only_x, each_y);
  } else {
    loop(only_x, only_y);
  }
}

// The comparison of b with a that says the same of a and b.
Comparison mirrored(Comparison comparison) {
  switch (comparison) {
    case Comparison::less:
      return Comparison::greater;
    case Comparison::less_equal:
      return Comparison::greater_equal;
    case Comparison::greater:
      return Comparison::less;
    case Comparison::greater_equal:
      return Comparison::less_equal;
    case Comparison::equal:
    case Comparison::not_equal:
      break;
  }
  return comparison;
}

// x < y and x <= y for an integer and a real, neither of which need have the other's digits.
constexpr auto integer_less = [](std::int64_t x, double y) {
  return y >= 0x1p63 || (y >= -0x1p63 && x < static_cast<std::int64_t>(std::ceil(y)));
};
constexpr auto integer_less_equal = [](std::int64_t x, double y) {
  return y >= 0x1p63 || (y >= -0x1p63 && x <= static_cast<std::int64_t>(std::floor(y)));
};

// a int64, b float64.
Tensor compare_integers(Comparison comparison, const Tensor& a, const Tensor& b) {
  const auto result = [&](auto f) { return zip<bool, std::int64_t, double>(a, b, f); };
  switch (comparison) {
    case Comparison::equal:
      return result([](std::int64_t x, double y) { return integer_less_equal(x, y) && !integer_less(x, y); });
    case Comparison::not_equal:
      return result([](std::int64_t x, double y) { return !integer_less_equal(x, y) || integer_less(x, y); });
    case Comparison::less:
      return result([](std::int64_t x, double y) { return integer_less(x, y); });
    case Comparison::less_equal:
      return result([](std::int64_t x, double y) { return integer_less_equal(x, y); });
    case Comparison::greater:
      return result([](std::int64_t x, double y) { return y == y && !integer_less_equal(x, y); });
    case Comparison::greater_equal:
      return result([](std::int64_t x, double y) { return y == y && !integer_less(x, y); });
  }
  __builtin_unreachable();
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  if (a.dtype() == boolean) return logical(Logical::either, a, b);
  return arithmetic(a, b, [](auto x, auto y) { return x + y; });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return arithmetic(a, b, [](auto x, auto y) { return x - y; });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  if (a.dtype() == boolean) return logical(Logical::both, a, b);
  return arithmetic(a, b, [](auto x, auto y) { return x * y; });
}

Tensor div(const Tensor& a, const Tensor& b) {
  check_same_dtype(a, b);
  return detail::dispatch_floating(a.dtype(), [&]<class T>(std::type_identity<T>) {
    return zip<T, T, T>(a, b, [](T x, T y) { return x / y; });
  });
}

Tensor maximum(const Tensor& a, const Tensor& b) { return extremum(a, b, maximum_of); }
Tensor minimum(const Tensor& a, const Tensor& b) { return extremum(a, b, minimum_of); }

Tensor integer_floor_divide(const Tensor& a, const Tensor& b) {
  return integer_division(a, b, [](auto x, auto y) { return floor_quotient(x, y); });
}
Tensor integer_remainder(const Tensor& a, const Tensor& b) {
  return integer_division(a, b, [](auto x, auto y) { return floored_remainder(x, y); });
}
Tensor integer_fmod(const Tensor& a, const Tensor& b) {
  return integer_division(a, b, [](auto x, auto y) { return truncated_remainder(x, y); });
}

Tensor integer_pow(const Tensor& a, const Tensor& b) {
  check_same_dtype(a, b);
  return dispatch_integer(a.dtype(), [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_signed_v<T>) {
      for (T exponent : b.span<T>())
        if (exponent < 0)
          fail<ValueError>(
              "an integer to the negative power " + std::to_string(exponent) + " is not an integer",
              "cast the base to float32");
    }
    return zip<T, T, T>(a, b, [](T base, T exponent) {
      std::uint64_t result = 1, factor = static_cast<std::uint64_t>(base);
      for (auto e = static_cast<std::uint64_t>(exponent); e != 0; e >>= 1, factor *= factor)
        if ((e & 1) != 0) result *= factor;
      return static_cast<T>(result);
    });
  });
}

Tensor chain(const Tensor& cotangent, const Tensor& slope) {
  check_same_dtype(cotangent, slope);
  return detail::dispatch_floating(cotangent.dtype(), [&]<class T>(std::type_identity<T>) {
    return zip<T, T, T>(cotangent, slope, chained);
  });
}

void chain_to(Tensor& cotangent, const Tensor& slope) {
  check_same_dtype(cotangent, slope);
  detail::dispatch_floating(cotangent.dtype(),
                            [&]<class T>(std::type_identity<T>) { update<T>(cotangent, slope, chained); });
}

Tensor neg(const Tensor& x) {
  return detail::dispatch_number(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return transform<T, T>(x, [](T v) {
      if constexpr (std::is_floating_point_v<T>) return -v;
      return wrapping<T>([](auto a, auto b) { return a - b; }, T{0}, v);
    });
  });
}

Tensor abs(const Tensor& x) {
  return detail::dispatch_number(x.dtype(), [&]<class T>(std::type_identity<T>) {
    return transform<T, T>(x, [](T v) {
      if constexpr (std::is_floating_point_v<T>) return std::fabs(v);
      return v < T{0} ? wrapping<T>([](auto a, auto b) { return a - b; }, T{0}, v) : v;
    });
  });
}

void add_to(Tensor& target, const Tensor& x) {
  if (!target.unique()) {
    target = add(target, x);
    return;
  }
  if (x.shape() != target.shape()) return add_broadcast(target, x);
  detail::dispatch_number(target.dtype(), [&]<class T>(std::type_identity<T>) {
    update<T>(target, x, [](T a, T b) { return wrapping<T>([](auto p, auto q) { return p + q; }, a, b); });
  });
}

void add_scaled_to(Tensor& target, double scale, const Tensor& x) {
  detail::dispatch_floating(target.dtype(), [&]<class T>(std::type_identity<T>) {
    T* out = target.mutable_data<T>();
    const T* in = x.data<T>();
    const T factor = static_cast<T>(scale);
    detail::parallel_for(target.count(), detail::worth_a_thread, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) out[i] += factor * in[i];
    });
  });
}

Tensor compare(Comparison comparison, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) {
    if (a.dtype() == int64 && is_floating(b.dtype())) return compare_integers(comparison, a, b.to(float64));
    if (b.dtype() == int64 && is_floating(a.dtype()))
      return compare_integers(mirrored(comparison), b, a.to(float64));
    if (a.dtype() == int64 || b.dtype() == int64) return compare(comparison, a.to(int64), b.to(int64));
  }
  check_same_dtype(a, b);
  if (comparison == Comparison::greater) return compare(Comparison::less, b, a);
  if (comparison == Comparison::greater_equal) return compare(Comparison::less_equal, b, a);
  return detail::dispatch(a.dtype(), [&]<class T>(std::type_identity<T>) {
    switch (comparison) {
      case Comparison::equal:
        return zip<bool, T, T>(a, b, [](T x, T y) { return x == y; });
      case Comparison::not_equal:
        return zip<bool, T, T>(a, b, [](T x, T y) { return x != y; });
      case Comparison::less:
        return zip<bool, T, T>(a, b, [](T x, T y) { return x < y; });
      case Comparison::less_equal:
        return zip<bool, T, T>(a, b, [](T x, T y) { return x <= y; });
      case Comparison::greater:
      case Comparison::greater_equal:
        break;  // as the mirrored ones, above
    }
    __builtin_unreachable();
  });
}

Tensor logical(Logical kind, const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(boolean), y = b.to(boolean);
  switch (kind) {
    case Logical::both:
      return zip<bool, bool, bool>(x, y, [](bool p, bool q) { return p && q; });
    case Logical::either:
      return zip<bool, bool, bool>(x, y, [](bool p, bool q) { return p || q; });
    case Logical::one:
      return zip<bool, bool, bool>(x, y, [](bool p, bool q) { return p != q; });
  }
  __builtin_unreachable();
}

Tensor logical_not(const Tensor& x) {
  return transform<bool, bool>(x.to(boolean), [](bool v) { return !v; });
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_same_dtype(a, b);
  const Shape shape = broadcast_shape<3>({&condition, &a, &b});
  return detail::dispatch(a.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized(shape, a.dtype());
    T* const out = result.mutable_data<T>();
    for_each_run<3>({&condition, &a, &b}, shape,
                    [&](const auto& data, const auto& steps, Index position, Index n) {
                      select(reinterpret_cast<const std::uint8_t*>(data[0]), steps[0],
                             reinterpret_cast<const T*>(data[1]), steps[1],
                             reinterpret_cast<const T*>(data[2]), steps[2], out + position, n);
                    });
    return result;
  });
}

Tensor classify(Classification kind, const Tensor& x) {
  return detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      constexpr T largest = std::numeric_limits<T>::max();
      switch (kind) {
        case Classification::nan:
          return transform<bool, T>(x, [](T v) { return v != v; });
        case Classification::infinite:
          return transform<bool, T>(x, [](T v) { return std::fabs(v) > largest; });
        case Classification::finite:
          return transform<bool, T>(x, [](T v) { return std::fabs(v) <= largest; });
      }
      __builtin_unreachable();
    } else {
      return transform<bool, T>(x, [kind](T) { return kind == Classification::finite; });
    }
  });
}

bool all_finite(const Tensor& x) {
  if (!is_floating(x.dtype())) return true;
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* in = x.data<T>();
    std::atomic<bool> finite{true};
    detail::parallel_for(x.count(), detail::worth_a_thread, [&](Index begin, Index end) {
      // The difference of a finite value with itself is zero; every other one is NaN and stays so in the sum.
      T sum{0};
      for (Index i = begin; i < end; ++i) sum += in[i] - in[i];
      if (sum != T{0}) finite = false;
    });
    return finite.load();
  });
}

}  // namespace xgrad::kernels
