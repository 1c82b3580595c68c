// DataLoader: batches of a dataset, epoch after epoch, in a range-for.
// Invariant: a batch depends on the dataset, the seed, the epoch and its number alone, whether or not it is
// prepared ahead in another thread.
#pragma once

#include <xgrad/data/dataset.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad::data {

struct LoaderOptions {
  Index batch_size = 1;
  bool shuffle = false;  ///< a new order in every epoch, given by seed and epoch
  std::uint64_t seed = 0;
  bool drop_last = false;  ///< leave out a last batch of fewer examples
  Index prefetch = 0;      ///< batches that a thread keeps ready; 0: made when asked for, without a thread
};

namespace detail {

/// An epoch, and how many of its batches were handed out.
struct Position {
  Index epoch = 0;
  Index batch = 0;
  bool begun = false;  ///< a loop has begun there: the next one goes through the next epoch
};

/// Where a loader is. The last loop that was begun shares it; a copy is a snapshot.
class Progress {
 public:
  explicit Progress(Position next = {}) : Progress(std::make_shared<Position>(next)) {}
  explicit Progress(std::shared_ptr<Position> of_loop) : position_(std::move(of_loop)) {}
  Progress(const Progress& other) : Progress(other.last()) {}
  Progress(Progress&&) noexcept = default;
  Progress& operator=(const Progress& other) { return *this = Progress(other); }
  Progress& operator=(Progress&&) noexcept = default;
  ~Progress() = default;

  /// Of the last loop, until that has come to its end.
  Position last() const { return position_ ? *position_ : Position{}; }
  /// Where the next loop begins.
  Position next() const {
    const Position at = last();
    return at.begun ? Position{at.epoch + 1} : at;
  }
  /// Of the loop under way, else where the next one begins.
  Position present() const { return position_.use_count() > 1 ? last() : next(); }

 private:
  std::shared_ptr<Position> position_;
};

/// Makes the batches from `position` to count - 1 in order, up to `ahead` of them in advance in a thread of
/// its own. Its destructor joins the thread, once the batch under way is made.
class Prefetcher {
 public:
  using Make = Callback<std::shared_ptr<void>(Index)>;

  Prefetcher(std::shared_ptr<Position> position, Index count, Index ahead, Make make);
  ~Prefetcher();

  /// The next batch, null after the last; both are noted in the position. An exception of `make` is thrown in
  /// place of the batch it hit, and the next call goes on with the batch after it.
  std::shared_ptr<void> next();

 private:
  struct Shared;
  std::shared_ptr<void> prepared();

  std::shared_ptr<Position> position_;
  Index next_;
  Index count_;
  Make make_;
  std::unique_ptr<Shared> shared_;
};

/// In its lifetime the thread's default generator is the stream of one batch.
class RandomScope {
 public:
  [[nodiscard]] RandomScope(std::uint64_t seed, Index epoch, Index batch);
  ~RandomScope() { default_generator() = former_; }
  RandomScope(const RandomScope&) = delete;
  RandomScope& operator=(const RandomScope&) = delete;

 private:
  Generator former_;
};

void check(const LoaderOptions& options, Index size);
/// Batches of one epoch of `size` examples.
Index batch_count(Index size, const LoaderOptions& options);
/// Throws ValueError unless a loop through so many batches can begin there.
void check_position(Position position, Index batches, Place place);
StateDict loader_state(Position position, Index size, const LoaderOptions& options);
PreparedLoad prepare_load(const StateDict& state, Progress& progress, Index size,
                          const LoaderOptions& options, Place place);
/// The examples of an epoch in order, int64.
Tensor epoch_order(Index size, const LoaderOptions& options, Index epoch);

}  // namespace detail

/// `for (auto& [images, labels] : loader)` goes through one epoch; the next loop goes through the next one.
/// The dataset is held by value, and with prefetch it is read in another thread. Random numbers that the
/// dataset draws from the default generator are given by seed, epoch and batch. An exception of the dataset
/// is thrown once, in place of the batch it hit; an iterator that is advanced again goes on with the batch
/// after it, with and without prefetch. A moved-from loader throws GraphError, and so does an iterator past
/// the end.
///
/// A loader says where it is, also within a loop, so that a program that was stopped goes on with the next
/// batch: after load_state_dict(), this begins with what was left of the epoch.
///   while (loader.epoch() < epochs)
///     for (auto& [images, labels] : loader) train(images, labels);
template <Dataset D>
class DataLoader {
 public:
  using Batch = decltype(make_batch(std::declval<const D&>(), std::declval<const Tensor&>()));

