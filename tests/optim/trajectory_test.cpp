// Every optimizer against 1,000-step trajectories made independently of the library.
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/tensor/factory.hpp>

#include <goldens/optim.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <set>

namespace {

using namespace xgrad;

using Make = std::function<std::unique_ptr<optim::Optimizer>(const Variable&)>;

template <class O, class Options>
Make make(Options options) {
  return [options](const Variable& p) { return std::make_unique<O>(std::vector{p}, options); };
}

const std::map<std::string, Make> runs = {
    {"sgd", make<optim::SGD>(optim::SGDOptions{.learning_rate = 0.01})},
    {"sgd_momentum", make<optim::SGD>(optim::SGDOptions{.learning_rate = 0.01, .momentum = 0.9})},
    {"sgd_dampening", make<optim::SGD>(optim::SGDOptions{
                          .learning_rate = 0.05, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.1})},
    {"sgd_nesterov", make<optim::SGD>(optim::SGDOptions{
                         .learning_rate = 0.01, .momentum = 0.9, .weight_decay = 0.05, .nesterov = true})},
    {"sgd_maximize",
     make<optim::SGD>(optim::SGDOptions{.learning_rate = 0.01, .momentum = 0.5, .maximize = true})},
    {"adam", make<optim::Adam>(optim::AdamOptions{.learning_rate = 0.01})},
    {"adam_decay",
     make<optim::Adam>(optim::AdamOptions{
         .learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1})},
    {"adam_amsgrad",
     make<optim::Adam>(optim::AdamOptions{.learning_rate = 0.02, .beta2 = 0.9, .amsgrad = true})},
    {"adamw", make<optim::AdamW>(optim::AdamWOptions{.learning_rate = 0.01})},
    {"adamw_amsgrad",
     make<optim::AdamW>(optim::AdamWOptions{
         .learning_rate = 0.02, .beta1 = 0.7, .beta2 = 0.99, .weight_decay = 0.3, .amsgrad = true})},
    {"rmsprop", make<optim::RMSprop>(optim::RMSpropOptions{.learning_rate = 0.01})},
    {"rmsprop_centered", make<optim::RMSprop>(optim::RMSpropOptions{
                             .learning_rate = 0.005, .alpha = 0.9, .eps = 1e-2, .centered = true})},
    {"rmsprop_momentum",
     make<optim::RMSprop>(optim::RMSpropOptions{.learning_rate = 0.002, .momentum = 0.9})},
    {"rmsprop_all", make<optim::RMSprop>(
                        optim::RMSpropOptions{.learning_rate = 0.002,
                                              .alpha = 0.95,
                                              .eps = 1e-2,
                                              .weight_decay = 0.1,
                                              .momentum = 0.8,
                                              .centered = true})},
    {"adagrad", make<optim::Adagrad>(optim::AdagradOptions{.learning_rate = 0.1})},
    {"adagrad_all", make<optim::Adagrad>(optim::AdagradOptions{.learning_rate = 0.2,
                                                               .learning_rate_decay = 0.01,
                                                               .weight_decay = 0.1,
                                                               .initial_accumulator_value = 0.5,
                                                               .eps = 1e-3})},
};

// The noisy bowl of optim.py.
std::vector<double> bowl(const std::vector<double>& p, int t) {
  constexpr double curvature[] = {1.0, 0.1, 3.0, 0.5}, center[] = {1.0, -2.0, 0.5, 3.0};
  std::vector<double> gradient;
  for (int i = 0; i < 4; ++i) {
    const double noise = ((7 * t + 3 * i) % 11 - 5) / 10.0;
    gradient.push_back(curvature[i] * (p[static_cast<std::size_t>(i)] - center[i]) + noise);
  }
  return gradient;
}

// The largest difference from the golden trajectory at any checkpoint.
double worst_difference(const std::string& name, DType dtype) {
  Variable p(zeros({4}, dtype), {.requires_grad = true});
  const auto optimizer = runs.at(name)(p);
  const double sign = name == "sgd_maximize" ? -1 : 1;
  double worst = 0;
  std::size_t checkpoint = 0;
  for (int t = 1; t <= goldens::optim_checkpoints.back(); ++t) {
    const Tensor value = p.value().to(float64);
    std::vector<double> gradient = bowl({value.span<double>().begin(), value.span<double>().end()}, t);
    for (double& g : gradient) g *= sign;
    p.set_grad(Variable(Tensor::from(gradient, {4}).to(dtype)));
    optimizer->step();
    if (t != goldens::optim_checkpoints[checkpoint]) continue;
    const auto& golden = goldens::optim.at(name)[checkpoint++];
    for (std::size_t i = 0; i < 4; ++i)
      worst = std::max(
          worst, std::abs(p.value().to(float64).span<double>()[static_cast<std::size_t>(i)] - golden[i]));
  }
  CHECK(checkpoint == goldens::optim_checkpoints.size());
  return worst;
}

}  // namespace

TEST_CASE("optim: 1,000 steps follow the published formulas") {
  for (const auto& row : goldens::optim) {
    const auto& name = row.first;
    CAPTURE(name);
    REQUIRE(runs.count(name) == 1);
    CHECK(worst_difference(name, float64) < 1e-12);
    const double single = worst_difference(name, float32);
    CHECK(single < 1e-4);
    CHECK(single > 0);
  }
  CHECK(runs.size() == goldens::optim.size());
}

TEST_CASE("optim: the defaults are PyTorch's") {
  CHECK(optim::SGDOptions{}.learning_rate == 1e-3);
  CHECK(optim::AdamOptions{}.learning_rate == 1e-3);
  CHECK(optim::AdamOptions{}.beta1 == 0.9);
  CHECK(optim::AdamOptions{}.beta2 == 0.999);
  CHECK(optim::AdamOptions{}.eps == 1e-8);
  CHECK(optim::AdamOptions{}.weight_decay == 0);
  CHECK(optim::AdamWOptions{}.weight_decay == 1e-2);
  CHECK(optim::RMSpropOptions{}.learning_rate == 1e-2);
  CHECK(optim::RMSpropOptions{}.alpha == 0.99);
  CHECK(optim::AdagradOptions{}.learning_rate == 1e-2);
  CHECK(optim::AdagradOptions{}.eps == 1e-10);
}

TEST_CASE("optim: a constant gradient does not make centered RMSprop's variance negative") {
  Variable p(zeros({1}, float32), {.requires_grad = true});
  optim::RMSprop optimizer({p}, {.alpha = 0.9, .centered = true});
  for (int t = 0; t < 500; ++t) {
    p.set_grad(Variable(full({1}, 0.3)));
    optimizer.step();
    REQUIRE(std::isfinite(p.item()));
  }
}
