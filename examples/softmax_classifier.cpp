// What a loss means: a classifier of irises gives each species a probability, the loss is minus the mean
// logarithm of what the right one got, and gradient descent walks down its surface, step by step.
#include "support/program.hpp"

#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/ops/decompositions.hpp>
#include <xgrad/data/csv.hpp>
#include <xgrad/data/scalers.hpp>
#include <xgrad/train/interrupt.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

using namespace xgrad;

struct Flowers {
  Tensor petals;   // float32 (N, 2): length and width in cm
  Tensor sepals;   // float32 (N,): length in cm
  Tensor species;  // int64 (N,): places in names
  std::vector<std::string> names;
};

Flowers read_flowers(const std::string& path) {
  const data::Table table = data::read_csv(path);
  const data::Categories species = table.categories("species");
  if (species.names.size() != 3) throw std::runtime_error(path + " should have three species");
  return {table.numbers({"petal_length", "petal_width"}), table.numbers("sepal_length"), species.ids,
          species.names};
}

// The classifier at one moment of its training.
struct Moment {
  Index step;
  Tensor weight, bias;  // (3, 2), (3,)
  Tensor right;         // (N,): the probability of each flower's own species
  double loss, accuracy;
};

struct Training {
  std::vector<Moment> moments;  // before, a little later, after
  std::vector<double> losses;   // of every step
};

// Gradient descent on all flowers at once: an epoch is one step.
Training learn(nn::Linear& model, const Tensor& x, const Tensor& species, const example::Run& run) {
  nn::init::normal(model.weight);
  nn::init::zeros(model.bias);
  const Index steps = run.load(model) ? 0 : run.epochs;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.5});
  Training training;
  for (Index step = 0;; ++step) {
    const Variable y = model(x);
    const Variable p = softmax(y, 1);
    const Variable right = gather(p, 1, species.reshape({-1, 1})).reshape({-1});
    const Variable loss = nn::cross_entropy(y, species);
    training.losses.push_back(loss.item());
    const bool last = step == steps || train::interrupted();
    if (step == 0 || step == steps / 100 || last)
      training.moments.push_back({step, model.weight.value(), model.bias.value(), right.value(), loss.item(),
                                  mean(cast(argmax(p, 1) == species, float64)).item()});
    if (last) return training;
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
}

void draw_training(plot::Figure& figure, const Training& training, const Flowers& flowers,
                   const data::StandardScaler& scaler) {
  for (const Moment& moment : training.moments) {
    char title[80];
    std::snprintf(title, sizeof title, "After %lld steps: loss %.3f, %.0f %% right",
                  static_cast<long long>(moment.step), moment.loss, 100 * moment.accuracy);
    figure.panel({.title = title, .x = "petal length (cm)", .y = "petal width (cm)"})
        .decision_regions(
            [&](const Tensor& x) { return linear(scaler.transform(x), moment.weight, moment.bias).value(); },
            {0.5, 7.5}, {0, 2.7})
        .classes(flowers.petals, flowers.species, {.names = flowers.names});
  }
  plot::Panel& sorted = figure.panel(
      {.title = "Probability of each flower's own species", .x = "flowers, sorted", .y_range = {0, 1}});
  plot::Panel& logarithm = figure.panel({.title = "What each flower adds to the loss: -log p",
                                         .x = "probability p of its own species",
                                         .x_range = {0, 1},
                                         .y_range = {0, 5}});
  const Tensor p = linspace(0.005, 1, 200);
  logarithm.curve(p, (-log(p)).value(), {.colour = "#9aa3ad"});
  for (const Moment& moment : training.moments) {
    const std::string label = "after " + std::to_string(moment.step) + " steps";
    sorted.curve(plot::counting(static_cast<std::size_t>(moment.right.count())),
                 sort(moment.right).values.value(), {.label = label, .markers = plot::Markers::none});
    logarithm.scatter(moment.right, (-log(moment.right)).value(), {.label = label});
  }
  figure.panel({.title = "Loss: the mean of these over all flowers", .x = "step", .y_range = {.low = 0}})
      .curve(plot::counting(training.losses.size(), 0), training.losses);
}

// Is a flower of the third species, not the second, by the length of its sepals? The loss has two parameters,
// weight and bias: points (N, 2) to losses (N,).
struct Surface {
  Tensor length, third;  // float64 (1, M)

  Variable operator()(const Variable& points) const {
    const Variable z = matmul(points, concat({length, ones_like(length)}, 0));
    return mean(softplus(z) - z * third, {1});
  }
};

