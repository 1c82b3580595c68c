// Pixels of one image, for transforms; private to the library.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace xgrad::data::detail {

/// Sizes of (H, W, C) or (H, W), of which C is 1.
struct ImageSize {
  Index height = 0, width = 0, channels = 1;
  bool has_channels = false;

  /// The shape with another height and width.
  Shape shape(Index h, Index w) const { return has_channels ? Shape{h, w, channels} : Shape{h, w}; }
};

/// Throws, under the Scope of the caller, on what is no image.
inline ImageSize size_of(const Tensor& image) {
  if (!image.defined()) fail<GraphError>("the image is undefined");
  if (image.rank() != 2 && image.rank() != 3)
    fail<ShapeError>("expects an image (H, W, C) or (H, W), got " + describe(image),
                     image.rank() == 4 ? "a transform takes one image: use Map" : "");
  if (image.dtype() != DType::uint8 && image.dtype() != float32 && image.dtype() != float64)
    fail<DTypeError>("expects uint8, float32 or float64, got " + describe(image));
  const Shape& shape = image.shape();
  return {shape[0], shape[1], image.rank() == 3 ? shape[2] : 1, image.rank() == 3};
}

/// Bytes: the nearest, halves up, within 0 ... 255; NaN is 0.
template <class T>
T to_pixel(double value) {
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return value > 0 ? static_cast<T>(std::floor(std::min(value, 255.0) + 0.5)) : T{0};
  else
    return static_cast<T>(value);
}

/// Calls f with a value of the element type.
template <class F>
Tensor with_pixels(const Tensor& image, F f) {
  if (image.dtype() == DType::uint8) return f(std::uint8_t{});
  if (image.dtype() == float32) return f(float{});
  return f(double{});
}

}  // namespace xgrad::data::detail
