// Where a window that a user described slides over an image; private to the library. Defined in window.cpp.
#pragma once

#include <xgrad/autograd/ops/window.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/window.hpp>

namespace xgrad::detail {

/// The largest size there may be: what libraries that count in 32 bits can take, and far from any overflow.
inline constexpr Index largest_size = (Index{1} << 31) - 1;

/// A window on both axes.
struct Windows {
  kernels::Window height, width;
  Size2d output() const { return {height.output(), width.output()}; }
};

/// What slides over an image.
struct WindowOptions {
  Size2d kernel;
  Size2d stride = 1;
  Padding2d padding = 0;
  Size2d dilation = 1;
};

/// The options on an image. Throws ValueError on sizes below 1 and negative padding, ShapeError when the
/// window is larger than the padded image; `given()` names the operands.
Windows windows_on(Size2d image, const WindowOptions& options, const Callback<std::string()>& given);

/// The options as a transposed window that goes from `image` positions to pixels, with `extra` pixels below
/// and to the right that no window need reach. Throws as windows_on does, and ValueError unless `extra` is
/// below stride or dilation.
Windows windows_from(Size2d image, const WindowOptions& options, Size2d extra,
                     const Callback<std::string()>& given);

/// Throws ShapeError unless every window holds a pixel.
void check_not_only_padding(const Windows& windows, const Callback<std::string()>& given);

}  // namespace xgrad::detail
