// All normalisations are one operation on a (outer, size, groups, depth) view; see kernels/normalize.hpp.
#include <xgrad/autograd/ops/normalize.hpp>

#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/one_floating.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/normalize.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <cmath>
#include <limits>

namespace xgrad {
namespace {

using kernels::Grouping;
using kernels::Moment;
using kernels::Statistics;

/// Which operands follow x.
struct Affine {
  bool weight, bias;
  unsigned weight_at() const { return 1; }
  unsigned bias_at() const { return weight ? 2 : 1; }
};

std::vector<Variable> operands_of(const Operand& x, const Variable& weight, const Variable& bias) {
  std::vector<Variable> operands{x.as_variable()};
  for (const Variable& parameter : {weight, bias})
    if (parameter.defined()) operands.push_back(parameter);
  return operands;
}

void check_parameter(const char* name, const Variable& parameter, const Shape& shape) {
  if (parameter.defined() && parameter.shape() != shape)
    fail<ShapeError>(std::string("expects a ") + name + " of shape " + to_string(shape) + ", got " +
                     to_string(parameter.shape()));
}

void check_eps(double eps) {
  if (!(eps >= 0)) fail<ValueError>("expects eps of at least 0, got " + std::to_string(eps));
}

/// Powers of two near 1 / sqrt(variance + eps): x times these has squares within the range.
Tensor units_of(const Tensor& scale) {
  return detail::dispatch_floating(scale.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = scale;
    for (T& s : result.mutable_span<T>())
      s = s > 0 && std::isfinite(s) ? std::scalbn(T(1), std::ilogb(s)) : T(1);
    return result;
  });
}

/// eps in those units.
Tensor eps_in(const Tensor& units, double eps) {
  return detail::dispatch_floating(units.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = units;
    for (T& u : result.mutable_span<T>()) {
      const double root = std::sqrt(eps) * static_cast<double>(u);
      u = static_cast<T>(root * root);
    }
    return result;
  });
}

/// One row of a moments tensor, (outer, groups).
Tensor moment_of(const Tensor& moments, Index which) { return moments.rows(which, which + 1); }

/// The gradients in differentiable operations. mean and variance are taken from x again, unless given.
void composed(Backward& r, const Grouping& grouping, const Affine& affine, double eps, Statistics statistics,
              const Shape& parameters) {
  const Axes over{1, 3};
  const Shape whole{grouping.outer, grouping.size, grouping.groups, grouping.depth};
  const Shape owners{grouping.outer, 1, grouping.groups, 1}, channels{1, 1, grouping.groups, grouping.depth};
  const auto mean_over = [&](const Variable& v) { return mean(v, over, {.keepdims = true}); };
  const auto moment = [&](Index which) { return moment_of(r.output_value(1), which).reshape(owners); };

  const Variable x = reshape(r.input(0), whole), g = reshape(r.gradient(), whole);
  Variable normal, scale;
  if (statistics == Statistics::given) {
    scale = moment(Moment::scale);
    normal = (x - moment(Moment::mean)) * scale;
  } else {
    const Tensor units = units_of(moment(Moment::scale));
    Variable centred = x;
    // The second time takes out what is left of the rounded mean.
    if (statistics == Statistics::own)
      for (int i = 0; i < 2; ++i) centred = centred - mean_over(centred);
    const Variable distances = centred * units;
    const Variable fraction = rsqrt(mean_over(square(distances)) + eps_in(units, eps));
    scale = fraction * units;
    normal = distances * fraction;
  }
  if (r.needs(0)) {
    const Variable weighted = affine.weight ? g * reshape(r.input(affine.weight_at()), channels) : g;
    Variable slope = weighted;
    if (statistics == Statistics::own) slope = slope - mean_over(weighted);
    if (statistics != Statistics::given) slope = slope - normal * mean_over(weighted * normal);
    r.give(0, reshape(scale * slope, r.input_shape(0)));
  }
  if (affine.weight && r.needs(affine.weight_at()))
    r.give(affine.weight_at(), reshape(sum(g * normal, {0, 1}), parameters));
  if (affine.bias && r.needs(affine.bias_at())) r.give(affine.bias_at(), reshape(sum(g, {0, 1}), parameters));
}

