// A tensor here and in PyTorch's form, both from the order of axes that its layer gives; private to nn/.
// Invariant: what goes there and comes back is bitwise the same.
#pragma once

#include <xgrad/kernels/strided.hpp>
#include <xgrad/nn/visitor.hpp>

#include <algorithm>

namespace xgrad::nn::detail {

/// Throws ValueError unless `order` is empty or names each axis of a tensor of that rank once.
inline void check_order(const std::string& path, const IndexList& order, Index rank) {
  IndexList axes = order;
  std::sort(axes.begin(), axes.end());
  bool fits = axes.empty() || axes.size() == rank;
  for (Index i = 0; fits && i < axes.size(); ++i) fits = axes[i] == i;
  if (!fits)
    fail<ValueError>("visit gives '" + path + "', of " + std::to_string(rank) + " axes, PyTorch's order " +
                         to_string(order),
                     "expects each axis once, or none at all");
}

/// PyTorch's shape of what has the shape `here`.
inline Shape pytorch_shape(const Shape& here, const IndexList& order) {
  Shape there = here;
  for (Index i = 0; i < order.size(); ++i) there[order[i]] = here[i];
  return there;
}

inline Tensor from_pytorch(const Tensor& there, const IndexList& order) {
  return order.empty() ? there : kernels::permute(there, order);
}

inline Tensor in_pytorch(const Tensor& here, const IndexList& order) {
  IndexList back = order;
  for (Index i = 0; i < order.size(); ++i) back[order[i]] = i;
  return order.empty() ? here : kernels::permute(here, back);
}

/// True when a tensor of the shape `here` differs from what it is in PyTorch's order by more than its shape.
inline bool moves_elements(const Shape& here, const IndexList& order) {
  IndexList moved;
  for (Index i = 0; i < order.size(); ++i)
    if (here[i] > 1) moved.push_back(order[i]);
  return !std::is_sorted(moved.begin(), moved.end());
}

}  // namespace xgrad::nn::detail
