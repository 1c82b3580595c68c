// The order of an epoch and the threads that prepare batches.
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
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace xgrad::data::detail {
namespace {

// A stream of its own for every seed, epoch and number: batches from 0, the epoch's order -1, examples below.
Generator stream(std::uint64_t seed, Index epoch, Index number) {
  const auto low = [](Index i) { return static_cast<std::uint32_t>(i); };
  const auto high = [](Index i) { return static_cast<std::uint32_t>(i >> 32); };
  const auto words =
      xgrad::detail::philox({low(epoch), high(epoch), low(number), high(number)},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return Generator(std::uint64_t{words[1]} << 32 | words[0]);
}

}  // namespace

RandomScope::RandomScope(std::uint64_t seed, Index epoch, Index number) : former_(default_generator()) {
  default_generator() = stream(seed, epoch, number);
}

void check(const LoaderOptions& options, Index size) {
  if (options.batch_size < 1)
    fail<ValueError>("batch_size must be at least 1, got " + std::to_string(options.batch_size));
  if (options.prefetch < 0)
    fail<ValueError>("prefetch must be at least 0, got " + std::to_string(options.prefetch));
  if (options.workers < 0)
    fail<ValueError>("workers must be at least 0, got " + std::to_string(options.workers));
  if (options.workers > most_workers)
    fail<ValueError>("workers must be at most " + std::to_string(most_workers) + ", got " +
                     std::to_string(options.workers));
  if (size < 0) fail<ValueError>("the dataset's size must be at least 0, got " + std::to_string(size));
  options.sampler.check(size, options.shuffle);
}

Index epoch_size(Index size, const LoaderOptions& options) { return options.sampler.samples(size); }

Index batches_ahead(const LoaderOptions& options) {
  return options.workers > options.prefetch ? options.workers : options.prefetch;
}

Index threads_for(const LoaderOptions& options) {
  if (options.workers > 0) return options.workers;
  return options.prefetch > 0 ? 1 : 0;
}

Tensor batch_indices(const Tensor& order, const LoaderOptions& options, Index number) {
  if (!order.defined() || number < 0) return {};
  const Index first = number * options.batch_size;
  const Index rest = order.count() - first;
  return order.rows(first, first + (rest < options.batch_size ? rest : options.batch_size));
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
  StateDict state{{"epoch", scalar(position.epoch)},
                  {"batch", scalar(position.batch)},
                  {"seed", scalar(std::bit_cast<Index>(options.seed))},
                  {"batch_size", scalar(options.batch_size)},
                  {"shuffle", scalar(options.shuffle)},
                  {"drop_last", scalar(options.drop_last)},
                  {"examples", scalar(size)}};
  if (options.sampler) state.set("sampler", scalar(std::bit_cast<Index>(options.sampler.checksum())));
  return state;
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
    else if (name == "sampler" && !bitwise_equal(entry, own))
      entries.note("sampler: another one; its kind, options, weights or labels differ");
    else if (!bitwise_equal(entry, own))
      entries.note(name + ": expects " + to_string(own) + ", got " + to_string(entry));
  }
  if (const std::string text = fault(position, batch_count(epoch_size(size, options), options));
      !text.empty())
    entries.note(text);
  entries.finish("this loader");
  return [&progress, loaded = Progress(position)]() mutable noexcept { progress = std::move(loaded); };
}

// ------------------------------------------------------------------------------------------------- batches

Tensor epoch_order(Index size, const LoaderOptions& options, Index epoch) {
  Generator generator = stream(options.seed, epoch, -1);
  return options.sampler.order(size, options.shuffle, generator);
}

// What all threads touch. The threads come last: they are joined before the rest goes.
struct Prefetcher::Shared {
  // A batch, or what was thrown in its place.
  struct Made {
    std::shared_ptr<void> batch;
    std::exception_ptr error;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::map<Index, Made> ready;  // by number; an entry is there, empty, from when its number is taken on
  Index asked_for;              // the batch that is handed out next
  Index untaken;                // the first that no thread has taken on
  Index again = -1;             // one that failed, and is asked for once more
  std::exception_ptr error;     // of a thread itself, which makes no more
  bool stopped = false;
  int forks = xgrad::detail::forks();
  std::vector<std::jthread> threads;

  explicit Shared(Index first) : asked_for(first), untaken(first) {}
  ~Shared() {
    {
      const std::scoped_lock lock(mutex);
      stopped = true;
    }
    changed.notify_all();
  }

  void produce(Index count, Index ahead, const Make& make) {
    std::unique_lock lock(mutex);
    try {
      for (;;) {
        // Those that were taken on may fail: a thread stays until all were handed out.
        changed.wait(lock, [&] {
          return stopped || asked_for >= count || again >= 0 ||
                 (untaken < count && untaken - asked_for < ahead);
        });
        if (stopped || asked_for >= count) return;
        const Index number = again >= 0 ? again : untaken;
        Made& made = ready[number];
        if (again >= 0)
          again = -1;
        else
          ++untaken;
        lock.unlock();
        Made result;
        try {
          result.batch = make(number);
        } catch (...) {
          result.error = std::current_exception();
        }
        lock.lock();
        made = std::move(result);
        changed.notify_all();
      }
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      error = std::current_exception();
      changed.notify_all();
    }
  }

  bool is_made(Index number) const {
    const auto found = ready.find(number);
    return found != ready.end() && (found->second.batch || found->second.error);
  }
};

Prefetcher::Prefetcher(std::shared_ptr<Position> position, Index count, Index ahead, Index threads, Make make)
    : position_(std::move(position)), next_(position_->batch), count_(count), make_(std::move(make)) {
  const Index rest = count_ - next_;
  if (threads == 0 || rest <= 0) return;
  xgrad::detail::expect_forks();
  shared_ = std::make_unique<Shared>(next_);
  // No more threads than batches.
  for (Index i = 0; i < threads && i < rest; ++i)
    shared_->threads.emplace_back(
        [this, shared = shared_.get(), ahead] { shared->produce(count_, ahead, make_); });
}

Prefetcher::~Prefetcher() {
  // In a process forked off meanwhile there is no thread to join, and its mutex may be locked for ever.
  if (shared_ && shared_->forks != xgrad::detail::forks()) {
    for (std::jthread& thread : shared_->threads) thread.detach();
    static_cast<void>(shared_.release());
  }
}

std::shared_ptr<void> Prefetcher::next() {
  if (next_ >= count_) {
    if (position_->begun) *position_ = {position_->epoch + 1};
    return nullptr;
  }
  const Index number = next_;
  // Of a batch that cannot be made no trace is left but that there is none in hand.
  position_->handed = -1;
  std::shared_ptr<void> batch = shared_ ? prepared() : make_(number);
  ++next_;
  position_->batch = next_;
  position_->handed = number;
  return batch;
}

// What the threads have prepared.
std::shared_ptr<void> Prefetcher::prepared() {
  if (shared_->forks != xgrad::detail::forks())
    fail<ValueError>(
        "DataLoader: the thread that prepares batches is in the process that this one was forked off",
        "begin the loop after the fork, or use prefetch 0 and workers 0");
  std::unique_lock lock(shared_->mutex);
  if (next_ < shared_->untaken && !shared_->ready.contains(next_)) {
    // It failed when it was asked for before.
    shared_->again = next_;
    shared_->changed.notify_all();
  }
  shared_->changed.wait(lock, [&] { return shared_->is_made(next_) || shared_->error; });
  if (!shared_->is_made(next_)) std::rethrow_exception(shared_->error);
  const Shared::Made made = std::move(shared_->ready.extract(next_).mapped());
  if (made.error) std::rethrow_exception(made.error);
  shared_->asked_for = next_ + 1;
  shared_->changed.notify_all();
  return made.batch;
}

}  // namespace xgrad::data::detail
