// Function: a differentiable function whose backward is written by hand.
//
//   const Function cube("cube",
//       [](FunctionForward& f, const std::vector<Variable>& x) {
//         f.save(x[0]);
//         return std::vector{x[0] * x[0] * x[0]};
//       },
//       [](const FunctionBackward& b) {
//         return std::vector{3 * b.saved(0) * b.saved(0) * b.gradient()};
//       });
//   Variable y = cube(x);
//
// A gradient of zero times an infinite slope is NaN here, as in any product; map() keeps it zero.
#pragma once

#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

#include <memory>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

/// What the forward of a Function may note for its backward.
class FunctionForward {
 public:
  /// Keeps the present value of an input, an output or an intermediate; backward finds it unchanged as
  /// saved(0), saved(1), ... in this order, and undefined where an undefined Variable was given.
  /// Intermediates, and inputs or outputs that are written to, have no history: asking for one while a graph
  /// is being created throws GraphError.
  void save(const Variable& value) {
    saved_.emplace_back(value, value.defined() ? Tensor(value.value()) : Tensor());
  }
  /// This output takes no part in differentiation.
  void mark_non_differentiable(const Variable& output) { constants_.push_back(output); }

 private:
  friend class Function;
  std::vector<std::pair<Variable, Tensor>> saved_;
  std::vector<Variable> constants_;
};

/// What the backward of a Function sees: handles of its own, so that writing to them changes nothing else.
class FunctionBackward {
 public:
  /// The gradient of output k; where none has arrived zeros, or undefined under {.zero_gradients = false}.
  Variable gradient(std::size_t k = 0) const;
  /// The value saved as number i.
  Variable saved(std::size_t i) const;
  /// True when the gradient of input i will be used.
  bool needs(std::size_t i) const;

 private:
  friend class Function;
  struct SavedAs {
    enum { input, output, intermediate, undefined } kind;
    std::size_t index;
  };
  FunctionBackward(Backward& rule, const std::vector<SavedAs>& saved, bool zero_gradients)
      : rule_(rule), saved_(saved), zero_gradients_(zero_gradients) {}

  Backward& rule_;
  const std::vector<SavedAs>& saved_;
  bool zero_gradients_;
};

struct FunctionOptions {
  /// The backward uses values off the tape: a second derivative throws GraphError instead of being wrong.
  bool first_order_only = false;
  /// Undefined incoming gradients are given to backward as zeros.
  bool zero_gradients = true;
};

/// See the head of this file. At most 32 inputs and saved values together, and 32 outputs. Copies share the
/// two function objects, and so what these keep by value.
class Function {
 public:
  /// Runs without recording; returns the outputs.
  using ForwardFunction = Callback<std::vector<Variable>(FunctionForward&, const std::vector<Variable>&)>;
  /// Returns one gradient per input, of the input's dtype (DTypeError otherwise: nothing is cast) and of its
  /// shape or one that is summed to it; undefined means no contribution, and undefined ones may follow the
  /// last.
  using BackwardFunction = Callback<std::vector<Variable>(const FunctionBackward&)>;

  /// `name` must outlive the graph: a string literal. Without a backward, using it in a backward run throws
  /// GraphError. Throws ValueError on an empty forward.
  Function(const char* name, ForwardFunction forward, BackwardFunction backward = nullptr,
           FunctionOptions options = {}, Place place = Place::here());
  // Copies alone: one that is moved from stays as it was.
  Function(const Function&) = default;
  Function& operator=(const Function&) = default;
  ~Function() = default;

  /// All outputs.
  [[nodiscard]] std::vector<Variable> apply(const std::vector<Variable>& inputs,
                                            Place place = Place::here()) const;
  /// The only output. Throws ValueError when there is not exactly one.
  template <class... Others>
  requires(std::convertible_to<Others, Operand>&&...) Variable operator()(const Operand& first,
                                                                          const Others&... others) const {
    return only(apply({first.as_variable(), Operand(others).as_variable()...}, first.place()), first.place());
  }

 private:
  Variable only(std::vector<Variable> outputs, Place place) const;

  struct Parts {
    const char* name;
    ForwardFunction forward;
    BackwardFunction backward;
    FunctionOptions options;
  };
  std::shared_ptr<const Parts> parts_;
};

}  // namespace xgrad
XGRAD_API_END
