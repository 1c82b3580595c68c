// Operand: what operations take. It converts from a Variable, a Tensor or a number and knows the caller's
// line.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad {

/// An argument of an operation, valid during the call. Numbers adapt to the dtype of the other operands.
class Operand {
 public:
  Operand(const Variable& variable, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : variable_(&variable), place_{file, line} {}
  /// A temporary is kept.
  Operand(Variable&& variable, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : owned_(std::move(variable)), place_{file, line} {}
  Operand(const Tensor& tensor, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : owned_(tensor.defined() ? Variable(tensor) : Variable()), place_{file, line} {}
  template <class T>
  requires std::is_arithmetic_v<T> Operand(T number, const char* file = __builtin_FILE(),
                                           int line = __builtin_LINE())
      : number_(number), place_{file, line} {}
  Operand(Scalar number, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : number_(number), place_{file, line} {}

  Place place() const { return place_; }
  bool is_number() const { return number_.has_value(); }
  Scalar number() const { return *number_; }
  /// The dtype, or a number's category (boolean, int64, float32).
  DType dtype() const { return is_number() ? number_->dtype() : variable().dtype(); }
  bool requires_grad() const { return !is_number() && variable().requires_grad(); }

  /// True when the Variable given is the caller's own.
  bool borrows() const { return variable_ != nullptr; }
  /// The Variable given; not for numbers.
  const Variable& variable() const& { return variable_ != nullptr ? *variable_ : owned_; }
  Variable variable() const&& { return variable(); }
  /// The operand as a Variable; a number becomes a scalar of `dtype` (default: its own category).
  Variable as_variable(std::optional<DType> dtype = {}) const;

 private:
  const Variable* variable_ = nullptr;
  Variable owned_;
  std::optional<Scalar> number_;
  Place place_;
};

/// The dtype of an operation on these operands, by PyTorch's rule: tensors with axes decide, then scalars,
/// then numbers, except that a higher category (boolean < integer < floating) always wins.
[[nodiscard]] DType result_type(std::initializer_list<const Operand*> operands);

}  // namespace xgrad
XGRAD_API_END