  /// Throws ValueError when batch_size < 1 or prefetch < 0.
  explicit DataLoader(D dataset, const LoaderOptions& options = {}, Place place = Place::here())
      : dataset_(std::make_shared<const D>(std::move(dataset))), options_(options) {
    const Scope scope("DataLoader", place);
    detail::check(options, dataset_->size());
  }

  /// Batches of one epoch.
  Index size(Place place = Place::here()) const {
    return detail::batch_count(checked(place).size(), options_);
  }
  const D& dataset(Place place = Place::here()) const& { return checked(place); }
  const D& dataset(Place place = Place::here()) const&& = delete;  // it may be gone: name the loader first
  const LoaderOptions& options() const& { return options_; }
  LoaderOptions options() const&& { return options_; }
  /// The epoch, from 0, of the loop under way (the last one begun, while its iterator lives and is not at the
  /// end), else of the next loop.
  Index epoch() const { return progress_.present().epoch; }
  /// How many batches of epoch() were handed out, the one in hand included: the next loop leaves out so many.
  Index batch() const { return progress_.present().batch; }
  /// The next loop goes through the epoch from that batch on. Throws ValueError on a negative epoch, on the
  /// largest, which has no next one, and on a batch outside [0, size()].
  void set_epoch(Index epoch, Index batch = 0, Place place = Place::here()) {
    detail::check_position({epoch, batch}, size(place), place);
    progress_ = detail::Progress({epoch, batch});
  }

  /// "epoch" and "batch" of the last loop until it has come to its end, also where it was left early; then
  /// of the next one, whose batch is 0. What decides the batches goes with them: "seed" (the same 64 bits),
  /// "batch_size", "shuffle", "drop_last", "examples". All are int64 or boolean scalars.
  [[nodiscard]] StateDict state_dict(Place place = Place::here()) const {
    return detail::loader_state(progress_.last(), checked(place).size(), options_);
  }
  /// The next loop goes through the rest of the epoch, bitwise the same batches; none where all had been
  /// handed out. Throws ValueError listing every mismatch, also of what decides the batches; nothing is
  /// changed then. A loop under way goes on as it was.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) & {
    return detail::prepare_load(state, progress_, checked(place).size(), options_, place);
  }

  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(std::unique_ptr<detail::Prefetcher> source) : source_(std::move(source)) { ++*this; }
    Batch& operator*() const& {
      if (!batch_) reject("there is no batch", "the loop is over or the iterator was moved from");
      return *batch_;
    }
    Batch operator*() const&& { return **this; }
    Iterator& operator++() {
      if (!source_) reject("there is no next batch", "the iterator was moved from");
      batch_ = std::static_pointer_cast<Batch>(source_->next());
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return batch_ == nullptr; }

   private:
    [[noreturn]] static void reject(const char* text, const char* hint) {
      const Scope scope("DataLoader", {});
      fail<GraphError>(text, hint);
    }

    std::unique_ptr<detail::Prefetcher> source_;
    std::shared_ptr<Batch> batch_;
  };

  /// Starts the next epoch, or goes on with one that was loaded. Loops may overlap; each keeps its own order.
  Iterator begin(Place place = Place::here()) {
    const Index batches = size(place);
    const auto position = std::make_shared<detail::Position>(progress_.next());
    detail::check_position(*position, batches, place);
    position->begun = true;
    auto make = [dataset = dataset_, options = options_, epoch = position->epoch,
                 order = detail::epoch_order(dataset_->size(), options_, position->epoch)](Index batch) {
      const Index first = batch * options.batch_size;
      const Index rest = order.count() - first;
      const Tensor indices =
          order.rows(first, first + (rest < options.batch_size ? rest : options.batch_size));
      const detail::RandomScope random(options.seed, epoch, batch);
      return std::static_pointer_cast<void>(std::make_shared<Batch>(make_batch(*dataset, indices)));
    };
    auto source = std::make_unique<detail::Prefetcher>(position, batches, options_.prefetch, std::move(make));
    progress_ = detail::Progress(position);
    return Iterator(std::move(source));
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  const D& checked(Place place) const {
    const Scope scope("DataLoader", place);
    if (!dataset_) fail<GraphError>("the loader was moved from");
    return *dataset_;
  }

  std::shared_ptr<const D> dataset_;
  LoaderOptions options_;
  detail::Progress progress_;
};

}  // namespace xgrad::data
XGRAD_API_END
