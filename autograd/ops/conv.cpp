// Invariant: a convolution is bilinear in x and the weight, so the three operations here, which share one
// geometry, are all that derivatives of any order need.
#include <xgrad/autograd/ops/conv.hpp>

#include <xgrad/autograd/one_floating.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/windows_on.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/conv.hpp>

#include <algorithm>

namespace xgrad {
namespace {

using detail::Windows;
using kernels::Convolution;
using Given = Callback<std::string()>;

std::string text(const char* name, const Shape& shape) { return name + (" " + to_string(shape)); }

Given given(const char* name, const Shape& a, const char* other, const Shape& b, Index groups) {
  return [=] {
    return text(name, a) + ", " + text(other, b) +
           (groups != 1 ? ", groups = " + std::to_string(groups) : "");
  };
}

void check_ranks(const Shape& x, const Shape& weight, const Given& operands) {
  if (x.rank() != 4)
    fail<ShapeError>("expects images (N, H, W, C), got " + operands(), "a single image: unsqueeze(x, 0)");
  if (weight.rank() != 4)
    fail<ShapeError>("expects a weight (out, kernel height, kernel width, in / groups), got " + operands());
}

void check_groups(Index groups, Index in, Index out, const Given& operands) {
  if (groups < 1) fail<ValueError>("expects groups of at least 1, got " + operands());
  if (groups > std::max<Index>(in, 1) || in % groups != 0 || out % groups != 0)
    fail<ValueError>("groups must divide the channels, " + std::to_string(in) + " in and " +
                     std::to_string(out) + " out: " + operands());
}

void check_bias(const Variable& bias, Index out, const Given& operands) {
  if (bias.defined() && bias.shape() != Shape{out})
    fail<ShapeError>("expects a bias of shape " + to_string(Shape{out}) + ", got " + to_string(bias.shape()) +
                     ": " + operands());
}

/// The geometry of conv2d on x and weight.
Convolution convolution_of(const Shape& x, const Shape& weight, const Conv2dOptions& options,
                           const Given& operands) {
  check_ranks(x, weight, operands);
  check_groups(options.groups, x[3], weight[0], operands);
  if (weight[3] != x[3] / options.groups)
    fail<ShapeError>(
        "the weight reads " + std::to_string(weight[3]) + " channels, each group has " +
            std::to_string(x[3] / options.groups) + ": " + operands(),
        "images are (N, H, W, channels), weights (out, kernel height, kernel width, in / groups)");
  const Windows windows = detail::windows_on(
      {x[1], x[2]}, {{weight[1], weight[2]}, options.stride, options.padding, options.dilation}, operands);
  return {x[0], windows.height, windows.width, x[3], weight[0], options.groups};
}

void check_gradient(const Shape& gradient, const Convolution& sizes, const Given& operands) {
  if (gradient != sizes.y())
    fail<ShapeError>("expects a gradient of shape " + to_string(sizes.y()) + ", got " + operands());
}

Variable input_gradient(const Variable& gradient, const Variable& weight, const Convolution& sizes);
Variable weight_gradient(const Variable& gradient, const Variable& x, const Convolution& sizes);

Variable convolution(const Variable& x, const Variable& weight, const Variable& bias,
                     const Convolution& sizes) {
  std::vector<Variable> operands{x, weight};
  if (bias.defined()) operands.push_back(bias);
  Op op("conv2d", {}, operands);
  op.promote_floating();
  Tensor value = kernels::conv2d(op.value(0), op.value(1), bias.defined() ? op.value(2) : Tensor(), sizes);
  const Rule to_x{saves_input(1),
                  [sizes](Backward& r) { return input_gradient(r.gradient(), r.input(1), sizes); }};
  const Rule to_weight{saves_input(0),
                       [sizes](Backward& r) { return weight_gradient(r.gradient(), r.input(0), sizes); }};
  if (!bias.defined()) return op.record(std::move(value), to_x, to_weight);
  return op.record(std::move(value), to_x, to_weight,
                   Rule{saves_nothing, [](Backward& r) { return r.gradient(); }});
}

Variable input_gradient(const Variable& gradient, const Variable& weight, const Convolution& sizes) {
  Op op("conv2d_input_gradient", {}, {gradient, weight});
  op.promote_floating();
  return op.record(
      kernels::conv2d_input_gradient(op.value(0), op.value(1), sizes),
      Rule{saves_input(1), [sizes](Backward& r) { return convolution(r.gradient(), r.input(1), {}, sizes); }},
      Rule{saves_input(0),
           [sizes](Backward& r) { return weight_gradient(r.input(0), r.gradient(), sizes); }});
}

Variable weight_gradient(const Variable& gradient, const Variable& x, const Convolution& sizes) {
  Op op("conv2d_weight_gradient", {}, {gradient, x});
  op.promote_floating();
  return op.record(
      kernels::conv2d_weight_gradient(op.value(0), op.value(1), sizes),
      Rule{saves_input(1), [sizes](Backward& r) { return convolution(r.input(1), r.gradient(), {}, sizes); }},
      Rule{saves_input(0), [sizes](Backward& r) { return input_gradient(r.input(0), r.gradient(), sizes); }});
}

}  // namespace

Variable conv2d(const Operand& x, const Operand& weight, const Variable& bias, const Conv2dOptions& options) {
  const Scope scope("conv2d", x.place());
  const Variable images = x.as_variable(), taps = weight.as_variable();
  const Given operands = given("x", images.shape(), "weight", taps.shape(), options.groups);
  const Convolution sizes = convolution_of(images.shape(), taps.shape(), options, operands);
  check_bias(bias, sizes.out, operands);
  detail::require_one_floating({{"x", images}, {"weight", taps}, {"bias", bias}});
  return convolution(images, taps, bias, sizes);
}

Variable conv2d_input_gradient(const Operand& gradient, const Operand& weight, const Shape& input,
                               const Conv2dOptions& options) {
  const Scope scope("conv2d_input_gradient", gradient.place());
  const Variable g = gradient.as_variable(), taps = weight.as_variable();
  const Convolution sizes =
      convolution_of(input, taps.shape(), options, given("x", input, "weight", taps.shape(), options.groups));
  check_gradient(g.shape(), sizes, given("gradient", g.shape(), "weight", taps.shape(), options.groups));
  detail::require_one_floating({{"gradient", g}, {"weight", taps}});
  return input_gradient(g, taps, sizes);
}

Variable conv2d_weight_gradient(const Operand& gradient, const Operand& x, const Shape& weight,
                                const Conv2dOptions& options) {
  const Scope scope("conv2d_weight_gradient", gradient.place());
  const Variable g = gradient.as_variable(), images = x.as_variable();
  const Convolution sizes = convolution_of(images.shape(), weight, options,
                                           given("x", images.shape(), "weight", weight, options.groups));
  check_gradient(g.shape(), sizes, given("gradient", g.shape(), "x", images.shape(), options.groups));
  detail::require_one_floating({{"gradient", g}, {"x", images}});
  return weight_gradient(g, images, sizes);
}

Variable conv_transpose2d(const Operand& x, const Operand& weight, const Variable& bias,
                          const ConvTranspose2dOptions& options) {
  const Scope scope("conv_transpose2d", x.place());
  const Variable images = x.as_variable(), taps = weight.as_variable();
  const Shape &from = images.shape(), &w = taps.shape();
  const Given operands = given("x", from, "weight", w, options.groups);
  check_ranks(from, w, operands);
  if (w[0] != from[3])
    fail<ShapeError>(
        "the weight reads " + std::to_string(w[0]) + " channels, x has " + std::to_string(from[3]) + ": " +
            operands(),
        "images are (N, H, W, channels), weights (in, kernel height, kernel width, out / groups)");
  check_groups(options.groups, from[3], from[3], operands);
  const Windows windows = detail::windows_from(
      {from[1], from[2]}, {{w[1], w[2]}, options.stride, options.padding, options.dilation},
      options.output_padding, operands);
  const Convolution sizes{from[0], windows.height, windows.width, w[3] * options.groups,
                          from[3], options.groups};
  check_bias(bias, sizes.in, operands);
  detail::require_one_floating({{"x", images}, {"weight", taps}, {"bias", bias}});
  const Variable y = input_gradient(images, taps, sizes);
  return bias.defined() ? y + bias : y;
}

}  // namespace xgrad
