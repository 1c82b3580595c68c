#include <xgrad/autograd/ops/views.hpp>

#include <algorithm>
#include <limits>

namespace xgrad::detail {

Positions resolve(const Slice& range, Index size) {
  if (range.step == 0) fail<ValueError>("the step of a slice must not be 0");
  const bool forward = range.step > 0;
  const Index lowest = forward ? 0 : -1, highest = forward ? size : size - 1;
  const auto bound = [&](std::optional<Index> given, Index missing) {
    if (!given) return missing;
    return std::clamp(*given < 0 ? *given + size : *given, lowest, highest);
  };
  const Index begin = bound(range.begin, forward ? lowest : highest);
  const Index end = bound(range.end, forward ? highest : lowest);
  const Index distance = forward ? end - begin : begin - end;
  if (distance <= 0) return {};
  // The magnitude of the smallest step does not fit; one less steps over every axis as well.
  const Index stride = std::abs(std::max(range.step, -std::numeric_limits<Index>::max()));
  const Index count = (distance - 1) / stride + 1;
  return {begin, count == 1 ? 1 : range.step, count};
}

kernels::View whole(const Shape& shape) {
  kernels::View view{0, shape, contiguous_strides(shape)};
  if (shape.count() == 0) std::fill(view.strides.begin(), view.strides.end(), Index{0});
  return view;
}

kernels::View restricted(kernels::View view, Index axis, const Positions& positions) {
  view.offset += positions.begin * view.strides[axis];
  view.shape[axis] = positions.count;
  view.strides[axis] *= positions.step;
  return view;
}

bool is_block(const kernels::View& view) {
  Index step = 1;
  for (Index axis = view.shape.rank(); axis-- > 0;) {
    if (view.shape[axis] == 1) continue;
    if (view.strides[axis] != step) return false;
    step *= view.shape[axis];
  }
  return true;
}

Tensor read(const Tensor& x, const kernels::View& view) {
  const Index count = view.shape.count();
  if (count == 0) return Tensor::uninitialized(view.shape, x.dtype());
  if (!is_block(view)) return kernels::copy(x, view);
  return x.reshape({x.count()}).rows(view.offset, view.offset + count).reshape(view.shape);
}

}  // namespace xgrad::detail
