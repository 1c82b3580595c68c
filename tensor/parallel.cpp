// Thread counts and parallel ranges. Invariant: no region starts inside another one, and none in a process
// that was forked off once there were threads.
#include <xgrad/tensor/parallel.hpp>

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>

namespace xgrad {
namespace {

std::atomic<int>& thread_count() {
  static std::atomic<int> count{std::max(1, std::min(omp_get_max_threads(), omp_get_thread_limit()))};
  return count;
}

std::atomic<bool> parted_by_sizes{false};
std::atomic<int> forks_seen{0};

// OpenMP would wait for the threads that the parent had.
void in_forked_process() {
  forks_seen.fetch_add(1, std::memory_order_relaxed);
  thread_count().store(1, std::memory_order_relaxed);
}

}  // namespace

void set_num_threads(int threads, Place place) {
  if (threads < 1)
    detail::fail_at<ValueError>(place, "set_num_threads: expects at least 1, got " + std::to_string(threads));
  if (threads > 1 && detail::forks() > 0)
    detail::fail_at<ValueError>(
        place,
        "set_num_threads: a process forked off after the library had started threads works on 1, got " +
            std::to_string(threads),
        "fork before the first operation, or call exec");
  thread_count().store(threads, std::memory_order_relaxed);
}

int num_threads() { return thread_count().load(std::memory_order_relaxed); }

void set_reproducible(bool on) { parted_by_sizes.store(on, std::memory_order_relaxed); }

bool reproducible() { return parted_by_sizes.load(std::memory_order_relaxed); }

namespace detail {

int threads_here() {
  if (omp_in_parallel() != 0 || omp_get_max_active_levels() < 1) return 1;
  return std::min(num_threads(), omp_get_thread_limit());
}

int forks() { return forks_seen.load(std::memory_order_relaxed); }

void expect_forks() {
  static const int registered = pthread_atfork(nullptr, nullptr, in_forked_process);
  if (registered != 0) throw std::bad_alloc();
}

OpenMpThreads::OpenMpThreads(int threads)
    : given_(threads), former_(omp_get_max_threads()), dynamic_(omp_get_dynamic() != 0) {
  if (threads > 1) expect_forks();
  if (former_ != given_) omp_set_num_threads(given_);
  if (dynamic_) omp_set_dynamic(0);
}

OpenMpThreads::~OpenMpThreads() {
  if (former_ != given_) omp_set_num_threads(former_);
  if (dynamic_) omp_set_dynamic(1);
}

void parallel_ranges(Index count, Index grain, RangeFunction function, void* context) {
  const Index grains = count / std::max<Index>(grain, 1);
  const Index threads = std::min<Index>(num_threads(), grains);
  if (threads <= 1 || omp_in_parallel() != 0) {
    if (count > 0) function(context, 0, count);
    return;
  }
  expect_forks();
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
