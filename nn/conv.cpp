#include <xgrad/nn/conv.hpp>

#include <xgrad/nn/init.hpp>
#include <xgrad/tensor/random.hpp>

#include <algorithm>
#include <cmath>

namespace xgrad::nn {
namespace {

/// What both layers are made of. Throws ValueError before anything is drawn.
template <class Options>
void check(Index in, Index out, const Options& options) {
  const auto channels = [&] { return "in = " + std::to_string(in) + ", out = " + std::to_string(out); };
  if (in < 0 || out < 0) fail<ValueError>("expects channels of at least 0, got " + channels());
  if (options.groups < 1 || in % options.groups != 0 || out % options.groups != 0)
    fail<ValueError>("groups must divide the channels, got groups = " + std::to_string(options.groups) +
                     ", " + channels());
  const auto positive = [](const char* what, const Size2d& size) {
    if (size.height < 1 || size.width < 1)
      fail<ValueError>("expects a " + std::string(what) + " of at least 1, got " + to_string(size));
  };
  positive("kernel", options.kernel);
  positive("stride", options.stride);
  positive("dilation", options.dilation);
}

/// Weight and bias, uniform within 1 / sqrt(fan_in): for the weight Kaiming's rule with slope sqrt(5).
template <class Options>
void start(const Shape& shape, Index out, const Options& options, Parameter& weight, Parameter& bias) {
  const Index fan_in = init::fans(shape).in;
  const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
  weight = Parameter(uniform(shape, -bound, bound, options.dtype));
  if (options.bias) bias = Parameter(uniform({out}, -bound, bound, options.dtype));
}

/// "Conv2d(3, 8, kernel 3 x 3, stride 2 x 2)": sizes, and the options that are not PyTorch's defaults.
template <class Options>
std::string described(const char* name, Index in, Index out, const Shape& weight, const Options& options) {
  std::string text = std::string(name) + "(" + std::to_string(in) + ", " + std::to_string(out) + ", kernel " +
                     to_string(Size2d(weight[1], weight[2]));
  if (options.stride != Size2d(1)) text += ", stride " + to_string(options.stride);
  if (to_string(options.padding) != to_string(Padding2d(0)))
    text += ", padding " + to_string(options.padding);
  if constexpr (requires { options.output_padding; })
    if (options.output_padding != Size2d(0)) text += ", output padding " + to_string(options.output_padding);
  if (options.dilation != Size2d(1)) text += ", dilation " + to_string(options.dilation);
  if (options.groups != 1) text += ", groups " + std::to_string(options.groups);
  return text;
}

}  // namespace

Conv2d::Conv2d(Index in, Index out, const Conv2dOptions& options, Place place) : options_(options) {
  const Scope scope("Conv2d", place);
  check(in, out, options);
  start({out, options.kernel.height, options.kernel.width, in / options.groups}, out, options, weight, bias);
}

Variable Conv2d::forward(const Variable& x) { return conv2d(at_call(x), weight, bias, options_); }

void Conv2d::visit(Visitor& v) {
  v("weight", weight, {0, 2, 3, 1});
  v("bias", bias);
}

std::string Conv2d::describe() const {
  if (!weight.defined()) return Module::describe();
  const Shape& w = weight.shape();
  return described("Conv2d", w[3] * options_.groups, w[0], w, options_) +
         (bias.defined() ? ")" : ", no bias)");
}

ConvTranspose2d::ConvTranspose2d(Index in, Index out, const ConvTranspose2dOptions& options, Place place)
    : options_(options) {
  const Scope scope("ConvTranspose2d", place);
  check(in, out, options);
  start({in, options.kernel.height, options.kernel.width, out / options.groups}, out, options, weight, bias);
}

Variable ConvTranspose2d::forward(const Variable& x) {
  return conv_transpose2d(at_call(x), weight, bias, options_);
}

void ConvTranspose2d::visit(Visitor& v) {
  v("weight", weight, {0, 2, 3, 1});
  v("bias", bias);
}

std::string ConvTranspose2d::describe() const {
  if (!weight.defined()) return Module::describe();
  const Shape& w = weight.shape();
  return described("ConvTranspose2d", w[0], w[3] * options_.groups, w, options_) +
         (bias.defined() ? ")" : ", no bias)");
}

}  // namespace xgrad::nn
