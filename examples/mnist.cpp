// Learns to read handwritten digits: a multilayer perceptron with dropout, a schedule and early stopping.
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>

using namespace xgrad;

struct Options {
  std::vector<Index> hidden{384};
  double dropout = 0.25;
  std::string optimizer = "adamw";
  std::optional<double> rate;
  Index batch = 256;
  Index patience = 4;
  std::string resume;
  double interval = 30;
};

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

double highest_rate(const Options& options) {
  static const std::map<std::string, double> rates{
      {"adam", 0.004}, {"adamw", 0.004}, {"rmsprop", 0.001}, {"adagrad", 0.02}, {"sgd", 0.1}};
  return options.rate.value_or(rates.at(options.optimizer));
}

std::unique_ptr<optim::Optimizer> make_optimizer(const nn::Sequential& model, const Options& options) {
  const double rate = highest_rate(options);
  const auto parameters = model.parameters();
  if (options.optimizer == "adam")
    return std::make_unique<optim::Adam>(parameters, optim::AdamOptions{.learning_rate = rate});
  if (options.optimizer == "rmsprop")
    return std::make_unique<optim::RMSprop>(parameters, optim::RMSpropOptions{.learning_rate = rate});
  if (options.optimizer == "adagrad")
    return std::make_unique<optim::Adagrad>(parameters, optim::AdagradOptions{.learning_rate = rate});
  if (options.optimizer == "sgd")
    return std::make_unique<optim::SGD>(
        parameters, optim::SGDOptions{.learning_rate = rate, .momentum = 0.9, .nesterov = true});
  return std::make_unique<optim::AdamW>(parameters, optim::AdamWOptions{.learning_rate = rate});
}

train::History learn(nn::Sequential& model, const example::Digits& digits, const Options& options,
                     const example::Run& run) {
  data::DataLoader training(digits.training,
                            {.batch_size = options.batch, .shuffle = true, .seed = run.seed, .prefetch = 4});
  data::DataLoader validation(digits.validation, {.batch_size = 1'000});
  const auto optimizer = make_optimizer(model, options);
  // A checkpoint goes on with the rate that it was saved with.
  double rate = highest_rate(options);
  train::CheckpointOptions checkpoint = example::checkpoints(options.resume, options.interval);
  checkpoint.parts.add("rate", rate);
  checkpoint.on_resume = [&, say = checkpoint.on_resume](const io::Latest& found) {
    if (rate != highest_rate(options))
      throw std::runtime_error(found.path + " is of a run with --rate " + std::to_string(rate));
    say(found);
  };
  const Index steps = training.size() * run.epochs, warmup = std::max<Index>(training.size() / 2, 1);
  return train::fit(
      model, training,
      train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); }),
      *optimizer,
      {.epochs = run.epochs,
       .validation = validation,
       .metrics = {{"accuracy", train::Accuracy()}},
       .callbacks = {train::early_stopping(
                         {.monitor = "validation_accuracy", .highest = true, .patience = options.patience}),
                     train::progress()},
       .stop = train::interrupted,
       .checkpoint = checkpoint,
       .schedule = optim::LinearWarmup(warmup, optim::CosineLR(std::max<Index>(steps - warmup, 1)))});
}

plot::Figure picture(const train::History& history, const example::Digits& digits, const Tensor& logits,
                     const std::string& subtitle) {
  plot::Figure figure({.title = digits.name + ": a multilayer perceptron", .subtitle = subtitle});
  if (history.size() > 0) {
    // Interrupted in its first epoch, a run has measured nothing.
    const bool measured = !std::isnan(history.values("validation_accuracy").front());
    const double kept = measured ? history.values("epoch")[history.best("validation_accuracy", true)] : 0;
    train::curves(figure, history, "loss", {.title = "Loss (cross-entropy, nats)", .kept = kept});
    train::curves(figure, history, "accuracy", {.title = "Accuracy", .unit = " %", .kept = kept});
  }
  train::ConfusionMatrix confusion(10);
  confusion.update(logits, digits.test.tensors()[1]);
  figure.panel({.title = "Confusion of the test images", .x = "read as", .y = "is"})
      .heat_map(confusion.counts(), {.rows = digits.classes, .columns = digits.classes, .show_values = true});
  example::draw_worst(figure.panel({.title = "Read worst"}), digits, logits);
  return figure;
}

int main(int argc, char** argv) {
  example::Program program("mnist", "A multilayer perceptron reads handwritten digits",
                           {.data = "mnist", .epochs = 8, .small_epochs = 4});
  Options options;
  program.numbers("--hidden", options.hidden, "Sizes of the hidden layers", {1, 65'536});
  program.number("--dropout", options.dropout, "Part of the hidden units dropped in training", {0, 0.95});
  program.choice("--optimizer", options.optimizer, "How the weights are moved",
                 {"adam", "adamw", "rmsprop", "adagrad", "sgd"});
  program.number("--rate", options.rate, "Highest learning rate, in place of the optimizer's own",
                 {1e-8, 100});
  program.number("--batch", options.batch, "Images in a step", {1, 60'000});
  program.number("--patience", options.patience, "Stop after so many epochs without an improvement",
                 {1, 10'000});
  program.text("--resume", options.resume,
               "Goes on with the newest checkpoint there; saves there in time, and when interrupted", "DIR");
  program.number("--interval", options.interval, "The longest time between two checkpoints, in seconds",
                 {0.01, 1e6});

  return program.run(argc, argv, [&](example::Run& run) {
    if (!run.load_path.empty() && !options.resume.empty())
      throw std::runtime_error("--load excludes --resume");
    const example::Digits digits = example::read_digits(run, {.flat = true});
    nn::Sequential model = make_model(options);
    train::History history;
    if (!run.load(model)) history = learn(model, digits, options, run);
    run.save(model);

    data::DataLoader test(digits.test, {.batch_size = 1'000});
    const Tensor logits = train::predict(model, test);
    train::Accuracy accuracy;
    accuracy.update(logits, digits.test.tensors()[1]);
    run.draw(picture(history, digits, logits, "seed " + std::to_string(run.seed)));
    run.figure("test accuracy", accuracy.value(), {.at_least = run.choose(0.98, 0.8)});
  });
}
