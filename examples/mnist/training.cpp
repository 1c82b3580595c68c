#include "training.hpp"

#include <xgrad/data/images.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/schedule.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>

using namespace xgrad;

namespace {

std::unique_ptr<optim::Optimizer> make_optimizer(std::vector<Variable> parameters, const Options& options) {
  const double rate = options.rate;
  if (options.optimizer == "adam")
    return std::make_unique<optim::Adam>(std::move(parameters), optim::AdamOptions{.learning_rate = rate});
  if (options.optimizer == "rmsprop")
    return std::make_unique<optim::RMSprop>(std::move(parameters),
                                            optim::RMSpropOptions{.learning_rate = rate});
  if (options.optimizer == "adagrad")
    return std::make_unique<optim::Adagrad>(std::move(parameters),
                                            optim::AdagradOptions{.learning_rate = rate});
  if (options.optimizer == "sgd")
    return std::make_unique<optim::SGD>(
        std::move(parameters), optim::SGDOptions{.learning_rate = rate, .momentum = 0.9, .nesterov = true});
  return std::make_unique<optim::AdamW>(std::move(parameters), optim::AdamWOptions{.learning_rate = rate});
}

Index count_right(const Tensor& predictions, const Tensor& labels) {
  const auto p = predictions.span<Index>(), l = labels.span<Index>();
  return std::inner_product(p.begin(), p.end(), l.begin(), Index{0}, std::plus<>(), std::equal_to<>());
}

// Sums over the images seen so far.
struct Tally {
  Index images = 0;
  Index right = 0;
  double loss = 0;

  void add(double mean_loss, const Tensor& predictions, const Tensor& labels) {
    images += labels.count();
    right += count_right(predictions, labels);
    loss += mean_loss * static_cast<double>(labels.count());
  }
  Score score() const {
    const auto n = static_cast<double>(std::max<Index>(images, 1));
    return {loss / n, static_cast<double>(right) / n};
  }
};

}  // namespace

Splits prepare(const data::Mnist& files) {
  const Index count = files.train_labels.count(), held_out = std::max<Index>(count / 12, 1);
  if (count < 2 || files.test_labels.count() == 0)
    throw ValueError("expects at least two training images and one test image");
  const data::Moments moments = data::moments(files.train_images);
  const double deviation = moments.deviation > 0 ? moments.deviation : 1;
  const auto pixels = [&](const Tensor& images) {
    return data::flatten_images(data::normalize(images, moments.mean, deviation));
  };
  const Tensor all = pixels(files.train_images);
  const Index split = count - held_out;
  return {{all.rows(0, split), files.train_labels.rows(0, split)},
          {all.rows(split, count), files.train_labels.rows(split, count)},
          {pixels(files.test_images), files.test_labels}};
}

nn::Sequential make_model(const Options& options) {
  nn::Sequential model;
  Index features = 784;
  for (const Index size : options.hidden) {
    model.push_back(nn::Linear(features, size));
    model.push_back(nn::ReLU());
    if (options.dropout > 0) model.push_back(nn::Dropout(options.dropout));
    features = size;
  }
  model.push_back(nn::Linear(features, 10));
  return model;
}

std::vector<Epoch> train(nn::Sequential& model, const Splits& splits, const Options& options,
                         const Observer& observer) {
  using Clock = std::chrono::steady_clock;
  data::DataLoader loader(
      data::TensorDataset(splits.training.pixels, splits.training.labels),
      {.batch_size = options.batch, .shuffle = true, .seed = options.seed, .prefetch = 4});
  const auto optimizer = make_optimizer(model.parameters(), options);
  const Index steps = loader.size() * options.epochs, warmup = std::max<Index>(loader.size() / 2, 1);
  optim::Schedule schedule(*optimizer,
                           optim::LinearWarmup(warmup, optim::CosineLR(std::max<Index>(steps - warmup, 1))));

  std::vector<Epoch> epochs;
  StateDict best_weights = model.state_dict();
  double best_accuracy = -1;
  int last_improvement = 0;
  bool stopped = false;
  for (int number = 1; number <= options.epochs && !stopped; ++number) {
    model.train();
    Tally tally;
    Progress progress;
    progress.epoch = number;
    const auto start = Clock::now();
    for (const auto& [pixels, labels] : loader) {
      optimizer->zero_grad();
      const Variable logits = model(pixels);
      const Variable loss = nn::cross_entropy(logits, labels);
      loss.backward();
      optimizer->step();
      schedule.step();

      tally.add(loss.item(), argmax(logits, 1).value(), labels);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      progress.fraction = static_cast<double>(tally.images) / static_cast<double>(splits.training.count());
      progress.training = tally.score();
      progress.images_per_second = static_cast<double>(tally.images) / seconds;
      observer.on_batch(progress);
      if ((stopped = observer.stop())) break;
    }

    const Score validation = evaluate(model, splits.validation).score;
    const bool best = validation.accuracy > best_accuracy;
    if (best) {
      best_accuracy = validation.accuracy;
      best_weights = model.state_dict();
      last_improvement = number;
    }
    epochs.push_back(
        {number - 1 + progress.fraction, progress.training, validation, progress.images_per_second, best});
    observer.on_epoch(epochs.back());
    if (number - last_improvement >= options.patience) break;
  }
  model.load_state_dict(best_weights);
  return epochs;
}

Evaluation evaluate(nn::Sequential& model, const Images& images) {
  const NoGrad no_grad;
  model.eval();
  Tally tally;
  Tensor predictions = Tensor::uninitialized({images.count()}, int64);
  Index* out = predictions.mutable_data<Index>();
  constexpr Index batch = 1000;
  for (Index begin = 0; begin < images.count(); begin += batch) {
    const Index end = std::min(begin + batch, images.count());
    const Tensor labels = images.labels.rows(begin, end);
    const Variable logits = model(images.pixels.rows(begin, end));
    const Tensor guesses = argmax(logits, 1).value();
    tally.add(nn::cross_entropy(logits, labels).item(), guesses, labels);
    out = std::ranges::copy(guesses.span<Index>(), out).out;
  }
  return {tally.score(), predictions};
}
