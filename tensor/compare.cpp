// Comparison of tensors. Invariant: integers are compared exactly, never through a floating type.
#include <xgrad/tensor/compare.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>

namespace xgrad {
namespace {

template <class T>
std::string text_of(T value) {
  if constexpr (std::is_same_v<T, bool>) return value ? "true" : "false";
  char buffer[32];
  char* end = nullptr;
  if constexpr (std::is_same_v<T, bool>)
    end = buffer;
  else
    end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

template <class T>
double difference(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    const auto high = static_cast<std::uint64_t>(a > b ? a : b),
               low = static_cast<std::uint64_t>(a > b ? b : a);
    return static_cast<double>(high - low);
  } else {
    return std::abs(static_cast<double>(a) - static_cast<double>(b));
  }
}

// By how much the difference exceeds what is allowed: none when the elements are close, NaN never enters.
template <class T>
double excess(T actual, T expected, const Tolerance& tolerance, double allowed) {
  if (actual == expected) return 0;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(actual) && std::isnan(expected)) return tolerance.equal_nan ? 0 : infinity;
    if (!std::isfinite(actual) || !std::isfinite(expected)) return infinity;
  }
  const double gap = difference(actual, expected);
  if (gap <= allowed) return 0;
  return std::isnan(allowed) ? infinity : gap - allowed;
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const CheckResult& result) {
  if (!result.text.empty()) return stream << result.text;
  return stream << (result.passed ? "passed" : "failed");
}

CheckResult allclose(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  if (!actual.defined() || !expected.defined() || actual.dtype() != expected.dtype() ||
      actual.shape() != expected.shape())
    return {false, "actual is " + describe(actual) + ", expected is " + describe(expected)};

  return detail::dispatch(actual.dtype(), [&]<class T>(std::type_identity<T>) -> CheckResult {
    const T* a = actual.data<T>();
    const T* e = expected.data<T>();
    const auto allowed = [&](Index i) {
      return tolerance.atol + tolerance.rtol * std::abs(static_cast<double>(e[i]));
    };
    Index mismatches = 0, worst = 0;
    double largest = 0;
    for (Index i = 0; i < actual.count(); ++i) {
      const double over = excess(a[i], e[i], tolerance, allowed(i));
      if (over == 0) continue;
      ++mismatches;
      if (over > largest) {
        largest = over;
        worst = i;
      }
    }
    if (mismatches == 0) return {true, {}};
    return {false, std::to_string(mismatches) + " of " + std::to_string(actual.count()) +
                       " elements differ, worst at " + to_string(index_of(worst, actual.shape())) +
                       ": actual " + text_of(a[worst]) + ", expected " + text_of(e[worst]) + ", difference " +
                       text_of(difference(a[worst], e[worst])) + ", allowed " + text_of(allowed(worst))};
  });
}

bool bitwise_equal(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.bytes())) == 0;
}

}  // namespace xgrad
