#include <xgrad/nn/conv1d.hpp>

#include <xgrad/autograd/ops/conv.hpp>
#include <xgrad/autograd/ops/pooling.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>

namespace xgrad::nn {
namespace {

void check_least(const char* what, Index value, Index least) {
  if (value < least)
    fail<ValueError>("expects a " + std::string(what) + " of at least " + std::to_string(least) + ", got " +
                     std::to_string(value));
}

/// (N, L, C) as images of height 1. Throws ShapeError unless the window fits into the padded sequence.
Variable as_image(const Variable& x, Index kernel, Index dilation, const Padding1d& padding) {
  if (x.rank() != 3)
    fail<ShapeError>("expects sequences (N, L, C), channels last, got x of shape " + to_string(x.shape()));
  // In floating point, where no size overflows.
  const auto real = [](Index size) { return static_cast<double>(size); };
  const double length = real(x.size(1)) + real(padding.sides.before) + real(padding.sides.after);
  if (!padding.automatic && length < real(dilation) * real(kernel - 1) + 1)
    fail<ShapeError>("a kernel of " + std::to_string(kernel) +
                     (dilation != 1 ? " with dilation " + std::to_string(dilation) : "") +
                     " is longer than the sequences (N, L, C) of shape " + to_string(x.shape()) +
                     " with padding " + to_string(padding));
  return unsqueeze(x, 1);
}

std::string described(const std::string& head, Index kernel, Index stride, Index usual_stride,
                      const Padding1d& padding, Index dilation) {
  std::string text = head + "kernel " + std::to_string(kernel);
  if (stride != usual_stride) text += ", stride " + std::to_string(stride);
  if (to_string(padding) != "0") text += ", padding " + to_string(padding);
  if (dilation != 1) text += ", dilation " + std::to_string(dilation);
  return text;
}

template <class Options>
void check_pool(const Options& options) {
  check_least("kernel", options.kernel, 1);
  check_least("stride", options.stride, 0);
}

template <class Options>
Size2d stride_of(const Options& options) {
  return {1, options.stride == 0 ? options.kernel : options.stride};
}

}  // namespace

std::string to_string(const Padding1d& padding) {
  if (padding.automatic) return "same";
  const std::string before = std::to_string(padding.sides.before);
  return padding.sides.before == padding.sides.after
             ? before
             : "(" + before + ", " + std::to_string(padding.sides.after) + ")";
}

Conv1d::Conv1d(Index in, Index out, const Conv1dOptions& options, Place place) : options_(options) {
  const Scope scope("Conv1d", place);
  const std::string channels = "in = " + std::to_string(in) + ", out = " + std::to_string(out);
  if (in < 0 || out < 0) fail<ValueError>("expects channels of at least 0, got " + channels);
  if (options.groups < 1 || in % options.groups != 0 || out % options.groups != 0)
    fail<ValueError>("groups must divide the channels, got groups = " + std::to_string(options.groups) +
                     ", " + channels);
  check_least("kernel", options.kernel, 1);
  check_least("stride", options.stride, 1);
  check_least("dilation", options.dilation, 1);
  const Shape shape{out, options.kernel, in / options.groups};
  const Index fan_in = Shape{shape[1], shape[2]}.count();
  const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
  weight = Parameter(uniform(shape, -bound, bound, options.dtype));
  if (options.bias) bias = Parameter(uniform({out}, -bound, bound, options.dtype));
}

Variable Conv1d::forward(const Variable& x) {
  const Scope scope("Conv1d", at_call(x).place());
  if (!weight.defined()) fail<GraphError>("the layer has no weight", "it was moved from");
  const Index channels = weight.size(2) * options_.groups;
  if (x.rank() == 3 && x.size(2) != channels)
    fail<ShapeError>("expects sequences (N, L, C) of " + std::to_string(channels) +
                         " channels, got x of shape " + to_string(x.shape()),
                     "the channels are the last axis here, the second in PyTorch");
  const Variable image = as_image(x, options_.kernel, options_.dilation, options_.padding);
  return squeeze(conv2d(image, unsqueeze(weight, 1), bias,
                        {.stride = {1, options_.stride},
                         .padding = options_.padding,
                         .dilation = {1, options_.dilation},
                         .groups = options_.groups}),
                 1);
}

void Conv1d::visit(Visitor& v) {
  v("weight", weight, {0, 2, 1});
  v("bias", bias);
}

std::string Conv1d::describe() const {
  if (!weight.defined()) return Module::describe();
  std::string text = "Conv1d(" + std::to_string(weight.size(2) * options_.groups) + ", " +
                     std::to_string(weight.size(0)) + ", ";
  text = described(text, options_.kernel, options_.stride, 1, options_.padding, options_.dilation);
  if (options_.groups != 1) text += ", groups " + std::to_string(options_.groups);
  return text + (bias.defined() ? ")" : ", no bias)");
}

MaxPool1d::MaxPool1d(const MaxPool1dOptions& options, Place place) : options_(options) {
  const Scope scope("MaxPool1d", place);
  check_pool(options);
  check_least("dilation", options.dilation, 1);
}

Variable MaxPool1d::forward(const Variable& x) {
  const Scope scope("MaxPool1d", at_call(x).place());
  return squeeze(max_pool2d(as_image(x, options_.kernel, options_.dilation, options_.padding),
                            {.kernel = {1, options_.kernel},
                             .stride = stride_of(options_),
                             .padding = options_.padding,
                             .dilation = {1, options_.dilation}}),
                 1);
}

std::string MaxPool1d::describe() const {
  return described("MaxPool1d(", options_.kernel, stride_of(options_).width, options_.kernel,
                   options_.padding, options_.dilation) +
         ")";
}

AvgPool1d::AvgPool1d(const AvgPool1dOptions& options, Place place) : options_(options) {
  const Scope scope("AvgPool1d", place);
  check_pool(options);
}

Variable AvgPool1d::forward(const Variable& x) {
  const Scope scope("AvgPool1d", at_call(x).place());
  return squeeze(avg_pool2d(as_image(x, options_.kernel, 1, options_.padding),
                            {.kernel = {1, options_.kernel},
                             .stride = stride_of(options_),
                             .padding = options_.padding,
                             .count_include_pad = options_.count_include_pad}),
                 1);
}

std::string AvgPool1d::describe() const {
  return described("AvgPool1d(", options_.kernel, stride_of(options_).width, options_.kernel,
                   options_.padding, 1) +
         (options_.count_include_pad ? ")" : ", padding not counted)");
}

}  // namespace xgrad::nn
