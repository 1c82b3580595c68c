#include <xgrad/autograd/node.hpp>

#include <xgrad/autograd/variable.hpp>

#include <memory>

namespace xgrad::detail {

Node::Node(const Layout& layout)
    : name(layout.name),
      place(layout.place),
      input_count_(layout.inputs),
      output_count_(layout.outputs),
      saved_count_(layout.saved),
      block_bytes_(layout.block_bytes),
      edges_(reinterpret_cast<Edge*>(layout.arrays)),
      outputs_(reinterpret_cast<OutputMeta*>(edges_ + input_count_)),
      saved_(reinterpret_cast<Saved*>(outputs_ + output_count_)) {
  std::uninitialized_value_construct_n(edges_, input_count_);
  std::uninitialized_value_construct_n(outputs_, output_count_);
  std::uninitialized_value_construct_n(saved_, saved_count_);
}

Node::~Node() {
  std::destroy_n(edges_, input_count_);
  std::destroy_n(outputs_, output_count_);
  std::destroy_n(saved_, saved_count_);
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
  node->next_dead_ = dead;
  dead = node;
  if (digging) return;
  digging = true;
  while (dead != nullptr) {
    Node* const next = dead;
    const std::size_t bytes = next->block_bytes_;
    dead = next->next_dead_;
    next->~Node();
    pool_deallocate(next, bytes);
  }
  digging = false;
}

}  // namespace xgrad::detail
