// The order of an epoch and the thread that prepares batches.
#include <xgrad/data/loader.hpp>

#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/philox.hpp>

#include <condition_variable>
#include <exception>
#include <limits>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

namespace xgrad::data::detail {
namespace {

// A stream of its own for every seed, epoch and number; the number of the epoch's order is -1.
Generator stream(std::uint64_t seed, Index epoch, Index number) {
  const auto low = [](Index i) { return static_cast<std::uint32_t>(i); };
  const auto high = [](Index i) { return static_cast<std::uint32_t>(i >> 32); };
  const auto words =
      xgrad::detail::philox({low(epoch), high(epoch), low(number), high(number)},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return Generator(std::uint64_t{words[1]} << 32 | words[0]);
}

}  // namespace

RandomScope::RandomScope(std::uint64_t seed, Index epoch, Index batch) : former_(default_generator()) {
  default_generator() = stream(seed, epoch, batch);
}

void check(const LoaderOptions& options, Index size) {
  if (options.batch_size < 1)
    fail<ValueError>("batch_size must be at least 1, got " + std::to_string(options.batch_size));
  if (options.prefetch < 0)
    fail<ValueError>("prefetch must be at least 0, got " + std::to_string(options.prefetch));
  if (size < 0) fail<ValueError>("the dataset's size must be at least 0, got " + std::to_string(size));
}

void check_epoch(Index epoch) {
  if (epoch < 0 || epoch == std::numeric_limits<Index>::max())
    fail<ValueError>("set_epoch: expects an epoch from 0 to below 2^63 - 1, got " + std::to_string(epoch));
}

Tensor epoch_order(Index size, const LoaderOptions& options, Index epoch) {
  if (!options.shuffle) return arange(size);
  Generator generator = stream(options.seed, epoch, -1);
  return permutation(size, generator);
}

// What both threads touch. The thread comes last: it is joined before the rest goes.
struct Prefetcher::Shared {
  // A batch, or what was thrown in its place.
  struct Made {
    std::shared_ptr<void> batch;
    std::exception_ptr error;
  };

  std::mutex mutex;
  std::condition_variable_any changed;
  std::list<Made> ready;
  std::exception_ptr error;  // of the thread itself, which made no more
  bool finished = false;
  int forks = xgrad::detail::forks();
  std::jthread thread;

  void produce(const std::stop_token& stop, Index count, std::size_t ahead, const Make& make) {
    try {
      for (Index number = 0; number < count && !stop.stop_requested(); ++number) {
        std::list<Made> made(1);
        try {
          made.front().batch = make(number);
        } catch (...) {
          made.front().error = std::current_exception();
        }
        std::unique_lock lock(mutex);
        if (!changed.wait(lock, stop, [&] { return ready.size() < ahead; })) return;
        ready.splice(ready.end(), made);
        changed.notify_all();
      }
    } catch (...) {
      const std::scoped_lock lock(mutex);
      error = std::current_exception();
    }
    const std::scoped_lock lock(mutex);
    finished = true;
    changed.notify_all();
  }
};

Prefetcher::Prefetcher(Index count, Index ahead, Make make) : count_(count), make_(std::move(make)) {
  if (ahead == 0) return;
  xgrad::detail::expect_forks();
  shared_ = std::make_unique<Shared>();
  shared_->thread = std::jthread([this, shared = shared_.get(), ahead](const std::stop_token& stop) {
    shared->produce(stop, count_, static_cast<std::size_t>(ahead), make_);
  });
}

Prefetcher::~Prefetcher() {
  // In a process forked off meanwhile there is no thread to join, and its mutex may be locked for ever.
  if (shared_ && shared_->forks != xgrad::detail::forks()) {
    shared_->thread.detach();
    static_cast<void>(shared_.release());
  }
}

std::shared_ptr<void> Prefetcher::next() {
  if (!shared_) return made_ < count_ ? make_(made_++) : nullptr;
  if (shared_->forks != xgrad::detail::forks())
    fail<ValueError>(
        "DataLoader: the thread that prepares batches is in the process that this one was forked off",
        "begin the loop after the fork, or use prefetch 0");
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return !shared_->ready.empty() || shared_->finished; });
  if (shared_->ready.empty()) {
    if (shared_->error) std::rethrow_exception(std::exchange(shared_->error, nullptr));
    return nullptr;
  }
  std::list<Shared::Made> made;
  made.splice(made.end(), shared_->ready, shared_->ready.begin());
  shared_->changed.notify_all();
  lock.unlock();
  if (made.front().error) std::rethrow_exception(made.front().error);
  return std::move(made.front().batch);
}

}  // namespace xgrad::data::detail
