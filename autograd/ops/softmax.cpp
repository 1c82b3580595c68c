// Softmax, its logarithm and the logarithm of its denominator. Rules work from the outputs; their fused forms
// serve runs that are not recorded themselves.
#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/reduce.hpp>

#include <limits>

namespace xgrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Variable sum_along(const Variable& x, Index axis) {
  return sum(x, detail::axes_along(x.shape(), axis), {.keepdims = true});
}

// The output, without the NaN of those rows where no gradient arrives: these have no slope that zero could be
// multiplied by.
Variable where_gradient_arrives(const Variable& y, const Variable& g, Index axis) {
  if (kernels::all_finite(y.value())) return y;
  const Variable arrives = any(g, detail::axes_along(y.shape(), axis), {.keepdims = true});
  return where(logical_and(isnan(y), logical_not(arrives)), 0, y);
}

}  // namespace

Variable softmax(const Operand& x, Index axis) {
  Op op("softmax", x);
  op.promote_floating();
  axis = axis_along(op.shape(), axis);
  return op.record(kernels::softmax(op.value(), axis),
                   Rule{saves_output(), [axis](Backward& r) {
                          const Variable& g = r.gradient();
                          if (!r.create_graph())
                            return Variable(kernels::softmax_backward(g.value(), r.output_value(), axis));
                          const Variable y = where_gradient_arrives(r.output(), g, axis);
                          return y * (g - sum_along(g * y, axis));
                        }});
}

Variable log_softmax(const Operand& x, Index axis) {
  Op op("log_softmax", x);
  op.promote_floating();
  axis = axis_along(op.shape(), axis);
  return op.record(kernels::log_softmax(op.value(), axis),
                   Rule{saves_output(), [axis](Backward& r) {
                          const Variable& g = r.gradient();
                          if (!r.create_graph())
                            return Variable(kernels::log_softmax_backward(g.value(), r.output_value(), axis));
                          return g - exp(where_gradient_arrives(r.output(), g, axis)) * sum_along(g, axis);
                        }});
}

Variable logsumexp(const Operand& x, const Axes& axes, ReduceOptions options) {
  Op op("logsumexp", x);
  op.promote_floating();
  const detail::ReducedAxes over(op.shape(), axes, options.keepdims);
  return op.record(
      kernels::logsumexp(op.value(), over.axes).reshape(over.result),
      Rule{saves_input(0) | saves_output(), [kept = over.kept](Backward& r) {
             // Where all terms vanish, exp(x) is the gradient's limit and -inf - -inf is none.
             const Variable y = reshape(r.output(), kept);
             const Variable terms = r.input(0), g = reshape(r.gradient(), kept);
             const Variable empty = equal(y, -infinity);
             const Variable unbounded = equal(y, infinity);
             if (!any(unbounded).item<bool>()) return detail::chain(g, exp(terms - where(empty, 0, y)));
             // Infinite terms share the gradient, as the largest ones do on the way there.
             const Variable finite = where(unbounded, 0, terms);
             return where(unbounded, detail::shared_by_ties(g, terms.value(), r.output_value().reshape(kept)),
                          detail::chain(g, exp(finite - where(logical_or(empty, unbounded), 0, y))));
           }});
}

}  // namespace xgrad
