#include <xgrad/autograd/record.hpp>

#include <xgrad/autograd/checkpoint.hpp>
#include <xgrad/autograd/checkpoint_frame.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/tensor/elementwise.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
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

void track_operations(bool enabled) { tracking = enabled; }

std::vector<std::string> tracked_operations() {
  const std::scoped_lock lock(names_mutex);
  return {names().begin(), names().end()};
}

// ------------------------------------------------------------------------------------------------ operands

Variable Operand::as_variable(std::optional<DType> dtype) const {
  if (is_number()) return Variable(scalar(*number_, dtype.value_or(number_->dtype())));
  return variable();
}

DType result_type(std::initializer_list<const Operand*> operands) {
  // Category first: within the highest category, what has axes decides before scalars, and scalars before
  // numbers.
  const auto category = [](DType dtype) { return dtype == boolean ? 0 : is_floating(dtype) ? 2 : 1; };
  const auto weight = [](const Operand& x) { return x.is_number() ? 0 : x.variable().rank() == 0 ? 1 : 2; };
  int highest = 0;
  for (const Operand* x : operands) highest = std::max(highest, category(x->dtype()));
  std::optional<DType> by_weight[3];
  for (const Operand* x : operands)
    if (category(x->dtype()) == highest) {
      std::optional<DType>& slot = by_weight[weight(*x)];
      slot = slot ? promote(*slot, x->dtype()) : x->dtype();
    }
  return by_weight[2] ? *by_weight[2] : by_weight[1] ? *by_weight[1] : by_weight[0].value_or(float32);
}

// ------------------------------------------------------------------------------------------------ operations

Op::Op(const char* name, Place place, std::initializer_list<const Operand*> operands)
    : name_(name), scope_(name, place), recording_(grad_enabled()), inputs_(operands.size()) {
  const Operand* const* given = operands.begin();
  bool numbers = false;
  for (std::size_t i = 0; i < size(); ++i) {
    if (given[i]->is_number()) {
      numbers = true;
      continue;
    }
    inputs_[i] = given[i]->variable();
    check_defined(i);
  }
  if (numbers) {
    const DType type = result_type(operands);
    for (std::size_t i = 0; i < size(); ++i)
      if (given[i]->is_number()) inputs_[i] = given[i]->as_variable(type);
  }
  track();
}

Op::Op(const char* name, Place place, const std::vector<Variable>& inputs)
    : name_(name), scope_(name, place), recording_(grad_enabled()), inputs_(inputs.size()) {
  for (std::size_t i = 0; i < size(); ++i) {
    inputs_[i] = inputs[i];
    check_defined(i);
  }
  track();
}

void Op::track() const {
  if (!tracking.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(names_mutex);
  names().insert(name_);
}

void Op::check_defined(std::size_t i) const {
  if (!inputs_[i].defined())
    fail<GraphError>("operand " + std::to_string(i) + " is undefined",
                     "it was default-constructed or moved from");
}

DType Op::promote() {
  DType type = dtype(0);
  bool same = true;
  for (std::size_t i = 1; i < size(); ++i) same &= dtype(i) == type;
  if (same) return type;
  const auto category = [](DType d) { return d == boolean ? 0 : is_floating(d) ? 2 : 1; };
  int highest = 0;
  for (const Variable& x : inputs_) highest = std::max(highest, category(x.dtype()));
  std::optional<DType> with_axes, scalars;
  for (const Variable& x : inputs_)
    if (category(x.dtype()) == highest) {
      std::optional<DType>& slot = x.rank() > 0 ? with_axes : scalars;
      slot = slot ? xgrad::promote(*slot, x.dtype()) : x.dtype();
    }
  type = with_axes ? *with_axes : *scalars;
  for (Variable& x : inputs_)
    if (x.dtype() != type) x = cast(x, type);
  return type;
}

DType Op::promote_floating() {
  DType type = promote();
  if (is_floating(type)) return type;
  for (Variable& x : inputs_) x = cast(x, float32);
  return float32;
}

bool Op::needs_any() const {
  if (!recording_) return false;
  for (const Variable& x : inputs_)
    if (x.requires_grad()) return true;
  return false;
}

void Op::reject_anomaly(const Tensor& value) const {
  if (kernels::all_finite(value)) return;
  for (const Variable& x : inputs_)
    if (!kernels::all_finite(x.value())) return;
  fail<NumericError>(std::string(name_) + " made a NaN or an infinity from finite inputs");
}

Variable Op::constant(Tensor value) const {
  check_anomaly(value);
  return detail::Access::make(std::move(value));
}

void Op::fill(detail::Node& node, Saves saves, const Tensor* values) const {
  constinit static thread_local std::uint64_t sequence = 0;
  std::uint64_t highest = 0;
  const std::span<detail::Edge> edges = node.inputs();
  for (std::size_t i = 0; i < size(); ++i) {
    if (!needs(i)) continue;
    edges[i] = detail::Access::edge(inputs_[i]);
    highest = std::max(highest, edges[i].node->rank);
  }
  node.uniform_gradient = uniform_gradient_;
  node.rank = highest + 1;
  node.sequence = ++sequence;
  const std::size_t outputs = node.outputs().size();
  for (std::size_t k = 0; k < outputs; ++k) node.describe_output(k, values[k].shape(), values[k].dtype());

  detail::Saved* next = node.saved().data();
  const bool framed = detail::CheckpointFrame::active();
  const auto save = [&](bool is_output, std::uint32_t bits, auto value_of) {
    for (std::uint16_t i = 0; bits >> i != 0; ++i) {
      if ((bits >> i & 1) == 0) continue;
      detail::Saved& saved = *next++;
      saved.index = i;
      saved.is_output = is_output;
      if (framed)
        detail::CheckpointFrame::keep(node, saved, value_of(i));
      else
        saved.value = value_of(i);
    }
  };
  save(false, saves.inputs, [&](std::size_t i) -> const Tensor& { return inputs_[i].value(); });
  save(true, saves.outputs, [&](std::size_t k) -> const Tensor& { return values[k]; });
  if (AnomalyMode::enabled() && detail::module_path_provider != nullptr)
    node.require_extras().module_path = detail::module_path_provider();
}

Variable Op::connect(Tensor value, Saves saves, detail::Ref<detail::Node> node) const {
  check_anomaly(value);
  fill(*node, saves, &value);
  return detail::Access::make(std::move(value), std::move(node));
}

std::vector<Variable> Op::finish_many(std::vector<Tensor> values, Saves saves, detail::Ref<detail::Node> node,
                                      std::uint32_t constants) const {
  for (const Tensor& value : values) check_anomaly(value);
  if (node) fill(*node, saves, values.data());
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

void Backward::set_zero(std::size_t k) const {
  gradients_[k] = Variable(zeros(node_.outputs()[k].shape(), node_.outputs()[k].dtype()));
}

const Tensor& Backward::saved_value(bool is_output, std::size_t index) const {
  for (const detail::Saved& saved : node_.saved())
    if (saved.is_output == is_output && saved.index == index)
      return saved.value.defined() ? saved.value : node_.extras->frame->value(saved.position);
  fail<GraphError>(std::string("the rule asks for ") + (is_output ? "output " : "input ") +
                   std::to_string(index) + ", which was not saved");
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
