#include <xgrad/autograd/chain.hpp>

#include <xgrad/autograd/new_variable.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/kernels/elementwise.hpp>

namespace xgrad::detail {
namespace {

[[gnu::noinline]] Variable recorded_chain_input(Backward& r, std::size_t i) {
  return chain(r.final_gradient(), r.input(i));
}

}  // namespace

Variable chain(const Operand& cotangent, const Operand& slope) {
  Op op("chain", cotangent, slope);
  op.promote();
  return op.record(kernels::chain(op.value(0), op.value(1)),
                   Rule{saves_input(1), [](Backward& r) { return chain_input(r, 1); }},
                   Rule{saves_input(0), [](Backward& r) { return chain_input(r, 0); }});
}

Variable chain_input(Backward& r, std::size_t i) {
  if (r.create_graph()) return recorded_chain_input(r, i);
  const Tensor& slope = r.input_value(i);
  if (!r.hands_over()) return new_variable(kernels::chain(r.final_gradient().value(), slope));
  Variable gradient = r.take_gradient();
  if (gradient.shape() == slope.shape() && sole(gradient)) {
    kernels::chain_to(Access::mutable_value(gradient), slope);
    return gradient;
  }
  return new_variable(kernels::chain(gradient.value(), slope));
}

Variable cast_like(const Variable& x, const Variable& like) {
  return x.dtype() == like.dtype() ? x : cast(x, like.dtype());
}

}  // namespace xgrad::detail
