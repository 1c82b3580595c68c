// Tensors made from a rule. Invariant: arguments are checked before anything is allocated.
#include <xgrad/tensor/factory.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace xgrad {
namespace {

[[noreturn]] void reject_steps(Scalar start, Scalar stop, Scalar step) {
  fail<ShapeError>("the number of elements from " + to_string(start) + " to " + to_string(stop) +
                   " in steps of " + to_string(step) + " does not fit 63 bits");
}

// ceil(distance / step) for integers, exact over the whole range.
Index integer_steps(Index start, Index stop, Index step) {
  if (step > 0 ? start >= stop : start <= stop) return 0;
  const auto low = static_cast<std::uint64_t>(step > 0 ? start : stop);
  const auto high = static_cast<std::uint64_t>(step > 0 ? stop : start);
  const std::uint64_t stride =
      step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t steps = (high - low - 1) / stride + 1;
  if (steps > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())) reject_steps(start, stop, step);
  return static_cast<Index>(steps);
}

Tensor integer_range(Index start, Index stop, Index step) {
  const Index count = integer_steps(start, stop, step);
  Tensor result = Tensor::uninitialized({count}, int64);
  Index* out = result.mutable_data<Index>();
  // Unsigned: i * step alone may leave the signed range although the sum never does.
  for (Index i = 0; i < count; ++i)
    out[i] = static_cast<Index>(static_cast<std::uint64_t>(start) +
                                static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(step));
  return result;
}

Tensor real_range(double start, double stop, double step, DType dtype) {
  const auto value = [=](Index i) { return start + static_cast<double>(i) * step; };
  const double steps = std::max(std::ceil((stop - start) / step), 0.0);
  if (!(steps < 0x1p62)) reject_steps(start, stop, step);
  auto count = static_cast<Index>(steps);
  // The quotient is rounded: 0.3 / 0.1 exceeds 3, and would let the bound itself in.
  while (count > 0 && (step > 0 ? value(count - 1) >= stop : value(count - 1) <= stop)) --count;
  return detail::dispatch_number(dtype, [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized({count}, dtype);
    T* out = result.mutable_data<T>();
    for (Index i = 0; i < count; ++i) out[i] = detail::element_of<T>(value(i));
    return result;
  });
}

}  // namespace

Tensor zeros(const Shape& shape, DType dtype, Place place) {
  const Scope scope("zeros", place);
  Tensor result = Tensor::uninitialized(shape, dtype);
  std::memset(result.mutable_raw(), 0, static_cast<std::size_t>(result.bytes()));
  return result;
}

Tensor zeros_like(const Tensor& like, Place place) {
  const Scope scope("zeros_like", place);
  Tensor result = Tensor::uninitialized_like(like);
  std::memset(result.mutable_raw(), 0, static_cast<std::size_t>(result.bytes()));
  return result;
}

Tensor ones_like(const Tensor& like, Place place) {
  const Scope scope("ones_like", place);
  return full_like(like, 1);
}

Tensor full_like(const Tensor& like, Scalar value, Place place) {
  const Scope scope("full_like", place);
  if (!like.defined())
    fail<GraphError>("the tensor is undefined", "it was default-constructed or moved from");
  return full(like.shape(), value, like.dtype());
}

Tensor ones(const Shape& shape, DType dtype, Place place) {
  const Scope scope("ones", place);
  return full(shape, 1, dtype);
}

Tensor full(const Shape& shape, Scalar value, DType dtype, Place place) {
  const Scope scope("full", place);
  return detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
    const T element = detail::element_of<T>(value);
    Tensor result = Tensor::uninitialized(shape, dtype);
    std::fill_n(result.mutable_data<T>(), result.count(), element);
    return result;
  });
}

Tensor scalar(Scalar value, Place place) { return scalar(value, value.dtype(), place); }

Tensor scalar(Scalar value, DType dtype, Place place) {
  const Scope scope("scalar", place);
  return full({}, value, dtype);
}

Tensor arange(Scalar start, Scalar stop, Scalar step, Place place) {
  return arange(start, stop, step,
                promote(int64, promote(promote(start.dtype(), stop.dtype()), step.dtype())), place);
}

Tensor arange(Scalar start, Scalar stop, Scalar step, DType dtype, Place place) {
  const Scope scope("arange", place);
  if (!std::isfinite(start.real()) || !std::isfinite(stop.real()) || !std::isfinite(step.real()) ||
      step.real() == 0)
    fail<ValueError>("expects finite bounds and a finite step other than 0, got start " + to_string(start) +
                     ", stop " + to_string(stop) + ", step " + to_string(step));
  const bool integers = !is_floating(promote(promote(start.dtype(), stop.dtype()), step.dtype()));
  if (integers && dtype == int64) {
    for (const Scalar bound : {start, stop, step}) detail::element_of<Index>(bound);
    return integer_range(start.integer(), stop.integer(), step.integer());
  }
  return real_range(start.real(), stop.real(), step.real(), dtype);
}

Tensor arange(Scalar stop, Place place) { return arange(0, stop, 1, place); }

Tensor linspace(double start, double stop, Index count, DType dtype, Place place) {
  const Scope scope("linspace", place);
  if (count < 0) fail<ValueError>("expects a count >= 0, got " + std::to_string(count));
  if (!std::isfinite(start) || !std::isfinite(stop))
    fail<ValueError>("expects finite bounds, got " + std::to_string(start) + " and " + std::to_string(stop));
  return detail::dispatch_number(dtype, [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized({count}, dtype);
    T* out = result.mutable_data<T>();
    const auto last = static_cast<double>(std::max<Index>(count - 1, 1));
    const double step = stop / last - start / last;
    // Each half counts from its own end, which makes both ends exact and the whole symmetric.
    for (Index i = 0; i < count; ++i)
      out[i] = detail::element_of<T>(2 * i < count ? start + step * static_cast<double>(i)
                                                   : stop - step * static_cast<double>(count - 1 - i));
    return result;
  });
}

Tensor eye(Index rows, Index columns, DType dtype, Place place) {
  const Scope scope("eye", place);
  if (columns == -1) columns = rows;
  Tensor result = zeros({rows, columns}, dtype);
  detail::dispatch(dtype, [&]<class T>(std::type_identity<T>) {
    T* out = result.mutable_data<T>();
    for (Index i = 0; i < std::min(rows, columns); ++i) out[i * columns + i] = T(1);
  });
  return result;
}

}  // namespace xgrad
