// The p-norm. Its rules divide by the norm before taking powers, so gradients overflow no sooner than they
// must; they are 0 where the norm is 0, and the limits where it is infinite and p > 1.
#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>
#include <limits>

namespace xgrad {
namespace {

// d(norm)/dx = sign(x) (|x| / norm)^(p - 1). Elements that are 0 get 0, also for p < 2, where this or its
// derivative has a pole there.
Variable slope(const Variable& x, const Variable& positive_norm, double p) {
  if (p == 2) return x / positive_norm;
  const Variable zero = equal(x, 0);
  const Variable ratio = where(zero, 1, abs(x) / positive_norm);
  return where(zero, 0, sign(x) * pow(ratio, p - 1));
}

// x for slopes of p > 1, which its size does not change, scaled where the norm is infinite: infinities alone
// count then, or numbers whose norm leaves the range.
Variable within_range(const Variable& x, const Variable& total, const Axes& axes) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Variable size = abs(x).detach(), largest = amax(size, axes, {.keepdims = true});
  const Variable infinite = where(equal(size, infinity), sign(x), 0);
  return where(equal(total, infinity), where(equal(largest, infinity), infinite, x / largest), x);
}

}  // namespace

Variable norm(const Operand& x, const Axes& axes, NormOptions options) {
  Op op("norm", x);
  op.promote_floating();
  const double p = options.p;
  if (std::isnan(p)) fail<ValueError>("the order p must be a number, got NaN");
  const detail::ReducedAxes over(op.shape(), axes, options.keepdims);
  Tensor value = kernels::norm(op.value(), p, over.axes).reshape(over.result);
  if (p == 0)
    return op.record(std::move(value), Rule{saves_nothing, [](Backward& r) {
                                              return Variable(zeros(r.input_shape(0), r.gradient().dtype()));
                                            }});
  if (p == 1)
    return op.record(std::move(value), Rule{saves_input(0), [kept = over.kept](Backward& r) {
                                              return detail::chain(reshape(r.gradient(), kept),
                                                                   sign(r.input(0)));
                                            }});
  if (std::isinf(p))
    return op.record(std::move(value), Rule{saves_input(0) | saves_output(), [kept = over.kept](Backward& r) {
                                              const Variable share = detail::shared_by_ties(
                                                  reshape(r.gradient(), kept), kernels::abs(r.input_value(0)),
                                                  r.output_value().reshape(kept));
                                              return detail::chain(share, sign(r.input(0)));
                                            }});
  return op.record(std::move(value),
                   Rule{saves_input(0) | saves_output(), [axes, kept = over.kept, p](Backward& r) {
                          Variable input = r.input(0), total = reshape(r.output(), kept);
                          if (p > 1 && !kernels::all_finite(total.value())) {
                            input = within_range(input, total, axes);
                            total = norm(input, axes, {.p = p, .keepdims = true});
                          }
                          const Variable zero = equal(total, 0);
                          return detail::chain(where(zero, 0, reshape(r.gradient(), kept)),
                                               slope(input, where(zero, 1, total), p));
                        }});
}

}  // namespace xgrad
