#include <xgrad/autograd/one_floating.hpp>

#include <xgrad/tensor/error.hpp>

#include <string>

namespace xgrad::detail {

void reject_mixture(const NamedOperand& first, const NamedOperand& other) {
  const std::string given(to_string(first.dtype)), wanted(to_string(other.dtype));
  fail<DTypeError>(std::string(first.name) + " is " + given + ", " + other.name + " is " + wanted +
                       ": expects one floating type",
                   "convert with cast(" + std::string(first.name) + ", " + wanted +
                       "), or a module with to(" + given + ")");
}

}  // namespace xgrad::detail
