// Operations that move elements without computing: shapes, order, joining and splitting. Every one has its
// adjoint among them, so derivatives of any order stay within this file.
// Defined in shape.cpp, diagonal.cpp, join.cpp, pad.cpp and slice.cpp.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <concepts>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

/// The same elements under another shape, O(1); one size may be -1. Throws ShapeError when the counts differ.
Variable reshape(const Operand& x, const Shape& shape);
/// Axes first ... last (inclusive) merged into one.
Variable flatten(const Operand& x, Index first = 0, Index last = -1);
/// Axes of size 1 removed: all of them, or those given (others are left alone when not of size 1).
Variable squeeze(const Operand& x, const Axes& axes = {});
/// A new axis of size 1 at `axis`, in [-rank - 1, rank].
Variable unsqueeze(const Operand& x, Index axis);
/// Two axes exchanged; default the last two.
Variable transpose(const Operand& x, Index a = -2, Index b = -1);
/// Axis i of the result is axis order[i] of x; every axis exactly once.
Variable permute(const Operand& x, const Axes& order);
/// x repeated along axes of size 1 and new leading axes. -1 keeps a size.
Variable broadcast_to(const Operand& x, const Shape& shape);

/// Joined along an existing axis; dtypes meet in their common type. Throws on an empty list. Parts are
/// Variables or Tensors.
Variable concat(const std::vector<Variable>& parts, Index axis = 0, Place place = Place::here());
/// Joined along a new axis.
Variable stack(const std::vector<Variable>& parts, Index axis = 0, Place place = Place::here());
template <std::same_as<Tensor> T>
Variable concat(const std::vector<T>& parts, Index axis = 0, Place place = Place::here()) {
  return concat(std::vector<Variable>(parts.begin(), parts.end()), axis, place);
}
template <std::same_as<Tensor> T>
Variable stack(const std::vector<T>& parts, Index axis = 0, Place place = Place::here()) {
  return stack(std::vector<Variable>(parts.begin(), parts.end()), axis, place);
}
/// Pieces of the given sizes, which must add up to the axis.
[[nodiscard]] std::vector<Variable> split(const Operand& x, const std::vector<Index>& sizes, Index axis = 0);
/// Pieces of `size` (the last may be shorter). A list of one number in braces means this one.
[[nodiscard]] std::vector<Variable> split(const Operand& x, Index size, Index axis = 0);
/// At most `count` pieces of equal size (the last may be shorter).
[[nodiscard]] std::vector<Variable> chunk(const Operand& x, Index count, Index axis = 0);
/// The slices along an axis, without it.
[[nodiscard]] std::vector<Variable> unbind(const Operand& x, Index axis = 0);

/// x[begin:end:step] along an axis with Python's rules (negative positions wrap, bounds clamp; step may be
/// negative). O(1) where the elements are neighbours, as on the leading axis with step 1.
struct Slice {
  std::optional<Index> begin = {};
  std::optional<Index> end = {};
  Index step = 1;
};
Variable slice(const Operand& x, Index axis, const Slice& range);
/// Zeros of `shape` with x written at x-many positions of `range` along `axis`: the adjoint of slice.
Variable slice_scatter(const Operand& x, const Shape& shape, Index axis, const Slice& range);

enum class PadMode { constant, reflect, replicate };
struct PadOptions {
  PadMode mode = PadMode::constant;
  double value = 0;
};
/// `before[i]` and `after[i]` elements added around axis i (negative amounts crop, constant mode only). One
/// pair per axis, for all axes. Throws ShapeError when reflect needs more elements than there are.
struct Padding {
  Index before = 0;
  Index after = 0;
};
Variable pad(const Operand& x, const std::vector<Padding>& padding, PadOptions options = {});

/// Order of elements reversed along the axes.
Variable flip(const Operand& x, const Axes& axes = {});
/// Elements shifted by `shift` along an axis, those that leave re-enter.
Variable roll(const Operand& x, Index shift, Index axis);
/// The whole tensor repeated, NumPy's tile.
Variable tile(const Operand& x, const std::vector<Index>& times);
/// Each element repeated `times` along an axis, NumPy's repeat (torch.repeat_interleave).
Variable repeat(const Operand& x, Index times, Index axis);
/// A vector to a matrix with it on diagonal k, or a matrix's diagonal k to a vector.
Variable diag(const Operand& x, Index k = 0);
/// Elements on and below (above) diagonal k of the last two axes, zeros elsewhere.
Variable tril(const Operand& x, Index k = 0);
Variable triu(const Operand& x, Index k = 0);
/// Coordinate grids of vectors, "ij" indexing.
[[nodiscard]] std::vector<Variable> meshgrid(const std::vector<Variable>& axes, Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
