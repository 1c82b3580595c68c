// Images of ten classes as networks want them: MNIST, or Fashion-MNIST, which has the same form.
#pragma once

#include "run.hpp"

#include <xgrad/data/dataset.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/plot/figure.hpp>

#include <string>
#include <vector>

namespace example {

struct DigitsOptions {
  bool flat = false;                ///< (N, 784) in place of (N, 28, 28, 1)
  bool standardised = true;         ///< to the training images' mean and deviation, else between 0 and 1
  xgrad::Index validation = 5'000;  ///< the last training images, held out; with --small 200
  xgrad::Index small_training = 2'000;
  xgrad::Index small_test = 500;
};

struct Digits {
  xgrad::data::TensorDataset<2> training, validation, test;  ///< images float32, labels int64
  xgrad::Tensor test_images;                                 ///< uint8 (N, 28, 28), to be shown
  std::string name;                                          ///< "MNIST", "Fashion-MNIST"
  std::vector<std::string> classes;                          ///< ten names
  double mean = 0, deviation = 1;  ///< images were (x - mean) / deviation, of x between 0 and 1
};

/// Reads the run's data and says how many images there are. Throws where they are too few.
[[nodiscard]] Digits read_digits(const Run& run, const DigitsOptions& options = {});

/// A model's outputs for all rows of the input, in evaluation mode and off the tape.
[[nodiscard]] xgrad::Tensor outputs(xgrad::nn::Module& model, const xgrad::Tensor& input);

/// A classifier's accuracy on the test images.
[[nodiscard]] double accuracy(xgrad::nn::Module& classifier, const Digits& digits);

/// The images that a classifier is most wrong about, as a panel: the highest cross-entropy first, with what
/// they are and what they were taken for. `logits` are (N, 10).
void draw_worst(xgrad::plot::Panel& panel, const Digits& digits, const xgrad::Tensor& logits,
                std::size_t count = 24);

}  // namespace example
