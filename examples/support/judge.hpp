// A classifier of digits that judges what another network draws.
#pragma once

#include "digits.hpp"

#include <xgrad/nn/container.hpp>

namespace example {

/// Three convolutions and a linear layer: images (N, 28, 28, 1) between 0 and 1 to logits (N, 10).
[[nodiscard]] xgrad::nn::Sequential make_judge();

/// Teaches it to read real digits, until an interrupt.
void teach(xgrad::nn::Sequential& judge, const Digits& digits, const Run& run);

/// Its accuracy on the test images.
[[nodiscard]] double accuracy(xgrad::nn::Sequential& judge, const Digits& digits);

/// What it says of images that nobody has labelled.
struct Verdict {
  double sure;               ///< the share of images whose class it gives more than 90 %
  xgrad::Tensor shares;      ///< (10): of all images, those that it is sure of, by class
  xgrad::Tensor confidence;  ///< of each image, the probability of its likeliest class
};
[[nodiscard]] Verdict verdict(xgrad::nn::Sequential& judge, const xgrad::Tensor& images);

/// A model's outputs for all rows of the input, in evaluation mode and off the tape.
[[nodiscard]] xgrad::Tensor outputs(xgrad::nn::Module& model, const xgrad::Tensor& input);

}  // namespace example
