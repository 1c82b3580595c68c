// Second derivatives at work: Newton's method with exact Hessians, and a penalty on the size of a gradient.
#include <xgrad/autograd/functional.hpp>
#include <xgrad/autograd/ops/decompositions.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdio>

using namespace xgrad;

// Rosenbrock's banana valley, with its minimum 0 at (1, 1).
Variable rosenbrock(const Variable& x) {
  const auto parts = unbind(x);
  return square(1 - parts[0]) + 100 * square(parts[1] - square(parts[0]));
}

bool newton() {
  std::puts("Newton's method on Rosenbrock's function");
  Variable x(Tensor({-1.2, 1.0}, float64), {.requires_grad = true});
  for (int step = 0; step < 8; ++step) {
    const Variable value = rosenbrock(x);
    std::printf("  step %d  x = (%9.6f, %9.6f)  f = %.3e\n", step, x.value().at({0}), x.value().at({1}),
                value.item());
    const Variable gradient = grad(value, x);
    x.set_value((x.detach() - linalg::solve(hessian(rosenbrock, x.detach()), gradient)).value());
  }
  return rosenbrock(x.detach()).item() < 1e-20;
}

struct Mlp : nn::Module {
  nn::Linear hidden{1, 32};
  nn::Linear output{32, 1};
  Variable forward(const Variable& x) override { return output(tanh(hidden(x))); }
  void visit(nn::Visitor& v) override {
    v("hidden", hidden);
    v("output", output);
  }
};

struct Fit {
  double slope_error;  // mean of (|slope| - 1)^2
  double distance;     // mean of (fit - |x|)^2
};

// Fits noisy samples of |x|; the penalty keeps the slope of the fit near 1 in size.
Fit fit(double penalty_weight) {
  manual_seed(3);
  Mlp model;
  const Variable x(linspace(-1, 1, 64), {.requires_grad = true});
  const Variable inputs = reshape(x, {64, 1});
  const Variable truth = abs(inputs.detach());
  const Variable target = truth + normal({64, 1}, 0, 0.3);
  optim::Adam optimizer(model.parameters(), {.learning_rate = 0.02});
  Fit result{};
  for (int step = 0; step < 1000; ++step) {
    optimizer.zero_grad();
    const Variable prediction = model(inputs);
    // The gradient of the outputs with respect to the inputs, itself differentiable.
    const Variable slope = grad(sum(prediction), x, {.create_graph = true});
    const Variable slope_error = mean(square(abs(slope) - 1));
    (nn::mse_loss(prediction, target) + penalty_weight * slope_error).backward();
    optimizer.step();
    result = {slope_error.item(), nn::mse_loss(prediction, truth).item()};
  }
  return result;
}

int main() {
  const bool converged = newton();
  const Fit without = fit(0), with = fit(0.1);
  std::puts("\nA fit of noisy samples of |x|     (|slope| - 1)^2    (fit - |x|)^2");
  std::printf("  without a gradient penalty      %15.4f  %15.4f\n", without.slope_error, without.distance);
  std::printf("  with it                         %15.4f  %15.4f\n", with.slope_error, with.distance);
  return converged && with.slope_error < without.slope_error && with.distance < without.distance ? 0 : 1;
}
