// Turns a run-time DType into a template parameter, which is done by these functions alone where the type is
// one of arithmetic.
#pragma once

#include <xgrad/tensor/dtype.hpp>
#include <xgrad/tensor/error.hpp>

#include <string>
#include <type_traits>

namespace xgrad {

/// The number as messages show it.
inline std::string to_string(Scalar number) {
  return is_floating(number.dtype()) || !number.fits<std::int64_t>() ? std::to_string(number.real())
                                                                     : std::to_string(number.integer());
}

}  // namespace xgrad

namespace xgrad::detail {

[[noreturn, gnu::noinline, gnu::cold]] inline void reject_number(Scalar number, DType dtype) {
  fail<ValueError>(to_string(number) + " does not fit the dtype " + std::string(to_string(dtype)));
}

[[noreturn, gnu::noinline, gnu::cold]] inline void reject_not_floating(DType dtype) {
  fail<DTypeError>("expects float32 or float64, got " + std::string(to_string(dtype)),
                   "convert with cast(x, float32)");
}
[[noreturn, gnu::noinline, gnu::cold]] inline void reject_boolean() {
  fail<DTypeError>("expects numbers, got boolean", "convert with cast(x, int64)");
}

/// Calls f(std::type_identity<T>{}) with the C++ type of any dtype.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(std::type_identity<float>{});
    case DType::float64:
      return f(std::type_identity<double>{});
    case DType::int64:
      return f(std::type_identity<std::int64_t>{});
    case DType::uint8:
      return f(std::type_identity<std::uint8_t>{});
    case DType::boolean:
      return f(std::type_identity<bool>{});
  }
  __builtin_unreachable();
}

/// The same for float32 and float64; throws DTypeError on the others.
template <class F>
decltype(auto) dispatch_floating(DType dtype, F&& f) {
  using Result = decltype(f(std::type_identity<float>{}));
  if (!is_floating(dtype)) reject_not_floating(dtype);
  return dispatch(dtype, [&]<class T>(std::type_identity<T> type) -> Result {
    if constexpr (is_floating(dtype_of<T>)) return f(type);
    __builtin_unreachable();
  });
}

/// The same for numbers (everything but boolean); throws DTypeError on that.
template <class F>
decltype(auto) dispatch_number(DType dtype, F&& f) {
  using Result = decltype(f(std::type_identity<float>{}));
  if (dtype == DType::boolean) reject_boolean();
  return dispatch(dtype, [&]<class T>(std::type_identity<T> type) -> Result {
    if constexpr (!std::is_same_v<T, bool>) return f(type);
    __builtin_unreachable();
  });
}

/// The number as an element. Throws ValueError when T has no room for it.
template <class T>
T element_of(Scalar number) {
  if (!number.fits<T>()) reject_number(number, dtype_of<T>);
  return number.as<T>();
}

}  // namespace xgrad::detail
