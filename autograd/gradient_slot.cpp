#include <xgrad/autograd/gradient_slot.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/tensor/elementwise.hpp>

namespace xgrad::detail {

void accumulate(Variable& into, Variable&& gradient, bool create_graph) {
  if (!into.defined()) {
    into = std::move(gradient);
  } else if (create_graph) {
    into = add(into, gradient);
  } else {
    if (!Access::state(into)->references.unique()) into = into.detach();
    kernels::add_to(into.mutable_value(), gradient.value());
  }
}

}  // namespace xgrad::detail
