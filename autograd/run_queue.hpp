// The nodes of a backward run whose gradients are arriving, in the order in which their rules may run.
// Gradients of one output are summed here. One may be smaller than the output and broadcast to it; it is
// spread out as late as possible.
#pragma once

#include <xgrad/autograd/pointer_map.hpp>
#include <xgrad/autograd/variable.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace xgrad::detail {

/// What has arrived for a node so far: one gradient for each output, undefined at first.
struct Pending {
  /// What few nodes have: several outputs; gradients that are small and of different shapes, by output.
  struct More {
    std::vector<Variable> several;
    std::vector<std::pair<std::uint32_t, Variable>> postponed;
  };

  Node* node = nullptr;  // kept alive by the graph: the run holds its roots, and nodes own their inputs
  Variable only;
  std::unique_ptr<More> more;
  bool partial = false;  // a gradient may be smaller than its output
  bool alone = false;    // the rule that gave the last gradient ran at a node where no other run can be

  Variable* gradients() { return more && !more->several.empty() ? more->several.data() : &only; }
  More& require_more() {
    if (!more) more = std::make_unique<More>();
    return *more;
  }
};

/// Highest rank first; within a rank the latest recorded, so that sums have one order.
class RunQueue {
 public:
  explicit RunQueue(bool create_graph) : create_graph_(create_graph) {}

  /// Tells whether the gradients that are added next come from a node where no other run can be.
  void from(bool alone) { alone_ = alone; }
  /// Adds a gradient to what has arrived for the output that an edge leads to, of the output's shape.
  void add(const Edge& edge, Variable&& gradient) {
    Node& node = *edge.node;
    if (next_.node != nullptr || node.outputs().size() != 1 || !precedes_heap(node))
      return add_elsewhere(edge, std::move(gradient));
    next_.node = &node;
    next_.only = std::move(gradient);
    next_.partial = false;
    next_.alone = alone_;
  }
  /// The same with one that is smaller. Those of different shapes are postponed.
  void add_partial(const Edge& edge, Variable&& gradient);
  /// Spreads out what was postponed for a node that was taken and has `more`, and adds it.
  void add_postponed(Pending& place) const;
  bool empty() const { return next_.node == nullptr && heap_.empty(); }
  /// Removes the first. A gradient may still be smaller than its output.
  Pending take() {
    if (next_.node == nullptr) return take_from_heap();
    return {std::exchange(next_.node, nullptr), std::move(next_.only), std::move(next_.more), next_.partial,
            next_.alone};
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
  bool precedes_heap(const Node& node) const { return heap_.empty() || heap_.front() < Turn(node); }
  void add_elsewhere(const Edge& edge, Variable&& gradient);
  // `total` is what has arrived for an output of the node so far. In anomaly mode two finite gradients whose
  // sum is not throw.
  void sum(Variable& total, Variable&& gradient, const Node& node) const;
  [[gnu::noinline]] void add_to_partial(Pending& place, const Edge& edge, Variable&& gradient);
  // The place of a node, made when it has none; valid until the next call.
  Pending& at(Node& node);
  [[gnu::noinline]] Pending& place_for(Node& node);
  // A place that is empty becomes the node's.
  static void open(Pending& place, Node& node);
  Pending& push(Pending&& pending);
  Pending take_from_heap();
  void postpone(Pending& place, std::uint32_t output, Variable&& gradient) const;

  bool create_graph_;
  bool alone_ = false;
  // The first may stand apart from the heap: along a chain nothing else waits but leaves.
  Pending next_;
  std::vector<Turn> heap_;
  std::vector<Pending> pending_;  // by slot
  std::vector<std::uint32_t> free_;
  PointerMap index_;  // from nodes to slots
};

}  // namespace xgrad::detail
