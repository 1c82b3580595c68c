// The bridge to xtensor, and the only place that includes it: tensors from expressions, adaptors over
// tensors. Invariant: elements meet by their indices; the expression's memory layout never shows.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

// xtensor's own code is not held to the warnings of those who include it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xassign.hpp>
#include <xtensor/xnoalias.hpp>
#pragma GCC diagnostic pop

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {
namespace detail {

// The element that stores the values of an xtensor expression: float, double, uint8 and bool as they are,
// other integers as int64, long double as double.
template <class Value>
using XtensorElement =
    std::conditional_t<Element<Value>, Value,
                       std::conditional_t<std::is_integral_v<Value>, std::int64_t, double>>;

// Whether T holds every value of an integer type.
template <class T, class Value>
inline constexpr bool all_fit = std::numeric_limits<Value>::digits <= std::numeric_limits<T>::digits;

// A row-major adaptor without ownership; T may be const.
template <class T>
auto adapt(T* data, const Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt<xt::layout_type::row_major>(std::move(data), static_cast<std::size_t>(tensor.count()),
                                               xt::no_ownership(), shape);
}

}  // namespace detail

template <XtensorExpression E>
Tensor::Tensor(const E& expression, Place place) {
  using Value = std::decay_t<typename E::value_type>;
  static_assert(std::is_arithmetic_v<Value>,
                "a Tensor holds real numbers and bool; take real() and imag() apart");
  using T = detail::XtensorElement<Value>;
  *this =
      uninitialized(Shape(expression.shape().begin(), expression.shape().end(), place), dtype_of<T>, place);
  if (count() == 0) return;
  auto target = detail::adapt(mutable_data<T>(), *this);
  if constexpr (std::is_same_v<T, Value>)
    xt::noalias(target) = expression;
  else
    xt::noalias(target) = xt::cast<T>(expression);
  if constexpr (std::is_integral_v<Value> && !detail::all_fit<T, Value>) {
    // A number that int64 has no room for has wrapped to a negative one.
    for (T value : span<T>())
      if (value < 0)
        detail::fail_at<ValueError>(place, "Tensor: expects integers below 2^63, got " +
                                               std::to_string(static_cast<std::uint64_t>(value)));
  }
}

template <Element T>
auto Tensor::array(Place place) const& {
  return detail::adapt(data<T>(place), *this);
}

template <Element T>
auto Tensor::array(Place place) const&& {
  return xt::xarray<T>(array<T>(place));
}

template <Element T>
auto Tensor::mutable_array(Place place) & {
  return detail::adapt(mutable_data<T>(place), *this);
}

}  // namespace xgrad
XGRAD_API_END
