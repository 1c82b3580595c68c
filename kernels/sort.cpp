// Ordering along an axis.
#include <xgrad/kernels/fold.hpp>
#include <xgrad/kernels/gather.hpp>
#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <vector>

namespace xgrad::kernels {
namespace {

using detail::Plan;

template <class T>
struct Item {
  T value;
  Index position;
};

/// a < b with NaN as the largest value.
template <class T>
bool less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (b != b && a == a);
  else
    return a < b;
}

/// Lines along the axis ordered by order(items, comes first), of which the first `keep` are the result.
template <class Order>
std::pair<Tensor, Tensor> ordered(const Tensor& x, Index axis, Index keep, bool descending, Order order) {
  Shape shape = x.shape();
  if (x.rank() > 0) shape[axis] = keep;
  Tensor values = Tensor::uninitialized(shape, x.dtype()), positions = Tensor::uninitialized(shape, int64);
  if (values.count() == 0) return {values, positions};
  const Plan plan = detail::plan_along(x.shape(), axis);
  Index* index = positions.mutable_data<Index>();
  detail::dispatch(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = x.data<T>();
    T* to = values.mutable_data<T>();
    const auto first = [descending](const Item<T>& a, const Item<T>& b) {
      return descending ? less(b.value, a.value) : less(a.value, b.value);
    };
    detail::parallel_for(
        plan.outer * plan.inner, detail::grain_of(16 * plan.size), [&](Index begin, Index end) {
          std::vector<Item<T>> items(static_cast<std::size_t>(plan.size));
          for (Index line = begin; line < end; ++line) {
            const Index o = line / plan.inner, j = line % plan.inner;
            for (Index i = 0; i < plan.size; ++i)
              items[static_cast<std::size_t>(i)] = {from[(o * plan.size + i) * plan.inner + j], i};
            order(items, first);
            for (Index i = 0; i < keep; ++i) {
              const Index at = (o * keep + i) * plan.inner + j;
              to[at] = items[static_cast<std::size_t>(i)].value;
              index[at] = items[static_cast<std::size_t>(i)].position;
            }
          }
        });
  });
  return {values, positions};
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Tensor& x, Index axis, bool descending) {
  return ordered(x, axis, x.rank() == 0 ? 1 : x.shape()[axis], descending,
                 [](auto& items, auto first) { std::stable_sort(items.begin(), items.end(), first); });
}

std::pair<Tensor, Tensor> topk(const Tensor& x, Index k, Index axis, bool largest) {
  const Index size = x.rank() == 0 ? 1 : x.shape()[axis];
  if (k < 0 || k > size)
    fail<ValueError>("topk: k must lie in [0, " + std::to_string(size) + "] for axis " +
                     std::to_string(axis) + " of " + to_string(x.shape()) + ", got " + std::to_string(k));
  if (x.rank() == 0 && k == 0) return topk(x.reshape({1}), 0, 0, largest);
  return ordered(x, axis, k, largest, [k](auto& items, auto first) {
    std::partial_sort(items.begin(), items.begin() + k, items.end(), [&](const auto& a, const auto& b) {
      // Equal values keep their order.
      return first(a, b) || (!first(b, a) && a.position < b.position);
    });
  });
}

}  // namespace xgrad::kernels
