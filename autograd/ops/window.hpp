// How users say where a window slides over an image (N, H, W, C): sizes and padding of two axes.
#pragma once

#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/api.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad {

/// A number for height and width alike, or one for each: `3`, `{3, 5}`.
struct Size2d {
  Index height = 0;
  Index width = 0;

  Size2d(Index both) : Size2d(both, both) {}
  Size2d(Index h, Index w) : height(h), width(w) {}
  friend bool operator==(const Size2d&, const Size2d&) = default;
};

/// Pixels added around an image: `1` on all sides, `{1, 2}` above and below, left and right, `{{0, 1}, {2,
/// 3}}` for each side by itself, or `Padding2d::same` for an output of the input's size (stride 1; an odd
/// pixel goes below and to the right).
struct Padding2d {
  enum Automatic { same };
  Padding height, width;
  bool automatic = false;

  Padding2d(Index all) : Padding2d(all, all) {}
  Padding2d(Index h, Index w) : height{h, h}, width{w, w} {}
  Padding2d(Padding h, Padding w) : height(h), width(w) {}
  Padding2d(Automatic) : automatic(true) {}
};

/// "3 x 5".
[[nodiscard]] std::string to_string(const Size2d& size);
/// "1 x 2", "(0, 1) x (2, 3)", "same".
[[nodiscard]] std::string to_string(const Padding2d& padding);

}  // namespace xgrad
XGRAD_API_END
