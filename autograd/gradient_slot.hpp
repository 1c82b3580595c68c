// The place where a Variable's stored gradient lives.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <mutex>

namespace xgrad::detail {

/// into += gradient, broadcast to its shape: in place when nobody else can see `into`, recorded when a graph
/// is being created. An undefined `into` becomes the gradient.
void accumulate(Variable& into, Variable&& gradient, bool create_graph);

/// A gradient on its way to a slot.
struct Deposit {
  std::shared_ptr<GradientSlot> slot;
  Variable gradient;
  Variable before, sum;  // of a recorded sum: what was stored, and that plus the gradient
};

struct GradientSlot {
  std::mutex mutex;
  Variable gradient;
  VariableState* leaf = nullptr;       // whose slot this is, as long as it lives
  Ref<Node> frozen;                    // the leaf's node while it requires no gradient
  std::shared_ptr<GradientSlot> next;  // of those that wait to be destroyed

  /// False while the leaf is frozen. Throws GraphError when it has another shape or dtype by now than `meta`,
  /// which was recorded.
  bool takes(const OutputMeta& meta);
  void freeze(Ref<Node> node) {
    const std::scoped_lock lock(mutex);
    frozen = std::move(node);
  }
  /// The node of a frozen leaf, which is frozen no more.
  Ref<Node> thaw() {
    const std::scoped_lock lock(mutex);
    return std::move(frozen);
  }

  Variable load() {
    const std::scoped_lock lock(mutex);
    return gradient;
  }
  void store(Variable value) {
    const std::scoped_lock lock(mutex);
    gradient = std::move(value);
  }
  /// Takes the memory that add() needs, and leaves the stored gradient as it is.
  void prepare(Deposit& deposit, bool create_graph);
  /// Throws nothing after prepare(), unless another thread has come to share or change the stored gradient.
  void add(Deposit&& deposit, bool create_graph);
};

/// The slot that a variable shows, if there is one: its own, or the one that its node knows when this handle
/// was rebuilt from a saved value.
std::shared_ptr<GradientSlot> find_slot(const VariableState& state);
/// The slot of a variable that requires a gradient, made when there is none yet.
std::shared_ptr<GradientSlot> require_slot(const Variable& variable);

}  // namespace xgrad::detail
