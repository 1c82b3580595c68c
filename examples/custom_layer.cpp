// A layer of one's own: a struct with parameters, a forward and a visit. Here a radial basis layer, which
// answers most where the input is near one of its centres.
#include <xgrad/nn/check.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/loss.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/xgrad.hpp>

#include <cstdio>

using namespace xgrad;

// y_j = exp(-exp(s_j) |x - c_j|^2) for x (N, in) -> (N, out).
struct RadialBasis : nn::Module {
  nn::Parameter centres;
  nn::Parameter log_sharpness;

  RadialBasis(Index in, Index out) : centres(uniform({out, in}, -2, 2)), log_sharpness(zeros({out})) {}

  Variable forward(const Variable& x) override {
    const Variable distance = sum(square(unsqueeze(x, 1) - centres), -1);
    return exp(-exp(log_sharpness) * distance);
  }
  void visit(nn::Visitor& v) override {
    v("centres", centres);
    v("log_sharpness", log_sharpness);
  }
};

struct Model : nn::Module {
  RadialBasis basis{2, 24};
  nn::Linear output{24, 1};

  Variable forward(const Variable& x) override { return output(basis(x)); }
  void visit(nn::Visitor& v) override {
    v("basis", basis);
    v("output", output);
  }
};

int main() {
  manual_seed(1);
  Model model;

  // Verify the layer in float64 before training it: parameters against finite differences, and visit against
  // forward.
  Model precise = model;
  precise.to(float64);
  const Variable sample(uniform({4, 2}, -2, 2, float64));
  const auto gradients = gradcheck_leaves([&] { return precise(sample); }, precise.parameters());
  const auto listing = nn::check_parameters(precise, sample);
  std::printf("gradients: %s\nparameters: %s\n", gradients ? "checked" : gradients.text.c_str(),
              listing ? "all listed" : listing.text.c_str());

  // Learn sin(x) cos(y) from samples.
  const Variable points(uniform({512, 2}, -2, 2));
  const Variable target = sin(slice(points, 1, {0, 1})) * cos(slice(points, 1, {1, 2}));
  optim::Adam optimizer(model.parameters(), {.learning_rate = 0.02});
  double loss_value = 0;
  for (int step = 0; step <= 600; ++step) {
    optimizer.zero_grad();
    const Variable loss = nn::mse_loss(model(points), target);
    loss.backward();
    optimizer.step();
    loss_value = loss.item();
    if (step % 100 == 0) std::printf("step %3d  loss %.6f\n", step, loss_value);
  }
  return gradients && listing && loss_value < 1e-3 ? 0 : 1;
}
