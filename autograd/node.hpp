// Nodes of the recorded graph. Invariant: a node's rank is above the ranks of all its inputs, and a node
// holds no handle on its own outputs' Variables, so a graph has no reference cycle.
#pragma once

#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace xgrad {

class Variable;
class Backward;

/// What a rule asks for: bit i of `inputs` is input i.
struct Saves {
  std::uint32_t inputs = 0;
  std::uint32_t outputs = 0;
  friend constexpr Saves operator|(Saves a, Saves b) { return {a.inputs | b.inputs, a.outputs | b.outputs}; }
};
inline constexpr Saves saves_nothing{};
constexpr Saves saves_input(unsigned i) { return {1u << i, 0}; }
constexpr Saves saves_output(unsigned k = 0) { return {0, 1u << k}; }

namespace detail {

class Node;
class CheckpointFrame;

/// Where an input came from: output `output` of `node`. No node: a constant.
struct Edge {
  Ref<Node> node;
  std::uint32_t output = 0;
};

/// What an output's gradient must look like. The sizes stand at the end of the node's block, so that a node
/// of small tensors is small.
class OutputMeta {
 public:
  OutputMeta(const OutputMeta&) = delete;
  OutputMeta& operator=(const OutputMeta&) = delete;

  Shape shape() const { return {sizes(), sizes() + rank_}; }
  DType dtype() const { return dtype_; }
  bool fits(const Shape& shape, DType dtype) const {
    if (dtype != dtype_ || shape.rank() != rank_) return false;
    for (Index i = 0; i < rank_; ++i)
      if (shape[i] != sizes()[i]) return false;
    return true;
  }

 private:
  friend class Node;
  // The sizes' distance from this object.
  OutputMeta(std::uint32_t offset, const Shape& shape, DType dtype)
      : offset_(offset), rank_(static_cast<std::uint16_t>(shape.rank())), dtype_(dtype) {}
  const Index* sizes() const {
    return reinterpret_cast<const Index*>(reinterpret_cast<const std::byte*>(this) + offset_);
  }

  std::uint32_t offset_;
  std::uint16_t rank_;
  DType dtype_;
};

/// A stored gradient, owned by the Variable that shows it. Nodes point to it weakly: no cycle through
/// create_graph.
struct GradientSlot;

/// A value kept for the rule: input or output number `index`. Under checkpoint() it is undefined, and the
/// node's frame finds it again.
struct Saved {
  Tensor value;
  std::uint32_t position = 0;  // within the frame
  std::uint16_t index = 0;
  bool is_output = false;
};

using HookFunction = Callback<Variable(const Variable&)>;

/// What few nodes have: hooks, a gradient to show, a checkpoint, the module they were recorded in.
struct NodeExtras {
  struct Hook {
    std::uint64_t id;
    std::uint32_t output;
    HookFunction function;
  };
  std::vector<Hook> hooks;
  std::vector<std::pair<std::uint32_t, std::weak_ptr<GradientSlot>>> slots;
  std::shared_ptr<CheckpointFrame> frame;
  std::string module_path;
};

/// What a node records. A leaf has no inputs.
struct Record {
  const char* name;
  Place place;
  const Variable* inputs;
  std::size_t input_count;
  const Tensor* outputs;
  std::size_t output_count;
  Saves saves = {};
  bool uniform_gradient = false;
};

/// One recorded operation, or a leaf (no inputs, rank 0). A node and its arrays are one block of memory.
class Node {
 public:
  /// What a node is constructed from: its record, and its block, of which the class takes `head` bytes.
  struct Plan {
    const Record& record;
    std::size_t head, bytes;
    void* block;
  };

  /// A new D, constructed from the arguments and the plan.
  template <class D, class... Args>
  static Ref<Node> make(const Record& record, Args&&... args) {
    constexpr std::size_t head = (sizeof(D) + alignof(Saved) - 1) / alignof(Saved) * alignof(Saved);
    static_assert(alignof(D) <= 64 && head <= UINT16_MAX);
    const Plan plan = allocate(record, head);
    try {
      return Ref<Node>::adopt(::new (plan.block) D(std::forward<Args>(args)..., plan));
    } catch (...) {
      discard(plan);
      throw;
    }
  }

  explicit Node(const Plan& plan) noexcept;
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Computes the gradients of the inputs that are needed.
  virtual void run(Backward& backward) const = 0;

  Place place() const { return {file_, line_}; }
  std::span<Edge> inputs() const { return {edges(), input_count_}; }
  std::span<const OutputMeta> outputs() const { return {metas(), output_count_}; }
  std::span<Saved> saved() const { return {saved_array(), saved_count_}; }

  bool is_leaf() const { return rank == 0; }
  NodeExtras& require_extras() {
    if (!extras) extras = std::make_unique<NodeExtras>();
    return *extras;
  }
  /// Gives up what was kept for the rule.
  void free_saved() {
    if (saved_count_ != 0) drop_saved();
  }

  void retain() { references_.add(); }
  void release() {
    if (references_.drop()) bury(this);
  }

  const char* const name;

 private:
  const char* file_;

 public:
  std::uint64_t rank = 0;
  std::uint64_t sequence = 0;  // creation order within the recording thread
  std::unique_ptr<NodeExtras> extras;

 private:
  // The smallest come last: a derived class continues where they end. `line_` belongs to `file_`; as a Place
  // the two would be followed by padding.
  int line_;
  RefCount references_;
  std::uint32_t input_count_, output_count_, block_bytes_;
  std::uint16_t head_;
  std::uint8_t saved_count_;  // 64 at most: two masks of 32 bits

 public:
  bool freed : 1 = false;             // saved values were given up by a run that did not retain the graph
  bool first_order_only : 1 = false;  // the rule's own operations are not all on the tape
  bool uniform_gradient : 1;          // the rule takes one element for a gradient that is the same everywhere

 private:
  static Plan allocate(const Record& record, std::size_t head);
  static void discard(const Plan& plan) noexcept;
  // Behind the class stand arrays: outputs, inputs, saved values, the outputs' sizes.
  OutputMeta* metas() const {
    return reinterpret_cast<OutputMeta*>(reinterpret_cast<std::byte*>(const_cast<Node*>(this)) + head_);
  }
  Edge* edges() const { return reinterpret_cast<Edge*>(metas() + output_count_); }
  Saved* saved_array() const { return reinterpret_cast<Saved*>(edges() + input_count_); }

  void drop_saved();
  // Destroys without recursion: nodes that die while another is being destroyed wait in a list.
  static void bury(Node* node);
};

}  // namespace detail
}  // namespace xgrad
