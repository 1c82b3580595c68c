// Statistics of columns, and affine maps by them.
#include <xgrad/data/scalers.hpp>

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace xgrad::data {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

void check_floating(const Tensor& x) {
  if (!x.defined()) fail<GraphError>("the tensor is undefined");
  if (x.dtype() != float32 && x.dtype() != float64)
    fail<DTypeError>("expects float32 or float64, got " + describe(x), "convert with x.to(float32)");
  if (x.rank() < 2)
    fail<ShapeError>("expects (..., features) with at least two axes, got " + describe(x),
                     "one feature is x.reshape({-1, 1})");
}

// Calls f(row, column, value), row by row.
template <class T, class F>
void each(const Tensor& x, Index columns, F& f) {
  const T* value = x.data<T>();
  for (Index row = 0; row < x.count() / columns; ++row)
    for (Index column = 0; column < columns; ++column) f(row, column, static_cast<double>(*value++));
}
template <class F>
void for_each(const Tensor& x, F f) {
  const Index columns = x.shape().back();
  if (columns == 0) return;
  if (x.dtype() == float32)
    each<float>(x, columns, f);
  else
    each<double>(x, columns, f);
}

void check_fit(const Tensor& x) {
  check_floating(x);
  if (x.shape().back() == 0) fail<ShapeError>("expects at least one feature, got " + describe(x));
  if (x.count() == 0) fail<ValueError>("expects at least one row, got " + describe(x));
  for_each(x, [](Index row, Index column, double value) {
    if (!std::isfinite(value))
      fail<ValueError>("column " + std::to_string(column) + ", row " + std::to_string(row) + ": " +
                       std::to_string(value));
  });
}

void check_fitted(const Tensor& x, const Tensor& fitted) {
  if (fitted.count() == 0)
    fail<ValueError>("the scaler was not fitted", "call fit() with the training data first");
  check_floating(x);
  if (x.shape().back() != fitted.count())
    fail<ShapeError>("was fitted to " + std::to_string(fitted.count()) + " features, got " + describe(x));
}

// (value - location) / scale, also where the difference is beyond double precision.
double standardized(double value, double location, double scale) {
  const double difference = value - location;
  return std::isinf(difference) && std::isfinite(value) ? 2 * ((value / 2 - location / 2) / scale)
                                                        : difference / scale;
}

// f(column, value) for every element, in x's type. Throws where a finite number becomes none.
template <class T, class F>
Tensor mapped_as(const Tensor& x, const F& f) {
  Tensor result = Tensor::uninitialized_like(x);
  T* out = result.mutable_data<T>();
  for_each(x, [&](Index row, Index column, double value) {
    const T mapped = static_cast<T>(f(column, value));
    if (!std::isfinite(mapped) && std::isfinite(value))
      fail<ValueError>("column " + std::to_string(column) + ", row " + std::to_string(row) +
                       ": the result for " + to_string(scalar(value, float64)) + " has no room in " +
                       std::string(to_string(x.dtype())));
    *out++ = mapped;
  });
  return result;
}
template <class F>
Tensor mapped(const Tensor& x, const F& f) {
  return x.dtype() == float32 ? mapped_as<float>(x, f) : mapped_as<double>(x, f);
}

Tensor none() { return zeros({0}, float64); }

// Two float64 (F,) of a state; noted where they are not what fit() gives.
std::pair<Tensor, Tensor> take_statistics(xgrad::detail::Entries& entries, const StateDict& state,
                                          const char* location, const char* scale, const Tensor& own) {
  const Tensor* given = state.find(location);
  const Shape shape =
      own.count() > 0 || given == nullptr || given->rank() != 1 ? own.shape() : given->shape();
  const std::pair<Tensor, Tensor> taken{entries.take(location, shape, float64),
                                        entries.take(scale, shape, float64)};
  const auto check = [&](const char* name, const Tensor& values, bool positive) {
    if (!values.defined()) return;
    const auto all = values.span<double>();
    for (std::size_t column = 0; column < all.size(); ++column)
      if (!std::isfinite(all[column]) || (positive && !(all[column] > 0)))
        entries.note(std::string(name) + ": must be finite" + (positive ? " and above 0" : "") + ", got " +
                     std::to_string(all[column]) + " in column " + std::to_string(column));
  };
  check(location, taken.first, false);
  check(scale, taken.second, true);
  return taken;
}

}  // namespace

