// Addition and multiplication of elements. Invariant: integers wrap modulo their width, never undefined
// behaviour.
#pragma once

#include <cstdint>
#include <type_traits>

namespace xgrad::detail {

template <class T>
constexpr T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  else
    return a + b;
}

template <class T>
constexpr T times(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  else
    return a * b;
}

}  // namespace xgrad::detail
