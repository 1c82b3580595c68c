#include <xgrad/autograd/run_queue.hpp>

#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/kernels/elementwise.hpp>

#include <algorithm>

namespace xgrad::detail {

inline Pending& RunQueue::at(Node& node) {
  if (&node == next_.node) return next_;
  if (const std::uint32_t* slot = index_.find(&node)) return pending_[*slot];
  return place_for(node);
}

Pending& RunQueue::place_for(Node& node) {
  if ((next_.node == nullptr || Turn(*next_.node) < Turn(node)) && precedes_heap(node)) {
    if (next_.node != nullptr) push(std::move(next_));
    open(next_, node);
    return next_;
  }
  Pending pending;
  open(pending, node);
  return push(std::move(pending));
}

void RunQueue::open(Pending& place, Node& node) {
  place.node = &node;
  place.partial = false;
  if (const std::size_t outputs = node.outputs().size(); outputs > 1)
    place.require_more().several.resize(outputs);
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

void RunQueue::sum(Variable& total, Variable&& gradient, const Node& node) const {
  const bool watched = AnomalyMode::enabled() && total.defined() && kernels::all_finite(total.value()) &&
                       kernels::all_finite(gradient.value());
  accumulate(total, std::move(gradient), create_graph_);
  if (watched && !kernels::all_finite(total.value()))
    fail<NumericError>(
        std::string("backward made an infinity in the sum of the gradients of the result of ") + node.name);
}

void RunQueue::add_elsewhere(const Edge& edge, Variable&& gradient) {
  Pending& place = at(*edge.node);
  place.alone = alone_;
  if (place.partial) return add_to_partial(place, edge, std::move(gradient));
  sum(place.gradients()[edge.output], std::move(gradient), *edge.node);
}

void RunQueue::add_partial(const Edge& edge, Variable&& gradient) {
  Pending& place = at(*edge.node);
  place.alone = alone_;
  place.partial = true;
  add_to_partial(place, edge, std::move(gradient));
}

void RunQueue::add_to_partial(Pending& place, const Edge& edge, Variable&& gradient) {
  Variable& total = place.gradients()[edge.output];
  if (total.defined() && total.shape() != gradient.shape()) {
    const OutputMeta& meta = edge.node->outputs()[edge.output];
    if (meta.fits(gradient.shape(), gradient.dtype()))
      std::swap(total, gradient);
    else if (!meta.fits(total.shape(), total.dtype()))
      return postpone(place, edge.output, std::move(gradient));
  }
  sum(total, std::move(gradient), *edge.node);
}

void RunQueue::postpone(Pending& place, std::uint32_t output, Variable&& gradient) const {
  auto& postponed = place.require_more().postponed;
  for (auto& [its_output, total] : postponed)
    if (its_output == output && total.shape() == gradient.shape())
      return sum(total, std::move(gradient), *place.node);
  postponed.emplace_back(output, std::move(gradient));
}

void RunQueue::add_postponed(Pending& place) const {
  for (auto& [output, gradient] : place.more->postponed) {
    Variable& total = place.gradients()[output];
    const OutputMeta& meta = place.node->outputs()[output];
    if (!meta.fits(total.shape(), total.dtype())) total = broadcast_to(total, meta.shape());
    sum(total, std::move(gradient), *place.node);
  }
}

Pending RunQueue::take_from_heap() {
  std::pop_heap(heap_.begin(), heap_.end());
  const std::uint32_t slot = heap_.back().slot;
  heap_.pop_back();
  index_.erase(pending_[slot].node);
  free_.push_back(slot);
  return std::move(pending_[slot]);
}

}  // namespace xgrad::detail
