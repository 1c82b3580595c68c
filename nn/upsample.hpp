// Images made larger or smaller, (N, H, W, C).
#pragma once

#include <xgrad/autograd/ops/window.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

enum class UpsampleMode { nearest, bilinear };
/// A size or a scale, not both.
struct UpsampleOptions {
  Size2d size = 0;   ///< of the result
  double scale = 0;  ///< of height and width: the result has floor(scale H) x floor(scale W) pixels
  UpsampleMode mode = UpsampleMode::nearest;
  bool align_corners =
      false;  ///< bilinear: the corner pixels' centres, not the images' borders, fall together
};

/// Images (N, H, W, C) resized by the nearest pixel (any dtype) or bilinearly (floating), as PyTorch's
/// Upsample; the nearest pixel is found without its rounding in float32. A pixel of weight 0 gives nothing,
/// NaN and infinities included. Throws ShapeError on what is no image or has no pixels, DTypeError.
///   nn::Upsample twice(2), fixed({.size = {28, 28}, .mode = nn::UpsampleMode::bilinear});
class Upsample : public Module {
 public:
  /// Throws ValueError unless one of size (at least 1) and scale (positive, finite) is given, or where
  /// align_corners is set for nearest.
  explicit Upsample(const UpsampleOptions& options, Place place = Place::here());
  explicit Upsample(double scale, Place place = Place::here())
      : Upsample(UpsampleOptions{.scale = scale}, place) {}
  Variable forward(const Variable& x) override;
  std::string describe() const override;

 private:
  UpsampleOptions options_;
};

}  // namespace xgrad::nn
XGRAD_API_END
