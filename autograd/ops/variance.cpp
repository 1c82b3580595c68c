// Variance and standard deviation, from distances to a mean that keeps what its rounding left.
#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/reduction.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/kernels/normalize.hpp>
#include <xgrad/kernels/reduce.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace xgrad {
namespace {

using detail::ReducedAxes;
using kernels::Grouping, kernels::Spread;

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

// x as the kernel for statistics sees it, where the reduced axes are neighbours and long enough to be worth
// its tables.
std::optional<Grouping> grouping_of(const Shape& shape, const IndexList& axes) {
  Index outer = 1, size = 1, inner = 1;
  for (Index i = 0; i < shape.rank(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (shape[i] == 1) continue;
    if (reduced && inner > 1) return {};
    (reduced ? size : size > 1 ? inner : outer) *= shape[i];
  }
  constexpr Index long_row = 4096, short_column = 8;
  if (inner == 1 && size <= long_row) return Grouping{outer, 1, 1, size};
  if (size >= short_column) return Grouping{outer, size, inner, 1};
  return {};
}

double degrees_of_freedom(const ReducedAxes& over, const VarianceOptions& options) {
  return std::max(0.0, over.count - static_cast<double>(options.correction));
}

// What the kernel has found, kept for the distances of the rule.
struct Centre {
  Grouping grouping;
  Tensor mean, rest;
};

// By the kernel where the run is not recorded itself.
Variable distances(Backward& r, const Axes& axes, const std::optional<Centre>& centre) {
  if (r.create_graph() || !centre) return centred(r.input(0), axes);
  return Variable(kernels::distances(r.input_value(0), centre->grouping, centre->mean, centre->rest));
}

}  // namespace

Variable var(const Operand& x, const Axes& axes, VarianceOptions options) {
  Op op("var", x);
  const DType dtype = op.promote_floating();
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  const double freedom = degrees_of_freedom(over, options);
  Tensor value;
  std::optional<Centre> centre;
  if (const auto grouping = grouping_of(op.shape(), over.axes)) {
    const Spread spread = kernels::spread(op.value(), *grouping);
    value = kernels::mul(spread.variance, scalar(over.count / freedom, dtype));
    centre = Centre{*grouping, spread.mean, spread.rest};
  } else {
    const Tensor distances = centred_value(op[0], axes);
    value = kernels::div(kernels::sum_product(distances, distances, over.axes), scalar(freedom, dtype));
  }
  return op.record(value.reshape(over.result),
                   Rule{saves_input(0), [axes, centre, kept = over.kept, freedom](Backward& r) {
                          return detail::chain(reshape(r.gradient(), kept) * (2 / freedom),
                                               distances(r, axes, centre));
                        }});
}

Variable stddev(const Operand& x, const Axes& axes, VarianceOptions options) {
  Op op("stddev", x);
  const DType dtype = op.promote_floating();
  const ReducedAxes over(op.shape(), axes, options.keepdims);
  const double freedom = degrees_of_freedom(over, options);
  Tensor value;
  std::optional<Centre> centre;
  if (const auto grouping = grouping_of(op.shape(), over.axes)) {
    const Spread spread = kernels::spread(op.value(), *grouping);
    value = kernels::mul(spread.deviation, scalar(std::sqrt(over.count / freedom), dtype));
    centre = Centre{*grouping, spread.mean, spread.rest};
  } else {
    // Through the norm, whose squares stay within the range; the norm itself may leave it.
    const Tensor distances = centred_value(op[0], axes), root = scalar(std::sqrt(freedom), dtype);
    value = kernels::div(kernels::norm(distances, 2, over.axes), root);
    if (freedom > 0 && !kernels::all_finite(value))
      value = kernels::norm(kernels::div(distances, root), 2, over.axes);
  }
  return op.record(
      value.reshape(over.result),
      Rule{saves_input(0) | saves_output(), [axes, centre, kept = over.kept, freedom](Backward& r) {
             const Variable deviation = reshape(r.output(), kept);
             const Variable constant = equal(deviation, 0);
             return detail::chain(where(constant, 0, reshape(r.gradient(), kept) / freedom),
                                  distances(r, axes, centre) / where(constant, 1, deviation));
           }});
}

}  // namespace xgrad