Surface make_surface(const Flowers& flowers) {
  const Variable others = flowers.species > 0;
  // From 5 cm on: the further the numbers are from 0, the narrower the valley.
  return {masked_select(flowers.sepals.to(float64) - 5, others).reshape({1, -1}).value(),
          masked_select(cast(flowers.species == 2, float64), others).reshape({1, -1}).value()};
}

struct Descent {
  std::vector<double> points, losses;  // the points are weight and bias in turn
};

Descent descend(const Surface& surface, double rate, Index steps) {
  Variable point(Tensor({-1.5, 2.5}, float64), {.requires_grad = true});
  Descent descent;
  for (Index step = 0; step <= steps; ++step) {
    const Variable loss = surface(point.reshape({1, 2}));
    descent.points.insert(descent.points.end(), {point.at({0}), point.at({1})});
    descent.losses.push_back(loss.item());
    point.set_value((point.detach() - rate * grad(loss, point)).value());
  }
  return descent;
}

// Where the loss is lowest: by Newton's method, which takes its steps from the curvature, too.
Tensor lowest(const Surface& surface) {
  const auto f = [&](const Variable& x) { return sum(surface(x.reshape({1, 2}))); };
  Variable point(zeros({2}, float64), {.requires_grad = true});
  for (int step = 0; step < 20; ++step) {
    const Variable slope = grad(f(point), point);
    point.set_value((point.detach() - linalg::solve(hessian(f, point.detach()), slope)).value());
  }
  return point.value().reshape({1, 2});
}

void compare_rates(plot::Figure& figure, const Flowers& flowers, example::Run& run) {
  const Surface surface = make_surface(flowers);
  const Tensor bottom = lowest(surface);
  const double minimum = surface(bottom).item();
  std::vector<Descent> descents;
  for (const double rate : {0.15, 2.5, 6.0}) {
    const Descent& descent = descents.emplace_back(descend(surface, rate, 50));
    char title[80];
    std::snprintf(title, sizeof title, "50 steps of rate %.2g: loss %.3f", rate, descent.losses.back());
    std::printf("%s, the lowest is %.3f\n", title, minimum);
    figure.panel({.title = title, .x = "weight", .y = "bias"})
        .contour([&](const Tensor& x) { return surface(x.to(float64)).value(); }, {-3, 5}, {-6, 4},
                 {.logarithmic = true, .colour_bar = false})
        .scatter(bottom, {.colour = "#333a44", .radius = 4, .opacity = 1})
        .path(Tensor::from(descent.points, {-1, 2}));
  }
  Index rises = 0;
  for (std::size_t i = 1; i < descents[2].losses.size(); ++i)
    rises += descents[2].losses[i] > descents[2].losses[i - 1];
  run.claim("small steps do not come near the lowest loss", descents[0].losses.back() > 1.05 * minimum);
  run.claim("steps of the right size come within 1 % of it", descents[1].losses.back() < 1.01 * minimum);
  run.claim("large ones go to and fro: the loss rises again and again, and stays high",
            rises > 10 && descents[2].losses.back() > 1.05 * minimum);
}

int main(int argc, char** argv) {
  example::Program program("softmax_classifier",
                           "What a loss means, and how gradient descent walks down it, step by step",
                           {.data = "iris", .epochs = 300});
  return program.run(argc, argv, [&](example::Run& run) {
    const Flowers flowers = read_flowers(run.data());
    data::StandardScaler scaler;
    scaler.fit(flowers.petals);
    manual_seed(run.seed);
    nn::Linear model(2, 3);
    const Training training = learn(model, scaler.transform(flowers.petals), flowers.species, run);
    run.save(model);
    bool same = true;
    for (const Moment& moment : training.moments) {
      same = same && std::abs(moment.loss + mean(log(moment.right)).item()) < 1e-4;
      std::printf("after %3lld steps: loss %.3f, probability of the right species %.3f to %.3f, mean %.3f\n",
                  static_cast<long long>(moment.step), moment.loss, min(moment.right).item(),
                  max(moment.right).item(), mean(moment.right).item());
    }
    run.claim("the loss is minus the mean logarithm of these probabilities", same);
    plot::Figure figure(
        {.title = "What a loss means", .subtitle = "irises; seed " + std::to_string(run.seed), .columns = 3});
    draw_training(figure, training, flowers, scaler);
    compare_rates(figure, flowers, run);
    run.draw(figure);
    run.figure("training accuracy", training.moments.back().accuracy, {.at_least = 0.93, .digits = 1});
  });
}