/// What all the functions below do when their arguments are checked. `fixed` holds given statistics.
std::vector<Variable> normalized(Op& op, const Grouping& grouping, const Affine& affine, double eps,
                                 Statistics statistics, const Shape& parameters,
                                 const BatchNormalized& fixed = {}) {
  const auto flat = [&](bool present, unsigned i) {
    return present ? op.value(i).reshape({grouping.channels()}) : Tensor();
  };
  const Tensor weight = flat(affine.weight, affine.weight_at()), bias = flat(affine.bias, affine.bias_at());
  kernels::Normalized result;
  if (statistics == Statistics::given)
    result = kernels::normalize_by(op.value(), grouping, fixed.mean, fixed.variance, weight, bias, eps);
  else
    result = kernels::normalize(op.value(), grouping, weight, bias, eps, statistics);
  Saves saves = saves_input(0) | saves_output(1);
  if (affine.weight) saves = saves | saves_input(affine.weight_at());
  return op.record_many(
      {std::move(result.value), std::move(result.moments)},
      JointRule{saves,
                [=](Backward& r) {
                  if (r.create_graph()) return composed(r, grouping, affine, eps, statistics, parameters);
                  const Tensor& x = r.input_value(0);
                  const Tensor own_weight = affine.weight ? r.input_value(affine.weight_at()) : Tensor();
                  const auto gradients =
                      kernels::normalize_backward(detail::released_value(r.take_gradient()), x, grouping,
                                                  r.output_value(1), own_weight, statistics);
                  if (r.needs(0)) r.give(0, Variable(gradients.x));
                  if (affine.weight && r.needs(affine.weight_at()))
                    r.give(affine.weight_at(), Variable(gradients.weight.reshape(parameters)));
                  if (affine.bias && r.needs(affine.bias_at()))
                    r.give(affine.bias_at(), Variable(gradients.bias.reshape(parameters)));
                }},
      0b10);
}

/// Every leading index of x has statistics of its own.
Grouping rows_ending_in(const Variable& x, const Shape& normalized_shape) {
  const Index rank = normalized_shape.rank(), leading = x.rank() - rank;
  if (rank == 0 || leading < 0 || Shape(x.shape().begin() + leading, x.shape().end()) != normalized_shape)
    fail<ShapeError>("expects x to end in the normalized shape " + to_string(normalized_shape) + ", got " +
                     to_string(x.shape()));
  const Index rows = Shape(x.shape().begin(), x.shape().begin() + leading).count();
  return {rows, 1, 1, normalized_shape.count()};
}

/// Every channel has statistics of its own.
Grouping all_but_last(const Variable& x) {
  if (x.rank() < 2)
    fail<ShapeError>("expects x of shape (N, C) or (N, ..., C), got " + to_string(x.shape()),
                     "channels are the last axis");
  const Index size = Shape(x.shape().begin(), x.shape().end() - 1).count();
  return {1, size, x.size(-1), 1};
}

}  // namespace

Variable layer_norm(const Operand& x, const Shape& normalized_shape, const Variable& weight,
                    const Variable& bias, NormalizeOptions options) {
  Op op("layer_norm", x.place(), operands_of(x, weight, bias));
  const Grouping grouping = rows_ending_in(op[0], normalized_shape);
  check_parameter("weight", weight, normalized_shape);
  check_parameter("bias", bias, normalized_shape);
  check_eps(options.eps);
  detail::require_one_floating({{"x", op[0]}, {"weight", weight}, {"bias", bias}});
  op.promote_floating();
  return normalized(op, grouping, {weight.defined(), bias.defined()}, options.eps, Statistics::own,
                    normalized_shape)[0];
}

