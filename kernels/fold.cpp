#include <xgrad/kernels/fold.hpp>

namespace xgrad::detail {

Tensor reduce_axes(const Tensor& x, const IndexList& axes, const ReduceStep& step) {
  Shape sizes, result;
  std::array<bool, Shape::max_rank> reduced{};
  for (Index axis = 0; axis < x.rank(); ++axis) {
    const Index size = x.shape()[axis];
    const bool drop = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (!drop) result.push_back(size);
    if (size == 1) continue;
    const auto last = static_cast<std::size_t>(sizes.rank());
    if (last > 0 && reduced[last - 1] == drop) {
      sizes[sizes.rank() - 1] *= size;
    } else {
      sizes.push_back(size);
      reduced[last] = drop;
    }
  }
  Tensor partial = x;
  bool first = true;
  for (Index run = sizes.rank(); run-- > 0;) {
    if (!reduced[static_cast<std::size_t>(run)]) continue;
    partial = step(partial, plan_along(sizes, run), first);
    sizes.erase(run);
    first = false;
  }
  if (first) partial = step(partial, Plan{1, 1, x.count()}, true);
  return partial.reshape(result);
}

}  // namespace xgrad::detail
