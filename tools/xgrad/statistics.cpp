#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace {

using xgrad::Index;

// Sums of this many elements have no more rounding errors than matter, and exact integers.
constexpr Index block_size = 4096;
// Independent sums, for vector instructions.
constexpr Index lane_count = 8;

/// Neumaier's sum: the rounding errors are summed apart.
class Sum {
 public:
  void add(double value) {
    const double next = sum_ + value;
    if (std::isfinite(next))
      error_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }
  double value() const { return std::isfinite(sum_) ? sum_ + error_ : sum_; }

 private:
  double sum_ = 0, error_ = 0;
};

template <class T>
struct Extremes {
  T min, max;
  void add(T value) {
    min = value < min ? value : min;  // so that NaN changes nothing
    max = value > max ? value : max;
  }
};

/// Calls f(first, count) for each block.
template <class F>
void for_blocks(Index count, const F& f) {
  for (Index first = 0; first < count; first += block_size) f(first, std::min(block_size, count - first));
}

/// The mean of finite numbers whose sum is beyond double.
double scaled_mean(const double* elements, Index count, Index numbers) {
  constexpr double scale = 0x1p-64;
  Sum sum;
  for (Index i = 0; i < count; ++i)
    if (!std::isnan(elements[i])) sum.add(elements[i] * scale);
  return sum.value() / static_cast<double>(numbers) / scale;
}

template <class T>
Statistics of_reals(const T* elements, Index count) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  Extremes<T> extremes{infinity, -infinity};
  Sum total;
  Index nan = 0;
  for_blocks(count, [&](Index first, Index size) {
    const T* const block = elements + first;
    const Index whole = size - size % lane_count;
    T min[lane_count], max[lane_count];
    double sums[lane_count]{};
    std::fill_n(min, lane_count, infinity);
    std::fill_n(max, lane_count, -infinity);
    for (Index i = 0; i < whole; i += lane_count) {
      for (Index lane = 0; lane < lane_count; ++lane) {
        const T value = block[i + lane];
        min[lane] = value < min[lane] ? value : min[lane];
        max[lane] = value > max[lane] ? value : max[lane];
        sums[lane] += static_cast<double>(value);
      }
    }
    double sum = 0;
    for (Index lane = 0; lane < lane_count; ++lane) {
      extremes.min = std::min(extremes.min, min[lane]);
      extremes.max = std::max(extremes.max, max[lane]);
      sum += sums[lane];
    }
    for (Index i = whole; i < size; ++i) {
      extremes.add(block[i]);
      sum += static_cast<double>(block[i]);
    }
    // Rare: a NaN among the elements, or infinities of both signs.
    if (std::isnan(sum)) {
      sum = 0;
      for (Index i = 0; i < size; ++i) {
        if (std::isnan(block[i]))
          ++nan;
        else
          sum += static_cast<double>(block[i]);
      }
    }
    total.add(sum);
  });
  const Index numbers = count - nan;
  if (numbers == 0) return {.nan = nan};
  double mean = total.value() / static_cast<double>(numbers);
  if constexpr (std::is_same_v<T, double>) {
    if (!std::isfinite(mean) && std::isfinite(extremes.min) && std::isfinite(extremes.max))
      mean = scaled_mean(elements, count, numbers);
  }
  return {.min = extremes.min, .max = extremes.max, .mean = mean, .nan = nan};
}

template <class T>
Statistics of_integers(const T* elements, Index count) {
  if (count == 0) return {};
  Extremes<T> extremes{elements[0], elements[0]};
  Sum total;
  for_blocks(count, [&](Index first, Index size) {
    std::int64_t high = 0, low = 0;  // of halves of 32 bits, which a block does not overflow
    for (Index i = first; i < first + size; ++i) {
      extremes.add(elements[i]);
      const auto value = static_cast<std::int64_t>(elements[i]);
      high += value >> 32;
      low += value & 0xffffffff;
    }
    total.add(static_cast<double>(high) * 0x1p32);
    total.add(static_cast<double>(low));
  });
  return {.min = extremes.min, .max = extremes.max, .mean = total.value() / static_cast<double>(count)};
}

}  // namespace

Statistics statistics_of(const xgrad::Tensor& tensor) {
  switch (tensor.dtype()) {
    case xgrad::DType::float32:
      return of_reals(tensor.data<float>(), tensor.count());
    case xgrad::DType::float64:
      return of_reals(tensor.data<double>(), tensor.count());
    case xgrad::DType::int64:
      return of_integers(tensor.data<std::int64_t>(), tensor.count());
    case xgrad::DType::uint8:
      return of_integers(tensor.data<std::uint8_t>(), tensor.count());
    case xgrad::DType::boolean:
      return of_integers(tensor.data<bool>(), tensor.count());
  }
  return {};
}
