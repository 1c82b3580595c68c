#include <xgrad/autograd/operand.hpp>

#include <xgrad/tensor/factory.hpp>

#include <algorithm>

namespace xgrad {

Variable Operand::as_variable(std::optional<DType> dtype) const {
  if (is_number()) return Variable(scalar(*number_, dtype.value_or(number_->dtype())));
  return variable();
}

DType result_type(std::initializer_list<const Operand*> operands) {
  // Category first: within the highest category, what has axes decides before scalars, and scalars before
  // numbers.
  const auto category = [](DType dtype) { return dtype == boolean ? 0 : is_floating(dtype) ? 2 : 1; };
  const auto weight = [](const Operand& x) { return x.is_number() ? 0 : x.variable().rank() == 0 ? 1 : 2; };
  int highest = 0;
  for (const Operand* x : operands) highest = std::max(highest, category(x->dtype()));
  std::optional<DType> by_weight[3];
  for (const Operand* x : operands)
    if (category(x->dtype()) == highest) {
      std::optional<DType>& slot = by_weight[weight(*x)];
      slot = slot ? promote(*slot, x->dtype()) : x->dtype();
    }
  return by_weight[2] ? *by_weight[2] : by_weight[1] ? *by_weight[1] : by_weight[0].value_or(float32);
}

}  // namespace xgrad
