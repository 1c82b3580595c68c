// Factors of 0, infinities, and counters at their end.
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/clip.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/schedule.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>

namespace {

using namespace xgrad;
using optim::Optimizer;
using test::leaf;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr Index last = std::numeric_limits<Index>::max();

using Make = std::function<std::unique_ptr<Optimizer>(const std::vector<Variable>&, double rate)>;

// Without weight decay.
const std::vector<std::pair<const char*, Make>> kinds = {
    {"SGD",
     [](const auto& p, double rate) {
       return std::make_unique<optim::SGD>(p, optim::SGDOptions{.learning_rate = rate});
     }},
    {"SGD with momentum",
     [](const auto& p, double rate) {
       return std::make_unique<optim::SGD>(
           p, optim::SGDOptions{.learning_rate = rate, .momentum = 0.9, .nesterov = true});
     }},
    {"Adam",
     [](const auto& p, double rate) {
       return std::make_unique<optim::Adam>(p, optim::AdamOptions{.learning_rate = rate});
     }},
    {"Adam, amsgrad",
     [](const auto& p, double rate) {
       return std::make_unique<optim::Adam>(p, optim::AdamOptions{.learning_rate = rate, .amsgrad = true});
     }},
    {"AdamW",
     [](const auto& p, double rate) {
       return std::make_unique<optim::AdamW>(p,
                                             optim::AdamWOptions{.learning_rate = rate, .weight_decay = 0});
     }},
    {"RMSprop",
     [](const auto& p, double rate) {
       return std::make_unique<optim::RMSprop>(p, optim::RMSpropOptions{.learning_rate = rate});
     }},
    {"RMSprop, centered with momentum",
     [](const auto& p, double rate) {
       return std::make_unique<optim::RMSprop>(
           p, optim::RMSpropOptions{.learning_rate = rate, .momentum = 0.9, .centered = true});
     }},
    {"Adagrad",
     [](const auto& p, double rate) {
       return std::make_unique<optim::Adagrad>(p, optim::AdagradOptions{.learning_rate = rate});
     }},
};

Tensor stepped(Optimizer& optimizer, Variable p, const Tensor& gradient, int steps = 1) {
  for (int t = 0; t < steps; ++t) {
    p.set_grad(Variable(gradient));
    optimizer.step();
  }
  return p.value();
}

}  // namespace

TEST_CASE("optim: a weight decay of 0 leaves an infinite parameter as it is") {
  for (const DType dtype : {float32, float64})
    for (const auto& [name, make] : kinds) {
      const std::string which(name);
      CAPTURE(which);
      const Tensor start = Tensor({inf, -inf, 1.0}, dtype);
      const Variable p = leaf(start);
      const auto optimizer = make({p}, 0.1);
      const Tensor value = stepped(*optimizer, p, Tensor({1.0, 1.0, 1.0}, dtype), 3);
      CHECK(value.at({0}) == inf);
      CHECK(value.at({1}) == -inf);
      CHECK(value.at({2}) < 1);
    }
}

TEST_CASE("optim: a learning rate of 0 moves nothing, whatever the gradient") {
  for (const DType dtype : {float32, float64})
    for (const auto& [name, make] : kinds) {
      const std::string which(name);
      CAPTURE(which);
      const Tensor start = Tensor({1.0, 2.0, 3.0, inf}, dtype);
      const Variable p = leaf(start);
      const auto optimizer = make({p}, 0);
      CHECK(bitwise_equal(stepped(*optimizer, p, Tensor({inf, not_a_number, -1.0, 1.0}, dtype), 3), start));
      // A rate that is 0 as a float is 0.
      const Variable q = leaf(start);
      const auto small = make({q}, 1e-300);
      if (dtype == float32)
        CHECK(bitwise_equal(stepped(*small, q, Tensor({inf, not_a_number, -1.0, 1.0}, dtype), 3), start));
    }
}

