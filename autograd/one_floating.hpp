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

/// Throws DTypeError that names the two, the first operand and a conversion of it.
[[noreturn]] void reject_mixture(std::initializer_list<NamedOperand> operands);

/// Throws DTypeError when operands that are defined and floating differ in dtype: promotion would silently
/// compute in float64 what was meant for float32. Integers are left to be converted.
inline void require_one_floating(std::initializer_list<NamedOperand> operands) {
  bool single = false, twice = false;
  for (const NamedOperand& operand : operands)
    if (operand.defined) {
      single |= operand.dtype == float32;
      twice |= operand.dtype == float64;
    }
  if (single && twice) reject_mixture(operands);
}

}  // namespace xgrad::detail
