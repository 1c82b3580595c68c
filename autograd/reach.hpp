// Which nodes a backward run visits: all, or only those on a path to the inputs that are asked for.
#pragma once

#include <xgrad/autograd/pointer_map.hpp>
#include <xgrad/autograd/variable.hpp>

#include <vector>

namespace xgrad::detail {

/// True for each input that a root depends on.
std::vector<bool> reached(const std::vector<Variable>& roots, const std::vector<Variable>& inputs);

class Reach {
 public:
  /// From now on only nodes on a path from the roots to the inputs.
  void restrict_to(const std::vector<Variable>& roots, const std::vector<Variable>& inputs);
  bool restricted() const { return restricted_; }
  /// True when the gradient of what the edge leads to will be used.
  bool contains(const Edge& edge) const {
    return edge.node && (!restricted_ || flags_.find(edge.node.get()) != nullptr);
  }
  /// True when an input belongs to the node, whose gradients are to be captured.
  bool wants(const Node& node) const {
    const std::uint32_t* flag = restricted_ ? flags_.find(&node) : nullptr;
    return flag != nullptr && *flag == wanted;
  }

 private:
  static constexpr std::uint32_t on_path = 1, wanted = 2;

  bool restricted_ = false;
  PointerMap flags_;
};

}  // namespace xgrad::detail
