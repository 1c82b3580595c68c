#include "digits.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

namespace example {
namespace {

using namespace xgrad;

// Fashion-MNIST is known by its first labels.
bool is_fashion(const data::Mnist& files) {
  constexpr std::array<Index, 12> first{9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9};
  const auto labels = files.train_labels.span<Index>();
  return labels.size() >= first.size() && std::equal(first.begin(), first.end(), labels.begin());
}

Tensor first(const Tensor& tensor, Index count) { return tensor.rows(0, std::min(count, tensor.size(0))); }

}  // namespace

Digits read_digits(const Run& run, const DigitsOptions& options) {
  data::Mnist files = data::read_mnist(run.data());
  const Index all = files.train_labels.count();
  const Index held_out = std::min(run.choose(options.validation, 200), std::max<Index>(all / 12, 1));
  if (all < 2 || files.test_labels.count() == 0)
    throw std::runtime_error("expects at least two training images and one test image");
  const data::Moments moments = data::moments(files.train_images);
  const double mean = options.standardised ? moments.mean : 0;
  const double deviation = options.standardised && moments.deviation > 0 ? moments.deviation : 1;
  const auto prepared = [&](const Tensor& images) {
    const Tensor pixels = data::normalize(images, mean, deviation);
    return options.flat ? data::flatten_images(pixels) : data::channels_last(pixels);
  };
  const Index last = all - held_out, training = run.choose(last, std::min(last, options.small_training));
  if (run.small) {
    files.test_images = first(files.test_images, options.small_test);
    files.test_labels = first(files.test_labels, options.small_test);
  }
  const bool fashion = is_fashion(files);
  Digits digits{.training = data::TensorDataset(prepared(files.train_images.rows(0, training)),
                                                files.train_labels.rows(0, training)),
                .validation = data::TensorDataset(prepared(files.train_images.rows(last, all)),
                                                  files.train_labels.rows(last, all)),
                .test = data::TensorDataset(prepared(files.test_images), files.test_labels),
                .test_images = files.test_images,
                .name = fashion ? "Fashion-MNIST" : "MNIST",
                .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                .mean = mean,
                .deviation = deviation};
  if (fashion) {
    std::puts("These are the Fashion-MNIST data: clothes in place of digits, and harder to tell apart.");
    digits.classes = {"T-shirt", "trousers", "pullover", "dress", "coat",
                      "sandal",  "shirt",    "sneaker",  "bag",   "ankle boot"};
  }
  std::printf("%s: %lld training, %lld validation and %lld test images\n", digits.name.c_str(),
              static_cast<long long>(digits.training.size()),
              static_cast<long long>(digits.validation.size()), static_cast<long long>(digits.test.size()));
  return digits;
}

Tensor outputs(nn::Module& model, const Tensor& input) {
  data::DataLoader loader(data::TensorDataset<1>(input), {.batch_size = 500});
  return train::predict(model, loader);
}

double accuracy(nn::Module& classifier, const Digits& digits) {
  train::Accuracy metric;
  metric.update(outputs(classifier, digits.test.tensors()[0]), digits.test.tensors()[1]);
  return metric.value();
}

void draw_worst(plot::Panel& panel, const Digits& digits, const Tensor& logits, std::size_t count) {
  const Tensor& labels = digits.test.tensors()[1];
  const Tensor losses =
      nn::cross_entropy(Variable(logits), labels, {.reduction = nn::Reduction::none}).value();
  const Tensor order = argsort(Variable(losses), 0, {.descending = true}).value();
  const Tensor worst = first(order, static_cast<Index>(count));
  const Tensor guesses = argmax(Variable(logits), 1).value();
  std::vector<std::string> captions;
  for (const Index i : worst.span<Index>()) {
    const auto name = [&](const Tensor& of) {
      return digits.classes[static_cast<std::size_t>(of.span<Index>()[static_cast<std::size_t>(i)])];
    };
    captions.push_back(name(labels) + ", read " + name(guesses));
  }
  panel.images(data::gather_rows(digits.test_images, worst),
               {.captions = captions, .columns = 8, .range = {0, 255}, .map = plot::ColourMap::ink});
}

}  // namespace example
