#include <xgrad/autograd/ops/cast.hpp>

#include <xgrad/autograd/record.hpp>

namespace xgrad {

Variable cast(const Operand& x, DType dtype) {
  Op op("cast", x);
  if (op.dtype() == dtype) return op[0];
  Tensor value = op.value().to(dtype);
  if (!is_floating(dtype)) return op.constant(std::move(value));
  return op.record(std::move(value), Rule{saves_nothing, [from = op.dtype()](Backward& r) {
                                            return cast(r.gradient(), from);
                                          }});
}

}  // namespace xgrad