TEST_CASE("optim: a mean that remembers nothing forgets an infinite gradient") {
  const Tensor bad({inf}, float64), good({2.0}, float64);
  {
    const Variable p = leaf(zeros({1}, float64));
    optim::Adam adam({p}, {.learning_rate = 0, .beta1 = 0, .beta2 = 0});
    stepped(adam, p, bad);
    adam.set_learning_rate(1);
    CHECK(stepped(adam, p, good).item() == doctest::Approx(-1));
  }
  {
    const Variable p = leaf(zeros({1}, float64));
    optim::RMSprop rmsprop({p}, {.learning_rate = 0, .alpha = 0});
    stepped(rmsprop, p, bad);
    rmsprop.set_learning_rate(1);
    CHECK(stepped(rmsprop, p, good).item() == doctest::Approx(-1));
  }
  {
    // A dampening of 1 keeps later gradients out.
    const Variable p = leaf(zeros({1}, float64));
    optim::SGD sgd({p}, {.learning_rate = 1, .momentum = 0.5, .dampening = 1});
    stepped(sgd, p, good);
    CHECK(stepped(sgd, p, bad).item() == -3);
  }
  {
    // AdamW whose decay takes all.
    const Variable p = leaf(Tensor({inf}, float64));
    optim::AdamW adamw({p}, {.learning_rate = 1, .weight_decay = 1});
    CHECK(stepped(adamw, p, good).item() == doctest::Approx(-1));
  }
}

TEST_CASE("optim: the count of steps stays at the largest, and steps stay finite") {
  for (const auto& [name, make] : kinds) {
    const std::string which(name);
    CAPTURE(which);
    const Variable p = leaf(ones({2}));
    const auto optimizer = make({p}, 0.1);
    stepped(*optimizer, p, ones({2}));
    StateDict state = optimizer->state_dict();
    state.set("state.0.step", scalar(last - 1));
    optimizer->load_state_dict(state);
    double before = p.value().at({0});
    for (int t = 0; t < 3; ++t) {
      const double value = stepped(*optimizer, p, ones({2})).at({0});
      CHECK(std::isfinite(value));
      CHECK(value < before);
      before = value;
      CHECK(optimizer->state_dict().at("state.0.step").item<Index>() == last);
    }
  }
}

TEST_CASE("schedule: the step stays at the largest") {
  const Variable p = leaf(ones({1}));
  optim::SGD sgd({p}, {.learning_rate = 0.5});
  for (const optim::RateRule& rule :
       {optim::RateRule(optim::StepLR(2)), optim::RateRule(optim::CosineLR(last, 0.25)),
        optim::RateRule(optim::LinearWarmup(last)),
        optim::RateRule(optim::LinearWarmup(3, optim::CosineLR(7)))}) {
    optim::Schedule schedule(sgd, rule);
    StateDict state = schedule.state_dict();
    state.set("step", scalar(last - 1));
    schedule.load_state_dict(state);
    for (int t = 0; t < 3; ++t) {
      schedule.step();
      CHECK(schedule.steps() == last);
      CHECK(std::isfinite(sgd.learning_rate()));
    }
    sgd.set_learning_rate(0.5);
  }
  CHECK(optim::StepLR(1, 10)(0, last) == 0);
}

TEST_CASE("clip: a Variable that is the gradient of two parameters counts twice and is changed once") {
  const Variable gradient(Tensor({1.0}, float64));
  Variable a = leaf(zeros({1}, float64)), b = leaf(zeros({1}, float64));
  a.set_grad(gradient);
  b.set_grad(gradient);
  CHECK(optim::clip_grad_norm({a, b}, 1) == doctest::Approx(std::sqrt(2.0)).epsilon(1e-12));
  CHECK(a.grad().item() == doctest::Approx(std::sqrt(0.5)).epsilon(1e-5));
  CHECK(b.grad().item() == doctest::Approx(std::sqrt(0.5)).epsilon(1e-5));
  // A parameter that is listed twice, likewise.
  a.set_grad(Variable(Tensor({1.0}, float64)));
  CHECK(optim::clip_grad_norm({a, a}, 1) == doctest::Approx(std::sqrt(2.0)).epsilon(1e-12));
  CHECK(a.grad().item() == doctest::Approx(std::sqrt(0.5)).epsilon(1e-5));
  b.set_grad(a.grad());
  optim::clip_grad_value({a, b}, 0.25);
  CHECK(a.grad().item() == 0.25);
  CHECK(b.grad().item() == 0.25);
}
