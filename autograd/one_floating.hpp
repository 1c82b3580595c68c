// The rule for data beside weights: a layer computes in one floating type, that of its weights.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <initializer_list>

namespace xgrad::detail {

/// An operand under the name that its operation gives it.
struct NamedOperand {
  const char* name;
  DType dtype;
  bool defined = true;

  NamedOperand(const char* its_name, const Variable& variable)
      : name(its_name), dtype(variable.defined() ? variable.dtype() : boolean), defined(variable.defined()) {}
  NamedOperand(const char* its_name, const Tensor& tensor)
      : name(its_name), dtype(tensor.dtype()), defined(tensor.defined()) {}
};

/// Throws DTypeError that names the two and a conversion of the first.
[[noreturn]] void reject_mixture(const NamedOperand& first, const NamedOperand& other);

/// Throws DTypeError when operands that are defined and floating differ in dtype: promotion would silently
/// compute in float64 what was meant for float32. Integers are left to be converted.
inline void require_one_floating(std::initializer_list<NamedOperand> operands) {
  const NamedOperand* first = nullptr;
  for (const NamedOperand& operand : operands) {
    if (!operand.defined || !is_floating(operand.dtype)) continue;
    if (first == nullptr) first = &operand;
    if (operand.dtype != first->dtype) reject_mixture(*first, operand);
  }
}

}  // namespace xgrad::detail
