// Parameter and Buffer: the numbers a module owns, with value semantics.
// Invariant: two Parameters are never handles on one variable, so copies of a module train independently.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <concepts>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// A tensor that is part of a module's state and is not trained. A Tensor is a value, so copies are
/// independent.
using Buffer = Tensor;

/// A trainable leaf that is a value: copying it copies the number (O(1), copy-on-write) into a new leaf,
/// moving it keeps the leaf. A Variable made from it (`Variable handle = weight;`) is a handle on it, as an
/// optimizer holds. To share one parameter between modules, make the member a plain Variable, hold the owner
/// in a std::shared_ptr, or use one module's parameter in the other's forward. Its value is changed with
/// set_value() or mutable_data<T>(), off the tape; `weight *= 0.5` does not compile. A Variable& to it is no
/// protection: an assignment there puts another variable in its place.
class Parameter : public Variable {
 public:
  /// Undefined: stands for a parameter that the module does without. Visitors pass over it.
  Parameter() = default;
  /// A leaf that requires a gradient. Throws DTypeError when `value` is not floating.
  explicit Parameter(Tensor value, Place place = Place::here())
      : Variable(std::move(value), {.requires_grad = true}, place) {}
  Parameter(const Parameter& other);
  Parameter(Parameter&&) noexcept = default;
  /// Copies the value into this leaf, so that handles on it stay in use; its gradient is cleared.
  Parameter& operator=(const Parameter& other);
  Parameter& operator=(Parameter&&) noexcept = default;
  ~Parameter() = default;

  // What would put another variable in the place of the leaf that optimizers hold does not compile.
  template <std::same_as<Variable> V>
  Parameter& operator=(const V& other) = delete;  // to change the value: weight.set_value(other.value())
};
Parameter& operator+=(Parameter& weight, const Operand& y) = delete;  // use weight.set_value(...)
Parameter& operator-=(Parameter& weight, const Operand& y) = delete;  // use weight.set_value(...)
Parameter& operator*=(Parameter& weight, const Operand& y) = delete;  // use weight.set_value(...)
Parameter& operator/=(Parameter& weight, const Operand& y) = delete;  // use weight.set_value(...)
Parameter& operator%=(Parameter& weight, const Operand& y) = delete;  // use weight.set_value(...)

}  // namespace xgrad::nn
XGRAD_API_END
