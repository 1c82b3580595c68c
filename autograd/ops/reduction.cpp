#include <xgrad/autograd/ops/reduction.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/reduce.hpp>

namespace xgrad::detail {

Variable shared_by_ties(const Variable& gradient, const Tensor& x, const Tensor& extreme) {
  const Tensor ties =
      kernels::logical(kernels::Logical::either, kernels::compare(kernels::Comparison::equal, x, extreme),
                       kernels::classify(kernels::Classification::nan, x));
  const Tensor count = kernels::sum_to(ties.to(extreme.dtype()), extreme.shape());
  return where(ties, gradient / count, 0);
}

}  // namespace xgrad::detail
