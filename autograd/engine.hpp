// One backward run over the recorded graph; private to the library.
//
// Gradients of gradients are operations: the engine stands below ops/, and still names some of them.
// chain_rule.hpp and dual.hpp (arithmetic, math) read a formula's derivative as recorded operations;
// chain.cpp and record.cpp cast to the dtype of an operand; gradient_slot.cpp adds, engine.cpp sums to and
// broadcasts to an operand's shape, run_queue.cpp spreads, where the run itself is recorded; functional.cpp
// stacks the rows of a Jacobian. No other file of the engine includes ops/.
#pragma once

#include <xgrad/autograd/gradient_slot.hpp>
#include <xgrad/autograd/reach.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/autograd/run_queue.hpp>

namespace xgrad::detail {

class Run {
 public:
  Run(bool create_graph, bool retain_graph)
      : create_graph_(create_graph), retain_graph_(retain_graph), queue_(create_graph) {}

  /// Only nodes on a path from the roots to these inputs run; their gradients are captured.
  void restrict_to(const std::vector<Variable>& roots, const std::vector<Variable>& inputs) {
    reach_.restrict_to(roots, inputs);
  }
  /// Queues a root with its seed, if the run visits it.
  void start(const Edge& root, Variable seed);
  /// Errors at nodes without a line of their own, leaves, carry that of the caller.
  void execute(Place caller);
  /// Moves what reached the leaves into their stored gradients: into all of them or, when memory ends, into
  /// none.
  void deposit();
  void deposit_into(std::shared_ptr<GradientSlot> slot, Variable gradient) {
    deposits_.push_back({.slot = std::move(slot), .gradient = std::move(gradient), .before = {}, .sum = {}});
  }
  /// The gradient of a wanted input; undefined when none has arrived.
  Variable captured(const Variable& input) const;

 private:
  struct Captured {
    const Node* node;
    std::uint32_t output;
    Variable gradient;
  };

  // Spreads out gradients that are smaller than their outputs.
  [[gnu::noinline]] void spread(Pending& pending) const;
  bool watched(const Node& node) const { return node.extras || reach_.wants(node); }
  // False where a leaf takes no gradient at present. Throws when it holds another shape or dtype by now.
  static bool takes_gradient(const Node& leaf);
  // To hooks, captures and stored gradients.
  [[gnu::noinline]] void show(Node& node, Variable* gradients);
  void run_hooks(Node& node, Variable* gradients);
  void run_rule(Node& node, Variable* gradients, bool alone);
  [[noreturn]] static void reject(const Node& node);
  [[gnu::noinline]] void make_room(std::size_t results);
  // Brings the gradient that a rule gave for an input into a shape that the queue takes. False when it is
  // smaller than the input.
  [[gnu::noinline]] static bool fit(const OutputMeta& meta, std::size_t input, Variable& gradient);
  [[gnu::noinline]] void check_anomaly(const Node& node, std::size_t input, const Variable& gradient,
                                       const Variable* gradients) const;

  bool create_graph_;
  bool retain_graph_;
  Reach reach_;
  std::vector<Ref<Node>> roots_;
  RunQueue queue_;
  std::vector<Variable> results_;  // what a rule gives; undefined between two rules
  std::vector<Captured> captured_;
  std::vector<Deposit> deposits_;
};

}  // namespace xgrad::detail
