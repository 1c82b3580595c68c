// Checks of positions, and windows of a series.
#include <xgrad/data/combine.hpp>

#include <cstddef>

namespace xgrad::data {
namespace detail {

void check_example(const char* name, Index i, Index size, Place place) {
  if (i >= 0 && i < size) return;
  const Scope scope(name, place);
  fail<IndexError>("example " + std::to_string(i) + " is outside [0, " + std::to_string(size) + ")");
}

void check_indices(const char* name, const Tensor& indices, Index size, Place place) {
  const Scope scope(name, place);
  if (!indices.defined()) fail<GraphError>("the indices are undefined");
  if (indices.rank() != 1) fail<ShapeError>("expects indices (n,), got " + describe(indices));
  if (indices.dtype() != int64) fail<DTypeError>("expects int64 indices, got " + describe(indices));
  const auto all = indices.span<Index>();
  for (std::size_t k = 0; k < all.size(); ++k)
    if (all[k] < 0 || all[k] >= size)
      fail<IndexError>("index " + std::to_string(all[k]) + " at position " + std::to_string(k) +
                       " is outside [0, " + std::to_string(size) + ")");
}

Tensor only_row(const Tensor& batch) {
  if (batch.rank() == 0 || batch.shape()[0] != 1)
    fail<ShapeError>("a dataset gathered " + describe(batch) + " for one example");
  Shape shape = batch.shape();
  shape.erase(0);
  return batch.reshape(shape);
}

}  // namespace detail

SeriesWindows::SeriesWindows(Tensor series, const WindowOptions& options, Place place)
    : series_(std::move(series)), options_(options) {
  const Scope scope("SeriesWindows", place);
  if (!series_.defined()) fail<GraphError>("the series is undefined");
  if (series_.rank() != 1 && series_.rank() != 2)
    fail<ShapeError>("expects a series (T,) or (T, F), got " + describe(series_));
  const auto check = [](const char* name, Index value) {
    if (value < 1) fail<ValueError>(std::string(name) + " must be at least 1, got " + std::to_string(value));
  };
  check("input", options_.input);
  check("horizon", options_.horizon);
  check("stride", options_.stride);
  const Index length = series_.shape()[0];
  if (options_.input > length || options_.horizon > length - options_.input)
    fail<ValueError>("a series of " + std::to_string(length) +
                     " is shorter than one window: " + std::to_string(options_.input) + " of input and " +
                     std::to_string(options_.horizon) + " of horizon");
  size_ = (length - options_.input - options_.horizon) / options_.stride + 1;
}

std::array<Tensor, 2> SeriesWindows::get(Index i, Place place) const {
  detail::check_example("SeriesWindows::get", i, size_, place);
  const Index begin = start(i), middle = begin + options_.input;
  return {series_.rows(begin, middle), series_.rows(middle, middle + options_.horizon)};
}

}  // namespace xgrad::data
