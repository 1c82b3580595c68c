// The loop of every optimizer: one pass over a parameter, its gradient and its state.
// Invariant: the loop is cut into blocks of a fixed length, so results do not depend on the thread count.
#pragma once

#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <algorithm>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

namespace xgrad::optim::detail {

/// Calls body(begin, end) on blocks that cover [0, count), on several threads when there are many.
template <class Body>
void for_blocks(Index count, Body body) {
  constexpr Index block = 4096, grain = xgrad::detail::grain_of(2 * block);
  xgrad::detail::parallel_for((count + block - 1) / block, grain, [&](Index first, Index last) {
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

/// A factor that may be 0: its product is then 0 whatever the other factor is.
template <class T>
struct Choice {
  T factor;
  friend T operator*(const Choice& choice, T x) { return choice.factor == T(0) ? T(0) : choice.factor * x; }
};

/// The factor 0, known beforehand.
struct Nothing {
  template <class T>
  friend T operator*(Nothing, T) {
    return T(0);
  }
};

/// What a formula multiplies by. A 0 among them is a choice, not a product with what may be infinite; it
/// costs a selection for every element, in loops of its own. A weight decay of 0, the usual one, costs
/// nothing.
struct Factors {
  double weight_decay;
  std::initializer_list<double> others;
};

/// Applies a formula to tensors. make(std::type_identity<T>{}, factor, decay) returns it for the element
/// type, a function of (T& parameter, T gradient, T& state...) with `states` state tensors; it multiplies by
/// `decay` and by factor(x) for each x of the other factors. Allocates nothing where nobody shares the
/// tensors written.
template <std::size_t states, class Make>
void update_elements(Tensor& parameter, const Tensor& gradient, std::vector<Tensor>& state,
                     const Factors& factors, Make make) {
  xgrad::detail::dispatch_floating(parameter.dtype(), [&]<class T>(std::type_identity<T> type) {
    const auto number = [](double x) { return static_cast<T>(x); };
    const auto choice = [](double x) { return Choice<T>{static_cast<T>(x)}; };
    const auto apply = [&](const auto& formula) {
      [&]<std::size_t... k>(std::index_sequence<k...>) {
        T* p = parameter.mutable_data<T>();
        run(parameter.count(), formula, p, gradient.data<T>(), state[k].template mutable_data<T>()...);
      }
      (std::make_index_sequence<states>{});
    };
    const T decay = number(factors.weight_decay);
    if (std::any_of(factors.others.begin(), factors.others.end(),
                    [&](double x) { return number(x) == T(0); }))
      apply(make(type, choice, Choice<T>{decay}));
    else if (decay == T(0))
      apply(make(type, number, Nothing{}));
    else
      apply(make(type, number, decay));
  });
}

/// Calls f(std::true_type{}) or f(std::false_type{}).
template <class F>
decltype(auto) with_flag(bool flag, F&& f) {
  return flag ? f(std::true_type{}) : f(std::false_type{});
}

}  // namespace xgrad::optim::detail
