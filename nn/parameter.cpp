#include <xgrad/nn/parameter.hpp>

#include <xgrad/nn/replace_value.hpp>

namespace xgrad::nn {
namespace detail {

void replace_value(Variable& leaf, Tensor value) {
  if (value.shape() == leaf.shape() && value.dtype() == leaf.dtype()) {
    xgrad::detail::Access::mutable_value(leaf) = std::move(value);
    return;
  }
  // The leaf's node describes shape and dtype: it is made anew, under the same variable.
  const bool trainable = leaf.requires_grad();
  leaf.clear_grad();
  leaf.set_requires_grad(false);
  xgrad::detail::Access::mutable_value(leaf) = std::move(value);
  leaf.set_requires_grad(trainable);
}

}  // namespace detail

Parameter::Parameter(const Parameter& other)
    : Variable(other.defined() ? Variable(other.value(), {.requires_grad = other.requires_grad()})
                               : Variable()) {}

Parameter& Parameter::operator=(const Parameter& other) {
  if (this == &other) return *this;
  if (!defined() || !other.defined()) return *this = Parameter(other);
  clear_grad();
  detail::replace_value(*this, other.value());
  set_requires_grad(other.requires_grad());
  return *this;
}

}  // namespace xgrad::nn
