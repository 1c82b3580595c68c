// Parameter and Buffer: the numbers a module owns, with value semantics.
// Invariant: two Parameters are never handles on one variable, so copies of a module train independently.
#pragma once

#include <xgrad/autograd/variable.hpp>

namespace xgrad::nn {

/// A tensor that is part of a module's state and is not trained. A Tensor is a value, so copies are
/// independent.
using Buffer = Tensor;

/// A trainable leaf that is a value: copying it copies the number (O(1), copy-on-write) into a new leaf,
/// moving it keeps the leaf. A Variable made from it (`Variable handle = weight;`) is a handle on it, as an
/// optimizer holds. To share one parameter between modules, make the member a plain Variable, hold the owner
/// in a std::shared_ptr, or use one module's parameter in the other's forward.
class Parameter : public Variable {
 public:
  /// Undefined: stands for a parameter that the module does without. Visitors pass over it.
  Parameter() = default;
  /// A leaf that requires a gradient. Throws DTypeError when `value` is not floating.
  explicit Parameter(Tensor value) : Variable(std::move(value), {.requires_grad = true}) {}
  Parameter(const Parameter& other);
  Parameter(Parameter&&) noexcept = default;
  /// Copies the value into this leaf, so that handles on it stay in use; its gradient is cleared.
  Parameter& operator=(const Parameter& other);
  Parameter& operator=(Parameter&&) noexcept = default;
  ~Parameter() = default;
};

namespace detail {

/// Gives a leaf another value, of any shape and dtype, for all handles; a gradient that no longer fits is
/// cleared.
void replace_value(Variable& leaf, Tensor value);

}  // namespace detail
}  // namespace xgrad::nn
