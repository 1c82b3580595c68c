// Why ReLU: what is left of the gradient at the first layer of a deep network, units that never fire, and
// weights that start equal and stay so.
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

using namespace xgrad;

constexpr Index width = 64;  // units of every hidden layer

// An activation and the initialisation that was made for it.
struct Activation {
  std::string name;
  nn::AnyModule module;
  nn::init::Nonlinearity kind;
};

const Activation sigmoids{"sigmoid", nn::Sigmoid(), nn::init::Nonlinearity::sigmoid};
const Activation tanhs{"tanh", nn::Tanh(), nn::init::Nonlinearity::tanh};
const Activation relus{"ReLU", nn::ReLU(), nn::init::Nonlinearity::relu};
const Activation leaky_relus{"leaky ReLU", nn::LeakyReLU(0.1), nn::init::Nonlinearity::leaky_relu};

// Digits to logits. Layer i is model[2 i], a nn::Linear; what follows it is model[2 i + 1].
nn::Sequential network(const Activation& activation, Index hidden_layers) {
  nn::Sequential model;
  for (Index i = 0; i <= hidden_layers; ++i) {
    nn::Linear layer(i == 0 ? 784 : width, i == hidden_layers ? 10 : width);
    const bool last = i == hidden_layers;
    nn::init::kaiming_normal(
        layer.weight,
        {.slope = 0.01, .nonlinearity = last ? nn::init::Nonlinearity::linear : activation.kind});
    nn::init::zeros(layer.bias);
    model.push_back(layer);
    if (!last) model.push_back(activation.module);
  }
  return model;
}

// The norm of the gradient of each layer's weights, of the mean loss of a batch.
std::vector<double> gradient_norms(nn::Sequential& model, const data::TensorDataset<2>& batch) {
  std::vector<Variable> weights;
  for (const Variable& parameter : model.parameters())
    if (parameter.shape().rank() == 2) weights.push_back(parameter);
  const auto& [images, labels] = batch.tensors();
  std::vector<double> norms;
  for (const Variable& gradient : grad({nn::cross_entropy(model(images), labels)}, weights))
    norms.push_back(norm(gradient).item());
  return norms;
}

// The share of each hidden layer's units that say 0 to every image: none of them gives such a unit a
// gradient.
std::vector<double> dead_units(nn::Sequential& model, const Tensor& images) {
  const NoGrad off_the_tape;
  std::vector<double> shares;
  Variable x(images);
  for (std::size_t i = 0; i + 1 < model.size(); i += 2) {
    x = model[i + 1](model[i](x));
    shares.push_back(mean(cast(amax(abs(x), {0}) == 0, float64)).item());
  }
  return shares;
}

// How far a step goes along the gradient; a wild start makes the first hundred a hundred times as long.
struct Steps {
  double rate = 0.05;
  bool wild_start = false;
};

train::History learn(nn::Sequential& model, const std::string& label, const example::Digits& digits,
                     Steps steps, const example::Run& run) {
  data::DataLoader training(digits.training, {.batch_size = 64, .shuffle = true, .seed = run.seed});
  data::DataLoader test(digits.test, {.batch_size = 1'000});
  optim::SGD optimizer(model.parameters(),
                       {.learning_rate = steps.wild_start ? 100 * steps.rate : steps.rate});
  train::FitOptions<std::array<Tensor, 2>> options{.epochs = run.epochs,
                                                   .validation = test,
                                                   .metrics = {{"accuracy", train::Accuracy()}},
                                                   .stop = train::interrupted};
  if (steps.wild_start) {
    options.schedule = optim::MultiStepLR({run.choose<Index>(100, 30)}, 0.01);
    options.clip_norm = 1;  // bounds the gradient, so that the weights get large but stay numbers
  }
  const auto loss =
      train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });
  train::History history = train::fit(model, training, loss, optimizer, options);
  std::printf("%-48s loss %6.3f   test accuracy %5.1f %%\n", label.c_str(), history.last("loss"),
              100 * history.last("validation_accuracy"));
  return history;
}

double accuracy(const train::History& history) { return history.last("validation_accuracy"); }

