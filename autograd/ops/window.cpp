#include <xgrad/autograd/ops/window.hpp>

#include <xgrad/autograd/ops/windows_on.hpp>

namespace xgrad {
namespace {

using detail::Windows;
using Given = Callback<std::string()>;
using kernels::Window;

std::string to_string(const Padding& padding) {
  return padding.before == padding.after
             ? std::to_string(padding.before)
             : "(" + std::to_string(padding.before) + ", " + std::to_string(padding.after) + ")";
}

void check_size(const char* what, const Size2d& size, Index least, const Given& given) {
  const auto legal = [&](Index number) { return number >= least && number <= detail::largest_size; };
  if (!legal(size.height) || !legal(size.width))
    fail<ValueError>("expects " + std::string(what) + " of at least " + std::to_string(least) + ", got " +
                     xgrad::to_string(size) + ": " + given());
}

/// The window's own sizes on both axes, with the padding that they ask for.
Windows checked(const detail::WindowOptions& options, const Given& given) {
  check_size("a kernel", options.kernel, 1, given);
  check_size("a stride", options.stride, 1, given);
  check_size("a dilation", options.dilation, 1, given);
  Padding height = options.padding.height, width = options.padding.width;
  if (options.padding.automatic) {
    if (options.stride != Size2d(1))
      fail<ValueError>("padding 'same' needs a stride of 1, got " + xgrad::to_string(options.stride) + ": " +
                       given());
    const auto around = [](Index kernel, Index dilation) {
      const Index total = dilation * (kernel - 1);
      return Padding{total / 2, total - total / 2};
    };
    height = around(options.kernel.height, options.dilation.height);
    width = around(options.kernel.width, options.dilation.width);
  }
  check_size("padding", {height.before, width.before}, 0, given);
  check_size("padding", {height.after, width.after}, 0, given);
  const auto axis = [](Index kernel, Index stride, const Padding& padding, Index dilation) {
    return Window{.input = 0,
                  .kernel = kernel,
                  .stride = stride,
                  .before = padding.before,
                  .after = padding.after,
                  .dilation = dilation};
  };
  return {axis(options.kernel.height, options.stride.height, height, options.dilation.height),
          axis(options.kernel.width, options.stride.width, width, options.dilation.width)};
}

bool holds_pixels(const Window& w) {
  const auto holds = [&](Index position) { return w.first_tap(position) < w.last_tap(position); };
  const Index last = w.output() - 1;
  // From the first window that starts on a pixel to the last one, each holds at least that pixel.
  for (Index i = 0; i < last && w.pixel(i, 0) < 0; ++i)
    if (!holds(i)) return false;
  return holds(last);
}

}  // namespace

std::string to_string(const Size2d& size) {
  return std::to_string(size.height) + " x " + std::to_string(size.width);
}

std::string to_string(const Padding2d& padding) {
  if (padding.automatic) return "same";
  return to_string(padding.height) + " x " + to_string(padding.width);
}

namespace detail {

Windows windows_on(Size2d image, const WindowOptions& options, const Given& given) {
  check_size("an image", image, 0, given);
  Windows windows = checked(options, given);
  windows.height.input = image.height;
  windows.width.input = image.width;
  const Size2d reach{windows.height.extent(), windows.width.extent()},
      padded{windows.height.padded(), windows.width.padded()};
  if (reach.height > padded.height || reach.width > padded.width)
    fail<ShapeError>("a window of " + to_string(reach) + " pixels does not fit into the padded image of " +
                     to_string(padded) + ": " + given());
  return windows;
}

Windows windows_from(Size2d image, const WindowOptions& options, Size2d extra, const Given& given) {
  check_size("an image", image, 0, given);
  check_size("output padding", extra, 0, given);
  Windows windows = checked(options, given);
  const auto within = [](Index pixels, const Window& w) { return pixels < std::max(w.stride, w.dilation); };
  if (!within(extra.height, windows.height) || !within(extra.width, windows.width))
    fail<ValueError>("expects output padding below stride or dilation, got " + to_string(extra) + ": " +
                     given());
  const auto solve = [](Window& w, Index positions, Index pixels) {
    w.after -= pixels;
    w.input = (positions - 1) * w.stride + w.extent() - w.before - w.after;
  };
  solve(windows.height, image.height, extra.height);
  solve(windows.width, image.width, extra.width);
  const Size2d output{windows.height.input, windows.width.input};
  if (image.height < 1 || image.width < 1 || output.height < 0 || output.width < 0)
    fail<ShapeError>("an image of " + to_string(image) + " would give one of " + to_string(output) + ": " +
                     given());
  check_size("an image", output, 0, given);
  return windows;
}

void check_not_only_padding(const Windows& windows, const Given& given) {
  if (!holds_pixels(windows.height) || !holds_pixels(windows.width))
    fail<ShapeError>("a window holds nothing but padding: " + given(), "use less padding");
}

}  // namespace detail
}  // namespace xgrad
