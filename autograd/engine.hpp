// One backward run over the recorded graph; private to the library.
#pragma once

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
  void execute();
  /// Moves what reached the leaves into their stored gradients.
  void deposit();
  void deposit_into(std::shared_ptr<GradientSlot> slot, Variable gradient) {
    deposits_.emplace_back(std::move(slot), std::move(gradient));
  }
  /// The gradient of a wanted input; undefined when none has arrived.
  Variable captured(const Variable& input) const;

 private:
  struct Captured {
    const Node* node;
    std::uint32_t output;
    Variable gradient;
  };

  void process(Pending& pending);
  // To hooks, captures and stored gradients.
  void show(Node& node, Variable* gradients);
  void run_hooks(Node& node, Variable* gradients);
  void run_rule(Node& node, Variable* gradients);
  // Brings the gradient that a rule gave into a shape that the queue takes.
  void fit(const Node& node, std::size_t input, Variable& gradient) const;
  void check_anomaly(const Node& node, std::size_t input, const Variable& gradient,
                     const Variable* gradients) const;

  bool create_graph_;
  bool retain_graph_;
  Reach reach_;
  std::vector<Ref<Node>> roots_;
  RunQueue queue_;
  std::vector<Captured> captured_;
  std::vector<std::pair<std::shared_ptr<GradientSlot>, Variable>> deposits_;
};

}  // namespace xgrad::detail
