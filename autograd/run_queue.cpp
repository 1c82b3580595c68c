#include <xgrad/autograd/run_queue.hpp>

#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/elementwise.hpp>

#include <algorithm>

namespace xgrad::detail {

void accumulate(Variable& into, Variable&& gradient, bool create_graph) {
  if (!into.defined()) {
    into = std::move(gradient);
  } else if (create_graph) {
    into = add(into, gradient);
  } else {
    if (!Access::state(into)->references.unique()) into = into.detach();
    kernels::add_to(into.mutable_value(), gradient.value());
  }
}

inline Variable* RunQueue::at(Node& node) {
  if (&node == next_.node) return next_.gradients();
  const Turn turn(node);
  if ((next_.node == nullptr || Turn(*next_.node) < turn) && (heap_.empty() || heap_.front() < turn)) {
    if (next_.node != nullptr) push(std::move(next_));
    open(next_, node);
    return next_.gradients();
  }
  if (const std::uint32_t* slot = index_.find(&node)) return pending_[*slot].gradients();
  Pending pending;
  open(pending, node);
  return push(std::move(pending)).gradients();
}

void RunQueue::open(Pending& place, Node& node) {
  place.node = &node;
  if (const std::size_t outputs = node.outputs().size(); outputs > 1)
    place.several = std::make_unique<Variable[]>(outputs);
}

Pending& RunQueue::push(Pending&& pending) {
  Turn turn(*pending.node);
  if (free_.empty()) {
    turn.slot = static_cast<std::uint32_t>(pending_.size());
    pending_.emplace_back();
  } else {
    turn.slot = free_.back();
    free_.pop_back();
  }
  index_.insert(pending.node, turn.slot);
  heap_.push_back(turn);
  std::push_heap(heap_.begin(), heap_.end());
  return pending_[turn.slot] = std::move(pending);
}

void RunQueue::add(const Edge& edge, Variable&& gradient) {
  Variable& total = at(*edge.node)[edge.output];
  if (!total.defined()) {
    total = std::move(gradient);
    return;
  }
  if (total.shape() != gradient.shape()) {
    const OutputMeta& meta = edge.node->outputs()[edge.output];
    if (meta.fits(gradient.shape(), gradient.dtype()))
      std::swap(total, gradient);
    else if (!meta.fits(total.shape(), total.dtype()))
      return postpone(edge, std::move(gradient));
  }
  accumulate(total, std::move(gradient), create_graph_);
}

Pending RunQueue::take_rare() {
  Pending first;
  if (next_.node != nullptr) {
    std::swap(first, next_);
  } else {
    std::pop_heap(heap_.begin(), heap_.end());
    const std::uint32_t slot = heap_.back().slot;
    heap_.pop_back();
    index_.erase(pending_[slot].node);
    free_.push_back(slot);
    first = std::move(pending_[slot]);
  }
  if (!postponed_.empty()) add_postponed(first);
  return first;
}

void RunQueue::postpone(const Edge& edge, Variable&& gradient) {
  for (Postponed& p : postponed_)
    if (p.edge.node == edge.node && p.edge.output == edge.output && p.gradient.shape() == gradient.shape())
      return accumulate(p.gradient, std::move(gradient), create_graph_);
  postponed_.push_back({edge, std::move(gradient)});
}

void RunQueue::add_postponed(Pending& pending) {
  for (Postponed& p : postponed_) {
    if (p.edge.node.get() != pending.node) continue;
    Variable& total = pending.gradients()[p.edge.output];
    const OutputMeta& meta = pending.node->outputs()[p.edge.output];
    if (!meta.fits(total.shape(), total.dtype())) total = broadcast_to(total, meta.shape());
    accumulate(total, std::move(p.gradient), create_graph_);
  }
  std::erase_if(postponed_, [&](const Postponed& p) { return p.edge.node.get() == pending.node; });
}

}  // namespace xgrad::detail
