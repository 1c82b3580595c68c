// What images without labels are good for: three machines learn to make digits, one on top of the other; the
// same weights are then where a classifier begins, which matters most where labels are few.
#include "support/digits.hpp"
#include "support/program.hpp"
#include "support/rbm.hpp"

#include <xgrad/data/split.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>

using namespace xgrad;
using example::DeepBelief;

struct Options {
  std::vector<Index> hidden{500, 500, 1000};
  example::ContrastiveOptions contrast;
  Index pretraining = 6;  // epochs of each machine
  Index labels = 1'000;
  Index trials = 5;
};

// Each machine on what the one below makes of the images.
void learn_to_make(DeepBelief& belief, const Tensor& images, const Options& options, std::uint64_t seed) {
  train::Progress progress;
  Tensor data = images;
  for (std::size_t i = 0; i < belief.machines.size(); ++i) {
    const data::TensorDataset<1> examples{data};
    data::DataLoader loader(examples, {.batch_size = 100, .shuffle = true, .seed = seed});
    example::ContrastiveOptions contrast = options.contrast;
    // The topmost one is to make digits: its chains run on, and it learns so slowly that they keep up.
    contrast.persistent = contrast.persistent || i + 1 == belief.machines.size();
    if (contrast.persistent) contrast.rate *= 0.3;
    example::ContrastiveDivergence divergence(belief.machines[i], contrast);
    const Index total = options.pretraining * data.size(0);
    progress.begin("seed " + std::to_string(seed) + ", machine " + std::to_string(i + 1), total,
                   static_cast<Index>(belief.machines.size() - i - 1));
    Index seen = 0;
    train::Mean error;
    for (Index epoch = 0; epoch < options.pretraining && !train::interrupted(); ++epoch) {
      error = {};
      for (const auto& [batch] : loader) {
        divergence.set_rate(contrast.rate * (1 - static_cast<double>(seen) / static_cast<double>(total)));
        error.update(divergence.step(batch), static_cast<double>(batch.size(0)));
        progress.update(seen += batch.size(0), {{"error", error.value()}});
        if (train::interrupted()) break;
      }
    }
    progress.end({{"error", error.value()}});
    data = belief.machines[i].up(data);
  }
}

// The same network with random weights, or with those of the machines.
nn::Sequential classifier(const Options& options, const DeepBelief* belief) {
  nn::Sequential model{nn::Dropout(0.15)};
  Index features = 784;
  for (std::size_t i = 0; i < options.hidden.size(); ++i) {
    nn::Linear layer(features, options.hidden[i]);
    if (belief != nullptr) {
      layer.weight.set_value(belief->machines[i].weight.value());
      layer.bias.set_value(belief->machines[i].hidden_bias.value());
    }
    model.push_back(std::move(layer));
    model.push_back(nn::Sigmoid());
    model.push_back(nn::Dropout(0.3));
    features = options.hidden[i];
  }
  model.push_back(nn::Linear(features, 10));
  return model;
}

void learn_to_read(nn::Sequential& model, const data::TensorDataset<2>& examples, Index epochs, Index batch,
                   std::uint64_t seed, std::vector<train::Observer> callbacks = {}) {
  const auto loss = [](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); };
  data::DataLoader training(examples, {.batch_size = batch, .shuffle = true, .seed = seed});
  optim::Adam optimizer(model.parameters(), {.learning_rate = 1e-3});
  train::fit(model, training, train::supervised(loss), optimizer,
             {.epochs = epochs,
              .metrics = {{"accuracy", train::Accuracy()}},
              .callbacks = std::move(callbacks),
              .stop = train::interrupted,
              .schedule = optim::CosineLR(training.size() * epochs)});
}

// Wrong answers in the test after few labels, in per cent, of each seed.
struct Few {
  std::vector<double> random, taught;  // from random weights, from those of the machines
  [[nodiscard]] double gain() const {
    return (mean(Tensor::from(random)) - mean(Tensor::from(taught))).item() / 100;
  }
};

