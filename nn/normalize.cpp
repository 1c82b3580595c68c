#include <xgrad/nn/normalize.hpp>

#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/one_floating.hpp>
#include <xgrad/autograd/ops/normalize.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <limits>

namespace xgrad::nn {
namespace {

void check_shape(const Shape& normalized_shape) {
  bool fits = normalized_shape.rank() > 0;
  for (const Index size : normalized_shape) fits &= size >= 0;
  if (!fits)
    fail<ValueError>("expects a normalized shape of one axis or more, sizes at least 0, got " +
                     to_string(normalized_shape));
}

void check_eps(double eps) {
  if (!(eps >= 0)) fail<ValueError>("expects eps of at least 0, got " + std::to_string(eps));
}

void check_channels(Index channels) {
  if (channels < 0) fail<ValueError>("expects channels of at least 0, got " + std::to_string(channels));
}

/// What PyTorch has for a weight over those axes.
PytorchForm pytorch_form(const Shape& axes, PytorchAxes stated, std::string_view option) {
  if (axes.rank() < 2 || stated == PytorchAxes::same) return {};
  PytorchForm form;
  for (Index i = 1; i < axes.rank(); ++i) form.order.push_back(i);
  form.order.push_back(0);
  if (stated == PytorchAxes::unknown) form.told_by = option;
  return form;
}

}  // namespace

// ------------------------------------------------------------------------------------------------ LayerNorm

LayerNorm::LayerNorm(const Shape& normalized_shape, LayerNormOptions options, Place place)
    : normalized_shape_(normalized_shape), eps_(options.eps), pytorch_axes_(options.pytorch_axes) {
  const Scope scope("LayerNorm", place);
  check_shape(normalized_shape);
  check_eps(options.eps);
  if (!options.elementwise_affine) return;
  weight = Parameter(ones(normalized_shape, options.dtype));
  if (options.bias) bias = Parameter(zeros(normalized_shape, options.dtype));
}

Variable LayerNorm::forward(const Variable& x) {
  return layer_norm(at_call(x), normalized_shape_, weight, bias, {.eps = eps_});
}

void LayerNorm::visit(Visitor& v) {
  const PytorchForm form = pytorch_form(normalized_shape_, pytorch_axes_, "LayerNormOptions::pytorch_axes");
  v("weight", weight, form);
  v("bias", bias, form);
}

std::string LayerNorm::describe() const { return "LayerNorm(" + to_string(normalized_shape_) + ")"; }

// ------------------------------------------------------------------------------------------------ RMSNorm

RMSNorm::RMSNorm(const Shape& normalized_shape, RMSNormOptions options, Place place)
    : normalized_shape_(normalized_shape), eps_(options.eps), pytorch_axes_(options.pytorch_axes) {
  const Scope scope("RMSNorm", place);
  check_shape(normalized_shape);
  if (options.eps) check_eps(*options.eps);
  if (options.elementwise_affine) weight = Parameter(ones(normalized_shape, options.dtype));
}

Variable RMSNorm::forward(const Variable& x) {
  return rms_norm(at_call(x), normalized_shape_, weight, {.eps = eps_});
}

void RMSNorm::visit(Visitor& v) {
  v("weight", weight, pytorch_form(normalized_shape_, pytorch_axes_, "RMSNormOptions::pytorch_axes"));
}

std::string RMSNorm::describe() const { return "RMSNorm(" + to_string(normalized_shape_) + ")"; }

// ------------------------------------------------------------------------------------------------ GroupNorm

GroupNorm::GroupNorm(Index groups, Index channels, GroupNormOptions options, Place place)
    : groups_(groups), channels_(channels), eps_(options.eps) {
  const Scope scope("GroupNorm", place);
  check_channels(channels);
  if (groups < 1 || channels % groups != 0)
    fail<ValueError>("expects a number of groups that divides " + std::to_string(channels) +
                     " channels, got " + std::to_string(groups));
  check_eps(options.eps);
  if (!options.affine) return;
  weight = Parameter(ones({channels}, options.dtype));
  bias = Parameter(zeros({channels}, options.dtype));
}

Variable GroupNorm::forward(const Variable& x) {
  const Operand input = at_call(x);
  const Scope scope("group_norm", input.place());
  if (x.rank() < 2 || x.size(-1) != channels_)
    fail<ShapeError>(
        "expects x of shape (N, ..., " + std::to_string(channels_) + "), got " + to_string(x.shape()),
        "channels are the last axis");
  return group_norm(input, groups_, weight, bias, {.eps = eps_});
}

void GroupNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string GroupNorm::describe() const {
  return "GroupNorm(" + std::to_string(groups_) + ", " + std::to_string(channels_) + ")";
}

// ------------------------------------------------------------------------------------------------ BatchNorm

BatchNorm::BatchNorm(const char* name, Index channels, const BatchNormOptions& options, Place place)
    : channels_(channels), eps_(options.eps), momentum_(options.momentum) {
  const Scope scope(name, place);
  check_channels(channels);
  check_eps(options.eps);
  if (momentum_ && !(*momentum_ >= 0 && *momentum_ <= 1))
    fail<ValueError>("expects a momentum in [0, 1], got " + std::to_string(*momentum_));
  if (options.affine) {
    weight = Parameter(ones({channels}, options.dtype));
    bias = Parameter(zeros({channels}, options.dtype));
  }
  if (options.track_running_stats) {
    running_mean = zeros({channels}, options.dtype);
    running_var = ones({channels}, options.dtype);
    num_batches_tracked = zeros({}, int64);
  }
}

Variable BatchNorm::forward(const Variable& x) {
  const Operand input = at_call(x);
  const Scope scope("batch_norm", input.place());
  check(x);
  if (x.size(-1) != channels_)
    fail<ShapeError>(
        "expects " + std::to_string(channels_) + " channels, got x of shape " + to_string(x.shape()),
        "channels are the last axis");
  xgrad::detail::require_one_floating({{"x", x}, {"weight", weight}, {"running_mean", running_mean}});
  if (!training() && running_mean.defined())
    return batch_norm(input, running_mean, running_var, weight, bias, {.eps = eps_});
  const BatchNormalized batch = batch_norm_training(input, weight, bias, {.eps = eps_});
  if (training() && !recomputing() && running_mean.defined() && x.count() > 0)
    track(batch.mean, batch.variance, x.count() / channels_);
  return batch.output;
}

void BatchNorm::track(const Tensor& mean, const Tensor& variance, Index count) {
  std::int64_t& batches = *num_batches_tracked.mutable_data<std::int64_t>();
  if (batches < std::numeric_limits<std::int64_t>::max()) ++batches;
  const double share = momentum_ ? *momentum_ : 1 / static_cast<double>(batches);
  if (share == 0) return;
  const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
  xgrad::detail::dispatch_floating(running_mean.dtype(), [&]<class T>(std::type_identity<T>) {
    const auto move = [&](Tensor& running, const Tensor& batch, double factor) {
      const Tensor values = batch.to(running.dtype());
      const T* from = values.data<T>();
      for (T& r : running.mutable_span<T>()) {
        const double old = static_cast<double>(r), fresh = factor * static_cast<double>(*from++);
        // A share of nothing is not taken, since nothing times infinity is NaN.
        r = static_cast<T>(share == 1 ? fresh : (1 - share) * old + share * fresh);
      }
    };
    move(running_mean, mean, 1);
    move(running_var, variance, unbiased);
  });
}

void BatchNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
  v("running_mean", running_mean);
  v("running_var", running_var);
  // Dictionaries of PyTorch before 0.4.1 lack it.
  v("num_batches_tracked", num_batches_tracked, PytorchForm{.optional = true});
}

std::string BatchNorm::describe() const { return Module::describe() + "(" + std::to_string(channels_) + ")"; }

void BatchNorm1d::check(const Variable& x) const {
  if (x.rank() != 2 && x.rank() != 3)
    fail<ShapeError>("expects x of shape (N, C) or (N, L, C), got " + to_string(x.shape()));
}

void BatchNorm2d::check(const Variable& x) const {
  if (x.rank() != 4) fail<ShapeError>("expects x of shape (N, H, W, C), got " + to_string(x.shape()));
}

}  // namespace xgrad::nn