// ------------------------------------------------------------------------------------------------- standard

StandardScaler::StandardScaler() : mean_(none()), scale_(none()) {}

void StandardScaler::fit(const Tensor& x, Place place) {
  const Scope scope("StandardScaler::fit", place);
  check_fit(x);
  const auto features = static_cast<std::size_t>(x.shape().back());
  const auto rows = static_cast<double>(x.count()) / static_cast<double>(features);
  std::vector<double> mean(features), square(features), rest(features), unit(features);
  for_each(
      x, [&](Index, Index column, double value) { mean[static_cast<std::size_t>(column)] += value / rows; });
  // Squares of the smallest numbers are 0: deviations are multiplied by a power of two first, without
  // rounding.
  for_each(x, [&](Index, Index column, double value) {
    double& most = unit[static_cast<std::size_t>(column)];
    most = std::max(most, std::abs(value - mean[static_cast<std::size_t>(column)]));
  });
  for (double& most : unit) most = most < 1e-100 ? std::ldexp(1.0, 600) : 1;
  // Chan, Golub and LeVeque (1983): what rounding left of the sum of deviations corrects that of squares.
  for_each(x, [&](Index, Index column, double value) {
    const auto c = static_cast<std::size_t>(column);
    const double deviation = (value - mean[c]) * unit[c];
    rest[c] += deviation;
    square[c] += deviation * deviation;
  });
  std::vector<double> scale(features);
  for (std::size_t c = 0; c < features; ++c) {
    const double variance = std::max(0.0, (square[c] - rest[c] * rest[c] / rows) / rows);
    // The bound on the rounding error of a constant's variance, as in scikit-learn.
    const double drift = rows * mean[c] * unit[c] * epsilon;
    scale[c] = variance <= rows * epsilon * variance + drift * drift ? 1 : std::sqrt(variance) / unit[c];
    if (!std::isfinite(mean[c]) || !std::isfinite(variance))
      fail<ValueError>("column " + std::to_string(c) + ": its variance is beyond double precision");
  }
  Tensor means = Tensor::from(mean), scales = Tensor::from(scale);
  mean_ = std::move(means);
  scale_ = std::move(scales);
}

Tensor StandardScaler::transform(const Tensor& x, Place place) const {
  const Scope scope("StandardScaler::transform", place);
  check_fitted(x, mean_);
  return mapped(x, [mean = mean_.data<double>(), scale = scale_.data<double>()](Index c, double value) {
    return standardized(value, mean[c], scale[c]);
  });
}

Tensor StandardScaler::inverse_transform(const Tensor& x, Place place) const {
  const Scope scope("StandardScaler::inverse_transform", place);
  check_fitted(x, mean_);
  return mapped(x, [mean = mean_.data<double>(), scale = scale_.data<double>()](Index c, double value) {
    return value * scale[c] + mean[c];
  });
}

StateDict StandardScaler::state_dict() const { return {{"mean", mean_}, {"scale", scale_}}; }

PreparedLoad StandardScaler::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("StandardScaler", place);
  xgrad::detail::Entries entries(state);
  auto [mean, scale] = take_statistics(entries, state, "mean", "scale", mean_);
  entries.finish("this scaler");
  return [this, loaded = std::pair(std::move(mean), std::move(scale))]() mutable noexcept {
    mean_ = std::move(loaded.first);
    scale_ = std::move(loaded.second);
  };
}

// ------------------------------------------------------------------------------------------------- range

