// Is a house dearer than half of all? A small network on ten numbers of each house; then a large one that
// learns the training houses by heart, and the same with regularisation.
#include "support/program.hpp"

#include <xgrad/data/csv.hpp>
#include <xgrad/data/scalers.hpp>
#include <xgrad/data/split.hpp>
#include <xgrad/optim/groups.hpp>
#include <xgrad/optim/penalty.hpp>
#include <xgrad/train/curves.hpp>
#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <numeric>

using namespace xgrad;

struct Houses {
  Tensor features;  // float32 (N, 10)
  Tensor dear;      // float32 (N, 1): 1 where the price is above the median
};

// Boston's table has a header line and prices; the other one has neither, and says in its last column what is
// dear.
Houses read_houses(const std::string& path) {
  const bool header = std::isalpha(std::ifstream(path).peek()) != 0;
  const data::Table table = data::read_csv(path, {.header = header});
  if (!header) return {table.numbers({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), table.numbers(10).reshape({-1, 1})};
  const Tensor prices = table.numbers("cmedv");
  std::vector<float> sorted(prices.span<float>().begin(), prices.span<float>().end());
  std::ranges::nth_element(sorted, sorted.begin() + std::ssize(sorted) / 2);
  const float median = sorted[sorted.size() / 2];
  return {table.numbers({"crim", "zn", "indus", "nox", "rm", "age", "dis", "rad", "tax", "ptratio"}),
          reshape(cast(Variable(prices) > median, float32), {-1, 1}).value()};
}

struct Parts {
  data::TensorDataset<2> training, validation, test;
};

// 70 %, 15 % and 15 % of the houses; features standardised by what is known of the first part alone.
Parts split(const Houses& houses, std::uint64_t seed) {
  const auto rows =
      data::split_indices(houses.features.size(0), {.validation = 0.15, .test = 0.15, .seed = seed});
  const auto features = [&](const Tensor& of) { return data::gather_rows(houses.features, of); };
  data::StandardScaler scaler;
  scaler.fit(features(rows.train));
  const auto part = [&](const Tensor& of) {
    return data::TensorDataset(scaler.transform(features(of)), data::gather_rows(houses.dear, of));
  };
  return {part(rows.train), part(rows.validation), part(rows.test)};
}

// ReLU between; the output is a logit, whose sigmoid is the probability that the house is dear.
nn::Sequential network(const std::vector<Index>& hidden, double dropout = 0) {
  nn::Sequential model;
  Index features = 10;
  for (const Index size : hidden) {
    model.push_back(nn::Linear(features, size));
    model.push_back(nn::ReLU());
    if (dropout > 0) model.push_back(nn::Dropout(dropout));
    features = size;
  }
  model.push_back(nn::Linear(features, 1));
  return model;
}

struct Trial {
  train::History history;
  double test_accuracy = 0;
  double gap =
      0;  // of the loss between validation and training houses, at the end, without dropout in either
  Tensor probabilities;  // of the test houses
};

// `decay` is the factor of the sum of squared weights (not biases) in the loss. A network that was saved
// learns no more: it is measured in one epoch of steps of no length.
Trial learn(nn::Sequential& model, const std::string& name, const Parts& parts, optim::Optimizer& optimizer,
            double decay, example::Run& run, std::uint64_t seed) {
  const bool loaded = run.load(model, name);
  if (loaded) optimizer.set_learning_rate(0);
  data::DataLoader training(parts.training, {.batch_size = 32, .shuffle = true, .seed = seed});
  data::DataLoader validation(parts.validation, {.batch_size = 256}), test(parts.test, {.batch_size = 256});
  const auto named = model.named_parameters();
  const std::vector<Variable> weights = optim::part_by_name(named, optim::decayed_weights(named)).chosen;
  const auto loss = [&](nn::Sequential& net, const auto& batch) {
    const auto& [features, dear] = batch;
    const Variable logits = net(features);
    Variable total = nn::bce_with_logits(logits, dear);
    if (decay > 0) total = total + optim::l2_penalty(weights, decay);
    return train::Outcome(total, logits, dear);
  };
  const std::vector<train::NamedMetric> metrics{{"accuracy", train::BinaryAccuracy({.logits = true})}};
  Trial trial;
  trial.history = train::fit(model, training, loss, optimizer,
                             {.epochs = loaded ? 1 : run.epochs,
                              .validation = validation,
                              .metrics = metrics,
                              .stop = train::interrupted});
  run.save(model, name);
  trial.test_accuracy = train::evaluate(model, test, loss, metrics).at("accuracy");
  trial.gap =
      train::evaluate(model, validation, loss).at("loss") - train::evaluate(model, training, loss).at("loss");
  trial.probabilities = sigmoid(Variable(train::predict(model, test))).value();
  return trial;
}

// What introductions call the error of a network, of its probabilities p for targets t.
void print_errors(const Tensor& p, const Tensor& t) {
  const Variable difference = Variable(p) - t;
  const double squared = mean(square(difference)).item();
  std::printf("errors on the test houses: mean square %.4f, root mean square %.4f, arctan %.4f\n", squared,
              std::sqrt(squared), mean(square(atan(difference))).item());
}

void explain(const Parts& parts, Index epochs) {
  const Index rows = parts.training.size(), batches = (rows + 31) / 32;
  std::printf(
      "A batch is 32 houses, an iteration one step of the weights along the gradient of a batch; an epoch\n"
      "goes once through all %lld training houses: %lld iterations. %lld epochs are %lld iterations.\n",
      static_cast<long long>(rows), static_cast<long long>(batches), static_cast<long long>(epochs),
      static_cast<long long>(batches * epochs));
}

int main(int argc, char** argv) {
  example::Program program("house_prices",
                           "Is a house dearer than half of all? Overfitting and regularisation",
                           {.data = "boston",
                            .data_help = "boston, or a table of 1,460 houses without a header line",
                            .epochs = 100,
                            .small_epochs = 100});
  Index trials = 5;
  program.number("--trials", trials,
                 "Seeds from --seed on, each with a split of its own, for the mean accuracy", {1, 100});

  return program.run(argc, argv, [&](example::Run& run) {
    const Houses houses = read_houses(run.data());
    std::printf("%lld houses, ten numbers each\n", static_cast<long long>(houses.features.size(0)));
    double sum = 0;
    std::optional<Trial> first;
    for (Index trial = 0; trial < trials && !train::interrupted(); ++trial) {
      const std::uint64_t seed = run.seed + static_cast<std::uint64_t>(trial);
      manual_seed(seed);
      const Parts parts = split(houses, seed);
      if (trial == 0) explain(parts, run.epochs);
      nn::Sequential model = network({32, 32});
      optim::SGD optimizer(model.parameters(), {.learning_rate = 0.05});
      const std::string name = "seed " + std::to_string(seed);
      const Trial result = learn(model, name, parts, optimizer, 0, run, seed);
      std::printf("%s: loss %.4f, validation %.4f, test accuracy %.1f %%\n", name.c_str(),
                  result.history.last("loss"), result.history.last("validation_loss"),
                  100 * result.test_accuracy);
      if (trial == 0) print_errors(result.probabilities, parts.test.tensors()[1]);
      sum += result.test_accuracy;
      if (!first) first = result;
    }

    // The same houses, seen by far too large a network, which is then held back.
    manual_seed(run.seed);
    const Parts parts = split(houses, run.seed);
    const std::vector<Index> large(3, run.choose<Index>(1'000, 300));
    nn::Sequential overfitting = network(large), regularised = network(large, 0.3);
    optim::Adam adam(overfitting.parameters()), adam_too(regularised.parameters());
    const Trial by_heart = learn(overfitting, "overfitting", parts, adam, 0, run, run.seed);
    const Trial held_back = learn(regularised, "regularised", parts, adam_too, 0.01, run, run.seed);

    plot::Figure figure({.title = "Dearer than half of the houses?",
                         .subtitle = "loss of training and validation, seed " + std::to_string(run.seed),
                         .columns = 3});
    train::curves(figure, first->history, "loss", {.title = "32-32-1, SGD"});
    train::curves(figure, by_heart.history, "loss", {.title = "1000-1000-1000-1, Adam: overfitting"});
    train::curves(figure, held_back.history, "loss", {.title = "The same with L2 0.01 and dropout 0.3"});
    run.draw(figure);
    if (train::interrupted()) return;

    const auto& losses = by_heart.history.values("validation_loss");
    if (run.load_path.empty())
      run.claim("the large network's validation loss rises while its training loss falls",
                by_heart.history.last("validation_loss") > *std::ranges::min_element(losses) * 1.1 &&
                    by_heart.history.last("loss") <
                        by_heart.history.values("loss")[by_heart.history.best("validation_loss")]);
    run.claim("regularisation leaves less than half of its gap between the two",
              held_back.gap < by_heart.gap / 2);
    const double bound = houses.features.size(0) > 1'000 ? 0.87 : 0.85;
    run.figure("mean test accuracy", sum / static_cast<double>(trials), {.at_least = run.choose(bound, 0.7)});
  });
}
