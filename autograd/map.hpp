// map: a formula written once becomes the forward loop, the backward loop and the higher derivatives.
#pragma once

#include <xgrad/autograd/chain.hpp>
#include <xgrad/autograd/dual.hpp>
#include <xgrad/tensor/api.hpp>

#include <array>

XGRAD_API_BEGIN
namespace xgrad {

namespace detail {

/// A formula compiled for one element type, as loops over runs of elements; see for_each_run for steps.
struct MapLoops {
  void (*forward)(const void* f, const std::byte* const* x, const Index* steps, std::byte* out, Index n);
  /// dx[k] = cotangent times partial k, for the k whose dx is not null. A zero cotangent gives zero.
  void (*backward)(const void* f, const std::byte* const* x, const Index* steps, const std::byte* cotangent,
                   std::byte* const* dx, Index n);
};

template <class T, std::size_t N>
struct LaneReader {
  LaneReader(const std::byte* const* from, const Index* step) {
    for (std::size_t k = 0; k < N; ++k) {
      x[k] = reinterpret_cast<const T*>(from[k]);
      moves[k] = step[k] != 0;
      if (!moves[k]) fixed[k] = Lanes<T>(*x[k]);
    }
  }
  Lanes<T> operator()(std::size_t k, Index i, Index n) const {
    if (moves[k]) return Lanes<T>::load(x[k] + i, n - i);
    Lanes<T> lanes = fixed[k];
    lanes.active = n - i < Lanes<T>::width ? static_cast<int>(n - i) : Lanes<T>::width;
    return lanes;
  }
  const T* x[N];
  bool moves[N];
  Lanes<T> fixed[N];
};

/// cotangent * slope, where a zero cotangent gives zero whatever the slope.
template <class T>
Lanes<T> chain(const Lanes<T>& cotangent, const Lanes<T>& slope) {
  return lanewise(LaneBinary::chain, cotangent, slope);
}

template <class T, std::size_t N, class F>
void map_forward(const void* f, const std::byte* const* x, const Index* steps, std::byte* out, Index n) {
  const F& formula = *static_cast<const F*>(f);
  const LaneReader<T, N> read(x, steps);
  T* to = reinterpret_cast<T*>(out);
  for (Index i = 0; i < n; i += Lanes<T>::width) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      Lanes<T>(formula(read(I, i, n)...)).store(to + i, n - i);
    }
    (std::make_index_sequence<N>{});
  }
}

template <class T, std::size_t N, class F>
void map_backward(const void* f, const std::byte* const* x, const Index* steps, const std::byte* cotangent,
                  std::byte* const* dx, Index n) {
  const F& formula = *static_cast<const F*>(f);
  const LaneReader<T, N> read(x, steps);
  const T* g = reinterpret_cast<const T*>(cotangent);
  for (Index i = 0; i < n; i += Lanes<T>::width) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      using D = Dual<Lanes<T>, N>;
      const D y = formula(D::input([&] { return read(I, i, n); }, I, dx[I] != nullptr)...);
      const Lanes<T> incoming = Lanes<T>::load(g + i, n - i);
      for (std::size_t k = 0; k < N; ++k) {
        if (dx[k] == nullptr) continue;
        const Lanes<T> part = y.kind[k] == Partial::zero  ? Lanes<T>(0)
                              : y.kind[k] == Partial::one ? incoming
                                                          : chain(incoming, y.partial[k]);
        part.store(reinterpret_cast<T*>(dx[k]) + i, n - i);
      }
    }
    (std::make_index_sequence<N>{});
  }
}

template <class T, std::size_t N, class F>
inline constexpr MapLoops map_loops{&map_forward<T, N, F>, &map_backward<T, N, F>};

/// Forward loops over broadcast inputs of one floating dtype.
Tensor run_forward(const MapLoops& f32, const MapLoops& f64, const void* f, const Tensor* const* x,
                   std::size_t n);
