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
DeepBelief learn_to_make(const Tensor& images, const Options& options, std::uint64_t seed) {
  std::vector<Index> sizes = options.hidden;
  sizes.insert(sizes.begin(), images.size(1));
  DeepBelief belief(sizes);
  train::Progress progress;
  Tensor data = images;
  for (std::size_t i = 0; i < belief.machines.size(); ++i) {
    const data::TensorDataset<1> examples{data};
    data::DataLoader loader(examples, {.batch_size = 100, .shuffle = true, .seed = seed});
    example::ContrastiveDivergence divergence(belief.machines[i], options.contrast);
    double error = 0;
    for (Index epoch = 0; epoch < options.pretraining && !train::interrupted(); ++epoch) {
      progress.begin("machine " + std::to_string(i + 1) + ", epoch " + std::to_string(epoch + 1),
                     data.size(0));
      double sum = 0;
      Index seen = 0;
      for (const auto& [batch] : loader) {
        sum += divergence.step(batch) * static_cast<double>(batch.size(0));
        seen += batch.size(0);
        error = sum / static_cast<double>(seen);
        progress.update(seen, {{"error", error}});
        if (train::interrupted()) break;
      }
      progress.end({{"error", error}});
    }
    data = belief.machines[i].up(data);
  }
  return belief;
}

// The same network with random weights, or with those of the machines.
nn::Sequential classifier(const Options& options, const DeepBelief* belief) {
  nn::Sequential model;
  Index features = 784;
  for (std::size_t i = 0; i < options.hidden.size(); ++i) {
    nn::Linear layer(features, options.hidden[i]);
    if (belief != nullptr) {
      layer.weight.set_value(belief->machines[i].weight.value());
      layer.bias.set_value(belief->machines[i].hidden_bias.value());
    }
    model.push_back(std::move(layer));
    model.push_back(nn::Sigmoid());
    model.push_back(nn::Dropout(0.2));
    features = options.hidden[i];
  }
  model.push_back(nn::Linear(features, 10));
  return model;
}

double learn_to_read(nn::Sequential& model, const data::TensorDataset<2>& examples,
                     const example::Digits& digits, Index epochs, double rate, Index batch,
                     std::uint64_t seed, bool show) {
  data::DataLoader training(examples, {.batch_size = batch, .shuffle = true, .seed = seed}),
      test(digits.test, {.batch_size = 1'000});
  const auto loss =
      train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });
  const std::vector<train::NamedMetric> metrics{{"accuracy", train::Accuracy()}};
  optim::Adam optimizer(model.parameters(), {.learning_rate = rate});
  std::vector<train::Observer> callbacks;
  if (show) callbacks.push_back(train::progress());
  train::fit(model, training, loss, optimizer,
             {.epochs = epochs,
              .metrics = metrics,
              .callbacks = callbacks,
              .stop = train::interrupted,
              .schedule = optim::CosineLR(training.size() * epochs)});
  return train::evaluate(model, test, loss, metrics).at("accuracy");
}

// What the first machine looks for; what is left of digits on their way up and down; what the machines make
// up.
plot::Figure picture(const DeepBelief& belief, const example::Digits& digits, const std::string& subtitle) {
  plot::Figure figure({.title = digits.name + ": a deep belief network", .subtitle = subtitle});
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
  return figure;
}

struct Model : nn::Module {
  DeepBelief belief;
  nn::Sequential reader;
  XGRAD_VISIT(belief, reader)
};

int main(int argc, char** argv) {
  example::Program program("deep_belief",
                           "Machines that make up digits, and what they teach a classifier of few labels",
                           {.data = "mnist", .epochs = 12, .small_epochs = 15});
  Options options;
  program.numbers("--hidden", options.hidden, "Hidden units of the machines", {1, 8192});
  program.number("--pretraining", options.pretraining, "Epochs of each machine", {0, 1000});
  program.number("--cd", options.contrast.steps, "Rounds of Gibbs sampling in a step", {1, 1000});
  program.flag("--persistent", options.contrast.persistent, "The rounds go on from those of the last step");
  program.number("--rate", options.contrast.rate, "Learning rate of the machines", {1e-6, 1});
  program.number("--momentum", options.contrast.momentum, "Momentum of the machines", {0, 0.99});
  program.number("--labels", options.labels, "Labels, where they are few", {10, 50'000});
  program.number("--trials", options.trials, "Seeds from --seed on for the mean of what few labels gain",
                 {0, 100});

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run, {.flat = true, .standardised = false});
    const Tensor& images = digits.training.tensors()[0];
    options.labels = run.choose(options.labels, 100);
    if (run.small) options.trials = std::min<Index>(options.trials, 2);
    const auto few = [&](std::uint64_t seed) {
      return data::split_indices(
                 digits.training.size(),
                 {.test = options.labels, .seed = seed, .labels = digits.training.tensors()[1]})
          .test;
    };
    double without = 0, with = 0;
    for (Index trial = 0; trial < options.trials && !train::interrupted(); ++trial) {
      const std::uint64_t seed = run.seed + static_cast<std::uint64_t>(trial);
      manual_seed(seed);
      const DeepBelief belief = learn_to_make(images, options, seed);
      const data::TensorDataset<2> labelled(data::gather_rows(images, few(seed)),
                                            data::gather_rows(digits.training.tensors()[1], few(seed)));
      nn::Sequential fresh = classifier(options, nullptr), taught = classifier(options, &belief);
      const double a = learn_to_read(fresh, labelled, digits, 60, 1e-3, 50, seed, false);
      const double b = learn_to_read(taught, labelled, digits, 60, 1e-3, 50, seed, false);
      std::printf(
          "seed %llu: %lld labels, test accuracy %.2f %% from random weights, %.2f %% from the machines'\n",
          static_cast<unsigned long long>(seed), static_cast<long long>(options.labels), 100 * a, 100 * b);
      without += a / static_cast<double>(options.trials);
      with += b / static_cast<double>(options.trials);
      if (trial == 0) {
        run.draw(picture(belief, digits, "seed " + std::to_string(seed)));
        nn::Sequential all = classifier(options, &belief);
        run.figure("test accuracy with all labels",
                   learn_to_read(all, digits.training, digits, run.epochs, 1e-3, 100, seed, true),
                   {.at_least = run.choose(0.983, 0.8)});
      }
    }
    run.figure("few labels gain", with - without, {.at_least = run.choose(0.015, 0.005)});
  });
}
