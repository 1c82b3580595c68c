#include <xgrad/autograd/ops/pairs.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/pairs.hpp>
#include <xgrad/tensor/factory.hpp>

#include <limits>

namespace xgrad::detail {
namespace {

Tensor causal_mask(Index queries, Index keys) {
  Tensor mask = Tensor::uninitialized({queries, keys}, boolean);
  bool* to = mask.mutable_data<bool>();
  for (Index t = 0; t < queries; ++t)
    for (Index s = 0; s < keys; ++s) *to++ = s <= t;
  return mask;
}

}  // namespace

Tensor allowed_pairs(const Variable& mask, bool causal, Index queries, Index keys) {
  const Tensor earlier = causal ? causal_mask(queries, keys) : Tensor();
  if (!mask.defined()) return earlier;
  Tensor allowed = mask.value();
  if (allowed.dtype() != boolean)
    allowed = kernels::compare(kernels::Comparison::not_equal, allowed,
                               full({}, -std::numeric_limits<double>::infinity(), allowed.dtype()));
  if (allowed.rank() == 0) allowed = allowed.reshape({1});
  return causal ? kernels::logical(kernels::Logical::both, allowed, earlier) : allowed;
}

Variable pair_products(const Variable& x, const Variable& y, const Tensor& allowed, double hidden) {
  if (!allowed.defined()) return matmul(x, y, {.transpose_b = true});
  const Variable pairs(allowed);
  const Op op("pair_products", Operand(x), Operand(y), Operand(pairs));
  return op.record(kernels::pair_products(op.value(0), op.value(1), op.value(2), hidden),
                   JointRule{saves_input(0) | saves_input(1) | saves_input(2), [](Backward& r) {
                               const Tensor& may = r.input_value(2);
                               const Variable g = where(may, r.gradient(), 0.0);
                               if (r.needs(0)) r.give(0, pair_sums(g, r.input(1), may));
                               if (r.needs(1)) r.give(1, pair_sums(g, r.input(0), may, true));
                             }});
}

Variable pair_sums(const Variable& w, const Variable& x, const Tensor& allowed, bool transposed) {
  if (!allowed.defined()) return matmul(w, x, {.transpose_a = transposed});
  const Variable pairs(allowed);
  const Op op("pair_sums", Operand(w), Operand(x), Operand(pairs));
  return op.record(kernels::pair_sums(op.value(0), op.value(1), op.value(2), transposed),
                   Rule{saves_input(1) | saves_input(2),
                        [transposed](Backward& r) {
                          const Variable &g = r.gradient(), row = r.input(1);
                          return transposed ? pair_products(row, g, r.input_value(2))
                                            : pair_products(g, row, r.input_value(2));
                        }},
                   Rule{saves_input(0) | saves_input(2),
                        [transposed](Backward& r) {
                          return pair_sums(r.input(0), r.gradient(), r.input_value(2), !transposed);
                        }},
                   Rule{saves_nothing, [](Backward&) { return Variable(); }});
}

}  // namespace xgrad::detail
