// Threads: the one authority over OpenMP, OpenBLAS and oneDNN.
#pragma once

#include <xgrad/tensor/shape.hpp>

namespace xgrad {

/// Threads that one operation may use, the caller included. Throws ValueError below 1.
void set_num_threads(int threads, Place place = Place::here());
[[nodiscard]] int num_threads();

namespace detail {

using RangeFunction = void (*)(void* context, Index begin, Index end);
void parallel_ranges(Index count, Index grain, RangeFunction function, void* context);

/// Calls f(begin, end) on ranges that cover [0, count), on several threads when there are at least two
/// grains. An exception from f reaches the caller.
template <class F>
void parallel_for(Index count, Index grain, F&& f) {
  if (count <= grain) {
    if (count > 0) f(Index{0}, count);
    return;
  }
  parallel_ranges(
      count, grain,
      [](void* context, Index begin, Index end) {
        (*static_cast<std::remove_reference_t<F>*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace detail
}  // namespace xgrad
