#include <xgrad/autograd/one_floating.hpp>

#include <xgrad/tensor/error.hpp>

#include <string>

namespace xgrad::detail {

void reject_mixture(std::initializer_list<NamedOperand> operands) {
  const NamedOperand* first = nullptr;
  for (const NamedOperand& operand : operands) {
    if (!operand.defined || !is_floating(operand.dtype)) continue;
    if (first == nullptr) first = &operand;
    if (operand.dtype == first->dtype) continue;
    const std::string wanted(to_string(operand.dtype));
    fail<DTypeError>(std::string(first->name) + " is " + std::string(to_string(first->dtype)) + ", " +
                         operand.name + " is " + wanted + ": expects one floating type",
                     "convert with cast(" + std::string(first->name) + ", " + wanted +
                         "), or a module with to(" + std::string(to_string(first->dtype)) + ")");
  }
  fail<DTypeError>("expects operands of one floating type");
}

}  // namespace xgrad::detail
