// Variable: a handle on a value and on its place in the recorded graph.
// Invariant: copies of a Variable are the same variable: they share value, gradient and history.
// Defined in variable.cpp; backward() and grad() in backward.cpp; reshape, rows and to in ops/members.cpp.
#pragma once

#include <xgrad/autograd/node.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <optional>
#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

class Variable;

namespace detail {

struct VariableState {
  Tensor value;
  Ref<Node> node;
  std::uint32_t output;
  RefCount references;
  std::shared_ptr<GradientSlot> slot;

  VariableState(Tensor&& its_value, Ref<Node>&& its_node, std::uint32_t its_output)
      : value(std::move(its_value)), node(std::move(its_node)), output(its_output) {}

  void retain() { references.add(); }
  void release() {
    if (references.drop()) destroy();
  }

 private:
  void destroy();
  [[gnu::noinline]] void forget_slot();
};

struct Access;

}  // namespace detail

struct VariableOptions {
  bool requires_grad = false;
};

struct BackwardOptions;

/// Names a registered hook so that it can be removed. Keeps neither the hook nor the graph alive, and may be
/// dropped: the hook stays.
class HookHandle {
 public:
  HookHandle() = default;
  /// Removes the hook; harmless when done twice, or from inside the hook.
  void remove();

 private:
  friend class Variable;
  HookHandle(std::weak_ptr<detail::HookList> hooks, std::uint64_t id) : hooks_(std::move(hooks)), id_(id) {}

  std::weak_ptr<detail::HookList> hooks_;
  std::uint64_t id_ = 0;
};

/// A value that can take part in differentiation. Operations are free functions: sum(x), matmul(a, b), a + b.
/// All members but defined() and is() throw GraphError when it is undefined: default-constructed, moved from,
/// or the gradient of a variable that has none yet.
class [[nodiscard]] Variable {
 public:
  Variable() = default;
  /// A leaf that holds `value`. Throws DTypeError when a gradient is required of integers or bools.
  Variable(Tensor value, VariableOptions options = {}, Place place = Place::here());

  bool defined() const { return static_cast<bool>(state_); }
  const Tensor& value(Place place = Place::here()) const& { return checked(place).value; }
  Tensor value(Place place = Place::here()) const&& { return checked(place).value; }
  const Shape& shape(Place place = Place::here()) const& { return value(place).shape(); }
  Shape shape(Place place = Place::here()) const&& { return checked(place).value.shape(); }
  DType dtype(Place place = Place::here()) const { return value(place).dtype(); }
  Index rank(Place place = Place::here()) const { return value(place).rank(); }
  Index count(Place place = Place::here()) const { return value(place).count(); }
  /// Size along an axis; negative axes count from the end. Throws IndexError out of range.
  Index size(Index axis, Place place = Place::here()) const { return value(place).size(axis, place); }
  /// The only element. Throws ShapeError when there is not exactly one.
  template <class T = double>
  [[nodiscard]] T item(Place place = Place::here()) const {
    return value(place).item<T>(place);
  }
  /// The element at a full index; negative positions wrap. Throws IndexError with index, axis and size.
  template <class T = double>
  [[nodiscard]] T at(std::initializer_list<Index> index, Place place = Place::here()) const {
    return value(place).at<T>(index, place);
  }

  /// Tensor's members as operations, which are recorded: another shape, rows [begin, end) of the first axis,
  /// another dtype. They throw as Tensor's do.
  Variable reshape(const Shape& shape, Place place = Place::here()) const;
  Variable rows(Index begin, Index end, Place place = Place::here()) const;
  Variable to(DType dtype, Place place = Place::here()) const;

  bool requires_grad(Place place = Place::here()) const { return static_cast<bool>(checked(place).node); }
  bool is_leaf(Place place = Place::here()) const {
    return !checked(place).node || checked(place).node->is_leaf();
  }
  /// Turns gradients on or off for a leaf; one that is off takes none, from graphs recorded before either,
  /// and keeps its hooks. Throws GraphError on a non-leaf and DTypeError on integers and bools.
  void set_requires_grad(bool required, Place place = Place::here());

  /// The accumulated gradient of a leaf, or of a variable under retain_grad(); undefined where none has
  /// arrived.
  Variable grad(Place place = Place::here()) const;
  /// Replaces the gradient by the value given (an undefined Variable clears it). Throws ShapeError or
  /// DTypeError when it does not fit, and GraphError when it is this variable itself.
  void set_grad(const Variable& gradient, Place place = Place::here());
  void clear_grad(Place place = Place::here());
  /// Keeps the gradient of a non-leaf in later backward runs. Throws GraphError when no gradient is required.
  void retain_grad(Place place = Place::here());
  /// Calls `hook` with the complete gradient once per run, in order of registration; a defined result
  /// replaces it, while writing to what the hook is given changes nothing. What the hook keeps by value stays
  /// between calls. Throws GraphError when no gradient is required, ValueError on an empty hook.
  HookHandle add_hook(Callback<Variable(const Variable&)> hook, Place place = Place::here());

