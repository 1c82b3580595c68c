#include <xgrad/autograd/node.hpp>

#include <xgrad/autograd/variable.hpp>

namespace xgrad::detail {

void Node::bury(Node* node) {
  thread_local Node* dead = nullptr;
  thread_local bool digging = false;
  node->next_dead_ = dead;
  dead = node;
  if (digging) return;
  digging = true;
  while (dead != nullptr) {
    Node* next = dead;
    dead = next->next_dead_;
    delete next;
  }
  digging = false;
}

}  // namespace xgrad::detail
