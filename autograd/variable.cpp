#include <xgrad/autograd/variable.hpp>

#include <xgrad/autograd/checkpoint_frame.hpp>
#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/hook_list.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/new_variable.hpp>
#include <xgrad/tensor/memory_blocks.hpp>

#include <algorithm>
#include <atomic>
#include <iostream>

namespace xgrad {
namespace detail {
namespace {

void check_differentiable(DType dtype, Place place) {
  if (!is_floating(dtype))
    fail_at<DTypeError>(
        place,
        "only float32 and float64 variables can require a gradient, got " + std::string(to_string(dtype)),
        "convert with cast(x, float32)");
}

Ref<Node> new_leaf(const VariableState& state) {
  Ref<Node> node = Ref<Node>::adopt(Node::create({"leaf"}, {&state.value, 1}, saves_nothing, sizeof(Node)));
  node->require_extras().slots.emplace_back(0, state.slot);
  return node;
}

void make_leaf(VariableState& state, Place place) {
  check_differentiable(state.value.dtype(), place);
  if (!state.slot) state.slot = std::make_shared<GradientSlot>();
  state.slot->leaf = &state;
  if (Ref<Node> former = state.slot->thaw()) {
    if (former->outputs()[0].fits(state.value.shape(), state.value.dtype())) {
      state.node = std::move(former);
      return;
    }
    // The node describes shape and dtype, so it is made anew; the hooks are the variable's.
    state.node = new_leaf(state);
    state.node->extras->hooks = former->extras->hooks;
    return;
  }
  state.node = new_leaf(state);
}

}  // namespace

Variable Access::make(Tensor&& value, Ref<Node>&& node, std::uint32_t output) {
  return new_variable(std::move(value), std::move(node), output);
}

void VariableState::forget_slot() {
  if (slot->leaf == this) {
    const std::scoped_lock lock(slot->mutex);
    slot->leaf = nullptr;
  }
  // Without recursion: a gradient may have a gradient of its own, and so on. Slots that go while one is being
  // destroyed on this thread wait in a list.
  constinit static thread_local std::shared_ptr<GradientSlot>* waiting = nullptr;
  if (waiting != nullptr) {
    slot->next = std::move(*waiting);
    *waiting = std::move(slot);
    return;
  }
  std::shared_ptr<GradientSlot> list = std::move(slot);
  waiting = &list;
  while (list) {
    const std::shared_ptr<GradientSlot> dying = std::move(list);
    list = std::move(dying->next);
  }
  waiting = nullptr;
}

void VariableState::destroy() {
  // Few have a slot. Without one, a value and a node are all that there is to give up.
  if (slot) forget_slot();
  std::destroy_at(&value);
  std::destroy_at(&node);
  if (!memory::deallocate_quickly(this, sizeof(VariableState), memory::Use::values))
    memory::deallocate(this, sizeof(VariableState), memory::Use::values);
}

}  // namespace detail

Variable::Variable(Tensor value, VariableOptions options, Place place) {
  if (!value.defined())
    detail::fail_at<GraphError>(place, "a Variable needs a defined tensor",
                                "it was default-constructed or moved from");
  if (options.requires_grad) detail::check_differentiable(value.dtype(), place);
  *this = detail::Access::make(std::move(value));
  if (options.requires_grad) detail::make_leaf(*state_, place);
}

void Variable::reject_undefined(Place place) {
  detail::fail_at<GraphError>(
      place, "the variable is undefined",
      "it was default-constructed, moved from, or is the grad() of a variable that has no gradient yet");
}

void Variable::set_requires_grad(bool required, Place place) {
  const Scope scope(nullptr, place);
  if (!is_leaf())
    fail<GraphError>(
        std::string("requires_grad can only be changed on a leaf, this is the result of ") + operation(),
        "use detach() to obtain a variable without history");
  if (required == requires_grad()) return;
  if (required) return detail::make_leaf(*state_, place);
  // Graphs that are there give a frozen leaf nothing. Its hooks stay with its node.
  detail::Ref<detail::Node> node = std::move(state_->node);
  if (state_->slot && state_->slot->leaf == state_.get()) state_->slot->freeze(std::move(node));
}

Variable Variable::grad(Place place) const {
  const auto slot = detail::find_slot(checked(place));
  return slot ? slot->load() : Variable();
}

void Variable::set_grad(const Variable& gradient, Place place) {
  const Scope scope(nullptr, place);
  if (!gradient.defined()) return clear_grad();
  if (gradient.shape() != shape())
    fail<ShapeError>("set_grad: a gradient of shape " + to_string(gradient.shape()) +
                     " does not fit a variable of shape " + to_string(shape()));
  if (gradient.dtype() != dtype())
    fail<DTypeError>("set_grad: a gradient of " + std::string(to_string(gradient.dtype())) +
                     " does not fit a variable of " + std::string(to_string(dtype())));
  if (!requires_grad()) fail<GraphError>("set_grad: the variable does not require a gradient");
  if (gradient.is(*this))
    fail<GraphError>("set_grad: a variable cannot be its own gradient", "give a detach() of it");
  detail::require_slot(*this)->store(detail::own_handle(gradient));
}

void Variable::clear_grad(Place place) {
  if (const auto slot = detail::find_slot(checked(place))) slot->store({});
}

void Variable::retain_grad(Place place) {
  const Scope scope(nullptr, place);
  if (!requires_grad()) fail<GraphError>("retain_grad: the variable does not require a gradient");
  detail::require_slot(*this);
}

HookHandle Variable::add_hook(Callback<Variable(const Variable&)> hook, Place place) {
  const Scope scope(nullptr, place);
  static std::atomic<std::uint64_t> next_id{1};
  if (!requires_grad()) fail<GraphError>("add_hook: the variable does not require a gradient");
  if (!hook) fail<ValueError>("add_hook: the hook is empty");
  const std::uint64_t id = next_id++;
  auto& hooks = state_->node->require_extras().hooks;
  if (!hooks) hooks = std::make_shared<detail::HookList>();
  hooks->hooks.push_back(
      std::make_shared<const detail::Hook>(detail::Hook{id, state_->output, std::move(hook)}));
  return HookHandle(hooks, id);
}

void HookHandle::remove() {
  const auto list = std::exchange(hooks_, {}).lock();
  if (!list) return;
  auto& hooks = list->hooks;
  const auto place =
      std::find_if(hooks.begin(), hooks.end(), [&](const auto& hook) { return hook->id == id_; });
  if (place == hooks.end()) return;
  // What dies with the hook may reach the list itself.
  const auto removed = std::move(*place);
  hooks.erase(place);
}

Variable Variable::detach(Place place) const { return detail::Access::make(value(place)); }

void Variable::set_value(Tensor value, Place place) {
  const Scope scope(nullptr, place);
  if (!value.defined()) fail<GraphError>("set_value: the tensor is undefined");
  if (value.shape() != shape())
    fail<ShapeError>("set_value: expects the shape " + to_string(shape()) + ", got " +
                     to_string(value.shape()));
  if (value.dtype() != dtype())
    fail<DTypeError>("set_value: expects " + std::string(to_string(dtype())) + ", got " +
                     std::string(to_string(value.dtype())));
  if (detail::modes.checkpointed) detail::CheckpointFrame::note_change(*this);
  state_->value = std::move(value);
}

void Variable::backward(Place place) const { xgrad::backward({*this}, {}, {}, place); }

void Variable::backward(const Variable& seed, Place place) const {
  xgrad::backward({*this}, {seed}, {}, place);
}

void Variable::backward(const BackwardOptions& options, Place place) const {
  xgrad::backward({*this}, {}, options, place);
}

void Variable::backward(const Variable& seed, const BackwardOptions& options, Place place) const {
  xgrad::backward({*this}, {seed}, options, place);
}

const char* Variable::operation(Place place) const {
  return requires_grad(place) ? state_->node->name : "constant";
}

std::string to_string(const Variable& variable) {
  if (!variable.defined()) return "undefined";
  return to_string(variable.value());
}

void debug_print(const Variable& variable) {
  if (variable.defined()) std::cerr << variable.operation() << ": ";
  debug_print(variable.defined() ? variable.value() : Tensor());
}

std::ostream& operator<<(std::ostream& stream, const Variable& variable) {
  return stream << to_string(variable);
}

}  // namespace xgrad
