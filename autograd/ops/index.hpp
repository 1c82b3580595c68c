// Indexing, gathering, scattering, ordering. Indices are int64; negative ones wrap; out of range throws
// IndexError with index, axis and size. Repeated indices accumulate in gradients.
// Defined in index.cpp, gather.cpp and order.cpp.
#pragma once

#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/api.hpp>

#include <concepts>

XGRAD_API_BEGIN
namespace xgrad {

/// A new axis of size 1 in an index.
struct NewAxis {};
inline constexpr NewAxis newaxis{};
/// All axes not named otherwise, once per index.
struct Ellipsis {};
inline constexpr Ellipsis ellipsis{};

/// One item of an index: a position, a Slice, newaxis, ellipsis, an index tensor (int64) or a mask (boolean).
class IndexItem {
 public:
  enum class Kind { position, slice, new_axis, rest, tensor };

  template <std::integral I>
  requires(!std::same_as<I, bool>) IndexItem(I at) : kind(Kind::position), position(static_cast<Index>(at)) {}
  IndexItem(const Slice& range) : kind(Kind::slice), slice(range) {}
  IndexItem(NewAxis) : kind(Kind::new_axis) {}
  IndexItem(Ellipsis) : kind(Kind::rest) {}
  IndexItem(Variable positions_or_mask) : kind(Kind::tensor), tensor(std::move(positions_or_mask)) {}
  IndexItem(const Tensor& positions_or_mask) : IndexItem(Variable(positions_or_mask)) {}

  Kind kind;
  Index position = 0;
  Slice slice;
  Variable tensor;
};

/// x[items...] with NumPy's rules: positions remove their axis, slices keep it, index tensors broadcast
/// together (their axes come first when separated by slices, else in place), a mask selects its true
/// elements.
Variable index(const Operand& x, const std::vector<IndexItem>& items);
/// A copy of x with x[items...] replaced by (or increased by) `values`, broadcast to the selection and cast
/// to x's dtype, which must be their result_type. Differentiable in both; where an index repeats, index_put
/// keeps the last value, and only that one gets a gradient.
Variable index_put(const Operand& x, const std::vector<IndexItem>& items, const Operand& values);
Variable index_add(const Operand& x, const std::vector<IndexItem>& items, const Operand& values);

/// result[p] = x[p with p[axis] = index[p]].
Variable gather(const Operand& x, Index axis, const Operand& index);
/// A copy of x with result[p with p[axis] = index[p]] = source[p] (or +=); with repeated indices the last one
/// counts.
Variable scatter(const Operand& x, Index axis, const Operand& index, const Operand& source);
Variable scatter_add(const Operand& x, Index axis, const Operand& index, const Operand& source);
/// Slices of x along an axis at the positions of `index`, which may have any shape.
Variable index_select(const Operand& x, Index axis, const Operand& index);
/// x with the elements where `mask` holds replaced by `value`.
Variable masked_fill(const Operand& x, const Operand& mask, const Operand& value);
/// The elements where `mask` (same shape as x) holds, as a vector.
Variable masked_select(const Operand& x, const Operand& mask);
/// 1 at each class number, 0 elsewhere, on a new last axis of size `classes`. No gradient.
Variable one_hot(const Operand& classes_of, Index classes, DType dtype = float32);

struct SortOptions {
  bool descending = false;
};
/// Elements in order along an axis (stable, NaN last when ascending), with their positions.
ValueAndIndex sort(const Operand& x, Index axis = -1, SortOptions options = {});
/// The positions sort() would give. No gradient.
Variable argsort(const Operand& x, Index axis = -1, SortOptions options = {});

struct TopkOptions {
  bool largest = true;
};
/// The k largest (or smallest) along an axis, in order, with their positions. Throws ValueError unless 0 <= k
/// <= size.
ValueAndIndex topk(const Operand& x, Index k, Index axis = -1, TopkOptions options = {});

}  // namespace xgrad
XGRAD_API_END
