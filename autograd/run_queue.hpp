// The nodes of a backward run whose gradients are arriving, in the order in which their rules may run.
#pragma once

#include <xgrad/autograd/pointer_map.hpp>
#include <xgrad/autograd/variable.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace xgrad::detail {

/// What has arrived for a node so far: one gradient for each output, undefined at first.
struct Pending {
  Node* node = nullptr;  // kept alive by the graph: the run holds its roots, and nodes own their inputs
  Variable only;
  std::unique_ptr<Variable[]> several;  // where the node has more outputs than one

  Variable* gradients() { return several ? several.get() : &only; }
};

/// Highest rank first; within a rank the latest recorded, so that sums have one order.
class RunQueue {
 public:
  /// The gradients of a node, which gets a place when it has none; valid until the next call.
  Variable* at(Node& node) {
    if (&node == next_.node) return next_.gradients();
    const Turn turn(node);
    if ((next_.node == nullptr || Turn(*next_.node) < turn) && (heap_.empty() || heap_.front() < turn)) {
      if (next_.node != nullptr) push(std::move(next_));
      open(next_, node);
      return next_.gradients();
    }
    const std::uint32_t* slot = index_.find(&node);
    if (slot != nullptr) return pending_[*slot].gradients();
    Pending pending;
    open(pending, node);
    return push(std::move(pending)).gradients();
  }

  bool empty() const { return next_.node == nullptr && heap_.empty(); }

  /// Removes the first.
  Pending take() {
    if (next_.node != nullptr)
      return {std::exchange(next_.node, nullptr), std::move(next_.only), std::move(next_.several)};
    std::pop_heap(heap_.begin(), heap_.end());
    const std::uint32_t slot = heap_.back().slot;
    heap_.pop_back();
    index_.erase(pending_[slot].node);
    free_.push_back(slot);
    return std::move(pending_[slot]);
  }

 private:
  struct Turn {
    std::uint64_t rank;
    std::uint64_t sequence;
    std::uint32_t slot = 0;

    explicit Turn(const Node& node) : rank(node.rank), sequence(node.sequence) {}
    friend bool operator<(const Turn& a, const Turn& b) {
      return a.rank != b.rank ? a.rank < b.rank : a.sequence < b.sequence;
    }
  };

  // A place that is empty becomes the node's.
  static void open(Pending& place, Node& node) {
    place.node = &node;
    if (const std::size_t outputs = node.outputs().size(); outputs > 1)
      place.several = std::make_unique<Variable[]>(outputs);
  }

  Pending& push(Pending&& pending) {
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

  // The first may stand apart from the heap: along a chain nothing else waits but leaves.
  Pending next_;
  std::vector<Turn> heap_;
  std::vector<Pending> pending_;  // by slot
  std::vector<std::uint32_t> free_;
  PointerMap index_;  // from nodes to slots
};

}  // namespace xgrad::detail