// What the first machine looks for; what is left of digits on their way up and down; what the machines make
// up.
plot::Figure picture(const DeepBelief& belief, const Few& few, const example::Digits& digits,
                     std::uint64_t seed) {
  plot::Figure figure(
      {.title = digits.name + ": a deep belief network", .subtitle = "seed " + std::to_string(seed)});
  const auto images = [](const Tensor& pixels) { return pixels.reshape({-1, 28, 28}); };
  const Tensor& weight = belief.machines[0].weight.value();
  figure.panel({.title = "What units of the first machine look for"})
      .images(images(weight.rows(0, std::min<Index>(weight.size(0), 60))), {.columns = 10});
  const std::size_t top = belief.machines.size() - 1;
  const Tensor some = digits.test.tensors()[0].rows(0, 10);
  std::vector<Variable> rows{some};
  for (std::size_t count = 1; count <= top + 1; ++count)
    rows.emplace_back(belief.down(belief.up(some, count), count));
  figure.panel({.title = "Digits, and what they are after one, two and three machines"})
      .images(images(concat(rows).value()), {.columns = 10, .range = {0, 1}});
  // The topmost machine goes on from images of its own; those below show what it means.
  Tensor state = belief.up(digits.training.tensors()[0].rows(0, 10), top);
  rows.clear();
  for (const Index rounds : {1, 10, 40, 150, 300, 500}) {
    state = belief.machines[top].sample(state, rounds);
    rows.emplace_back(belief.down(state, top));
  }
  figure.panel({.title = "Made up: rows after 1, 11, 51, 201, 501 and 1,001 rounds at the top"})
      .images(images(concat(rows).value()), {.columns = 10, .range = {0, 1}});
  if (!few.taught.empty()) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < few.taught.size(); ++i) names.push_back("seed " + std::to_string(seed + i));
    figure.panel({.title = "Few labels: wrong in the test", .y_unit = " %"})
        .bars(names, few.random, {.label = "from random weights"})
        .bars(names, few.taught, {.label = "from the machines' weights"});
  }
  return figure;
}

void learn_few(Few& few, const DeepBelief& belief, const example::Digits& digits, const Options& options,
               std::uint64_t seed) {
  const auto& [images, labels] = digits.training.tensors();
  const Tensor chosen =
      data::split_indices(labels.count(), {.test = options.labels, .seed = seed, .labels = labels}).test;
  const data::TensorDataset<2> labelled(data::gather_rows(images, chosen), data::gather_rows(labels, chosen));
  for (const bool taught : {false, true}) {
    nn::Sequential model = classifier(options, taught ? &belief : nullptr);
    learn_to_read(model, labelled, 60, 50, seed);
    (taught ? few.taught : few.random).push_back(100 * (1 - example::accuracy(model, digits)));
  }
  std::printf("%lld labels: %.2f %% wrong from random weights, %.2f %% from the machines'\n",
              static_cast<long long>(options.labels), few.random.back(), few.taught.back());
}

struct Model : nn::Module {
  explicit Model(const Options& options)
      : belief(784, options.hidden), reader(classifier(options, nullptr)) {}
  XGRAD_VISIT(belief, reader)
  DeepBelief belief;
  nn::Sequential reader;
};

int main(int argc, char** argv) {
  example::Program program("deep_belief",
                           "Machines that make up digits, and what they teach a classifier of few labels",
                           {.data = "mnist", .epochs = 24, .small_epochs = 20});
  Options options;
  program.numbers("--hidden", options.hidden, "Hidden units of the machines", {1, 8192});
  program.number("--pretraining", options.pretraining, "Epochs of each machine", {1, 1000});
  program.number("--cd", options.contrast.steps, "Rounds of Gibbs sampling in a step", {1, 1000});
  program.flag("--persistent", options.contrast.persistent, "The rounds go on from those of the last step");
  program.number("--rate", options.contrast.rate, "Learning rate of the machines", {1e-6, 1});
  program.number("--momentum", options.contrast.momentum, "Momentum of the machines", {0, 0.99});
  program.number("--labels", options.labels, "Labels, where they are few", {10, 50'000});
  program.number("--trials", options.trials, "Seeds from --seed on for the mean of what few labels gain",
                 {1, 100});

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits =
        example::read_digits(run, {.flat = true, .standardised = false, .validation = 0});
    options.labels = run.choose(options.labels, 100);
    options.hidden = run.choose(options.hidden, {200, 200, 200});
    Model model(options);
    Few few;
    if (!run.load(model)) {
      for (Index trial = 0; trial < run.choose(options.trials, 1) && !train::interrupted(); ++trial) {
        const std::uint64_t seed = run.seed + static_cast<std::uint64_t>(trial);
        manual_seed(seed);
        DeepBelief belief(784, options.hidden);
        learn_to_make(belief, digits.training.tensors()[0], options, seed);
        learn_few(few, belief, digits, options, seed);
        if (trial > 0) continue;
        model.belief = belief;
        model.reader = classifier(options, &belief);
        learn_to_read(model.reader, digits.training, run.epochs, 100, seed, {train::progress()});
        run.save(model);
      }
    }
    run.draw(picture(model.belief, few, digits, run.seed));
    example::Expected expected{.at_least = run.choose(0.983, 0.65)};
    if (digits.name != "MNIST") expected = {};  // clothes are harder
    run.figure("test accuracy with all labels", example::accuracy(model.reader, digits), expected);
    if (!few.taught.empty())
      run.figure("gain of few labels by the machines, in the mean", few.gain(),
                 {.at_least = run.choose(0.015, 0.02)});
  });
}
