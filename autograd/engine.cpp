// The backward engine. Invariants: a node's rule runs once per run, after all its consumers; gradients of a
// run live in the run, never in the graph; stored gradients change only after every rule and hook has
// succeeded.
#include <xgrad/autograd/engine.hpp>

#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/elementwise.hpp>

#include <algorithm>
#include <typeinfo>

namespace xgrad::detail {
namespace {

// Rethrows the exception in flight with the operation named: in the text where its type is a standard one.
template <class... E>
[[noreturn]] void rethrow_named(const std::exception& error) {
  const std::string text = message_prefix() + "backward: " + error.what();
  ((typeid(error) == typeid(E) ? throw E(text) : void()), ...);
  throw;
}

}  // namespace

void Run::start(const Edge& root, Variable seed) {
  if (!reach_.contains(root)) return;
  roots_.push_back(root.node);
  queue_.add(root, std::move(seed));
}

void Run::execute() {
  while (!queue_.empty()) {
    Pending pending = queue_.take();
    process(pending);
  }
}

inline void Run::process(Pending& pending) {
  Node& node = *pending.node;
  const Scope scope(node.name, node.place());
  if (pending.more) queue_.add_postponed(pending);
  Variable* const gradients = pending.gradients();
  const bool watched = node.extras || reach_.wants(node);
  const bool uniform = node.uniform_gradient && !watched;
  std::size_t k = 0;
  for (const OutputMeta& meta : node.outputs()) {
    Variable& gradient = gradients[k++];
    if (gradient.defined() && !meta.fits(gradient.shape(), gradient.dtype()) &&
        !(uniform && gradient.count() == 1))
      gradient = broadcast_to(gradient, meta.shape());
  }
  if (watched) show(node, gradients);
  if (!node.is_leaf()) run_rule(node, gradients);
}

void Run::show(Node& node, Variable* gradients) {
  if (node.extras) run_hooks(node, gradients);
  if (reach_.wants(node)) {
    for (std::uint32_t k = 0; k < node.outputs().size(); ++k)
      if (gradients[k].defined()) captured_.push_back({&node, k, gradients[k]});
  }
  if (node.extras) {
    for (const auto& [output, weak] : node.extras->slots)
      if (gradients[output].defined() && !reach_.restricted())
        if (auto slot = weak.lock()) deposits_.emplace_back(std::move(slot), gradients[output]);
  }
}

void Run::run_hooks(Node& node, Variable* gradients) {
  // A copy, because a hook may remove itself or add others.
  const auto hooks = node.extras->hooks;
  for (const auto& hook : hooks) {
    Variable& gradient = gradients[hook.output];
    if (!gradient.defined()) continue;
    const Scope user(Scope::Barrier{});
    Variable replacement = hook.function(gradient);
    if (!replacement.defined()) continue;
    const OutputMeta& meta = node.outputs()[hook.output];
    if (replacement.shape() != meta.shape())
      fail<ShapeError>(std::string("hook on the result of ") + node.name + ": expects a gradient of shape " +
                       to_string(meta.shape()) + ", got " + to_string(replacement.shape()));
    if (replacement.dtype() != meta.dtype())
      fail<DTypeError>(std::string("hook on the result of ") + node.name + ": expects a gradient of " +
                       std::string(to_string(meta.dtype())) + ", got " +
                       std::string(to_string(replacement.dtype())));
    gradient = std::move(replacement);
  }
}

inline void Run::run_rule(Node& node, Variable* gradients) {
  const std::span<const Edge> inputs = node.inputs();
  if (reach_.restricted() &&
      std::none_of(inputs.begin(), inputs.end(), [&](const Edge& edge) { return reach_.contains(edge); }))
    return;
  if (node.freed)
    fail<GraphError>("the graph was freed by an earlier backward run",
                     "pass {.retain_graph = true} to every run but the last");
  if (create_graph_ && node.first_order_only)
    fail<GraphError>("has a first derivative only, and a graph of the backward run was asked for");
  // What the next rule reads comes while this one computes: a long graph is not in the cache.
  for (const Edge& edge : inputs) {
    const auto* next = reinterpret_cast<const std::byte*>(edge.node.get());
    if (next == nullptr) continue;
    __builtin_prefetch(next);
    __builtin_prefetch(next + 64);
  }
  InlineArray<Variable, 4> results(inputs.size(), [](std::size_t) { return Variable(); });
  Backward backward(node, gradients, results.begin(), reach_.restricted() ? &reach_ : nullptr, create_graph_);
  try {
    node.run(backward);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    rethrow_named<std::runtime_error, std::logic_error, std::invalid_argument, std::out_of_range,
                  std::domain_error, std::range_error>(error);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!results[i].defined() || !reach_.contains(inputs[i])) continue;
    if (!inputs[i].node->outputs()[inputs[i].output].fits(results[i].shape(), results[i].dtype()))
      fit(node, i, results[i]);
    if (AnomalyMode::enabled()) check_anomaly(node, i, results[i], gradients);
    queue_.add(inputs[i], std::move(results[i]));
  }
  if (!retain_graph_) node.free_saved();
}

void Run::fit(const Node& node, std::size_t i, Variable& gradient) const {
  const Edge& edge = node.inputs()[i];
  const OutputMeta& meta = edge.node->outputs()[edge.output];
  if (gradient.dtype() != meta.dtype())
    fail<DTypeError>("the rule gave a gradient of " + std::string(to_string(gradient.dtype())) +
                     " for input " + std::to_string(i) + " of " + std::string(to_string(meta.dtype())));
  const Shape shape = meta.shape();
  if (broadcasts_to(gradient.shape(), shape)) return;
  if (!broadcasts_to(shape, gradient.shape()))
    fail<ShapeError>("the rule gave a gradient of shape " + to_string(gradient.shape()) + " for input " +
                     std::to_string(i) + " of shape " + to_string(shape));
  gradient = sum_to(gradient, shape);
}

void Run::check_anomaly(const Node& node, std::size_t i, const Variable& gradient,
                        const Variable* gradients) const {
  if (kernels::all_finite(gradient.value())) return;
  const bool born_here = std::all_of(gradients, gradients + node.outputs().size(), [](const Variable& g) {
    return !g.defined() || kernels::all_finite(g.value());
  });
  if (!born_here) return;
  const std::string path = node.extras ? node.extras->module_path : std::string();
  fail<NumericError>((path.empty() ? "" : path + ": ") +
                     "backward made a NaN or an infinity in the gradient of input " + std::to_string(i));
}

void Run::deposit() {
  for (auto& [slot, gradient] : deposits_) {
    // A handle of its own for every slot: rules may give one Variable to several inputs.
    const VariableState& state = *Access::state(gradient);
    Variable own =
        create_graph_ ? Access::make(state.value, state.node, state.output) : Access::make(state.value);
    gradient = {};
    slot->add(std::move(own), create_graph_);
  }
  deposits_.clear();
}

Variable Run::captured(const Variable& input) const {
  const Edge edge = Access::edge(input);
  for (const Captured& captured : captured_)
    if (captured.node == edge.node.get() && captured.output == edge.output) {
      const VariableState& state = *Access::state(captured.gradient);
      return create_graph_ ? Access::make(state.value, state.node, state.output) : Access::make(state.value);
    }
  return {};
}

}  // namespace xgrad::detail
