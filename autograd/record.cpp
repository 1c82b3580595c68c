#include <xgrad/autograd/record.hpp>

#include <xgrad/autograd/checkpoint.hpp>
#include <xgrad/autograd/checkpoint_frame.hpp>
#include <xgrad/autograd/meeting.hpp>
#include <xgrad/autograd/new_variable.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/reach.hpp>
#include <xgrad/autograd/tracking.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/running_module.hpp>

#include <atomic>
#include <mutex>
#include <set>

namespace xgrad {
namespace {

std::atomic<bool> tracking{false};
std::mutex names_mutex;
std::set<std::string>& names() {
  static std::set<std::string> set;
  return set;
}

}  // namespace

void detail::track_operations(bool enabled) { tracking = enabled; }

std::vector<std::string> detail::tracked_operations() {
  const std::scoped_lock lock(names_mutex);
  return {names().begin(), names().end()};
}

// ------------------------------------------------------------------------------------------------ operations

inline void Op::Common::note(const Variable& x) {
  const detail::VariableState* const state = detail::Access::state(x).get();
  if (state == nullptr) {
    undefined = true;
    return;
  }
  requires_grad |= static_cast<bool>(state->node);
  dtypes |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(state->value.dtype()));
}

Op::Op(const char* name, Place place, std::initializer_list<const Operand*> operands)
    : scope_(name, place),
      inputs_(operands.size(),
              [this, given = operands.begin()](std::size_t i) {
                common_.note(given[i]->variable());
                return detail::OpInput(*given[i]);
              }),
      record_{name, scope_.named()->place(), inputs_.begin(), operands.size()},
      recording_(common_.requires_grad && grad_enabled()) {
  if (common_.undefined) resolve(operands);
  if (tracking.load(std::memory_order_relaxed)) track();
}

Op::Op(const char* name, Place place, const std::vector<Variable>& inputs)
    : scope_(name, place),
      inputs_(inputs.size(), [&](std::size_t i) { return detail::OpInput(inputs[i]); }),
      record_{name, scope_.named()->place(), inputs_.begin(), inputs.size()} {
  for (std::size_t i = 0; i < size(); ++i)
    if (!inputs_[i]->defined()) reject_undefined(i);
  note_inputs();
  if (tracking.load(std::memory_order_relaxed)) track();
}

void Op::resolve(std::initializer_list<const Operand*> operands) {
  const Operand* const* given = operands.begin();
  for (std::size_t i = 0; i < size(); ++i)
    if (!given[i]->is_number() && !inputs_[i]->defined()) reject_undefined(i);
  const DType type = result_type(operands);
  for (std::size_t i = 0; i < size(); ++i)
    if (given[i]->is_number()) inputs_[i].replace(given[i]->as_variable(type));
  note_inputs();
}

void Op::note_inputs() {
  common_ = {};
  for (const detail::OpInput& x : inputs_) common_.note(*x);
  recording_ = common_.requires_grad && grad_enabled();
}

void Op::replace(std::size_t i, Variable variable) {
  inputs_[i].replace(std::move(variable));
  note_inputs();
}

void Op::track() const {
  const std::scoped_lock lock(names_mutex);
  names().insert(record_.name);
}

void Op::reject_undefined(std::size_t i) {
  fail<GraphError>("operand " + std::to_string(i) + " is undefined",
                   "it was default-constructed or moved from");
}

DType Op::promote_mixed() {
  Meeting meeting;
  for (const detail::OpInput& x : inputs_) meeting.add(*x);
  for (std::size_t i = 0; i < size(); ++i)
    if (dtype(i) != meeting.type()) replace(i, cast(*inputs_[i], meeting.type()));
  return meeting.type();
}

DType Op::promote_to_floating() {
  const DType type = promote();
  if (is_floating(type)) return type;
  for (std::size_t i = 0; i < size(); ++i) replace(i, cast(*inputs_[i], float32));
  return float32;
}

void Op::reject_anomaly(const Tensor& value) const {
  if (kernels::all_finite(value)) return;
  for (const detail::OpInput& x : inputs_)
    if (!kernels::all_finite(x->value())) return;
  fail<NumericError>(std::string(record_.name) + " made a NaN or an infinity from finite inputs");
}

Variable Op::constant(Tensor value) const {
  check_anomaly(value);
  return detail::Access::make(std::move(value));
}

void Op::follow_modes(detail::Node& node) {
  if (detail::modes.checkpointed) detail::CheckpointFrame::keep(node);
  if (AnomalyMode::enabled() && detail::module_path_provider != nullptr)
    node.require_extras().module_path = detail::module_path_provider();
}

Variable Op::connect(Tensor&& value, Saves saves, std::size_t head) const {
  const bool followed = detail::modes.anomaly || detail::modes.checkpointed;
  if (followed) check_anomaly(value);
  auto node = detail::Ref<detail::Node>::adopt(detail::Node::create(record_, {&value, 1}, saves, head));
  if (followed) follow_modes(*node);
  return detail::new_variable(std::move(value), std::move(node));
}

std::vector<Variable> Op::connect_many(std::vector<Tensor> values, detail::Ref<detail::Node> node,
                                       std::uint32_t constants) const {
  for (const Tensor& value : values) check_anomaly(value);
  if (node && (detail::modes.anomaly || detail::modes.checkpointed)) follow_modes(*node);
  std::vector<Variable> outputs;
  outputs.reserve(values.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    const bool constant = !node || (k < 32 && (constants >> k & 1) != 0) || !is_floating(values[k].dtype());
    outputs.push_back(constant
                          ? detail::Access::make(std::move(values[k]))
                          : detail::Access::make(std::move(values[k]), node, static_cast<std::uint32_t>(k)));
  }
  return outputs;
}

// ------------------------------------------------------------------------------------------------ rules

void Backward::set_zero(std::size_t k) {
  gradients_[k] = Variable(zeros(node_.outputs()[k].shape(), node_.outputs()[k].dtype()));
}

bool Backward::reaches(const detail::Edge& edge) const { return reach_->contains(edge); }

const Tensor& Backward::recomputed_value(const detail::Saved& saved) const {
  if (!node_.extras || !node_.extras->frame)
    fail<GraphError>("the graph was freed by a backward run within this one",
                     "pass {.retain_graph = true} to that run");
  return node_.extras->frame->value(saved.position);
}

void Backward::reject_unsaved(bool is_output, std::size_t index) {
  fail<GraphError>(std::string("the rule asks for ") + (is_output ? "output " : "input ") +
                   std::to_string(index) + ", which was not saved");
}

void Backward::reject_taken() {
  fail<GraphError>("the rule reads its gradient after it has taken it",
                   "take it last, or read it with gradient()");
}

Variable Backward::input(std::size_t i) const {
  const Tensor& value = saved_value(false, i);
  if (!create_graph_) return detail::Access::make(value);
  return detail::Access::make(value, node_.inputs()[i].node, node_.inputs()[i].output);
}

Variable Backward::output(std::size_t k) const {
  const Tensor& value = saved_value(true, k);
  if (!create_graph_ || !is_floating(value.dtype())) return detail::Access::make(value);
  return detail::Access::make(value, detail::Ref<detail::Node>::share(&node_), static_cast<std::uint32_t>(k));
}

Shape Backward::input_shape(std::size_t i) const {
  const detail::Edge& edge = node_.inputs()[i];
  return edge.node->outputs()[edge.output].shape();
}

}  // namespace xgrad
