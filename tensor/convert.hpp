// The conversion of numbers between types: the one place where a real becomes an integer.
// Invariant: defined for every value of every arithmetic type.
#pragma once

#include <xgrad/tensor/api.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad::detail {

/// True when To has room for the number, a real without its fraction. A floating To has none for a finite
/// number that would become infinite; bool takes every number.
template <class To, class From>
requires(std::is_arithmetic_v<To>&& std::is_arithmetic_v<From>) constexpr bool fits(From value) {
  using Limits = std::numeric_limits<To>;
  if constexpr (std::is_same_v<To, bool> || std::is_same_v<From, bool>) {
    return true;
  } else if constexpr (std::is_floating_point_v<To>) {
    if constexpr (std::is_integral_v<From> || sizeof(From) <= sizeof(To)) {
      return true;
    } else {
      // Halfway between the largest number and the next power of two, which is where rounding gives infinity.
      constexpr From largest = static_cast<From>(Limits::max());
      constexpr From end = largest + largest / (4 / static_cast<From>(Limits::epsilon()) - 2);
      return (value > -end && value < end) || value - value != 0;
    }
  } else if constexpr (std::is_floating_point_v<From>) {
    // The smallest integer and one above the largest are powers of two or 0, exact in From. One below the
    // smallest may be rounded to it.
    constexpr From low = static_cast<From>(Limits::min());
    constexpr From end = 2 * static_cast<From>(Limits::max() / 2 + 1);
    return (value >= low || value > low - 1) && value < end;
  } else {
    return std::cmp_less_equal(static_cast<std::int64_t>(Limits::min()), +value) &&
           std::cmp_less_equal(+value, static_cast<std::uint64_t>(Limits::max()));
  }
}

/// The number as To: a real becomes an integer by dropping its fraction, what does not fit an integer
/// saturates, NaN becomes 0, and bool is true unless 0. Reals are rounded to nearest, once.
template <class To, class From>
requires(std::is_arithmetic_v<To>&& std::is_arithmetic_v<From>) constexpr To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<To> || std::is_same_v<From, bool>) {
    return static_cast<To>(value);
  } else {
    if (fits<To>(value)) return static_cast<To>(value);
    if (value != value) return To{};
    return value < From{} ? std::numeric_limits<To>::min() : std::numeric_limits<To>::max();
  }
}

}  // namespace xgrad::detail
XGRAD_API_END
