#include <xgrad/autograd/gradient_slot.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/kernels/elementwise.hpp>

namespace xgrad::detail {

namespace {

// A handle and elements that nobody else holds, to be written in place.
Tensor& owned(Variable& variable) {
  if (!Access::state(variable)->references.unique()) variable = variable.detach();
  Tensor& value = Access::mutable_value(variable);
  value.mutable_raw();
  return value;
}

}  // namespace

void accumulate(Variable& into, Variable&& gradient, bool create_graph) {
  if (!into.defined())
    into = std::move(gradient);
  else if (create_graph)
    into = add(into, gradient);
  else
    kernels::add_to(owned(into), gradient.value());
}

void GradientSlot::prepare(Deposit& deposit, bool create_graph) {
  const std::scoped_lock lock(mutex);
  if (!gradient.defined()) return;
  if (create_graph) {
    deposit.before = gradient;
    deposit.sum = xgrad::add(gradient, deposit.gradient);
  } else {
    owned(gradient);
  }
}

void GradientSlot::add(Deposit&& deposit, bool create_graph) {
  const std::scoped_lock lock(mutex);
  if (deposit.sum.defined() && Access::state(gradient) == Access::state(deposit.before))
    gradient = std::move(deposit.sum);
  else
    accumulate(gradient, std::move(deposit.gradient), create_graph);
}

bool GradientSlot::takes(const OutputMeta& meta) {
  const std::scoped_lock lock(mutex);
  if (frozen) return false;
  if (leaf != nullptr && !meta.fits(leaf->value.shape(), leaf->value.dtype()))
    fail<GraphError>("a leaf was recorded as " + std::string(to_string(meta.dtype())) + " " +
                         to_string(meta.shape()) + ", but holds " + describe(leaf->value) + " by now",
                     "make a new leaf to change shape or dtype, or run backward before");
  return true;
}

std::shared_ptr<GradientSlot> find_slot(const VariableState& state) {
  if (state.slot) return state.slot;
  if (state.node && state.node->extras) {
    for (const auto& [output, slot] : state.node->extras->slots)
      if (output == state.output) {
        if (auto found = slot.lock()) return found;
      }
  }
  return nullptr;
}

std::shared_ptr<GradientSlot> require_slot(const Variable& variable) {
  VariableState& state = Access::checked(variable);
  if (auto slot = find_slot(state)) return slot;
  auto slot = std::make_shared<GradientSlot>();
  state.node->require_extras().slots.emplace_back(state.output, slot);
  state.slot = slot;
  return slot;
}

}  // namespace xgrad::detail
