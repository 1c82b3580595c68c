// A classifier of digits that judges what another network draws.
#pragma once

#include "digits.hpp"

#include <xgrad/nn/container.hpp>

namespace example {

/// Three convolutions and a linear layer: images (N, 28, 28, 1) between 0 and 1 to logits (N, 10).
[[nodiscard]] xgrad::nn::Sequential make_judge();

/// Teaches it to read real digits, until an interrupt.
void teach(xgrad::nn::Sequential& judge, const Digits& digits, const Run& run);

/// Mean and deviation of every pixel, (2, 28, 28, 1): what can be said of images without a judge.
[[nodiscard]] xgrad::Variable mean_image(const xgrad::Tensor& images);

/// What it says of images that nobody has labelled.
struct Verdict {
  double sure;               ///< the share of images whose class it gives more than 90 %
  xgrad::Tensor shares;      ///< (10): of all images, those that it is sure of, by class
  xgrad::Tensor confidence;  ///< of each image, the probability of its likeliest class
};
[[nodiscard]] Verdict verdict(xgrad::nn::Sequential& judge, const xgrad::Tensor& images);

}  // namespace example