  /// The same value without history. Writing to either leaves the other unchanged.
  Variable detach(Place place = Place::here()) const;
  /// Replaces the value in place, for all handles, off the tape. Throws when shape or dtype differ.
  void set_value(Tensor value, Place place = Place::here());
  /// The elements for writing, off the tape, for all handles. Values saved by the tape are not affected.
  /// Throw DTypeError unless T is the dtype.
  template <Element T>
  T* mutable_data(Place place = Place::here()) & {
    return checked(place).value.template mutable_data<T>(place);
  }
  template <Element T>
  std::span<T> mutable_span(Place place = Place::here()) & {
    return checked(place).value.template mutable_span<T>(place);
  }
  template <Element T>
  T* mutable_data(Place place = Place::here()) && = delete;  // they may be gone: name the Variable first
  template <Element T>
  std::span<T> mutable_span(Place place = Place::here()) && = delete;  // as above

  /// Accumulates d(this)/d(leaf) into the leaves. Without a seed this must have one element; a seed has
  /// this's shape.
  void backward(Place place = Place::here()) const;
  void backward(const BackwardOptions& options, Place place = Place::here()) const;
  void backward(const Variable& seed, Place place = Place::here()) const;
  void backward(const Variable& seed, const BackwardOptions& options, Place place = Place::here()) const;

  /// True when both are handles on one variable.
  [[nodiscard]] bool is(const Variable& other) const { return state_ == other.state_; }
  /// The operation that produced this, "leaf", or "constant".
  const char* operation(Place place = Place::here()) const;

 private:
  friend struct detail::Access;
  explicit Variable(detail::Ref<detail::VariableState> state) : state_(std::move(state)) {}
  detail::VariableState& checked(Place place) const {
    if (!state_) reject_undefined(place);
    return *state_;
  }
  [[noreturn]] static void reject_undefined(Place place);

  detail::Ref<detail::VariableState> state_;
};

/// What a backward run keeps and reaches.
struct BackwardOptions {
  /// Accumulate into these only (throws ValueError when empty); without it into every leaf.
  std::optional<std::vector<Variable>> inputs = {};
  /// Keep saved values for another run. Default: as create_graph.
  std::optional<bool> retain_graph = {};
  /// Record the backward computation itself, so that gradients can be differentiated.
  bool create_graph = false;
};

/// Accumulates the sum of the roots' gradients into the leaves; `seeds` is empty or has one per root (an
/// undefined one stands for 1). Everything is validated before anything is changed.
void backward(const std::vector<Variable>& roots, const std::vector<Variable>& seeds = {},
              const BackwardOptions& options = {}, Place place = Place::here());

struct GradOptions {
  /// One per output, or empty: every output has one element.
  std::vector<Variable> seeds = {};
  std::optional<bool> retain_graph = {};
  bool create_graph = false;
  /// Return undefined for an input that the outputs do not depend on, instead of throwing GraphError.
  bool allow_unused = false;
};

/// Gradients of the sum of outputs with respect to `inputs` (leaves or not), in order. Stored gradients stay
/// as they are.
[[nodiscard]] std::vector<Variable> grad(const std::vector<Variable>& outputs,
                                         const std::vector<Variable>& inputs, const GradOptions& options = {},
                                         Place place = Place::here());
Variable grad(const Variable& output, const Variable& input, const GradOptions& options = {},
              Place place = Place::here());

/// The same of the values. An undefined Variable throws GraphError.
inline CheckResult allclose(const Variable& actual, const Variable& expected, const Tolerance& tolerance = {},
                            Place place = Place::here()) {
  return allclose(actual.value(place), expected.value(place), tolerance);
}
inline Tensor zeros_like(const Variable& like, Place place = Place::here()) {
  return zeros_like(like.value(place), place);
}
inline Tensor ones_like(const Variable& like, Place place = Place::here()) {
  return ones_like(like.value(place), place);
}
inline Tensor full_like(const Variable& like, Scalar value, Place place = Place::here()) {
  return full_like(like.value(place), value, place);
}

[[nodiscard]] std::string to_string(const Variable& variable);
std::ostream& operator<<(std::ostream& stream, const Variable& variable);
/// Writes the operation that made it, dtype, shape and elements to stderr, for use from a debugger.
void debug_print(const Variable& variable);

namespace detail {

/// The library's own way into a Variable.
struct Access {
  static Variable make(Tensor&& value, Ref<Node>&& node = {}, std::uint32_t output = 0);
  static Variable make(const Tensor& value, Ref<Node> node = {}, std::uint32_t output = 0) {
    return make(Tensor(value), std::move(node), output);
  }
  /// The handle of a new state.
  static Variable adopt(VariableState* state) { return Variable(Ref<VariableState>::adopt(state)); }
  static const Ref<VariableState>& state(const Variable& variable) { return variable.state_; }
  static VariableState& checked(const Variable& variable) { return variable.checked({}); }
  /// The value for writing, off the tape. Whoever gives a leaf another shape or dtype makes its node anew
  /// (nn::detail::replace_value): a backward run throws GraphError where it meets another than was recorded.
  static Tensor& mutable_value(const Variable& variable) { return checked(variable).value; }
  static Edge edge(const Variable& variable) {
    const VariableState& state = checked(variable);
    return {state.node, state.output};
  }
};

}  // namespace detail
}  // namespace xgrad
XGRAD_API_END
