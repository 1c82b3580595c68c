// Why ReLU: what is left of the gradient at the first layer of a deep network, units that never fire, and
// weights that start equal and stay so.
#include "support/digits.hpp"
#include "support/program.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdio>
#include <numeric>
#include <vector>

using namespace xgrad;

constexpr double slope = 0.1;  // of leaky ReLU below 0

// An activation and the initialisation that was made for it.
struct Activation {
  std::string name;
  nn::AnyModule module;
  nn::init::Nonlinearity kind;
};

const Activation sigmoids{"sigmoid", nn::Sigmoid(), nn::init::Nonlinearity::sigmoid};
const Activation tanhs{"tanh", nn::Tanh(), nn::init::Nonlinearity::tanh};
const Activation relus{"ReLU", nn::ReLU(), nn::init::Nonlinearity::relu};
const Activation leaky_relus{"leaky ReLU", nn::LeakyReLU(slope), nn::init::Nonlinearity::leaky_relu};

// Digits to logits. Layer i is model[2 i], a nn::Linear; what follows it is model[2 i + 1].
nn::Sequential network(const Activation& activation, Index hidden_layers, Index width = 64) {
  nn::Sequential model;
  for (Index i = 0; i <= hidden_layers; ++i) {
    const bool last = i == hidden_layers;
    nn::Linear layer(i == 0 ? 784 : width, last ? 10 : width);
    const auto kind = last ? nn::init::Nonlinearity::linear : activation.kind;
    nn::init::kaiming_normal(layer.weight, {.slope = slope, .nonlinearity = kind});
    nn::init::zeros(layer.bias);
    model.push_back(layer);
    if (!last) model.push_back(activation.module);
  }
  return model;
}

// The norm of the gradient of each layer's weights.
std::vector<double> gradient_norms(nn::Sequential& model, const Tensor& images, const Tensor& labels) {
  std::vector<Variable> weights;
  for (std::size_t i = 0; i < model.size(); i += 2)
    weights.push_back(model.at<nn::Linear>(static_cast<Index>(i)).weight);
  std::vector<double> norms;
  for (const Variable& gradient : grad({nn::cross_entropy(model(images), labels)}, weights))
    norms.push_back(norm(gradient).item());
  return norms;
}

// The share of each hidden layer's units that are dead, which say 0 to every image: no image gives such a
// unit a gradient.
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

