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

bool GradientSlot::takes(const OutputMeta& meta) {
  const std::scoped_lock lock(mutex);
  if (frozen) return false;
  if (leaf != nullptr && !meta.fits(leaf->value.shape(), leaf->value.dtype()))
    fail<GraphError>("a leaf was recorded as " + std::string(to_string(meta.dtype())) + " " +
                         to_string(meta.shape()) + ", but holds " + describe(leaf->value) + " by now",
                     "make a new leaf to change shape or dtype, or run backward before");
  return true;
}

}  // namespace xgrad::detail
