// Invariant: nodes are numbered in the order in which a depth-first walk from the roots first meets them, so
// the text depends on the graph alone; the walk keeps its own stack.
#include <xgrad/autograd/draw.hpp>

#include <xgrad/autograd/node.hpp>
#include <xgrad/autograd/pointer_map.hpp>

#include <algorithm>

namespace xgrad {
namespace {

using detail::Access;
using detail::Edge;
using detail::Node;
using detail::OutputMeta;

/// Text within a quoted string of the dot language.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= ' ') result += c;
  }
  return result;
}

class Drawing {
 public:
  explicit Drawing(const DrawOptions& options) : options_(options) {}

  std::string draw(const std::vector<Variable>& roots) {
    for (const Variable& root : roots) walk(Access::edge(root).node.get());
    text_ =
        "digraph xgrad {\n"
        "  node [fontname=\"Helvetica\", fontsize=11, style=\"filled,rounded\", color=\"#5f6b7a\"];\n"
        "  edge [color=\"#5f6b7a\", arrowsize=0.7, fontname=\"Helvetica\", fontsize=9];\n";
    for (const Node* node : nodes_) draw_node(*node, roots);
    for (const Node* node : nodes_) draw_edges(*node);
    draw_constants(roots);
    return text_ + "}\n";
  }

 private:
  void walk(const Node* root) {
    std::vector<const Node*> stack;
    const auto meet = [&](const Node* node) {
      if (node != nullptr && numbers_.find(node) == nullptr) stack.push_back(node);
    };
    meet(root);
    while (!stack.empty()) {
      const Node* node = stack.back();
      stack.pop_back();
      if (numbers_.find(node) != nullptr) continue;
      numbers_.insert(node, static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back(node);
      // The first input is the next to be met.
      for (std::size_t i = node->inputs().size(); i-- > 0;) meet(node->inputs()[i].node.get());
    }
  }

  std::string id(const Node& node) const { return "n" + std::to_string(*numbers_.find(&node)); }

  std::string shape_of(DType dtype, const Shape& shape) const {
    return options_.shapes ? "\n" + std::string(to_string(dtype)) + " " + to_string(shape) : "";
  }

  /// The caller's name of an output; empty when it has none.
  std::string name_of(const Node& node, std::uint32_t output) const {
    for (const auto& [variable, name] : options_.names) {
      if (!variable.defined()) continue;
      const Edge edge = Access::edge(variable);
      if (edge.node.get() == &node && edge.output == output) return name;
    }
    return {};
  }

  void draw_node(const Node& node, const std::vector<Variable>& roots) {
    std::string label = node.is_leaf() ? name_of(node, 0) : node.name;
    if (label.empty()) label = "leaf";
    if (options_.modules && node.extras && !node.extras->module_path.empty())
      label += "\n" + node.extras->module_path;
    for (std::uint32_t k = 0; k < node.outputs().size(); ++k) {
      const std::string name = node.is_leaf() ? "" : name_of(node, k);
      const OutputMeta& meta = node.outputs()[k];
      if (!name.empty()) label += "\n" + name;
      label += shape_of(meta.dtype(), meta.shape());
    }
    if (options_.places && node.place().file != nullptr) label += "\n" + to_string(node.place());
    const bool root = std::any_of(roots.begin(), roots.end(), [&](const Variable& variable) {
      return Access::edge(variable).node.get() == &node;
    });
    box(id(node), label, node.is_leaf() ? "ellipse" : "box", node.is_leaf() ? "#cfe8fc" : "#fdf1d3", root);
  }

  void draw_edges(const Node& node) {
    for (const Edge& edge : node.inputs()) {
      if (!edge.node) continue;
      text_ += "  " + id(*edge.node) + " -> " + id(node);
      if (edge.node->outputs().size() > 1) text_ += " [label=\"" + std::to_string(edge.output) + "\"]";
      text_ += ";\n";
    }
  }

  /// Roots without a history.
  void draw_constants(const std::vector<Variable>& roots) {
    for (std::size_t i = 0; i < roots.size(); ++i) {
      if (roots[i].requires_grad()) continue;
      std::string label = "constant";
      for (const auto& [variable, name] : options_.names)
        if (variable.is(roots[i])) label = name;
      box("c" + std::to_string(i), label + shape_of(roots[i].dtype(), roots[i].shape()), "box", "#eeeeee",
          true);
    }
  }

  void box(const std::string& id, const std::string& label, const char* shape, const char* fill, bool root) {
    text_ += "  " + id + " [shape=" + shape + ", fillcolor=\"" + fill + "\"" +
             (root ? ", peripheries=2" : "") + ", label=\"" + escaped(label) + "\"];\n";
  }

  const DrawOptions& options_;
  detail::PointerMap numbers_;
  std::vector<const Node*> nodes_;
  std::string text_;
};

}  // namespace

std::string graphviz(const std::vector<Variable>& roots, const DrawOptions& options, Place place) {
  const Scope scope("graphviz", place);
  for (std::size_t i = 0; i < roots.size(); ++i)
    if (!roots[i].defined()) fail<GraphError>("root " + std::to_string(i) + " is undefined");
  return Drawing(options).draw(roots);
}

std::string graphviz(const Variable& root, const DrawOptions& options, Place place) {
  return graphviz(std::vector<Variable>{root}, options, place);
}

}  // namespace xgrad
