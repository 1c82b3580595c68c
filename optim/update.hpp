// The loop of every optimizer: one pass over a parameter, its gradient and its state.
// Invariant: the loop is cut into blocks of a fixed length, so results do not depend on the thread count.
#pragma once

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

namespace xgrad::optim::detail {

/// Calls body(begin, end) on blocks that cover [0, count), on several threads when there are many.
template <class Body>
void for_blocks(Index count, Body body) {
  constexpr Index block = 4096, blocks_per_thread = 4;
  xgrad::detail::parallel_for((count + block - 1) / block, blocks_per_thread, [&](Index first, Index last) {
    for (Index b = first; b < last; ++b) body(b * block, std::min(count, (b + 1) * block));
  });
}

/// Applies the formula to every element of a parameter, its gradient and its state.
template <class T, class Formula, class... State>
void run(Index count, const Formula& formula, T* parameter, const T* gradient, State*... state) {
  for_blocks(count, [=](Index begin, Index end) {
    // A copy of the coefficients that no store can reach stays in registers.
    const Formula apply = formula;
#pragma omp simd
    for (Index i = begin; i < end; ++i) apply(parameter[i], gradient[i], state[i]...);
  });
}

/// Applies a formula to tensors. make(std::type_identity<T>{}) returns it for the element type, a function of
/// (T& parameter, T gradient, T& state...) with `states` state tensors. The gradient may be the parameter
/// itself.
template <std::size_t states, class Make>
void update_elements(Tensor& parameter, const Tensor& gradient, std::vector<Tensor>& state, Make make) {
  xgrad::detail::dispatch_floating(parameter.dtype(), [&]<class T>(std::type_identity<T> type) {
    [&]<std::size_t... k>(std::index_sequence<k...>) {
      T* p = parameter.mutable_data<T>();
      run(parameter.count(), make(type), p, gradient.data<T>(), state[k].template mutable_data<T>()...);
    }
    (std::make_index_sequence<states>{});
  });
}

/// Calls f(std::true_type{}) or f(std::false_type{}).
template <class F>
decltype(auto) with_flag(bool flag, F&& f) {
  return flag ? f(std::true_type{}) : f(std::false_type{});
}

}  // namespace xgrad::optim::detail
