// Element types. Invariant: DType is the only run-time description of an element, and what is known of one
// stands in facts_of() alone.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/convert.hpp>

#include <cstdint>
#include <iosfwd>
#include <limits>
#include <string_view>
#include <type_traits>

XGRAD_API_BEGIN
namespace xgrad {

/// The element type of a Tensor. Only float32 and float64 are differentiable.
enum class DType : std::uint8_t { float32, float64, int64, uint8, boolean };

/// What kind of number an element is, ascending: the highest category among operands decides.
enum class Category : std::uint8_t { boolean, integer, floating };

inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;
inline constexpr DType int64 = DType::int64;
inline constexpr DType uint8 = DType::uint8;
inline constexpr DType boolean = DType::boolean;

namespace detail {

struct DTypeFacts {
  std::string_view name;
  std::uint8_t size;  // bytes
  Category category;
  std::uint8_t order;  // a type holds the values of those below it
};

// Asked in every operation, and a comparison or two where it is inlined, as what is derived from it below.
[[gnu::always_inline]] constexpr DTypeFacts facts_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return {"float32", sizeof(float), Category::floating, 3};
    case DType::float64:
      return {"float64", sizeof(double), Category::floating, 4};
    case DType::int64:
      return {"int64", sizeof(std::int64_t), Category::integer, 2};
    case DType::uint8:
      return {"uint8", sizeof(std::uint8_t), Category::integer, 1};
    case DType::boolean:
      return {"boolean", sizeof(bool), Category::boolean, 0};
  }
  __builtin_unreachable();
}

/// The DType of a C++ type, where that is an element's.
template <class T>
struct DTypeOf {};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};

}  // namespace detail

/// Types that a Tensor stores.
template <class T>
concept Element = requires {
  detail::DTypeOf<T>::value;
};

/// The DType of a C++ element type.
template <Element T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

/// Bytes of one element.
[[gnu::always_inline]] constexpr std::int64_t element_size(DType dtype) {
  return detail::facts_of(dtype).size;
}

/// The dtype as its constant is spelled: "float32", "int64", "boolean", ...
constexpr std::string_view to_string(DType dtype) { return detail::facts_of(dtype).name; }
std::ostream& operator<<(std::ostream& stream, DType dtype);

/// Whether a type holds truth values, integers or reals.
[[gnu::always_inline]] constexpr Category category_of(DType dtype) {
  return detail::facts_of(dtype).category;
}
[[gnu::always_inline]] constexpr bool is_floating(DType dtype) {
  return category_of(dtype) == Category::floating;
}
/// True for int64 and uint8; a boolean is no integer.
[[gnu::always_inline]] constexpr bool is_integer(DType dtype) {
  return category_of(dtype) == Category::integer;
}

/// The type that holds values of both: boolean < uint8 < int64 < float32 < float64.
constexpr DType promote(DType a, DType b) {
  return detail::facts_of(a).order > detail::facts_of(b).order ? a : b;
}

/// A number of the caller's, kept exactly: integers stay integers. It adapts to the dtype of what it meets.
class Scalar {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Scalar(T value)
      : real_(static_cast<double>(value)),
        bits_(std::is_integral_v<T> ? static_cast<std::int64_t>(value) : 0),
        beyond_(!detail::fits<std::int64_t>(value) && std::is_integral_v<T>),
        dtype_(std::is_same_v<T, bool> ? DType::boolean
               : std::is_integral_v<T> ? DType::int64
                                       : DType::float32) {}

  constexpr double real() const { return real_; }
  /// 0 for reals; the largest int64 for an unsigned number beyond it.
  constexpr std::int64_t integer() const {
    return beyond_ ? std::numeric_limits<std::int64_t>::max() : bits_;
  }
  /// boolean, int64, or float32 for every floating number: the category that takes part in type promotion.
  constexpr DType dtype() const { return dtype_; }

  /// True when T has room for the number, a real without its fraction. A floating T has none for a finite
  /// number that would become infinite; bool takes every number.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr bool fits() const {
    return visit([](auto value) { return detail::fits<T>(value); });
  }

  /// The number as T. A real becomes an integer by dropping its fraction; what is out of range saturates, NaN
  /// becomes 0.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr T as() const {
    return visit([](auto value) { return detail::convert<T>(value); });
  }

 private:
  // f of the number in the type that holds it exactly.
  template <class F>
  constexpr auto visit(F f) const {
    if (is_floating(dtype_)) return f(real_);
    return beyond_ ? f(static_cast<std::uint64_t>(bits_)) : f(bits_);
  }

  double real_;        // rounded for large integers
  std::int64_t bits_;  // of an integer
  bool beyond_;        // the bits are those of a std::uint64_t
  DType dtype_;
};

}  // namespace xgrad
XGRAD_API_END