MinMaxScaler::MinMaxScaler(const MinMaxOptions& options, Place place)
    : options_(options), minimum_(none()), range_(none()) {
  const Scope scope("MinMaxScaler", place);
  if (!std::isfinite(options.low) || !std::isfinite(options.high) || !(options.low < options.high))
    fail<ValueError>("expects finite low < high, got " + std::to_string(options.low) + " and " +
                     std::to_string(options.high));
  if (!std::isfinite(options.high - options.low))
    fail<ValueError>("high - low is beyond double precision, got " + to_string(scalar(options.low, float64)) +
                     " and " + to_string(scalar(options.high, float64)));
}

void MinMaxScaler::fit(const Tensor& x, Place place) {
  const Scope scope("MinMaxScaler::fit", place);
  check_fit(x);
  const auto features = static_cast<std::size_t>(x.shape().back());
  std::vector<double> least(features, std::numeric_limits<double>::infinity()), most(features);
  std::fill(most.begin(), most.end(), -std::numeric_limits<double>::infinity());
  for_each(x, [&](Index, Index column, double value) {
    const auto c = static_cast<std::size_t>(column);
    least[c] = std::min(least[c], value);
    most[c] = std::max(most[c], value);
  });
  std::vector<double> range(features);
  for (std::size_t c = 0; c < features; ++c) {
    range[c] = most[c] - least[c];
    if (!std::isfinite(range[c]))
      fail<ValueError>("column " + std::to_string(c) + ": its range is beyond double precision");
    if (range[c] <= 10 * epsilon * std::max(std::abs(least[c]), std::abs(most[c]))) range[c] = 1;
  }
  Tensor minimum = Tensor::from(least), ranges = Tensor::from(range);
  minimum_ = std::move(minimum);
  range_ = std::move(ranges);
}

Tensor MinMaxScaler::transform(const Tensor& x, Place place) const {
  const Scope scope("MinMaxScaler::transform", place);
  check_fitted(x, minimum_);
  return mapped(
      x, [this, least = minimum_.data<double>(), range = range_.data<double>()](Index c, double value) {
        const double scaled =
            options_.low + standardized(value, least[c], range[c]) * (options_.high - options_.low);
        // NaN passes.
        if (options_.clip && scaled < options_.low) return options_.low;
        return options_.clip && scaled > options_.high ? options_.high : scaled;
      });
}

Tensor MinMaxScaler::inverse_transform(const Tensor& x, Place place) const {
  const Scope scope("MinMaxScaler::inverse_transform", place);
  check_fitted(x, minimum_);
  return mapped(
      x, [this, least = minimum_.data<double>(), range = range_.data<double>()](Index c, double value) {
        return standardized(value, options_.low, options_.high - options_.low) * range[c] + least[c];
      });
}

StateDict MinMaxScaler::state_dict() const {
  return {{"minimum", minimum_},
          {"range", range_},
          {"low", scalar(options_.low, float64)},
          {"high", scalar(options_.high, float64)},
          {"clip", scalar(options_.clip)}};
}

PreparedLoad MinMaxScaler::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("MinMaxScaler", place);
  xgrad::detail::Entries entries(state);
  auto [minimum, range] = take_statistics(entries, state, "minimum", "range", minimum_);
  const StateDict own = state_dict();
  for (const char* name : {"low", "high", "clip"}) {
    const Tensor& expected = own.at(name);
    const Tensor entry = entries.take(name, {}, expected.dtype());
    if (entry.defined() && !bitwise_equal(entry, expected))
      entries.note(std::string(name) + ": expects " + to_string(expected) + ", got " + to_string(entry));
  }
  entries.finish("this scaler");
  return [this, loaded = std::pair(std::move(minimum), std::move(range))]() mutable noexcept {
    minimum_ = std::move(loaded.first);
    range_ = std::move(loaded.second);
  };
}

}  // namespace xgrad::data
