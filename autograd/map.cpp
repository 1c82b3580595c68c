#include <xgrad/autograd/by_output.hpp>

#include <xgrad/kernels/broadcast.hpp>

#include <algorithm>

namespace xgrad::detail {
namespace {

// True when the operands are small and of one shape: one run from the first element to the last.
template <std::size_t N>
bool single_run(const std::array<const Tensor*, N>& operands, std::array<const std::byte*, N>& data) {
  if (operands[0]->count() > worth_a_thread) return false;
  for (std::size_t k = 0; k < N; ++k) {
    if (k > 0 && operands[k]->shape() != operands[0]->shape()) return false;
    data[k] = operands[k]->raw();
  }
  return true;
}

template <std::size_t N>
constexpr std::array<Index, N> unit_steps() {
  std::array<Index, N> steps;
  steps.fill(1);
  return steps;
}

template <std::size_t N>
[[gnu::noinline]] Tensor forward_broadcast(const MapLoops& loops, const void* f,
                                           const std::array<const Tensor*, N>& operands) {
  const Tensor* const* const x = operands.data();
  Shape shape = x[0]->shape();
  for (std::size_t k = 1; k < N; ++k) shape = broadcast_shapes(shape, x[k]->shape());
  Tensor result = Tensor::uninitialized(shape, x[0]->dtype());
  std::byte* out = result.mutable_raw();
  const Index width = element_size(result.dtype());
  kernels::for_each_run<N>(operands, shape,
                           [&](const auto& data, const auto& steps, Index position, Index n) {
                             loops.forward(f, data.data(), steps.data(), out + position * width, n);
                           });
  return result;
}

template <std::size_t N>
[[gnu::flatten]] Tensor forward(const MapLoops& loops, const void* f, const Tensor* const* x) {
  std::array<const Tensor*, N> operands;
  std::copy(x, x + N, operands.begin());
  std::array<const std::byte*, N> data;
  if (!single_run(operands, data)) return forward_broadcast(loops, f, operands);
  const Index count = x[0]->count();
  Tensor result = Tensor::uninitialized_like(*x[0]);
  loops.forward(f, data.data(), unit_steps<N>().data(), result.mutable_raw(), count);
  return result;
}

template <std::size_t N>
std::array<Tensor, 4> backward(const MapLoops& loops, const void* f, const Tensor* const* x,
                               const Tensor& cotangent, const bool* needed) {
  std::array<const Tensor*, N> operands;
  std::copy(x, x + N, operands.begin());
  std::array<Tensor, 4> results;
  if constexpr (N == 1) {
    results[0] = Tensor::uninitialized_like(*x[0]);
    backward_of_one(loops, f, *x[0], nullptr, cotangent, results[0].mutable_raw());
    return results;
  }
  std::array<std::byte*, N> out{};
  for (std::size_t k = 0; k < N; ++k) {
    if (!needed[k]) continue;
    results[k] = Tensor::uninitialized_like(cotangent);
    out[k] = results[k].mutable_raw();
  }
  if (std::array<const std::byte*, N> data; single_run(operands, data)) {
    loops.backward(f, data.data(), unit_steps<N>().data(), cotangent.raw(), out.data(), cotangent.count());
    return results;
  }
  const Index width = element_size(cotangent.dtype());
  kernels::for_each_run<N>(
      operands, cotangent.shape(), [&](const auto& data, const auto& steps, Index position, Index n) {
        std::array<std::byte*, N> dx{};
        for (std::size_t k = 0; k < N; ++k)
          if (out[k] != nullptr) dx[k] = out[k] + position * width;
        loops.backward(f, data.data(), steps.data(), cotangent.raw() + position * width, dx.data(), n);
      });
  return results;
}

}  // namespace

Tensor run_forward(const MapLoops& f32, const MapLoops& f64, const void* f, const Tensor* const* x,
                   std::size_t n) {
  const MapLoops& loops = loops_of(x[0]->dtype(), f32, f64);
  switch (n) {
    case 1:
      return forward<1>(loops, f, x);
    case 2:
      return forward<2>(loops, f, x);
    case 3:
      return forward<3>(loops, f, x);
    default:
      return forward<4>(loops, f, x);
  }
}

std::array<Tensor, 4> run_backward(const MapLoops& f32, const MapLoops& f64, const void* f,
                                   const Tensor* const* x, std::size_t n, const Tensor& cotangent,
                                   const bool* needed) {
  const MapLoops& loops = loops_of(x[0]->dtype(), f32, f64);
  switch (n) {
    case 1:
      return backward<1>(loops, f, x, cotangent, needed);
    case 2:
      return backward<2>(loops, f, x, cotangent, needed);
    case 3:
      return backward<3>(loops, f, x, cotangent, needed);
    default:
      return backward<4>(loops, f, x, cotangent, needed);
  }
}

}  // namespace xgrad::detail
