#include <xgrad/nn/pooling.hpp>

namespace xgrad::nn {
namespace {

void check_size(const char* what, const Size2d& size) {
  if (size.height < 1 || size.width < 1)
    fail<ValueError>("expects " + std::string(what) + " of at least 1, got " + to_string(size));
}

/// "MaxPool2d(kernel 2 x 2, ...": the options that are not the defaults.
template <class Options>
std::string described(const char* name, const Options& options) {
  std::string text = std::string(name) + "(kernel " + to_string(options.kernel);
  if (options.stride != Size2d(0) && options.stride != options.kernel)
    text += ", stride " + to_string(options.stride);
  if (to_string(options.padding) != to_string(Padding2d(0)))
    text += ", padding " + to_string(options.padding);
  return text;
}

}  // namespace

MaxPool2d::MaxPool2d(const MaxPool2dOptions& options, Place place) : options_(options) {
  const Scope scope("MaxPool2d", place);
  check_size("a kernel", options.kernel);
}

Variable MaxPool2d::forward(const Variable& x) { return max_pool2d(at_call(x), options_); }

std::string MaxPool2d::describe() const {
  return described("MaxPool2d", options_) +
         (options_.dilation != Size2d(1) ? ", dilation " + to_string(options_.dilation) + ")" : ")");
}

AvgPool2d::AvgPool2d(const AvgPool2dOptions& options, Place place) : options_(options) {
  const Scope scope("AvgPool2d", place);
  check_size("a kernel", options.kernel);
}

Variable AvgPool2d::forward(const Variable& x) { return avg_pool2d(at_call(x), options_); }

std::string AvgPool2d::describe() const {
  return described("AvgPool2d", options_) + (options_.count_include_pad ? ")" : ", padding not counted)");
}

AdaptiveAvgPool2d::AdaptiveAvgPool2d(Size2d output, Place place) : output_(output) {
  const Scope scope("AdaptiveAvgPool2d", place);
  check_size("an output", output);
}

Variable AdaptiveAvgPool2d::forward(const Variable& x) { return adaptive_avg_pool2d(at_call(x), output_); }

std::string AdaptiveAvgPool2d::describe() const { return "AdaptiveAvgPool2d(" + to_string(output_) + ")"; }

}  // namespace xgrad::nn
