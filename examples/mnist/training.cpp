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
#include <optional>
#include <sstream>

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

// Epochs as rows of numbers, as a checkpoint keeps them.
constexpr std::size_t numbers_of_epoch = 7;
void append(std::vector<double>& history, const Epoch& e) {
  history.insert(history.end(), {e.number, e.training.loss, e.training.accuracy, e.validation.loss,
                                 e.validation.accuracy, e.images_per_second, e.best ? 1. : 0.});
}
std::vector<Epoch> epochs_of(const std::vector<double>& history) {
  std::vector<Epoch> epochs;
  for (std::size_t i = 0; i + numbers_of_epoch <= history.size(); i += numbers_of_epoch) {
    const double* const n = &history[i];
    epochs.push_back({n[0], {n[1], n[2]}, {n[3], n[4]}, n[5], n[6] != 0});
  }
  return epochs;
}

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

  // All that a resumed run must know.
  std::vector<double> history;
  nn::Sequential best_model = model;
  double best_accuracy = -1;
  int last_improvement = 0;
  Tally tally;  // of the epoch under way
  double rate = options.rate, dropout = options.dropout;
  std::optional<io::CheckpointSaver> saver;
  if (!options.resume.empty()) {
    saver = io::CheckpointSaver(options.resume,
                                io::Checkpoint()
                                    .add("model", model)
                                    .add("optimizer", *optimizer)
                                    .add("schedule", schedule)
                                    .add("loader", loader)
                                    .add("random", default_generator())
                                    .add("history", history)
                                    .add("best.model", best_model)
                                    .add("best.accuracy", best_accuracy)
                                    .add("best.epoch", last_improvement)
                                    .add("tally.images", tally.images)
                                    .add("tally.right", tally.right)
                                    .add("tally.loss", tally.loss)
                                    .add("options.rate", rate)
                                    .add("options.dropout", dropout),
                                io::SaverOptions{.every_minutes = options.interval / 60});
    const io::Latest found = saver->resume();
    if (rate != options.rate || dropout != options.dropout) {
      std::ostringstream message;
      message << found.path << " is of a run with --rate " << rate << " --dropout " << dropout;
      throw UsageError(message.str());
    }
    observer.on_resume(found);
  }
  // A full disk costs the checkpoint, not the run.
  const auto save_with = [&](auto save) {
    try {
      if (saver) save(*saver);
    } catch (const IoError& error) {
      observer.on_unsaved(error);
    }
  };

  bool stopped = false;
  while (loader.epoch() < options.epochs && loader.epoch() - last_improvement < options.patience &&
         !stopped) {
    model.train();
    const auto number = static_cast<int>(loader.epoch()) + 1;
    if (loader.batch() == 0) tally = {};
    const Index images_before = tally.images;
    Progress progress;
    progress.epoch = number;
    const auto start = Clock::now();
    const auto show = [&] {
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      progress.fraction = static_cast<double>(tally.images) / static_cast<double>(splits.training.count());
      progress.training = tally.score();
      progress.images_per_second = static_cast<double>(tally.images - images_before) / seconds;
    };
    show();
    for (const auto& [pixels, labels] : loader) {
      optimizer->zero_grad();
      const Variable logits = model(pixels);
      const Variable loss = nn::cross_entropy(logits, labels);
      loss.backward();
      optimizer->step();
      schedule.step();

      tally.add(loss.item(), argmax(logits, 1).value(), labels);
      show();
      observer.on_batch(progress);
      save_with([](io::CheckpointSaver& to) { to.step(); });
      if ((stopped = observer.stop())) break;
    }
    if (stopped) save_with([](io::CheckpointSaver& to) { to.save(); });

    const Score validation = evaluate(model, splits.validation).score;
    const bool best = validation.accuracy > best_accuracy;
    if (best) {
      best_accuracy = validation.accuracy;
      best_model = model;
      last_improvement = number;
    }
    const Epoch epoch{number - 1 + progress.fraction, progress.training, validation,
                      progress.images_per_second, best};
    append(history, epoch);
    observer.on_epoch(epoch);
    if (!stopped) save_with([](io::CheckpointSaver& to) { to.save(); });
  }
  model = best_model;
  return epochs_of(history);
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
