// Training and evaluation of a multilayer perceptron on images.
#pragma once

#include "options.hpp"

#include <xgrad/data/mnist.hpp>
#include <xgrad/io/checkpoint_saver.hpp>
#include <xgrad/nn/container.hpp>

#include <functional>
#include <vector>

/// Images as float32 (N, 784) of mean 0 and deviation 1 over the training set, labels int64 (N,).
struct Images {
  xgrad::Tensor pixels;
  xgrad::Tensor labels;
  xgrad::Index count() const { return labels.count(); }
};

struct Splits {
  Images training;
  Images validation;  ///< the last twelfth of the training files: 5,000 of 60,000
  Images test;
};
/// Throws ValueError when there are fewer than two training images or no test image.
Splits prepare(const xgrad::data::Mnist& files);

/// Mean cross-entropy and the part of the images that are recognised, in [0, 1].
struct Score {
  double loss = 0;
  double accuracy = 0;
};

/// One pass over the training images.
struct Epoch {
  double number = 0;  ///< epochs completed; not a whole number when it was interrupted
  Score training;     ///< while learning, with dropout
  Score validation;
  double images_per_second = 0;
  bool best = false;  ///< better on validation than all before
};

/// Where a running epoch is.
struct Progress {
  int epoch = 0;  ///< from 1
  double fraction = 0;
  Score training;
  double images_per_second = 0;
};

struct Observer {
  std::function<void(const Progress&)> on_batch;
  std::function<void(const Epoch&)> on_epoch;
  std::function<bool()> stop;  ///< asked after every batch
  std::function<void(const xgrad::io::Latest&)> on_resume;
  std::function<void(const xgrad::IoError&)> on_unsaved;
};

struct Evaluation {
  Score score;
  xgrad::Tensor predictions;  ///< int64 (N,)
};

/// Fully connected layers with ReLU and dropout between them, ending in 10 logits.
xgrad::nn::Sequential make_model(const Options& options);

/// Trains until the last epoch, until validation has not improved for options.patience epochs or until the
/// observer stops it, and leaves the model with the weights that did best on validation. Returns the epochs
/// in order. With options.resume it goes on where the run of the newest checkpoint was. Throws UsageError
/// when that had another rate or dropout.
std::vector<Epoch> train(xgrad::nn::Sequential& model, const Splits& splits, const Options& options,
                         const Observer& observer);

Evaluation evaluate(xgrad::nn::Sequential& model, const Images& images);
