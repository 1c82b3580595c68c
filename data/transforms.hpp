// Transforms of one image, for a Map over a dataset.
// Invariant: a transform draws all its random numbers from the thread's default generator, always equally
// many by its options and the image's size; random_erase alone draws until it has found a rectangle. Within a
// DataLoader they are given by seed, epoch and the example's position.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

/// Takes an image (H, W, C) or (H, W), of uint8, float32 or float64, and returns one of as many axes. Except
/// where said otherwise the type stays, and uint8 is rounded to the nearest, halves up. Throws ShapeError,
/// DTypeError or GraphError on what is no such image. May be called from several threads at once.
using Transform = Callback<Tensor(const Tensor& image)>;

/// One after another.
[[nodiscard]] Transform compose(std::vector<Transform> transforms);

/// Mirrored, left to right or top to bottom, with probability p. Throw ValueError outside [0, 1].
[[nodiscard]] Transform horizontal_flip(double p = 0.5, Place place = Place::here());
[[nodiscard]] Transform vertical_flip(double p = 0.5, Place place = Place::here());

struct CropOptions {
  Index padding = 0;  ///< pixels put around the image first
  double fill = 0;    ///< their value
};
/// A piece of that size from a random place. Throws ValueError on sizes below 1 and a negative padding; when
/// called, ShapeError on an image that is smaller with its padding.
[[nodiscard]] Transform random_crop(Index height, Index width, const CropOptions& options = {},
                                    Place place = Place::here());

enum class Interpolation {
  bilinear,  ///< of the four nearest pixels
  area,      ///< the mean of all pixels that are covered in part or whole: PyTorch's "area", adaptive pooling
};
struct ResizeOptions {
  Interpolation interpolation = Interpolation::bilinear;
  /// Bilinear: where the image shrinks, the triangle of weights grows with the step, so that no pixel is
  /// passed over. False is PyTorch's default, and aliases when an image shrinks to less than half.
  bool antialias = false;
};
/// The image at another size. Pixels are squares with their centres at halves: align_corners=False in
/// PyTorch. Throws ValueError on sizes below 1, and on antialias with area; ShapeError on an image without
/// pixels.
Tensor resize_image(const Tensor& image, Index height, Index width, const ResizeOptions& options = {},
                    Place place = Place::here());
[[nodiscard]] Transform resize(Index height, Index width, const ResizeOptions& options = {},
                               Place place = Place::here());

/// Turned about its centre by so many degrees against the clock, at its size, bilinear; what comes from
/// outside is `fill`. Throws ValueError unless both are finite.
Tensor rotate_image(const Tensor& image, double degrees, double fill = 0, Place place = Place::here());
/// rotate_image() by an angle that is uniform in [-degrees, degrees]. Throws ValueError on a negative limit.
[[nodiscard]] Transform random_rotation(double degrees, double fill = 0, Place place = Place::here());

struct EraseOptions {
  double p = 0.5;
  double least_area = 0.02;  ///< of the rectangle, as a fraction of the image's
  double most_area = 0.4;
  double aspect = 0.3;  ///< height / width is uniform from this to its inverse
  double fill = 0;
  bool noise =
      false;  ///< fills with numbers uniform in [0, 1), or in 0 ... 255 for uint8, in place of `fill`
};
/// Random erasing (Zhong et al., "Random erasing data augmentation", AAAI 2020): a rectangle of the image is
/// overwritten. An image into which none of 100 rectangles fits stays as it is. Throws ValueError unless p is
/// in [0, 1], 0 < least_area <= most_area < 1 and 0.001 <= aspect <= 1.
[[nodiscard]] Transform random_erase(const EraseOptions& options = {}, Place place = Place::here());

/// (x - mean) / deviation by channel, as float32, of float64 as float64; bytes are scaled to [0, 1] first.
/// Throws ValueError unless there are equally many finite means and finite deviations above 0; when called,
/// ShapeError on another number of channels.
[[nodiscard]] Transform normalize_channels(std::vector<double> means, std::vector<double> deviations,
                                           Place place = Place::here());

/// (H, W, 3) as (H, W, 1): 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601). Throws ShapeError, when
/// called, unless there are three channels.
[[nodiscard]] Transform grayscale();

/// Passes the first tensor of an example, {image, label}, through a transform; the others stay.
[[nodiscard]] inline auto on_image(Transform transform) {
  return [transform = std::move(transform)]<std::size_t N>(std::array<Tensor, N> example) {
    static_assert(N > 0, "an example has an image");
    example[0] = transform(example[0]);
    return example;
  };
}

}  // namespace xgrad::data
XGRAD_API_END
