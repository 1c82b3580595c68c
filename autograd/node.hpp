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
#include <span>
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

/// A value kept for the rule: input or output number `index`. Under checkpoint() it is undefined, and the
/// node's frame finds it again.
struct Saved {
  Tensor value;
  std::uint32_t position = 0;  // within the frame
  std::uint16_t index = 0;
  bool is_output = false;
};

using HookFunction = std::function<Variable(const Variable&)>;

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

/// One recorded operation, or a leaf (no inputs, rank 0). A node and its arrays are one block of memory.
class Node {
 public:
  /// What every node is made from; `arrays` is where its inputs, outputs and saved values will stand.
  struct Layout {
    const char* name;
    Place place;
    std::uint32_t inputs, outputs, saved;
    std::byte* arrays = nullptr;
    std::size_t block_bytes = 0;
  };

  /// A new D, constructed from the arguments and the completed layout.
  template <class D, class... Args>
  static Ref<Node> make(Layout layout, Args&&... args) {
    constexpr std::size_t head = (sizeof(D) + alignof(Saved) - 1) / alignof(Saved) * alignof(Saved);
    static_assert(alignof(D) <= 64 && alignof(Edge) == alignof(Saved) &&
                  alignof(OutputMeta) == alignof(Saved));
    layout.block_bytes = head + layout.inputs * sizeof(Edge) + layout.outputs * sizeof(OutputMeta) +
                         layout.saved * sizeof(Saved);
    void* block = pool_allocate(layout.block_bytes);
    layout.arrays = static_cast<std::byte*>(block) + head;
    try {
      return Ref<Node>::adopt(::new (block) D(std::forward<Args>(args)..., layout));
    } catch (...) {
      pool_deallocate(block, layout.block_bytes);
      throw;
    }
  }

  explicit Node(const Layout& layout);
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Computes the gradients of the inputs that are needed.
  virtual void run(Backward& backward) const = 0;

  std::span<Edge> inputs() const { return {edges_, input_count_}; }
  std::span<OutputMeta> outputs() const { return {outputs_, output_count_}; }
  std::span<Saved> saved() const { return {saved_, saved_count_}; }

  bool is_leaf() const { return rank == 0; }
  NodeExtras& require_extras() {
    if (!extras) extras = std::make_unique<NodeExtras>();
    return *extras;
  }
  /// Gives up what was kept for the rule.
  void free_saved();

  void retain() { references_.add(); }
  void release() {
    if (references_.drop()) bury(this);
  }

  const char* name;
  Place place;
  std::uint64_t rank = 0;
  std::uint64_t sequence = 0;  // creation order within the recording thread
  std::unique_ptr<NodeExtras> extras;
  bool freed = false;             // saved values were given up by a run that did not retain the graph
  bool first_order_only = false;  // the rule's own operations are not all on the tape

 private:
  // Destroys without recursion: nodes that die while another is being destroyed wait in a list.
  static void bury(Node* node);

  RefCount references_;
  std::uint32_t input_count_, output_count_, saved_count_;
  std::size_t block_bytes_;
  Edge* edges_;
  OutputMeta* outputs_;
  Saved* saved_;
  Node* next_dead_ = nullptr;
};

}  // namespace detail
}  // namespace xgrad
