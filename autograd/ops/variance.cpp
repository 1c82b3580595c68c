// Variance and standard deviation, two passes, corrected: the mean, then the squares of the distances from
// it.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/elementwise.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/reduce.hpp>

#include <algorithm>
#include <cmath>

namespace xgrad {
namespace {

using detail::Reduction;

// Twice, since the first mean is rounded: what is left of it in the distances is small and taken out exactly,
// so that constant data have distances of 0.
Variable centred(const Variable& x, const Axes& axes) {
  const Variable distances = x - mean(x, axes, {.keepdims = true});
  return distances - mean(distances, axes, {.keepdims = true});
}

Tensor centred_value(const Variable& x, const Axes& axes) {
  const NoGrad values_only;
  return centred(x, axes).value();
}

double degrees_of_freedom(const Reduction& over, const VarianceOptions& options) {
  return std::max(0.0, over.count - static_cast<double>(options.correction));
}

}  // namespace

Variable var(const Operand& x, const Axes& axes, VarianceOptions options) {
  Op op("var", x);
  const DType dtype = op.promote_floating();
  const Reduction over(op.shape(), axes, options.keepdims);
  const double freedom = degrees_of_freedom(over, options);
  const Tensor distances = centred_value(op[0], axes);
  const Tensor squares = kernels::sum_product(distances, distances, over.axes);
  return op.record(kernels::div(squares, scalar(freedom, dtype)).reshape(over.result),
                   Rule{saves_input(0), [axes, kept = over.kept, freedom](const Backward& r) {
                          return centred(r.input(0), axes) * (reshape(r.gradient(), kept) * (2 / freedom));
                        }});
}

Variable std(const Operand& x, const Axes& axes, VarianceOptions options) {
  Op op("std", x);
  const DType dtype = op.promote_floating();
  const Reduction over(op.shape(), axes, options.keepdims);
  const double freedom = degrees_of_freedom(over, options);
  // Through the norm, whose squares stay within the range; the norm itself may leave it.
  const Tensor distances = centred_value(op[0], axes), root = scalar(std::sqrt(freedom), dtype);
  Tensor value = kernels::div(kernels::norm(distances, 2, over.axes), root);
  if (freedom > 0 && !kernels::all_finite(value))
    value = kernels::norm(kernels::div(distances, root), 2, over.axes);
  return op.record(
      value.reshape(over.result),
      Rule{saves_input(0) | saves_output(), [axes, kept = over.kept, freedom](const Backward& r) {
             const Variable deviation = reshape(r.output(), kept);
             const Variable constant = equal(deviation, 0);
             return centred(r.input(0), axes) / where(constant, 1, deviation) *
                    where(constant, 0, reshape(r.gradient(), kept) / freedom);
           }});
}

}  // namespace xgrad
