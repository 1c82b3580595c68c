#include <xgrad/autograd/operand.hpp>

#include <xgrad/autograd/meeting.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad {

Variable Operand::as_variable(std::optional<DType> dtype) const {
  if (is_number()) return Variable(scalar(*number_, dtype.value_or(number_->dtype())));
  return variable();
}

DType result_type(std::initializer_list<const Operand*> operands) {
  Meeting meeting;
  for (const Operand* x : operands) {
    if (x->is_number())
      meeting.add_number(x->number());
    else
      meeting.add(x->variable());
  }
  return meeting.type();
}

}  // namespace xgrad
