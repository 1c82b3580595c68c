// Preparing images for a network.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

XGRAD_API_BEGIN
namespace xgrad::data {

/// (x - mean) / deviation as float32, in the same shape; bytes are scaled to [0, 1] first. Throws ValueError
/// unless both numbers are finite and deviation > 0, DTypeError on integers and bools.
Tensor normalize(const Tensor& images, double mean = 0, double deviation = 1, Place place = Place::here());

struct [[nodiscard]] Moments {
  double mean = 0;
  double deviation = 0;
};
/// Mean and (population) standard deviation over all elements, bytes scaled to [0, 1]: what normalize() of a
/// training set wants. Two passes in double precision. Throws ValueError on no elements, DTypeError as
/// normalize().
Moments moments(const Tensor& images, Place place = Place::here());

/// (N, ...) as (N, features), O(1). Throws ShapeError on a scalar.
Tensor flatten_images(const Tensor& images, Place place = Place::here());
/// Grey images (N, H, W) as (N, H, W, 1), O(1). Throws ShapeError on another rank.
Tensor channels_last(const Tensor& images, Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