/// Gradients of the inputs that are needed, each of the broadcast shape. With one input the cotangent may be
/// one element that stands for all.
std::array<Tensor, 4> run_backward(const MapLoops& f32, const MapLoops& f64, const void* f,
                                   const Tensor* const* x, std::size_t n, const Tensor& cotangent,
                                   const bool* needed);

template <std::size_t N, class F>
void map_rule(Backward& r, const F& formula) {
  if (!r.create_graph()) {
    std::array<const Tensor*, N> x;
    std::array<bool, N> needed;
    for (std::size_t k = 0; k < N; ++k) {
      x[k] = &r.input_value(k);
      needed[k] = r.needs(k);
    }
    auto dx = run_backward(map_loops<float, N, F>, map_loops<double, N, F>, &formula, x.data(), N,
                           r.gradient().value(), needed.data());
    for (std::size_t k = 0; k < N; ++k)
      if (needed[k]) r.give(k, Variable(std::move(dx[k])));
    return;
  }
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    using D = Dual<Variable, N>;
    const D y = formula(D::input([&] { return r.input(I); }, I, r.needs(I))...);
    for (std::size_t k = 0; k < N; ++k) {
      if (!r.needs(k)) continue;
      if (y.kind[k] == Partial::one) r.give(k, r.gradient());
      if (y.kind[k] == Partial::general)
        r.give(k, chain(r.gradient(), cast_like(y.partial[k], r.gradient())));
    }
  }
  (std::make_index_sequence<N>{});
}
/// True when a formula keeps numbers alone: no reference or pointer, whose object may be another, or gone,
/// when backward evaluates the formula again; and nothing that owns memory, such as a Variable. (A conversion
/// of bytes is no constant expression where references and pointers are concerned.)
template <class F>
concept KeepsNumbersOnly = std::is_empty_v<F> ||(std::is_trivially_copyable_v<F>&& requires {
  typename std::bool_constant<(
      static_cast<void>(__builtin_bit_cast(F, std::array<unsigned char, sizeof(F)>{})), true)>;
});

template <std::size_t N, class F>
Variable map_operands(Op& op, F f) {
  static_assert(KeepsNumbersOnly<F>,
                "a formula of map() may capture numbers by value only, because backward evaluates it again: "
                "capture neither by reference nor this, and give Variables and Tensors to map() as operands");
  op.promote_floating();
  if constexpr (N == 1) op.take_uniform_gradient();
  std::array<const Tensor*, N> x;
  for (std::size_t k = 0; k < N; ++k) x[k] = &op.value(k);
  Tensor value = run_forward(map_loops<float, N, F>, map_loops<double, N, F>, &f, x.data(), N);
  constexpr Saves all_inputs{(1u << N) - 1, 0};
  return op.record(std::move(value),
                   JointRule{all_inputs, [f = std::move(f)](Backward& r) { map_rule<N>(r, f); }});
}

}  // namespace detail

/// f applied elementwise, with broadcasting: a generic lambda over one to four operands, written with
/// arithmetic, comparisons, where() and the functions of autograd/dual.hpp. Differentiable to any order;
/// saves its inputs only.
///   Variable swish = map("swish", [](auto x) { return x / (1 + exp(-x)); }, input);
/// Backward evaluates the formula again, so it must give the same then: it captures numbers, by value
/// (another capture does not compile), and reads nothing that changes, such as a global or a static variable.
template <class F>
Variable map(const char* name, F f, const Operand& a) {
  Op op(name, a);
  return detail::map_operands<1>(op, std::move(f));
}
template <class F>
Variable map(const char* name, F f, const Operand& a, const Operand& b) {
  Op op(name, a, b);
  return detail::map_operands<2>(op, std::move(f));
}
template <class F>
Variable map(const char* name, F f, const Operand& a, const Operand& b, const Operand& c) {
  Op op(name, a, b, c);
  return detail::map_operands<3>(op, std::move(f));
}
template <class F>
Variable map(const char* name, F f, const Operand& a, const Operand& b, const Operand& c, const Operand& d) {
  Op op(name, a, b, c, d);
  return detail::map_operands<4>(op, std::move(f));
}

}  // namespace xgrad
XGRAD_API_END
