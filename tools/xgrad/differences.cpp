#include "differences.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace {

using xgrad::Index, xgrad::Tensor;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Two elements that are not equal, by their difference and the greater of their magnitudes.
struct Gap {
  double difference, magnitude;
};

Gap gap_of(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return {};
  const double difference = std::abs(a - b);
  return {std::isnan(difference) ? infinity : difference, std::max(std::abs(a), std::abs(b))};
}

Gap gap_of(std::int64_t a, std::int64_t b) {
  const auto bits = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const std::uint64_t difference = a > b ? bits(a) - bits(b) : bits(b) - bits(a);
  return {static_cast<double>(difference),
          std::max(std::abs(static_cast<double>(a)), std::abs(static_cast<double>(b)))};
}

Gap gap_of(std::int64_t a, double b) {
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  if (-exact <= a && a <= exact) return gap_of(static_cast<double>(a), b);
  if (!std::isfinite(b)) return {infinity, infinity};
  // Both halves are exact as double; near b, whose steps are no finer than a half there, so are the
  // differences.
  const double high = static_cast<double>(a >> 32) * 0x1p32, low = static_cast<double>(a & 0xffffffff);
  return {std::abs((high - b) + low), std::max(std::abs(static_cast<double>(a)), std::abs(b))};
}

Gap gap_of(double a, std::int64_t b) { return gap_of(b, a); }

// Where the elements differ most so far.
struct Record {
  double difference = 0;
  Index at = -1;
};

/// A NaN is NaN whatever its bits.
struct Search {
  double tolerance;
  Index count = 0;
  Record absolute = {}, relative = {};

  void add(Gap gap, Index at) {
    if (gap.difference == 0) return;
    if (!(gap.difference < infinity && gap.difference <= tolerance * std::max(1.0, gap.magnitude))) ++count;
    if (gap.difference > absolute.difference) absolute = {gap.difference, at};
    if (gap.difference == infinity) {
      if (relative.difference != infinity) relative = {infinity, at};
    } else if (gap.difference > relative.difference * gap.magnitude) {
      const double quotient = gap.difference / gap.magnitude;
      if (quotient > relative.difference) relative = {quotient, at};
    }
  }
};

template <class A, class B>
void compare(const A* a, const B* b, Index count, Search& search) {
  // Reals are compared as double, all else as int64.
  using WideA = std::conditional_t<std::is_floating_point_v<A>, double, std::int64_t>;
  using WideB = std::conditional_t<std::is_floating_point_v<B>, double, std::int64_t>;
  constexpr Index block_size = 4096;
  for (Index first = 0; first < count; first += block_size) {
    const Index size = std::min(block_size, count - first);
    if constexpr (std::is_same_v<A, B>) {
      if (std::memcmp(a + first, b + first, static_cast<std::size_t>(size) * sizeof(A)) == 0) continue;
    }
    for (Index i = first; i < first + size; ++i)
      search.add(gap_of(static_cast<WideA>(a[i]), static_cast<WideB>(b[i])), i);
  }
}

/// f(pointer) of the elements in their type.
template <class F>
auto visit(const Tensor& tensor, const F& f) {
  switch (tensor.dtype()) {
    case xgrad::DType::float32:
      return f(tensor.data<float>());
    case xgrad::DType::float64:
      return f(tensor.data<double>());
    case xgrad::DType::int64:
      return f(tensor.data<std::int64_t>());
    case xgrad::DType::uint8:
      return f(tensor.data<std::uint8_t>());
    case xgrad::DType::boolean:
      return f(tensor.data<bool>());
  }
  __builtin_unreachable();
}

std::optional<Greatest> greatest(const Record& record, const Tensor& a, const Tensor& b) {
  if (record.at < 0) return {};
  const auto element = [&](const Tensor& tensor) {
    return visit(tensor, [&](const auto* elements) { return xgrad::Scalar(elements[record.at]); });
  };
  return Greatest{record.difference, xgrad::index_of(record.at, a.shape()), element(a), element(b)};
}

}  // namespace

Differences differences_of(const Tensor& a, const Tensor& b, double tolerance) {
  Search search{.tolerance = tolerance};
  visit(a, [&](const auto* of_a) {
    visit(b, [&](const auto* of_b) { compare(of_a, of_b, a.count(), search); });
  });
  return {search.count, greatest(search.absolute, a, b), greatest(search.relative, a, b)};
}
