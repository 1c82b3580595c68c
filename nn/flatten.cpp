#include <xgrad/nn/flatten.hpp>

#include <xgrad/autograd/ops/shape.hpp>

namespace xgrad::nn {

Variable Flatten::forward(const Variable& x) {
  const Operand input = at_call(x);
  if (order_ == FlattenOrder::as_stored) return flatten(input, first_, last_);
  const Scope scope("flatten", input.place());
  if (x.rank() != 4)
    fail<ShapeError>("expects images (N, H, W, C) in PyTorch's order, got x of shape " + to_string(x.shape()),
                     "what has no channels is flattened alike in both: nn::Flatten()");
  return flatten(permute(input, {0, 3, 1, 2}), 1);
}

std::string Flatten::describe() const {
  return Module::describe() + (order_ == FlattenOrder::pytorch ? "(PyTorch's order)" : "");
}

}  // namespace xgrad::nn
