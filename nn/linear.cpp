#include <xgrad/nn/linear.hpp>

#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>

namespace xgrad::nn {

Linear::Linear(Index in, Index out, LinearOptions options, Place place) {
  const Scope scope("Linear", place);
  if (in < 0 || out < 0)
    fail<ValueError>("expects sizes of at least 0, got in = " + std::to_string(in) +
                     ", out = " + std::to_string(out));
  const double bound = in > 0 ? 1 / std::sqrt(static_cast<double>(in)) : 0;
  weight = Parameter(uniform({out, in}, -bound, bound, options.dtype));
  if (options.bias) bias = Parameter(uniform({out}, -bound, bound, options.dtype));
}

Variable Linear::forward(const Variable& x) { return linear(at_call(x), weight, bias); }

void Linear::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Linear::describe() const {
  if (!weight.defined()) return Module::describe();
  return "Linear(" + std::to_string(weight.size(1)) + ", " + std::to_string(weight.size(0)) +
         (bias.defined() ? ")" : ", no bias)");
}

}  // namespace xgrad::nn
