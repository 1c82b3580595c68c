// Work shared among threads; private to the library. Invariant: the caller's own OpenMP and BLAS settings are
// never changed; parallel.cpp alone includes omp.h.
#pragma once

#include <xgrad/tensor/index.hpp>
#include <xgrad/tensor/threads.hpp>

#include <type_traits>

namespace xgrad::detail {

/// The threads that work begun here may be shared by: num_threads(), or 1 where it is a share of such
/// already.
int threads_here();

/// How often this process has been forked off: a thread that was started at another count does not exist.
int forks();
/// To be called before threads are started, which a forked process will miss.
void expect_forks();

/// In its lifetime other libraries take from OpenMP that the calling thread may use `threads`, exactly. What
/// was found is given back.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads);
  ~OpenMpThreads();
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int given_, former_;
  bool dynamic_;
};

/// Work that is worth a second thread, in elements of a simple loop such as an addition: less is done before
/// the thread has begun. The one number from which all work is shared.
inline constexpr Index worth_a_thread = Index{1} << 15;

/// The grain of parallel_for for items of `cost` such elements each. Work counted in something smaller, as
/// bytes or the multiply-adds of a product are, says by `worth` how much of it is worth a thread.
constexpr Index grain_of(Index cost, Index worth = worth_a_thread) {
  const Index items = worth / (cost > 0 ? cost : 1);
  return items > 0 ? items : 1;
}

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

/// parallel_for where the result depends on how the range is parted: while reproducible() is set, every range
/// but the last is of `part`, or of a grain where that is more.
template <class F>
void parallel_parts(Index count, Index grain, Index part, F&& f) {
  if (!reproducible()) return parallel_for(count, grain, f);
  if (part < grain) part = grain;
  parallel_for((count + part - 1) / part, 1, [&](Index first, Index last) {
    for (; first < last; ++first) f(first * part, count - first * part < part ? count : (first + 1) * part);
  });
}

}  // namespace xgrad::detail
