// Nodes of the recorded graph. Invariant: a node's rank is above the ranks of all its inputs, and a node
// holds no handle on its own outputs' Variables, so a graph has no reference cycle.
#pragma once

#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/pool.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace xgrad {

class Variable;
class Backward;

namespace detail {

class Node;
class CheckpointFrame;

/// An array whose length is fixed at construction; up to N items need no memory of their own.
template <class T, std::size_t N>
class InlineArray {
 public:
  InlineArray() = default;
  explicit InlineArray(std::size_t size) : size_(size) {
    if (size > N) heap_ = std::make_unique<T[]>(size);
  }
  std::size_t size() const { return size_; }
  T* begin() { return heap_ ? heap_.get() : inline_.data(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return heap_ ? heap_.get() : inline_.data(); }
  const T* end() const { return begin() + size_; }
  T& operator[](std::size_t i) { return begin()[i]; }
  const T& operator[](std::size_t i) const { return begin()[i]; }

 private:
  std::size_t size_ = 0;
  std::unique_ptr<T[]> heap_;
  std::array<T, N> inline_{};
};

/// Where an input came from: output `output` of `node`. No node: a constant.
struct Edge {
  Ref<Node> node;
  std::uint32_t output = 0;
};

/// What an output's gradient must look like.
struct OutputMeta {
  Shape shape;
  DType dtype = DType::float32;
};

/// A stored gradient, owned by the Variable that shows it. Nodes point to it weakly: no cycle through
/// create_graph.
struct GradientSlot;

/// A value kept for the rule: input or output number `index`. Under checkpoint() the frame finds it again
/// instead.
struct Saved {
  Tensor value;
  std::shared_ptr<CheckpointFrame> frame;
  std::uint32_t position = 0;  // within the frame
  std::uint16_t index = 0;
  bool is_output = false;
};

using HookFunction = std::function<Variable(const Variable&)>;

/// What few nodes have: hooks, a gradient to show, the module they were recorded in.
struct NodeExtras {
  struct Hook {
    std::uint64_t id;
    std::uint32_t output;
    HookFunction function;
  };
  std::vector<Hook> hooks;
  std::vector<std::pair<std::uint32_t, std::weak_ptr<GradientSlot>>> slots;
  std::string module_path;
};

/// One recorded operation, or a leaf (no inputs, rank 0).
class Node : public Pooled {
 public:
  Node(const char* operation, Place where, std::size_t input_count, std::size_t output_count,
       std::size_t saved_count)
      : name(operation), place(where), inputs(input_count), outputs(output_count), saved(saved_count) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Computes the gradients of the inputs that are needed.
  virtual void run(Backward& backward) const = 0;

  bool is_leaf() const { return rank == 0; }
  NodeExtras& require_extras() {
    if (!extras) extras = std::make_unique<NodeExtras>();
    return *extras;
  }

  void retain() { references_.add(); }
  void release() {
    if (references_.drop()) bury(this);
  }

  const char* name;
  Place place;
  std::uint64_t rank = 0;
  std::uint64_t sequence = 0;  // creation order within the recording thread
  InlineArray<Edge, 2> inputs;
  InlineArray<OutputMeta, 1> outputs;
  InlineArray<Saved, 2> saved;
  bool freed = false;             // saved values were given up by a run that did not retain the graph
  bool first_order_only = false;  // the rule's own operations are not all on the tape
  std::unique_ptr<NodeExtras> extras;

 private:
  // Destroys without recursion: nodes that die while another is being destroyed wait in a list.
  static void bury(Node* node);

  RefCount references_;
  Node* next_dead_ = nullptr;
};

}  // namespace detail
}  // namespace xgrad