// In a wild start the first hundred steps are a hundred times as long as the others. A network that was saved
// learns no more: it is measured in one epoch of steps of no length.
train::History learn(nn::Sequential& model, const std::string& label, const example::Digits& digits,
                     example::Run& run, double rate = 0.05, bool wild_start = false) {
  data::DataLoader training(digits.training, {.batch_size = 64, .shuffle = true, .seed = run.seed});
  data::DataLoader test(digits.test, {.batch_size = 1'000});
  const bool loaded = run.load(model, label);
  optim::SGD optimizer(model.parameters(), {.learning_rate = loaded ? 0 : wild_start ? 100 * rate : rate});
  const auto loss =
      train::supervised([](const Variable& y, const Tensor& t) { return nn::cross_entropy(y, t); });
  // The bound on the gradient lets the weights get large but stay numbers.
  train::History history =
      train::fit(model, training, loss, optimizer,
                 {.epochs = loaded ? 1 : run.epochs,
                  .validation = test,
                  .metrics = {{"accuracy", train::Accuracy()}},
                  .stop = train::interrupted,
                  .schedule = optim::MultiStepLR({run.choose<Index>(100, 30)}, wild_start ? 0.01 : 1),
                  .clip_norm = wild_start ? 1.0 : 0.0});
  run.save(model, label);
  std::printf("%-48s loss %6.3f   test accuracy %5.1f %%\n", label.c_str(), history.last("loss"),
              100 * history.last("validation_accuracy"));
  return history;
}

// The deep networks: each activation with its own initialisation, the same digits, the same rate.
void compare_depth(plot::Figure& figure, Index layers, const example::Digits& digits, example::Run& run) {
  plot::Panel& norms = figure.panel(
      {.title = "Norm of each layer's gradient, before the first step", .x = "layer", .y_log = true});
  plot::Panel& curves =
      figure.panel({.title = "Test accuracy", .x = "epoch", .y_unit = " %", .y_range = {0, 100}});
  const auto& [images, labels] = digits.training.tensors();
  const std::string deep = std::to_string(layers) + " hidden layers, ";
  for (const Activation& activation : {sigmoids, tanhs, relus, leaky_relus}) {
    if (train::interrupted()) return;
    manual_seed(run.seed);
    nn::Sequential model = network(activation, layers);
    const std::vector<double> norm = gradient_norms(model, images.rows(0, 1'000), labels.rows(0, 1'000));
    norms.curve(plot::counting(norm.size()), norm, {.label = activation.name});
    const train::History history = learn(model, deep + activation.name, digits, run);
    std::vector<double> percent = history.values("validation_accuracy");
    for (double& value : percent) value *= 100;
    curves.curve(history.values("epoch"), percent, {.label = activation.name});
    const std::string first = "with " + activation.name + " the first layer's gradient is ";
    const double ratio = norm.front() / norm.back(), accuracy = percent.back() / 100;
    if (activation.name == "sigmoid") {
      run.claim(first + "less than 1/1000 of the last one's", ratio < 1e-3);
      run.figure("test accuracy of " + deep + "sigmoid", accuracy, {.at_most = 0.2, .digits = 1});
    } else {
      run.claim(first + "within a factor of 10 of the last one's", ratio > 0.1 && ratio < 10);
      if (activation.name == "ReLU")
        run.figure("test accuracy of " + deep + "ReLU", accuracy,
                   {.at_least = run.choose(0.8, 0.25), .digits = 1});
    }
  }
}

// What kills units: biases that keep nearly every sum negative, and steps so long that they end up there.
void compare_dead(plot::Figure& figure, const example::Digits& digits, example::Run& run) {
  struct Case {
    std::string label;
    Activation activation;
    double bias;
    bool wild_start;
  };
  plot::Panel& panel = figure.panel(
      {.title = "Dead units after training", .x = "hidden layer", .y_unit = " %", .y_range = {0, 100}});
  std::vector<double> dead, loss;
  for (const Case& it :
       {Case{"ReLU", relus, 0, false}, Case{"leaky ReLU, wild start", leaky_relus, 0, true},
        Case{"ReLU, wild start", relus, 0, true}, Case{"ReLU, biases from -2 on", relus, -2, false}}) {
    if (train::interrupted()) return;
    manual_seed(run.seed);
    nn::Sequential model = network(it.activation, 4);
    for (Index i = 0; i < 4; ++i) nn::init::constant(model.at<nn::Linear>(2 * i).bias, it.bias);
    loss.push_back(
        learn(model, "4 hidden layers, " + it.label, digits, run, 0.05, it.wild_start).last("loss"));
    std::vector<double> shares = dead_units(model, digits.test.tensors()[0]);
    dead.push_back(std::accumulate(shares.begin(), shares.end(), 0.0) / 4);
    std::printf("%45s of its units %.1f %% are dead\n", "", 100 * dead.back());
    for (double& share : shares) share *= 100;
    panel.bars({"1", "2", "3", "4"}, shares,
               {.label = it.label, .colour = plot::series_colour(dead.size() + 1)});
  }
  run.claim("ReLU, well begun, keeps more than 9 of 10 units alive", dead[0] < 0.1);
  run.claim("a wild start kills more than 1 of 10 units for good", dead[2] > 0.1);
  run.claim("leaky ReLU has no dead unit after it, and recovers better", dead[1] == 0 && loss[1] < loss[2]);
  run.claim("with biases from -2 on more than 4 of 10 units are dead, and nothing is learned",
            dead[3] > 0.4 && loss[3] > 2.2);  // knowing nothing, the loss is log(10) = 2.30
}

// Units that start equal get equal gradients: a layer of them is one unit, however many it has.
void compare_starts(plot::Figure& figure, const example::Digits& digits, example::Run& run) {
  std::vector<Variable> shown;
  std::vector<double> accuracy;
  bool equal = true;
  for (const bool zero : {false, true}) {
    if (train::interrupted()) return;
    manual_seed(run.seed);
    nn::Sequential model = network(sigmoids, 2, 8);  // so few that a product treats them all alike
    if (zero)
      for (const Variable& parameter : model.parameters()) nn::init::zeros(parameter);
    const std::string label = zero ? "2 hidden layers, sigmoid, from zeros" : "2 hidden layers, sigmoid";
    accuracy.push_back(learn(model, label, digits, run, 0.5).last("validation_accuracy"));
    for (Index i = 0; zero && i < 2; ++i) {
      const Variable weight = model.at<nn::Linear>(2 * i).weight;
      equal = equal && all(weight == weight.rows(0, 1)).item<bool>() && any(weight != 0).item<bool>();
    }
    shown.push_back(model.at<nn::Linear>(0).weight.reshape({8, 28, 28}));
  }
  figure.panel({.title = "First layer, begun at random; and at zero"})
      .images(concat(shown, 0).value(), {.columns = 4, .zoom = 3});
  run.claim("from zeros, all units of a hidden layer move, and stay equal to the last bit", equal);
  run.claim("that network is less than half as good as the other", accuracy[1] < accuracy[0] / 2);
}

int main(int argc, char** argv) {
  example::Program program("vanishing",
                           "Why ReLU: gradients that vanish, units that die, weights that stay equal",
                           {.data = "mnist", .epochs = 5, .small_epochs = 4});
  Index layers = 10;
  program.number("--layers", layers, "Hidden layers of the deep networks", {2, 100});
  return program.run(argc, argv, [&](example::Run& run) {
    const example::Digits digits = example::read_digits(run, {.flat = true});
    plot::Figure figure({.title = "Why ReLU",
                         .subtitle = digits.name + "; above " + std::to_string(layers) +
                                     " hidden layers, below 4 and 2; seed " + std::to_string(run.seed)});
    compare_depth(figure, layers, digits, run);
    compare_dead(figure, digits, run);
    compare_starts(figure, digits, run);
    run.draw(figure);
  });
}
