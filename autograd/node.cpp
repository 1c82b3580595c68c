#include <xgrad/autograd/node.hpp>

#include <xgrad/autograd/variable.hpp>

#include <memory>

namespace xgrad::detail {

Node::Node(const Layout& layout)
    : name(layout.name),
      place(layout.place),
      head_(static_cast<std::uint16_t>(layout.head)),
      input_count_(layout.inputs),
      output_count_(layout.outputs),
      saved_count_(layout.saved),
      size_count_(layout.sizes) {
  std::uninitialized_value_construct_n(array<Edge>(0), input_count_);
  std::uninitialized_value_construct_n(output_array(), output_count_);
  std::uninitialized_value_construct_n(saved_array(), saved_count_);
}

Node::~Node() {
  std::destroy_n(array<Edge>(0), input_count_);
  std::destroy_n(saved_array(), saved_count_);
}

void Node::describe_output(std::size_t k, const Shape& shape, DType dtype) {
  OutputMeta& meta = output_array()[k];
  meta.sizes_ = k == 0 ? size_array() : output_array()[k - 1].sizes_ + output_array()[k - 1].rank_;
  meta.rank_ = static_cast<std::uint32_t>(shape.rank());
  meta.dtype_ = dtype;
  std::copy(shape.begin(), shape.end(), const_cast<Index*>(meta.sizes_));
}

void Node::free_saved() {
  if (saved_count_ == 0) return;
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
    const std::size_t bytes = block_bytes(next->layout());
    dead = reinterpret_cast<Node*>(next->sequence);
    next->~Node();
    pool_deallocate(next, bytes, BlockUse::nodes);
  }
  digging = false;
}

}  // namespace xgrad::detail
