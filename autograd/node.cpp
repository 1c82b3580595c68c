#include <xgrad/autograd/node.hpp>

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/pool_blocks.hpp>

#include <algorithm>
#include <bit>

namespace xgrad::detail {

static_assert(alignof(Edge) == alignof(Saved) && sizeof(OutputMeta) % alignof(Index) == 0 &&
              sizeof(Saved) % alignof(Index) == 0 && alignof(Saved) == alignof(Index));

Node::Plan Node::allocate(const Record& record, std::size_t head) {
  const int saved = std::popcount(record.saves.inputs) + std::popcount(record.saves.outputs);
  std::size_t bytes =
      head + record.input_count * sizeof(Edge) + static_cast<std::size_t>(saved) * sizeof(Saved);
  for (std::size_t k = 0; k < record.output_count; ++k)
    bytes += sizeof(OutputMeta) + static_cast<std::size_t>(record.outputs[k].rank()) * sizeof(Index);
  void* const block = pool::allocate_quickly(bytes, pool::Use::nodes);
  return {record, head, bytes, block != nullptr ? block : pool::allocate(bytes, pool::Use::nodes)};
}

void Node::discard(const Plan& plan) noexcept {
  pool::deallocate(plan.block, plan.bytes, pool::Use::nodes);
}

Node::Node(const Plan& plan) noexcept
    : name(plan.record.name),
      file_(plan.record.place.file),
      line_(plan.record.place.line),
      input_count_(static_cast<std::uint32_t>(plan.record.input_count)),
      output_count_(static_cast<std::uint32_t>(plan.record.output_count)),
      block_bytes_(static_cast<std::uint32_t>(plan.bytes)),
      head_(static_cast<std::uint16_t>(plan.head)),
      uniform_gradient(plan.record.uniform_gradient) {
  const Record& record = plan.record;
  Edge* const edge = edges();
  for (std::size_t i = 0; i < record.input_count; ++i) {
    const VariableState& state = *Access::state(record.inputs[i]);
    if (state.node) rank = std::max(rank, state.node->rank + 1);
    ::new (edge + i) Edge{state.node, state.output};
  }
  constinit static thread_local std::uint64_t recorded = 0;
  if (record.input_count != 0) sequence = ++recorded;

  Saved* const first = reinterpret_cast<Saved*>(edge + record.input_count);
  Saved* saved = first;
  const auto each_bit = [](std::uint32_t bits, auto&& f) {
    for (; bits != 0; bits &= bits - 1) f(static_cast<std::uint16_t>(std::countr_zero(bits)));
  };
  each_bit(record.saves.inputs, [&](std::uint16_t i) {
    ::new (saved++) Saved{Access::state(record.inputs[i])->value, 0, i, false};
  });
  each_bit(record.saves.outputs, [&](std::uint16_t k) {
    ::new (saved++) Saved{record.outputs[k], 0, k, true};
  });
  saved_count_ = static_cast<std::uint8_t>(saved - first);

  OutputMeta* meta = metas();
  Index* size = reinterpret_cast<Index*>(saved);
  for (std::size_t k = 0; k < record.output_count; ++k, ++meta) {
    const Tensor& output = record.outputs[k];
    const auto offset = reinterpret_cast<std::byte*>(size) - reinterpret_cast<std::byte*>(meta);
    ::new (meta) OutputMeta(static_cast<std::uint32_t>(offset), output.shape(), output.dtype());
    for (const Index n : output.shape()) *size++ = n;
  }
}

Node::~Node() {
  std::destroy_n(edges(), input_count_);
  std::destroy_n(saved_array(), saved_count_);
}

void Node::drop_saved() {
  for (Saved& saved : saved()) saved.value = {};
  if (extras) extras->frame = nullptr;
  freed = true;
}

void Node::bury(Node* node) {
  constinit thread_local Node* dead = nullptr;
  constinit thread_local bool digging = false;
  // Its place in the order means nothing any more.
  node->sequence = reinterpret_cast<std::uintptr_t>(dead);
  dead = node;
  if (digging) return;
  digging = true;
  while (dead != nullptr) {
    Node* const next = dead;
    const std::size_t bytes = next->block_bytes_;
    dead = reinterpret_cast<Node*>(next->sequence);
    next->~Node();
    if (!pool::deallocate_quickly(next, bytes, pool::Use::nodes))
      pool::deallocate(next, bytes, pool::Use::nodes);
  }
  digging = false;
}

}  // namespace xgrad::detail
