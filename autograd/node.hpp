// Nodes of the recorded graph. Invariant: a node's rank is above the ranks of all its inputs, and a node
// holds no handle on its own outputs' Variables, so a graph has no reference cycle.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
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

/// A value kept for the rule: an input or an output of the operation. Under checkpoint() it is undefined, and
/// the node's frame finds it again.
struct Saved {
  Tensor value;
  std::uint32_t position = 0;  // within the frame
  std::uint32_t key = 0;

  static constexpr std::uint32_t key_of(bool is_output, std::size_t index) {
    return static_cast<std::uint32_t>(2 * index + (is_output ? 1 : 0));
  }
};

/// The hooks of a node.
struct HookList;

/// What few nodes have: hooks, a gradient to show, a checkpoint, the module they were recorded in.
struct NodeExtras {
  std::shared_ptr<HookList> hooks;  // null: none yet. Handles on hooks know it weakly
  std::vector<std::pair<std::uint32_t, std::weak_ptr<GradientSlot>>> slots;
  std::shared_ptr<CheckpointFrame> frame;
  std::string module_path;
};

class OpInput;

/// What a node records of its operation. A leaf has no inputs.
struct Record {
  const char* name;
  Place place = {};
  const OpInput* inputs = nullptr;
  std::size_t input_count = 0;
  bool uniform_gradient = false;
};

/// One recorded operation, or a leaf (no inputs, rank 0). A node, its rule and its arrays are one block of
/// memory.
class Node {
 public:
  /// A new node, with one handle. Its arrays stand `head` bytes behind it: see node_head. It gets its rule
  /// thereafter, except for leaves.
  static Node* create(const Record& record, std::span<const Tensor> outputs, Saves saves, std::size_t head);
  /// The rule, a function of Backward& which computes the gradients of the inputs that are needed.
  template <class R>
  void set_rule(R&& rule);
  void run(Backward& backward) const { kind_->run(*this, backward); }

  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Place place() const { return {file_, static_cast<int>(line_and_flags_ & line_mask)}; }
  /// The rule takes one element for a gradient that is the same everywhere.
  bool uniform_gradient() const { return (line_and_flags_ & uniform_flag) != 0; }
  /// The rule's own operations are not all on the tape.
  bool first_order_only() const { return (line_and_flags_ & first_order_flag) != 0; }
  void set_first_order_only() { line_and_flags_ |= first_order_flag; }
  std::span<Edge> inputs() const { return {edges(), input_count_}; }
  std::span<const OutputMeta> outputs() const { return {metas(), output_count_}; }
  std::span<Saved> saved() const { return {saved_array(), saved_count_}; }
  bool saves() const { return saved_count_ != 0; }

  bool is_leaf() const { return rank == 0; }
  NodeExtras& require_extras() {
    if (!extras) extras = std::make_unique<NodeExtras>();
    return *extras;
  }
  /// Runs that free what they use claim a node with saved values before they run its rule; one of them
  /// succeeds. `alone` tells that no other run can be at this node, which is not claimed.
  bool claim(bool alone) {
    if (!alone && !single_threaded()) return !claimed_.exchange(true);
    claimed_.store(true, std::memory_order_relaxed);
    return true;
  }
  bool claimed() const { return claimed_.load(); }
  /// After a rule that failed.
  void give_back() { claimed_.store(false); }
  /// Gives up what was kept for the rule of a node that was claimed.
  void free_saved() {
    for (Saved& saved : saved()) saved.value = {};
    if (extras) extras->frame = nullptr;
  }

  void retain() { references_.add(); }
  void release() {
    if (references_.drop()) bury(this);
  }
  /// True when one edge or one Variable alone leads here.
  bool unique() const { return references_.unique(); }

 private:
  /// What nodes with a rule of one type have in common.
  struct Kind {
    void (*run)(const Node& node, Backward& backward);
    void (*destroy)(const Node& node) noexcept;  // null where that does nothing
  };
  template <class R>
  static void run_rule(const Node& node, Backward& backward);
  template <class R>
  static void destroy_rule(const Node& node) noexcept;
  template <class R>
  static constexpr Kind kind_of{&run_rule<R>,
                                std::is_trivially_destructible_v<R> ? nullptr : &destroy_rule<R>};
  template <class R>
  void* rule_place() const;
  static constexpr Kind without_rule{nullptr, nullptr};

