// Will a learner pass the driving test? The network of introductory articles: three features, two hidden
// neurons, one output whose sigmoid is the probability. First with weights set by hand, then trained.
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdio>

using namespace xgrad;

// Features: lessons taken (in tens), kilometres driven (in thousands), part of the theory questions answered
// right.
struct DrivingTest : nn::Module {
  nn::Linear hidden{3, 2};
  nn::Linear output{2, 1};

  /// The pre-activation of the output, (N, 1): sigmoid() of it is the probability.
  Variable forward(const Variable& learners) override { return output(relu(hidden(learners))); }
  void visit(nn::Visitor& v) override {
    v("hidden", hidden);
    v("output", output);
  }
};

// A beginner, and a learner with 30 lessons, 1,100 km and 96.5 % of the theory.
const Tensor two_learners{{0.0, 0.0, 0.0}, {3.0, 1.1, 0.965}};

bool weights_by_hand() {
  DrivingTest model;
  model.hidden.weight.set_value(Tensor{{0.4, 0.6, 0.0}, {0.0, 0.5, 1.0}});
  model.hidden.bias.set_value(Tensor{0.1, 0.1});
  model.output.weight.set_value(Tensor{{2.0, 1.5}});
  model.output.bias.set_value(Tensor{-3.35});

  const Variable learners(two_learners, {.requires_grad = true});
  const Variable score = model(learners), probability = sigmoid(score);
  const Variable slope = grad(sum(probability), learners);
  std::puts("Weights set by hand");
  std::puts("  learner     pre-activation   probability   gain per 10 lessons, 1,000 km, theory");
  const char* const names[] = {"beginner", "prepared"};
  for (Index i = 0; i < 2; ++i)
    std::printf("  %s   %15.4f   %9.2f %%   %+19.3f %+9.3f %+7.3f\n", names[i], score.value().at({i, 0}),
                100 * probability.value().at({i, 0}), slope.value().at({i, 0}), slope.value().at({i, 1}),
                slope.value().at({i, 2}));

  const auto percent = [&](Index i) { return std::round(1e4 * probability.value().at({i, 0})) / 100; };
  return percent(0) == 4.74 && percent(1) == 95.22;
}

struct Learners {
  Variable features;
  Variable passed;
};

// Who has practice and theory enough passes, give or take a little luck.
Learners generate(Index count) {
  const Tensor features =
      concat({uniform({count, 1}, 0, 4), uniform({count, 1}, 0, 2), uniform({count, 1})}, 1).value();
  const Variable practice = matmul(features, Tensor{{0.5}, {0.8}, {0.0}}),
                 theory = slice(features, 1, {2, 3});
  const Variable margin = minimum(practice - 1.4, 3 * (theory - 0.4)) + normal({count, 1}, 0, 0.1);
  return {features, cast(margin > 0, float32)};
}

double accuracy(DrivingTest& model, const Learners& learners) {
  const NoGrad no_grad;
  return mean(cast((model(learners.features) > 0) == (learners.passed > 0.5), float32)).item();
}

bool trained() {
  manual_seed(5);
  DrivingTest model;
  const Learners training = generate(1000), test = generate(500);
  optim::Adam optimizer(model.parameters(), {.learning_rate = 0.03});
  std::printf("\nTrained on 1,000 learners, %.0f %% of whom passed\n", 100 * mean(training.passed).item());
  for (int step = 0; step <= 800; ++step) {
    optimizer.zero_grad();
    const Variable loss = nn::bce_with_logits(model(training.features), training.passed);
    loss.backward();
    optimizer.step();
    if (step % 200 == 0) std::printf("  step %3d  loss %.4f\n", step, loss.item());
  }
  const double right = accuracy(model, test);
  const Variable probability = sigmoid(model(two_learners));
  std::printf("  %.1f %% of 500 other learners judged right; beginner %.1f %%, prepared %.1f %%\n",
              100 * right, 100 * probability.value().at({0, 0}), 100 * probability.value().at({1, 0}));
  return right > 0.9;
}

int main() {
  const bool by_hand = weights_by_hand();
  return trained() && by_hand ? 0 : 1;
}
