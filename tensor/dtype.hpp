// Element types. Invariant: DType is the only run-time description of an element; element_size and name are
// total.
#pragma once

#include <xgrad/tensor/api.hpp>

#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad {

/// The element type of a Tensor. Only float32 and float64 are differentiable.
enum class DType : std::uint8_t { float32, float64, int64, uint8, boolean };

inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;
inline constexpr DType int64 = DType::int64;
inline constexpr DType uint8 = DType::uint8;
inline constexpr DType boolean = DType::boolean;

/// Bytes of one element.
constexpr std::int64_t element_size(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 4;
    case DType::float64:
    case DType::int64:
      return 8;
    default:
      return 1;
  }
}

/// "float32", "int64", "bool", ...
constexpr std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::int64:
      return "int64";
    case DType::uint8:
      return "uint8";
    default:
      return "bool";
  }
}

constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

/// The type that holds values of both: bool < uint8 < int64 < float32 < float64.
constexpr DType promote(DType a, DType b) {
  constexpr auto order = [](DType d) {
    switch (d) {
      case DType::boolean:
        return 0;
      case DType::uint8:
        return 1;
      case DType::int64:
        return 2;
      case DType::float32:
        return 3;
      default:
        return 4;
    }
  };
  return order(a) > order(b) ? a : b;
}

/// Types that a Tensor stores.
template <class T>
concept Element = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::int64_t> ||
    std::is_same_v<T, std::uint8_t> || std::is_same_v<T, bool>;

/// The DType of a C++ element type.
template <Element T>
inline constexpr DType dtype_of = std::is_same_v<T, float>          ? DType::float32
                                  : std::is_same_v<T, double>       ? DType::float64
                                  : std::is_same_v<T, std::int64_t> ? DType::int64
                                  : std::is_same_v<T, std::uint8_t> ? DType::uint8
                                                                    : DType::boolean;

/// A number of the caller's, kept exactly: integers stay integers. It adapts to the dtype of what it meets.
class Scalar {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Scalar(T value)
      : real_(static_cast<double>(value)),
        integer_(integer_of(value)),
        beyond_(std::is_integral_v<T> && std::is_unsigned_v<T> && sizeof(T) == 8 &&
                value > static_cast<T>(std::numeric_limits<std::int64_t>::max())),
        dtype_(std::is_same_v<T, bool> ? DType::boolean
               : std::is_integral_v<T> ? DType::int64
                                       : DType::float32) {}

  constexpr double real() const { return real_; }
  /// 0 for reals; the largest int64 for an unsigned number beyond it.
  constexpr std::int64_t integer() const { return integer_; }
  /// boolean, int64, or float32 for every floating number: the category that takes part in type promotion.
  constexpr DType dtype() const { return dtype_; }

  /// True when T has room for the number, a real without its fraction. A floating T has none for a finite
  /// number that would become infinite; bool takes every number.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr bool fits() const {
    if constexpr (std::is_same_v<T, bool>) {
      return true;
    } else if constexpr (std::is_floating_point_v<T>) {
      // Halfway between the largest number and the next power of two, which is where rounding gives infinity.
      constexpr double end = sizeof(T) == 4 ? 0x1.ffffffp127 : std::numeric_limits<double>::infinity();
      return (real_ > -end && real_ < end) || real_ - real_ != 0;
    } else {
      constexpr T low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
      if (beyond_) return std::is_unsigned_v<T> && sizeof(T) == 8;
      if (!is_floating(dtype_))
        return std::cmp_less_equal(low, integer_) && std::cmp_less_equal(integer_, high);
      // One above the largest is a power of two, and no double lies between the two.
      constexpr double end = 2.0 * static_cast<double>(high / 2 + 1);
      return real_ > (sizeof(T) == 8 && std::is_signed_v<T> ? -0x1.0000000000001p63
                                                            : static_cast<double>(low) - 1) &&
             real_ < end;
    }
  }

  /// The number as T. A real becomes an integer by dropping its fraction; what is out of range saturates, NaN
  /// becomes 0.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr T as() const {
    if constexpr (std::is_same_v<T, bool>) {
      return is_floating(dtype_) ? real_ != 0 : integer_ != 0;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(real_);
    } else {
      constexpr T low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
      if (!is_floating(dtype_) && !beyond_)
        return std::cmp_less(integer_, low)       ? low
               : std::cmp_greater(integer_, high) ? high
                                                  : static_cast<T>(integer_);
      if (real_ != real_) return T{0};
      if (real_ <= static_cast<double>(low)) return low;
      // The bound is rounded up where T has more digits than double, so that equality is out of range too.
      return real_ >= static_cast<double>(high) ? high : static_cast<T>(real_);
    }
  }

 private:
  template <class T>
  static constexpr std::int64_t integer_of(T value) {
    if constexpr (std::is_same_v<T, bool>)
      return value ? 1 : 0;
    else if constexpr (std::is_integral_v<T>)
      return std::cmp_less_equal(value, std::numeric_limits<std::int64_t>::max())
                 ? static_cast<std::int64_t>(value)
                 : std::numeric_limits<std::int64_t>::max();
    else
      return 0;
  }

  double real_;
  std::int64_t integer_;
  bool beyond_;
  DType dtype_;
};

}  // namespace xgrad
XGRAD_API_END
