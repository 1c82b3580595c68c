// Nodes of the recorded graph. Invariant: a node's rank is above the ranks of all its inputs, and a node
// holds no handle on its own outputs' Variables, so a graph has no reference cycle.
#pragma once

#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/pool.hpp>
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

namespace detail {

class Node;
class CheckpointFrame;

/// An array whose length is fixed at construction; up to N items need no memory of their own. Items of types
/// without constructor have no value at first.
template <class T, std::size_t N>
class InlineArray {
 public:
  InlineArray() = default;
  explicit InlineArray(std::size_t size)
      : data_(size > N ? std::allocator<T>().allocate(size) : inline_items()), size_(size) {
    static_assert(std::is_nothrow_default_constructible_v<T> && std::is_nothrow_move_constructible_v<T>);
    std::uninitialized_default_construct_n(data_, size);
  }
  InlineArray(InlineArray&& other) noexcept { take(other); }
  InlineArray& operator=(InlineArray&& other) noexcept {
    clear();
    take(other);
    return *this;
  }
  ~InlineArray() { clear(); }

  std::size_t size() const { return size_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  T* inline_items() { return reinterpret_cast<T*>(inline_); }
  void clear() {
    std::destroy_n(data_, size_);
    if (size_ > N) std::allocator<T>().deallocate(data_, size_);
    size_ = 0;
  }
  // Only into an empty one.
  void take(InlineArray& other) {
    size_ = other.size_;
    if (size_ > N) {
      data_ = std::exchange(other.data_, other.inline_items());
      other.size_ = 0;
    } else {
      data_ = inline_items();
      std::uninitialized_move_n(other.data_, size_, data_);
    }
  }

  T* data_ = inline_items();
  std::size_t size_ = 0;
  alignas(T) std::byte inline_[N * sizeof(T)];
};

/// Where an input came from: output `output` of `node`. No node: a constant.
struct Edge {
  Ref<Node> node;
  std::uint32_t output = 0;
};

/// What an output's gradient must look like. The sizes stand at the end of the node's block, so that a node
/// of small tensors is small.
class OutputMeta {
 public:
  Shape shape() const { return {sizes_, sizes_ + rank_}; }
  DType dtype() const { return dtype_; }
  bool fits(const Shape& shape, DType dtype) const {
    if (dtype != dtype_ || shape.rank() != rank_) return false;
    for (Index i = 0; i < rank_; ++i)
      if (shape[i] != sizes_[i]) return false;
    return true;
  }

 private:
  friend class Node;
  const Index* sizes_ = nullptr;
  std::uint32_t rank_ = 0;
  DType dtype_ = DType::float32;
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

/// One recorded operation, or a leaf (no inputs, rank 0). A node and its arrays are one block of memory.
class Node {
 public:
  /// What every node is made from; `head` bytes after it stand its inputs, outputs, saved values and sizes.
  struct Layout {
    const char* name;
    Place place;
    std::uint32_t inputs, outputs, saved;
    std::uint32_t sizes;  // ranks of all outputs together
    std::size_t head = 0;
  };

  /// A new D, constructed from the arguments and the completed layout.
  template <class D, class... Args>
  static Ref<Node> make(Layout layout, Args&&... args) {
    layout.head = (sizeof(D) + alignof(Saved) - 1) / alignof(Saved) * alignof(Saved);
    static_assert(alignof(D) <= 64 && sizeof(D) <= UINT16_MAX && alignof(Edge) == alignof(Saved) &&
                  alignof(OutputMeta) == alignof(Saved) && alignof(Index) == alignof(Saved));
    const std::size_t bytes = block_bytes(layout);
    void* block = pool_allocate(bytes, BlockUse::nodes);
    try {
      return Ref<Node>::adopt(::new (block) D(std::forward<Args>(args)..., layout));
    } catch (...) {
      pool_deallocate(block, bytes, BlockUse::nodes);
      throw;
    }
  }

  explicit Node(const Layout& layout);
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Computes the gradients of the inputs that are needed.
  virtual void run(Backward& backward) const = 0;

  std::span<Edge> inputs() const { return {array<Edge>(0), input_count_}; }
  std::span<const OutputMeta> outputs() const { return {output_array(), output_count_}; }
  std::span<Saved> saved() const { return {saved_array(), saved_count_}; }
  /// States the next output's shape and dtype; once for each, in order.
  void describe_output(std::size_t k, const Shape& shape, DType dtype);

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

 private:
  RefCount references_;

 public:
  bool freed = false;             // saved values were given up by a run that did not retain the graph
  bool first_order_only = false;  // the rule's own operations are not all on the tape
  bool uniform_gradient = false;  // the rule takes one element for a gradient that is the same everywhere

 private:
  static std::size_t block_bytes(const Layout& layout) {
    return layout.head + layout.inputs * sizeof(Edge) + layout.outputs * sizeof(OutputMeta) +
           layout.saved * sizeof(Saved) + layout.sizes * sizeof(Index);
  }
  Layout layout() const {
    return {name, place, input_count_, output_count_, saved_count_, size_count_, head_};
  }
  // Destroys without recursion: nodes that die while another is being destroyed wait in a list.
  static void bury(Node* node);

  template <class T>
  T* array(std::size_t offset) const {
    return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(const_cast<Node*>(this)) + head_ + offset);
  }
  OutputMeta* output_array() const { return array<OutputMeta>(input_count_ * sizeof(Edge)); }
  Saved* saved_array() const { return reinterpret_cast<Saved*>(output_array() + output_count_); }
  Index* size_array() const { return reinterpret_cast<Index*>(saved_array() + saved_count_); }

  std::uint16_t head_;
  std::uint32_t input_count_, output_count_, saved_count_, size_count_;
};

}  // namespace detail
}  // namespace xgrad
