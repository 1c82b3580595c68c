#include <xgrad/autograd/reach.hpp>

#include <algorithm>
#include <utility>

namespace xgrad::detail {

void Reach::restrict_to(const std::vector<Variable>& roots, const std::vector<Variable>& inputs) {
  restricted_ = true;
  std::uint64_t lowest = UINT64_MAX;
  for (const Variable& input : inputs) {
    const Edge edge = Access::edge(input);
    flags_.insert(edge.node.get(), wanted);
    lowest = std::min(lowest, edge.node->rank);
  }
  // Depth first, without recursion: a node is decided when all its inputs are. Below the lowest wanted rank
  // there is nothing to find.
  std::vector<std::pair<const Node*, std::size_t>> stack;
  PointerMap visited;
  const auto visit = [&](const Node* node) {
    if (node == nullptr || node->rank < lowest || visited.find(node) != nullptr) return;
    visited.insert(node, 1);
    stack.emplace_back(node, 0);
  };
  for (const Variable& root : roots) {
    visit(Access::edge(root).node.get());
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next < node->inputs().size()) {
        visit(node->inputs()[next++].node.get());
        continue;
      }
      for (const Edge& edge : node->inputs())
        if (contains(edge)) flags_.insert(node, on_path);
      stack.pop_back();
    }
  }
}

std::vector<bool> reached(const std::vector<Variable>& roots, const std::vector<Variable>& inputs) {
  std::uint64_t lowest = UINT64_MAX;
  for (const Variable& input : inputs) lowest = std::min(lowest, Access::edge(input).node->rank);
  std::vector<const Node*> stack;
  PointerMap visited;
  const auto visit = [&](const Node* node) {
    if (node == nullptr || node->rank < lowest || visited.find(node) != nullptr) return;
    visited.insert(node, 1);
    stack.push_back(node);
  };
  for (const Variable& root : roots) visit(Access::edge(root).node.get());
  while (!stack.empty()) {
    const Node* const node = stack.back();
    stack.pop_back();
    for (const Edge& edge : node->inputs()) visit(edge.node.get());
  }
  std::vector<bool> found;
  for (const Variable& input : inputs)
    found.push_back(visited.find(Access::edge(input).node.get()) != nullptr);
  return found;
}

}  // namespace xgrad::detail
