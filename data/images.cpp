// Normalisation and layouts of images.
#include <xgrad/data/images.hpp>

#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace xgrad::data {
namespace {

// Calls f with the elements as a function of their position.
template <class F>
auto with_values(const Tensor& images, F f) {
  switch (images.dtype()) {
    case DType::uint8:
      return f([x = images.data<std::uint8_t>()](Index i) { return x[i] / 255.0; });
    case DType::float32:
      return f([x = images.data<float>()](Index i) { return static_cast<double>(x[i]); });
    case DType::float64:
      return f([x = images.data<double>()](Index i) { return x[i]; });
    case DType::int64:
    case DType::boolean:
      break;
  }
  fail<DTypeError>("expects uint8, float32 or float64, got " + describe(images));
}

// A sum in short runs, whose rounding errors stay small and whose chains of additions are independent.
template <class Term>
double sum(Index count, Term term) {
  double total = 0;
  for (Index begin = 0; begin < count; begin += 4096) {
    std::array<double, 8> lanes{};
    const Index end = std::min<Index>(count, begin + 4096);
    Index i = begin;
    for (; i + 8 <= end; i += 8)
      for (Index lane = 0; lane < 8; ++lane) lanes[static_cast<std::size_t>(lane)] += term(i + lane);
    for (; i < end; ++i) lanes[0] += term(i);
    for (const double lane : lanes) total += lane;
  }
  return total;
}

}  // namespace

Tensor normalize(const Tensor& images, double mean, double deviation, Place place) {
  const Scope scope("normalize", place);
  if (!std::isfinite(mean) || !std::isfinite(deviation) || !(deviation > 0))
    fail<ValueError>("expects a finite mean and a finite deviation > 0, got " + std::to_string(mean) +
                     " and " + std::to_string(deviation));
  if (!images.defined()) fail<GraphError>("the tensor is undefined");
  return with_values(images, [&](auto value) {
    Tensor result = Tensor::uninitialized(images.shape(), float32);
    float* out = result.mutable_data<float>();
    xgrad::detail::parallel_for(result.count(), xgrad::detail::worth_a_thread, [=](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) out[i] = static_cast<float>((value(i) - mean) / deviation);
    });
    return result;
  });
}

Moments moments(const Tensor& images, Place place) {
  const Scope scope("moments", place);
  if (!images.defined()) fail<GraphError>("the tensor is undefined");
  if (images.count() == 0) fail<ValueError>("expects at least one element, got " + describe(images));
  return with_values(images, [&](auto value) {
    const auto count = static_cast<double>(images.count());
    const double mean = sum(images.count(), value) / count;
    const double square = sum(images.count(), [=](Index i) { return (value(i) - mean) * (value(i) - mean); });
    return Moments{mean, std::sqrt(square / count)};
  });
}

Tensor flatten_images(const Tensor& images, Place place) {
  const Scope scope("flatten_images", place);
  if (images.rank() == 0) fail<ShapeError>("expects (N, ...), got the shape " + to_string(images.shape()));
  Index features = 1;
  for (Index axis = 1; axis < images.rank(); ++axis) features *= images.shape()[axis];
  return images.reshape({images.shape()[0], features});
}

Tensor channels_last(const Tensor& images, Place place) {
  const Scope scope("channels_last", place);
  if (images.rank() != 3) fail<ShapeError>("expects (N, H, W), got the shape " + to_string(images.shape()));
  Shape shape = images.shape();
  shape.push_back(1);
  return images.reshape(shape);
}

}  // namespace xgrad::data
