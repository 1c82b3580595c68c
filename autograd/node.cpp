#include <xgrad/autograd/node.hpp>

#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/memory_blocks.hpp>

#include <algorithm>
#include <bit>

namespace xgrad::detail {

static_assert(alignof(Edge) == alignof(Saved) && sizeof(OutputMeta) % alignof(Index) == 0 &&
              sizeof(Saved) % alignof(Index) == 0 && alignof(Saved) == alignof(Index) &&
              alignof(Node) == alignof(Saved));

Node* Node::create(const Record& record, std::span<const Tensor> outputs, Saves saves, std::size_t head) {
  const auto kept = static_cast<std::size_t>(std::popcount(saves.inputs) + std::popcount(saves.outputs));
  std::size_t bytes = head + record.input_count * sizeof(Edge) + kept * sizeof(Saved);
  for (const Tensor& output : outputs)
    bytes += sizeof(OutputMeta) + static_cast<std::size_t>(output.rank()) * sizeof(Index);
  void* block = memory::allocate_quickly(bytes, memory::Use::nodes);
  if (block == nullptr) block = memory::allocate(bytes, memory::Use::nodes);
  Node& node = *::new (block) Node(record, outputs.size(), kept, head, bytes);

  std::uint64_t rank = 0;
  Edge* edge = node.edges();
  for (const OpInput& input : std::span(record.inputs, record.input_count)) {
    const VariableState& state = *Access::state(*input);
    if (state.node) rank = std::max(rank, state.node->rank + 1);
    ::new (edge++) Edge{state.node, state.output};
  }
  constinit static thread_local std::uint64_t recorded = 0;
  node.rank = rank;
  node.sequence = record.input_count != 0 ? ++recorded : 0;

  OutputMeta* meta = reinterpret_cast<OutputMeta*>(edge);
  Saved* saved = reinterpret_cast<Saved*>(meta + outputs.size());
  const auto keep_each = [&saved](std::uint32_t bits, bool is_output, auto&& value) {
    for (; bits != 0; bits &= bits - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(bits));
      ::new (saved++) Saved{value(i), 0, Saved::key_of(is_output, i)};
    }
  };
  keep_each(saves.inputs, false, [&](std::size_t i) -> const Tensor& { return record.inputs[i]->value(); });
  keep_each(saves.outputs, true, [&](std::size_t k) -> const Tensor& { return outputs[k]; });

  Index* size = reinterpret_cast<Index*>(saved);
  for (const Tensor& output : outputs) {
    const auto offset = reinterpret_cast<std::byte*>(size) - reinterpret_cast<std::byte*>(meta);
    const Shape& shape = output.shape();
    ::new (meta++) OutputMeta(static_cast<std::uint32_t>(offset), shape, output.dtype());
    size = std::copy(shape.begin(), shape.end(), size);
  }
  return &node;
}

void Node::bury(Node* node) {
  // The nodes that wait, where one is being destroyed on this thread. The place of a dead node in the order
  // means nothing any more: `sequence` holds the next one.
  constinit static thread_local Node** waiting = nullptr;
  const auto wait_in = [](Node*& list, Node* dead) {
    dead->sequence = reinterpret_cast<std::uintptr_t>(list);
    list = dead;
  };
  if (waiting != nullptr) return wait_in(*waiting, node);
  Node* list = nullptr;
  waiting = &list;
  for (;;) {
    const std::size_t bytes = node->block_bytes_;
    // The edges' handles are given up here, not by their destructors.
    for (const Edge& edge : node->inputs()) {
      Node* const input = edge.node.get();
      if (input != nullptr && input->references_.drop()) wait_in(list, input);
    }
    if (node->saved_count_ != 0) std::destroy_n(node->saved_array(), node->saved_count_);
    if (node->kind_->destroy != nullptr) node->kind_->destroy(*node);
    node->~Node();
    if (!memory::deallocate_quickly(node, bytes, memory::Use::nodes))
      memory::deallocate(node, bytes, memory::Use::nodes);
    if (list == nullptr) break;
    node = std::exchange(list, reinterpret_cast<Node*>(list->sequence));
  }
  waiting = nullptr;
}

}  // namespace xgrad::detail
