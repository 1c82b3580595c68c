// Max pooling keeps the taps of the maxima; its gradient goes back to them, as a scatter where that is
// differentiated again. Averages and their adjoints differentiate each other.
#include <xgrad/autograd/ops/pooling.hpp>

#include <xgrad/autograd/ops/scattered.hpp>
#include <xgrad/autograd/ops/windows_on.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/pooling.hpp>

namespace xgrad {
namespace {

using detail::Windows;
using kernels::Averaging;

std::string of(const Shape& x) { return "x " + to_string(x); }

void check_images(const Shape& x) {
  if (x.rank() != 4)
    fail<ShapeError>("expects images (N, H, W, C), got " + of(x), "a single image: unsqueeze(x, 0)");
}

Windows windows_of(const Shape& x, const detail::WindowOptions& options) {
  check_images(x);
  const auto given = [&] { return of(x); };
  const Windows windows = detail::windows_on({x[1], x[2]}, options, given);
  detail::check_not_only_padding(windows, given);
  return windows;
}

Size2d stride_of(const Size2d& stride, const Size2d& kernel) { return stride == Size2d(0) ? kernel : stride; }

/// An average over windows on both axes, under the names of the operation and its adjoint.
struct Average {
  const char* name;
  const char* adjoint;
  Averaging height, width;
};

Average average_of(const Shape& x, const AvgPool2dOptions& options) {
  const Windows windows =
      windows_of(x, {options.kernel, stride_of(options.stride, options.kernel), options.padding});
  const auto axis = [&](const kernels::Window& w) {
    return Averaging{.input = w.input,
                     .output = w.output(),
                     .kernel = w.kernel,
                     .stride = w.stride,
                     .before = w.before,
                     .count_padding = options.count_include_pad};
  };
  return {"avg_pool2d", "avg_pool2d_input_gradient", axis(windows.height), axis(windows.width)};
}

Average average_of(const Shape& x, Size2d output) {
  check_images(x);
  const auto legal = [](Index size) { return size >= 1 && size <= detail::largest_size; };
  if (!legal(output.height) || !legal(output.width))
    fail<ValueError>("expects an output of at least 1, got " + to_string(output) + ": " + of(x));
  if (!legal(x[1]) || !legal(x[2])) fail<ShapeError>("expects images with pixels, got " + of(x));
  return {"adaptive_avg_pool2d",
          "adaptive_avg_pool2d_input_gradient",
          {.input = x[1], .output = output.height},
          {.input = x[2], .output = output.width}};
}

Variable spread(const Variable& gradient, const Average& windows);

Variable averaged(const Variable& x, const Average& windows) {
  Op op(windows.name, {}, {x});
  op.promote_floating();
  return op.record(kernels::avg_pool2d(op.value(), windows.height, windows.width),
                   Rule{saves_nothing, [windows](Backward& r) { return spread(r.gradient(), windows); }});
}

Variable spread(const Variable& gradient, const Average& windows) {
  Op op(windows.adjoint, {}, {gradient});
  op.promote_floating();
  return op.record(kernels::avg_pool2d_input_gradient(op.value(), windows.height, windows.width),
                   Rule{saves_nothing, [windows](Backward& r) { return averaged(r.gradient(), windows); }});
}

Variable checked_spread(const Variable& gradient, const Shape& input, const Average& windows) {
  const Shape expected{input[0], windows.height.output, windows.width.output, input[3]};
  if (gradient.shape() != expected)
    fail<ShapeError>("expects a gradient of shape " + to_string(expected) + ", got " +
                     to_string(gradient.shape()) + ": " + of(input));
  return spread(gradient, windows);
}

}  // namespace

Variable max_pool2d(const Operand& x, const MaxPool2dOptions& options) {
  const Op op("max_pool2d", x);
  const Shape& shape = op.shape();
  const Windows windows = windows_of(
      shape, {options.kernel, stride_of(options.stride, options.kernel), options.padding, options.dilation});
  auto [values, taps] = kernels::max_pool2d(op.value(), windows.height, windows.width);
  const auto rule = [shape, windows](Backward& r) {
    const Variable& g = r.gradient();
    const Tensor& chosen = r.output_value(1);
    if (!r.create_graph())
      return r.give(
          0, Variable(kernels::max_pool2d_input_gradient(g.value(), chosen, windows.height, windows.width)));
    // Images as columns of pixels, which the positions address.
    const auto columns = [](const Shape& s) { return Shape{s[0], s[1] * s[2], s[3]}; };
    const Shape pooled = columns(g.shape());
    const Variable at(kernels::max_pool2d_positions(chosen, windows.height, windows.width).reshape(pooled));
    r.give(0, reshape(detail::scatter_onto_zeros(columns(shape), 1, at, reshape(g, pooled)), shape));
  };
  return op.record_many({std::move(values), std::move(taps)}, JointRule{saves_output(1), rule})[0];
}

Variable avg_pool2d(const Operand& x, const AvgPool2dOptions& options) {
  const Scope scope("avg_pool2d", x.place());
  const Variable images = x.as_variable();
  return averaged(images, average_of(images.shape(), options));
}

Variable avg_pool2d_input_gradient(const Operand& gradient, const Shape& input,
                                   const AvgPool2dOptions& options) {
  const Scope scope("avg_pool2d_input_gradient", gradient.place());
  return checked_spread(gradient.as_variable(), input, average_of(input, options));
}

Variable adaptive_avg_pool2d(const Operand& x, Size2d output) {
  const Scope scope("adaptive_avg_pool2d", x.place());
  const Variable images = x.as_variable();
  return averaged(images, average_of(images.shape(), output));
}

Variable adaptive_avg_pool2d_input_gradient(const Operand& gradient, const Shape& input) {
  const Scope scope("adaptive_avg_pool2d_input_gradient", gradient.place());
  const Variable g = gradient.as_variable();
  check_images(g.shape());
  return checked_spread(g, input, average_of(input, Size2d(g.size(1), g.size(2))));
}

}  // namespace xgrad
