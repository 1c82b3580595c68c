#include <xgrad/autograd/ops/weighted.hpp>

#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>

namespace xgrad::detail {

Variable weighted(const Variable& x, const Tensor& factors) {
  const Variable constant(factors);
  const Op op("weighted", Operand(x), Operand(constant));
  return op.record(
      kernels::chain(factors, op.value()),
      JointRule{saves_input(1), [](Backward& r) { r.give(0, weighted(r.gradient(), r.input_value(1))); }});
}

}  // namespace xgrad::detail