// The deep networks: each activation with its own initialisation, the same digits, the same rate.
void compare_depth(plot::Figure& figure, Index layers, const example::Digits& digits, example::Run& run) {
  plot::Panel& norms = figure.panel({.title = "Gradient of each layer's weights, before the first step",
                                     .x = "layer, from the digits to the output",
                                     .y = "norm",
                                     .y_log = true});
  plot::Panel& curves =
      figure.panel({.title = "Test accuracy", .x = "epoch", .y_unit = " %", .y_range = {0, 100}});
  const data::TensorDataset<2> batch(digits.training.tensors()[0].rows(0, 1'000),
                                     digits.training.tensors()[1].rows(0, 1'000));
  const std::string deep = std::to_string(layers) + " hidden layers";
  for (const Activation& activation : {sigmoids, tanhs, relus, leaky_relus}) {
    if (train::interrupted()) return;
    manual_seed(run.seed);
    nn::Sequential model = network(activation, layers);
    const std::vector<double> norm = gradient_norms(model, batch);
    const double ratio = norm.front() / norm.back();
    std::printf("%-12s gradient of the first layer %.1e, of the last %.1e\n", activation.name.c_str(),
                norm.front(), norm.back());
    const train::History history = learn(model, activation.name + ", " + deep, digits, {}, run);
    norms.curve(plot::counting(norm.size()), norm, {.label = activation.name});
    std::vector<double> percent = history.values("validation_accuracy");
    for (double& value : percent) value *= 100;
    curves.curve(history.values("epoch"), percent, {.label = activation.name});

    const std::string name = "with " + activation.name + " the first layer's gradient is ";
    if (activation.name == "sigmoid") {
      run.claim(name + "less than 1/1000 of the last one's", ratio < 1e-3);
      run.figure("accuracy of " + deep + ", sigmoid", accuracy(history), {.at_most = 0.2, .digits = 1});
    } else {
      run.claim(name + "within a factor of 10 of the last one's", ratio > 0.1 && ratio < 10);
    }
    if (activation.name == "ReLU")
      run.figure("accuracy of " + deep + ", ReLU", accuracy(history),
                 {.at_least = run.choose(0.85, 0.4), .digits = 1});
  }
}

// What kills units: biases that keep nearly every sum negative, and steps so long that they end up there.
void compare_dead(plot::Figure& figure, const example::Digits& digits, example::Run& run) {
  struct Case {
    std::string label;
    Activation activation;
    double bias;
    bool wild_start;
    double dead, accuracy;  // of all hidden units, when learning is over
  };
  std::vector<Case> cases{{"ReLU", relus, 0, false, 0, 0},
                          {"ReLU, biases from -2 on", relus, -2, false, 0, 0},
                          {"ReLU, first steps 100 times too long", relus, 0, true, 0, 0},
                          {"leaky ReLU, the same steps", leaky_relus, 0, true, 0, 0}};
  plot::Panel& panel = figure.panel({.title = "Units that say 0 to every test image, after training",
                                     .x = "hidden layer",
                                     .y_unit = " %",
                                     .y_range = {0, 100}});
  for (Case& it : cases) {
    if (train::interrupted()) return;
    manual_seed(run.seed);
    nn::Sequential model = network(it.activation, 4);
    if (it.bias != 0)
      for (Index i = 0; i < 4; ++i) nn::init::constant(model.at<nn::Linear>(2 * i).bias, it.bias);
    it.accuracy = accuracy(learn(model, it.label, digits, {.wild_start = it.wild_start}, run));
    std::vector<double> shares = dead_units(model, digits.test.tensors()[0]);
    for (double& share : shares) {
      it.dead += share / 4;
      share *= 100;
    }
    std::printf("%50.1f %% of its units are dead\n", 100 * it.dead);
    panel.bars({"1", "2", "3", "4"}, shares, {.label = it.label});
  }
  run.claim("ReLU, well begun, keeps more than 9 of 10 units alive", cases[0].dead < 0.1);
  run.claim("with biases from -2 on, half of its units are dead and it learns nothing",
            cases[1].dead > 0.5 && cases[1].accuracy < 0.2);
  run.claim("steps 100 times too long kill a tenth of its units for good", cases[2].dead > 0.1);
  run.claim("leaky ReLU has no dead unit after the same, and learns more from then on",
            cases[3].dead == 0 && cases[3].accuracy > cases[2].accuracy);
}

// Units that start equal get equal gradients: a layer of them is one unit, however many it has.
void compare_starts(plot::Figure& figure, const example::Digits& digits, example::Run& run) {
  std::vector<Variable> shown;
  std::vector<double> reached;
  bool equal = true;
  for (const bool zero : {false, true}) {
    if (train::interrupted()) return;
    manual_seed(run.seed);
    nn::Sequential model = network(sigmoids, 2);
    if (zero)
      for (const Variable& parameter : model.parameters()) nn::init::zeros(parameter);
    reached.push_back(accuracy(
        learn(model,
              zero ? "sigmoid, 2 hidden layers, from zeros" : "sigmoid, 2 hidden layers, from random weights",
              digits, {.rate = 0.5}, run)));
    for (Index i = 0; zero && i < 2; ++i) {
      const Variable weight = model.at<nn::Linear>(2 * i).weight;
      equal = equal && all(weight == weight.rows(0, 1)).item<bool>() && any(weight != 0).item<bool>();
    }
    shown.push_back(model.at<nn::Linear>(0).weight.rows(0, 8).reshape({8, 28, 28}));
  }
  const NoGrad off_the_tape;
  figure.panel({.title = "Weights of 8 units of the first layer: from random numbers, and from zeros"})
      .images(concat(shown, 0).value(), {.columns = 8});
  run.claim("from zeros, all units of a hidden layer move, and stay equal to the last bit", equal);
  run.claim("which leaves that network less than half as good as the other", reached[1] < reached[0] / 2);
}

int main(int argc, char** argv) {
  example::Program program("vanishing",
                           "Why ReLU: gradients that vanish, units that die, weights that stay equal",
                           {.data = "mnist", .epochs = 5, .small_epochs = 4, .model = false});
  Index layers = 10;
  program.number("--layers", layers, "Hidden layers of the deep networks", {2, 100});
  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run, {.flat = true});
    plot::Figure figure({.title = "Why ReLU",
                         .subtitle = digits.name + ", " + std::to_string(layers) +
                                     " hidden layers of 64 units, seed " + std::to_string(run.seed)});
    compare_depth(figure, layers, digits, run);
    compare_dead(figure, digits, run);
    compare_starts(figure, digits, run);
    run.draw(figure);
  });
}
