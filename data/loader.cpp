// The order of an epoch and the thread that prepares batches.
#include <xgrad/data/loader.hpp>

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>
#include <xgrad/tensor/philox.hpp>

#include <bit>
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

Index batch_count(Index size, const LoaderOptions& options) {
  const Index batch = options.batch_size;
  return size / batch + (size % batch != 0 && !options.drop_last ? 1 : 0);
}

// ------------------------------------------------------------------------------------------------- position

namespace {

// Why no loop through so many batches can begin there; empty when one can.
std::string fault(Position position, Index batches) {
  if (position.epoch < 0 || position.epoch == std::numeric_limits<Index>::max())
    return "epoch: must be from 0 to below 2^63 - 1, got " + std::to_string(position.epoch);
  if (position.batch < 0 || position.batch > batches)
    return "batch: must be from 0 to " + std::to_string(batches) + ", got " + std::to_string(position.batch);
  return {};
}

}  // namespace

void check_position(Position position, Index batches, Place place) {
  if (const std::string text = fault(position, batches); !text.empty())
    xgrad::detail::fail_at<ValueError>(place, "DataLoader: " + text);
}

StateDict loader_state(Position position, Index size, const LoaderOptions& options) {
  return {{"epoch", scalar(position.epoch)},
          {"batch", scalar(position.batch)},
          {"seed", scalar(std::bit_cast<Index>(options.seed))},
          {"batch_size", scalar(options.batch_size)},
          {"shuffle", scalar(options.shuffle)},
          {"drop_last", scalar(options.drop_last)},
          {"examples", scalar(size)}};
}

PreparedLoad prepare_load(const StateDict& state, Progress& progress, Index size,
                          const LoaderOptions& options, Place place) {
  const Scope scope("DataLoader", place);
  Position position;
  xgrad::detail::Entries entries(state);
  for (const auto& [name, own] : loader_state({}, size, options)) {
    const Tensor entry = entries.take(name, {}, own.dtype());
    if (!entry.defined()) continue;
    if (name == "epoch")
      position.epoch = entry.item<Index>();
    else if (name == "batch")
      position.batch = entry.item<Index>();
    else if (!bitwise_equal(entry, own))
      entries.note(name + ": expects " + to_string(own) + ", got " + to_string(entry));
  }
  if (const std::string text = fault(position, batch_count(size, options)); !text.empty()) entries.note(text);
  entries.finish("this loader");
  return [&progress, loaded = Progress(position)]() mutable noexcept { progress = std::move(loaded); };
}

// ------------------------------------------------------------------------------------------------- batches

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
  std::exception_ptr error;  // of the thread itself, which makes no more
  int forks = xgrad::detail::forks();
  std::jthread thread;

  void produce(const std::stop_token& stop, Index first, Index count, std::size_t ahead, const Make& make) {
    try {
      for (Index number = first; number < count && !stop.stop_requested(); ++number) {
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
      changed.notify_all();
    }
  }
};

Prefetcher::Prefetcher(std::shared_ptr<Position> position, Index count, Index ahead, Make make)
    : position_(std::move(position)), next_(position_->batch), count_(count), make_(std::move(make)) {
  if (ahead == 0) return;
  xgrad::detail::expect_forks();
  shared_ = std::make_unique<Shared>();
  shared_->thread =
      std::jthread([this, shared = shared_.get(), first = next_, ahead](const std::stop_token& stop) {
        shared->produce(stop, first, count_, static_cast<std::size_t>(ahead), make_);
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
  if (next_ >= count_) {
    if (position_->begun) *position_ = {position_->epoch + 1};
    return nullptr;
  }
  std::shared_ptr<void> batch = shared_ ? prepared() : make_(next_++);
  position_->batch = next_;
  return batch;
}

// What the thread has prepared.
std::shared_ptr<void> Prefetcher::prepared() {
  if (shared_->forks != xgrad::detail::forks())
    fail<ValueError>(
        "DataLoader: the thread that prepares batches is in the process that this one was forked off",
        "begin the loop after the fork, or use prefetch 0");
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return !shared_->ready.empty() || shared_->error; });
  if (shared_->ready.empty()) std::rethrow_exception(shared_->error);
  std::list<Shared::Made> made;
  made.splice(made.end(), shared_->ready, shared_->ready.begin());
  ++next_;
  shared_->changed.notify_all();
  lock.unlock();
  if (made.front().error) std::rethrow_exception(made.front().error);
  return std::move(made.front().batch);
}

}  // namespace xgrad::data::detail