Variable rms_norm(const Operand& x, const Shape& normalized_shape, const Variable& weight,
                  RMSNormOptions options) {
  Op op("rms_norm", x.place(), operands_of(x, weight, {}));
  const Grouping grouping = rows_ending_in(op[0], normalized_shape);
  check_parameter("weight", weight, normalized_shape);
  detail::require_one_floating({{"x", op[0]}, {"weight", weight}});
  const bool single = op.promote_floating() == float32;
  const double least =
      single ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const double eps = options.eps.value_or(least);
  check_eps(eps);
  return normalized(op, grouping, {weight.defined(), false}, eps, Statistics::mean_square,
                    normalized_shape)[0];
}

Variable group_norm(const Operand& x, Index groups, const Variable& weight, const Variable& bias,
                    NormalizeOptions options) {
  Op op("group_norm", x.place(), operands_of(x, weight, bias));
  if (op[0].rank() < 2)
    fail<ShapeError>("expects x of shape (N, ..., C), got " + to_string(op.shape()),
                     "channels are the last axis");
  const Index samples = op.shape()[0], channels = op[0].size(-1);
  if (groups < 1 || channels % groups != 0)
    fail<ValueError>("expects a number of groups that divides " + std::to_string(channels) +
                     " channels, got " + std::to_string(groups));
  check_parameter("weight", weight, {channels});
  check_parameter("bias", bias, {channels});
  check_eps(options.eps);
  detail::require_one_floating({{"x", op[0]}, {"weight", weight}, {"bias", bias}});
  op.promote_floating();
  const Index size = Shape(op.shape().begin() + 1, op.shape().end() - 1).count();
  return normalized(op, {samples, size, groups, channels / groups}, {weight.defined(), bias.defined()},
                    options.eps, Statistics::own, {channels})[0];
}

BatchNormalized batch_norm_training(const Operand& x, const Variable& weight, const Variable& bias,
                                    NormalizeOptions options) {
  Op op("batch_norm", x.place(), operands_of(x, weight, bias));
  const Grouping grouping = all_but_last(op[0]);
  if (grouping.size == 1)
    fail<ValueError>("expects more than one value per channel, got x of shape " + to_string(op.shape()),
                     "one value has no variance; use eval() or a larger batch");
  const Shape channels{grouping.groups};
  check_parameter("weight", weight, channels);
  check_parameter("bias", bias, channels);
  check_eps(options.eps);
  detail::require_one_floating({{"x", op[0]}, {"weight", weight}, {"bias", bias}});
  op.promote_floating();
  const std::vector<Variable> all =
      normalized(op, grouping, {weight.defined(), bias.defined()}, options.eps, Statistics::own, channels);
  const Tensor& moments = all[1].value();
  return {all[0], moment_of(moments, Moment::mean).reshape(channels),
          moment_of(moments, Moment::variance).reshape(channels)};
}

Variable batch_norm(const Operand& x, const Tensor& mean, const Tensor& variance, const Variable& weight,
                    const Variable& bias, NormalizeOptions options) {
  Op op("batch_norm", x.place(), operands_of(x, weight, bias));
  const Grouping grouping = all_but_last(op[0]);
  const Shape channels{grouping.groups};
  for (const Tensor& statistic : {mean, variance})
    if (!statistic.defined() || statistic.shape() != channels)
      fail<ShapeError>("expects a mean and a variance of shape " + to_string(channels) + ", got " +
                       (statistic.defined() ? to_string(statistic.shape()) : "an undefined one"));
  check_parameter("weight", weight, channels);
  check_parameter("bias", bias, channels);
  check_eps(options.eps);
  detail::require_one_floating({{"x", op[0]}, {"weight", weight}, {"bias", bias}});
  const DType dtype = op.promote_floating();
  const BatchNormalized fixed{{}, mean.to(dtype), variance.to(dtype)};
  return normalized(op, grouping, {weight.defined(), bias.defined()}, options.eps, Statistics::given,
                    channels, fixed)[0];
}

}  // namespace xgrad
