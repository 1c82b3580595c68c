// The backward engine. Invariants: a node's rule runs once per run, after all its consumers; gradients of a
// run live in the run, never in the graph; stored gradients change only after every rule and hook has
// succeeded; user code is never given a handle that the run keeps.
//
// Runs in several threads may meet in one graph. A run that frees what it uses claims a node before its rule,
// so that one run succeeds and the others throw. No claim needs an atomic exchange where a node's only edge
// comes from a node that this run has to itself: whoever else is there must have passed that one before it
// was claimed, as a run that retains the graph. While such a run is under way elsewhere nothing is freed.
#include <xgrad/autograd/engine.hpp>

#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/hook_list.hpp>
#include <xgrad/autograd/new_variable.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/kernels/elementwise.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <typeinfo>

namespace xgrad::detail {
namespace {

// Rethrows the exception in flight with the operation named: in the text where its type is a standard one.
template <class... E>
[[noreturn, gnu::noinline]] void rethrow_named(const std::exception& error) {
  const std::string text = message_prefix() + "backward: " + error.what();
  ((typeid(error) == typeid(E) ? throw E(text) : void()), ...);
  throw;
}

// Runs under way that retain their graphs: in the process, and in this thread.
std::atomic<int> retaining{0};
constinit thread_local int retaining_here = 0;

class RetainingRun {
 public:
  RetainingRun() {
    ++retaining;
    ++retaining_here;
  }
  ~RetainingRun() {
    --retaining;
    --retaining_here;
  }
  RetainingRun(const RetainingRun&) = delete;
  RetainingRun& operator=(const RetainingRun&) = delete;
};

// Given back unless the rule succeeds.
class Claim {
 public:
  Claim() = default;
  ~Claim() {
    if (node_ != nullptr) node_->give_back();
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  /// False when another run was first.
  bool take(Node& node, bool alone) {
    if (!node.claim(alone)) return false;
    node_ = &node;
    return true;
  }
  /// The node's values have served.
  void use_up() {
    if (node_ == nullptr) return;
    if (const int runs = retaining.load(); runs == 0 || runs == retaining_here) node_->free_saved();
    node_ = nullptr;
  }

 private:
  Node* node_ = nullptr;
};

}  // namespace

void Run::start(const Edge& root, Variable seed) {
  if (!reach_.contains(root)) return;
  roots_.push_back(root.node);
  queue_.add(root, std::move(seed));
}

void Run::spread(Pending& pending) const {
  const Node& node = *pending.node;
  if (pending.more) queue_.add_postponed(pending);
  Variable* gradient = pending.gradients();
  const bool uniform = node.uniform_gradient() && !watched(node);
  for (const OutputMeta& meta : node.outputs()) {
    if (gradient->defined() && !meta.fits(gradient->shape(), gradient->dtype()) &&
        !(uniform && gradient->count() == 1))
      *gradient = broadcast_to(*gradient, meta.shape());
    ++gradient;
  }
}

bool Run::takes_gradient(const Node& leaf) {
  if (leaf.extras)
    for (const auto& [output, weak] : leaf.extras->slots)
      if (const auto slot = weak.lock(); slot && !slot->takes(leaf.outputs()[output])) return false;
  return true;
}

void Run::show(Node& node, Variable* gradients) {
  if (node.is_leaf() && !takes_gradient(node)) return;
  if (node.extras && node.extras->hooks) run_hooks(node, gradients);
  if (reach_.wants(node)) {
    for (std::uint32_t k = 0; k < node.outputs().size(); ++k)
      if (gradients[k].defined()) captured_.push_back({&node, k, gradients[k]});
  }
  if (node.extras) {
    for (const auto& [output, weak] : node.extras->slots)
      if (gradients[output].defined() && !reach_.restricted())
        if (auto slot = weak.lock()) deposit_into(std::move(slot), gradients[output]);
  }
}

void Run::run_hooks(Node& node, Variable* gradients) {
  // A copy of the list, because a hook may remove itself or add others.
  const HookList list = *node.extras->hooks;
  for (const auto& hook : list.hooks) {
    Variable& gradient = gradients[hook->output];
    if (!gradient.defined()) continue;
    Variable replacement = [&] {
      const Scope user(Scope::Barrier{});
      return hook->function(own_handle(gradient));
    }();
    if (!replacement.defined()) continue;
    const OutputMeta& meta = node.outputs()[hook->output];
    if (replacement.shape() != meta.shape())
      fail<ShapeError>("a hook gave a gradient of shape " + to_string(replacement.shape()) + ", expects " +
                       to_string(meta.shape()));
    if (replacement.dtype() != meta.dtype())
      fail<DTypeError>("a hook gave a gradient of " + std::string(to_string(replacement.dtype())) +
                       ", expects " + std::string(to_string(meta.dtype())));
    gradient = own_handle(replacement);
  }
}

void Run::make_room(std::size_t results) { results_.resize(results); }

void Run::reject(const Node& node) {
  if (node.claimed())
    fail<GraphError>("the graph was freed by an earlier backward run",
                     "pass {.retain_graph = true} to every run but the last");
  fail<GraphError>("has a first derivative only, and a graph of the backward run was asked for");
}

[[gnu::always_inline]] inline void Run::run_rule(Node& node, Variable* gradients, bool alone) {
  const std::span<const Edge> inputs = node.inputs();
  if (reach_.restricted() &&
      std::none_of(inputs.begin(), inputs.end(), [&](const Edge& edge) { return reach_.contains(edge); }))
    return;
  if (node.claimed() || (create_graph_ && node.first_order_only())) reject(node);
  Claim claim;
  if (!retain_graph_) {
    alone = alone && node.unique();
    if (node.saves()) {
      if (!claim.take(node, alone)) reject(node);
      alone = true;
    }
    queue_.from(alone);
  }
  // What the next rule reads comes while this one computes: a long graph is not in the cache.
  for (const Edge& edge : inputs) {
    const auto* next = reinterpret_cast<const std::byte*>(edge.node.get());
    if (next == nullptr) continue;
    __builtin_prefetch(next);
    __builtin_prefetch(next + 64);
  }
  if (results_.size() < inputs.size()) make_room(inputs.size());
  Variable* result = results_.data();
  Backward backward(node, gradients, result, reach_.restricted() ? &reach_ : nullptr, create_graph_);
  try {
    node.run(backward);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    rethrow_named<std::runtime_error, std::logic_error, std::invalid_argument, std::out_of_range,
                  std::domain_error, std::range_error>(error);
  }
  const bool anomaly = AnomalyMode::enabled();
  for (const Edge& edge : inputs) {
    Variable gradient = std::move(*result++);
    if (!gradient.defined() || !reach_.contains(edge)) continue;
    const OutputMeta& meta = edge.node->outputs()[edge.output];
    const auto input = [&] { return static_cast<std::size_t>(&edge - inputs.data()); };
    const bool whole = meta.fits(gradient.shape(), gradient.dtype()) || fit(meta, input(), gradient);
    if (anomaly) check_anomaly(node, input(), gradient, gradients);
    if (whole)
      queue_.add(edge, std::move(gradient));
    else
      queue_.add_partial(edge, std::move(gradient));
  }
  claim.use_up();
}

void Run::execute(Place caller) {
  std::optional<RetainingRun> mark;
  if (retain_graph_) mark.emplace();
  Scope scope(nullptr, {});
  while (!queue_.empty()) {
    Pending pending = queue_.take();
    Node& node = *pending.node;
    const Place place = node.place();
    scope.rename(node.name, place.file != nullptr ? place : caller);
    if (pending.partial) spread(pending);
    Variable* const gradients = pending.gradients();
    if (watched(node)) show(node, gradients);
    if (!node.is_leaf()) run_rule(node, gradients, pending.alone);
  }
}

bool Run::fit(const OutputMeta& meta, std::size_t i, Variable& gradient) {
  if (gradient.dtype() != meta.dtype())
    fail<DTypeError>("the rule gave a gradient of " + std::string(to_string(gradient.dtype())) +
                         " for input " + std::to_string(i) + " of " + std::string(to_string(meta.dtype())),
                     "convert it with cast()");
  const Shape shape = meta.shape();
  if (broadcasts_to(gradient.shape(), shape)) return false;
  if (!broadcasts_to(shape, gradient.shape()))
    fail<ShapeError>("the rule gave a gradient of shape " + to_string(gradient.shape()) + " for input " +
                     std::to_string(i) + " of shape " + to_string(shape));
  gradient = sum_to(gradient, shape);
  return true;
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
  if (AnomalyMode::enabled())
    for (const Deposit& deposit : deposits_) {
      const Variable stored = deposit.slot->load();
      const Tensor& gradient = deposit.gradient.value();
      if (stored.defined() && kernels::all_finite(stored.value()) && kernels::all_finite(gradient) &&
          !kernels::all_finite(kernels::add(stored.value(), gradient)))
        fail<NumericError>("the sum of a gradient and the one stored before is infinite",
                           "clear gradients between runs");
    }
  for (Deposit& deposit : deposits_) {
    // A handle of its own for every slot: rules may give one Variable to several inputs.
    deposit.gradient = create_graph_ ? own_handle(deposit.gradient) : deposit.gradient.detach();
    deposit.slot->prepare(deposit, create_graph_);
  }
  for (Deposit& deposit : deposits_) deposit.slot->add(std::move(deposit), create_graph_);
  deposits_.clear();
}

Variable Run::captured(const Variable& input) const {
  const Edge edge = Access::edge(input);
  for (const Captured& captured : captured_)
    if (captured.node == edge.node.get() && captured.output == edge.output)
      return create_graph_ ? own_handle(captured.gradient) : captured.gradient.detach();
  return {};
}

}  // namespace xgrad::detail
