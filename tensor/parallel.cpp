// Thread counts and parallel ranges. Invariant: no region starts inside another one.
#include <xgrad/tensor/parallel.hpp>

#include <xgrad/tensor/blas.hpp>

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

namespace xgrad {
namespace {

std::atomic<int>& thread_count() {
  static std::atomic<int> count{std::max(1, omp_get_max_threads())};
  return count;
}

}  // namespace

void set_num_threads(int threads, Place place) {
  if (threads < 1)
    detail::fail_at<ValueError>(place, "set_num_threads: expects at least 1, got " + std::to_string(threads));
  thread_count() = threads;
  omp_set_num_threads(threads);
  blas::set_threads(threads);
}

int num_threads() { return thread_count().load(std::memory_order_relaxed); }

namespace detail {

void parallel_ranges(Index count, Index grain, RangeFunction function, void* context) {
  const Index grains = count / std::max<Index>(grain, 1);
  const Index threads = std::min<Index>(num_threads(), grains);
  if (threads <= 1 || omp_in_parallel() != 0) {
    if (count > 0) function(context, 0, count);
    return;
  }
  // Ranges of elements start on whole cache lines, so that no two threads write the same one.
  Index share = (count + threads - 1) / threads;
  if (grain >= 64) share = (share + 63) / 64 * 64;

  std::mutex mutex;
  std::exception_ptr error;
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(threads))
  for (Index i = 0; i < threads; ++i) {
    const Index begin = std::min(count, i * share), end = std::min(count, begin + share);
    if (begin == end) continue;
    try {
      function(context, begin, end);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace detail
}  // namespace xgrad