  const Kind* kind_ = &without_rule;

 public:
  const char* const name;

 private:
  const char* const file_;

 public:
  std::uint64_t rank;
  std::uint64_t sequence;  // creation order within the recording thread; 0 for leaves
  std::unique_ptr<NodeExtras> extras;

 private:
  // 24 bits of the line, which belongs to `file_`, below the flags. Bit fields would be read before they are
  // written, which waits for the memory.
  std::uint32_t line_and_flags_;
  static constexpr std::uint32_t line_mask = 0xFFFFFF, uniform_flag = 1u << 24, first_order_flag = 1u << 25;

  RefCount references_;
  const std::uint32_t input_count_, output_count_, block_bytes_;
  const std::uint16_t head_;
  const std::uint8_t saved_count_;  // 64 at most: two masks of 32 bits
  std::atomic<bool> claimed_{false};

  Node(const Record& record, std::size_t outputs, std::size_t saved, std::size_t head, std::size_t bytes)
      : name(record.name),
        file_(record.place.file),
        line_and_flags_((static_cast<std::uint32_t>(record.place.line) & line_mask) |
                        (record.uniform_gradient ? uniform_flag : 0)),
        input_count_(static_cast<std::uint32_t>(record.input_count)),
        output_count_(static_cast<std::uint32_t>(outputs)),
        block_bytes_(static_cast<std::uint32_t>(bytes)),
        head_(static_cast<std::uint16_t>(head)),
        saved_count_(static_cast<std::uint8_t>(saved)) {}
  ~Node() = default;

  // Behind the rule stand arrays: inputs, outputs, saved values, the outputs' sizes.
  Edge* edges() const {
    return reinterpret_cast<Edge*>(reinterpret_cast<std::byte*>(const_cast<Node*>(this)) + head_);
  }
  OutputMeta* metas() const { return reinterpret_cast<OutputMeta*>(edges() + input_count_); }
  Saved* saved_array() const { return reinterpret_cast<Saved*>(metas() + output_count_); }

  // Destroys without recursion: nodes that die while another is being destroyed wait in a list.
  static void bury(Node* node);
};

/// A rule without state takes no place: it is made anew whenever it runs.
template <class R>
inline constexpr bool stateless_rule =
    std::is_empty_v<R>&& std::is_default_constructible_v<R>&& std::is_trivially_destructible_v<R>;

/// Where a rule stands behind its node.
template <class R>
inline constexpr std::size_t rule_offset = (sizeof(Node) + alignof(R) - 1) / alignof(R) * alignof(R);

/// The bytes of a node and its rule.
template <class R>
inline constexpr std::size_t node_head = stateless_rule<R>
                                             ? sizeof(Node)
                                             : (rule_offset<R> + sizeof(R) + alignof(Node) - 1) /
                                                   alignof(Node) * alignof(Node);

template <class R>
void Node::set_rule(R&& rule) {
  static_assert(!std::is_reference_v<R> && alignof(R) <= 64 && node_head<R> <= UINT16_MAX);
  if constexpr (!stateless_rule<R>) ::new (rule_place<R>()) R(std::move(rule));
  kind_ = &kind_of<R>;
}

template <class R>
void* Node::rule_place() const {
  return reinterpret_cast<std::byte*>(const_cast<Node*>(this)) + rule_offset<R>;
}

template <class R>
void Node::run_rule(const Node& node, Backward& backward) {
  if constexpr (stateless_rule<R>)
    R()(backward);
  else
    (*static_cast<const R*>(node.rule_place<R>()))(backward);
}

template <class R>
void Node::destroy_rule(const Node& node) noexcept {
  static_cast<R*>(node.rule_place<R>())->~R();
}

}  // namespace detail
}  // namespace xgrad
XGRAD_API_END
