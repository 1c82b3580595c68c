// DataLoader: batches of a dataset, epoch after epoch, in a range-for.
// Invariant: a batch depends on the dataset, the options that decide the order, the epoch and its number
// alone, whatever the number of threads that prepare batches; an example that is made by itself does not
// depend on the batch either.
#pragma once

#include <xgrad/data/dataset.hpp>
#include <xgrad/data/sampler.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

struct LoaderOptions {
  Index batch_size = 1;
  bool shuffle = false;  ///< a new order in every epoch, given by seed and epoch
  std::uint64_t seed = 0;
  bool drop_last = false;  ///< leave out a last batch of fewer examples
  Index prefetch = 0;      ///< batches kept ready in advance; 0 without workers: made when asked for
  /// Threads that make batches, which then must be made by several at once: what the dataset, its transforms
  /// and collate call is const and draws from the default generator alone. The batches are the same for any
  /// number. 0: one thread where there is a prefetch, else none. As many batches are made in advance as there
  /// are workers, or prefetch if that is more. At most 1024.
  Index workers = 0;
  Sampler sampler = {};  ///< which examples, where that is not every one once
};

/// Collates as data::collate does, and lets a dataset gather: what a loader does without a collate of yours.
struct StandardCollate {};

namespace detail {

constexpr Index most_workers = 1024;

/// An epoch, and how many of its batches were handed out.
struct Position {
  Index epoch = 0;
  Index batch = 0;
  bool begun = false;  ///< a loop has begun there: the next one goes through the next epoch
  Index handed = -1;   ///< the batch that this loop handed out last
  Tensor order = {};   ///< of a loop that has begun
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

/// Gives the batches from `position` to count - 1 in order, up to `ahead` of them made in advance by threads
/// of its own. Its destructor joins the threads, once the batches under way are made.
class Prefetcher {
 public:
  using Make = Callback<std::shared_ptr<void>(Index)>;

  Prefetcher(std::shared_ptr<Position> position, Index count, Index ahead, Index threads, Make make);
  ~Prefetcher();

  /// The next batch, null after the last; both are noted in the position. An exception of `make` is thrown in
  /// place of the batch it hit, which the next call makes again.
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

/// In its lifetime the thread's default generator is a stream of its own, that of a batch or of an example.
class RandomScope {
 public:
  /// The number of a batch, or example_stream(i).
  [[nodiscard]] RandomScope(std::uint64_t seed, Index epoch, Index number);
  ~RandomScope() { default_generator() = former_; }
  RandomScope(const RandomScope&) = delete;
  RandomScope& operator=(const RandomScope&) = delete;

 private:
  Generator former_;
};

/// Beside those of batches, from 0, and that of the epoch's order, -1.
constexpr Index example_stream(Index example) { return -2 - example; }

/// A dataset of single examples, which need not be tensors.
template <class D>
concept Indexed = requires(const D& dataset, Index i) {
  { dataset.size() } -> std::convertible_to<Index>;
  dataset.get(i);
};
template <class D>
using ExampleOf = std::remove_cvref_t<decltype(std::declval<const D&>().get(Index{}))>;

/// Makes batches of the dataset's examples.
template <class C, class D>
concept CollateOf = Indexed<D> && requires(const C& collate, std::span<const ExampleOf<D>> examples) {
  collate(examples);
};
template <class D, class C>
concept Loadable = (std::same_as<C, StandardCollate> && Dataset<D>) || CollateOf<C, D>;

/// A batch, with the streams of random numbers that it and its examples have.
template <class D, class C>
auto make_batch(const D& dataset, const C& collated, const Tensor& indices, std::uint64_t seed, Index epoch,
                Index batch) {
  const RandomScope random(seed, epoch, batch);
  if constexpr (std::same_as<C, StandardCollate> && BatchDataset<D>) {
    return dataset.gather(indices);
  } else {
    std::vector<ExampleOf<D>> examples;
    examples.reserve(static_cast<std::size_t>(indices.count()));
    for (const Index i : indices.template span<Index>()) {
      const RandomScope of_example(seed, epoch, example_stream(i));
      examples.push_back(dataset.get(i));
    }
    const std::span<const ExampleOf<D>> all(examples);
    if constexpr (std::same_as<C, StandardCollate>)
      return collate(all);
    else
      return collated(all);
  }
}

void check(const LoaderOptions& options, Index size);
/// Examples of one epoch.
Index epoch_size(Index size, const LoaderOptions& options);
/// How many batches are made in advance, and by how many threads.
Index batches_ahead(const LoaderOptions& options);
Index threads_for(const LoaderOptions& options);
/// The examples of batch `number`. Undefined for -1.
Tensor batch_indices(const Tensor& order, const LoaderOptions& options, Index number);
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
/// The dataset is held by value, and with prefetch or workers it is read in other threads. Random numbers
/// that are drawn from the default generator are given by seed, epoch and position of the example in the
/// dataset within get(i), also where an example comes twice in an epoch; by seed, epoch and batch within
/// gather(indices) and collate. A moved-from loader throws GraphError, and so does an iterator past the end.
///
/// An exception of the dataset is thrown in place of the batch it hit, with and without threads, and loses
/// none: there is no batch in hand then (`*it` throws GraphError, indices() is undefined), and an iterator
/// that is advanced again has the batch made again, by the same random numbers. Where begin() throws, the
/// loop has not begun, and the next one begins there. A batch that always fails is gone round by
/// `loader.set_epoch(loader.epoch(), loader.batch() + 1)`.
///
/// A collate of your own makes a batch of any type of the examples that get(i) gives, which may be of any
/// type, too: `DataLoader loader(sentences, options, [](std::span<const Tensor> examples) { ... });`.
///
/// A loader says where it is, also within a loop, so that a program that was stopped goes on with the next
/// batch: after load_state_dict(), this begins with what was left of the epoch.
///   while (loader.epoch() < epochs)
///     for (auto& [images, labels] : loader) train(images, labels);
template <class D, class Collate = StandardCollate>
requires detail::Loadable<D, Collate>
class DataLoader {
 public:
  using Batch = decltype(detail::make_batch(std::declval<const D&>(), std::declval<const Collate&>(),
                                            std::declval<const Tensor&>(), 0, 0, 0));

  /// Throws ValueError when batch_size < 1, prefetch < 0 or workers are outside [0, 1024], and when the
  /// sampler is for a dataset of another size.
  explicit DataLoader(D dataset, const LoaderOptions& options = {},
                      Place place = Place::here()) requires std::same_as<Collate, StandardCollate>
      : DataLoader(std::in_place, std::move(dataset), options, {}, place) {}
  /// With a collate of your own.
  DataLoader(D dataset, const LoaderOptions& options, Collate collate,
             Place place = Place::here()) requires detail::CollateOf<Collate, D>
      : DataLoader(std::in_place, std::move(dataset), options, std::move(collate), place) {}

  /// Batches of one epoch.
  Index size(Place place = Place::here()) const {
    return detail::batch_count(detail::epoch_size(checked(place).size(), options_), options_);
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
  /// The examples of the batch that was handed out last by the last loop begun, int64: what a report of an
  /// error names. Undefined where no loop has begun, before its first batch, once it has come to its end, and
  /// where the dataset threw in place of a batch.
  [[nodiscard]] Tensor indices() const {
    const detail::Position at = progress_.last();
    return detail::batch_indices(at.order, options_, at.handed);
  }
  /// The next loop goes through the epoch from that batch on. Throws ValueError on a negative epoch, on the
  /// largest, which has no next one, and on a batch outside [0, size()].
  void set_epoch(Index epoch, Index batch = 0, Place place = Place::here()) {
    detail::check_position({epoch, batch}, size(place), place);
    progress_ = detail::Progress({epoch, batch});
  }

  /// "epoch" and "batch" of the last loop until it has come to its end, also where it was left early; then
  /// of the next one, whose batch is 0. What decides the batches goes with them: "seed" (the same 64 bits),
  /// "batch_size", "shuffle", "drop_last", "examples", and "sampler", its checksum, where there is one. All
  /// are int64 or boolean scalars.
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
      if (!batch_ && source_ && failed_)
        reject("the batch was not made: the dataset threw an exception", "advance the iterator once more");
      if (!batch_) reject("there is no batch", "the loop is over or the iterator was moved from");
      return *batch_;
    }
    Batch operator*() const&& { return **this; }
    Iterator& operator++() {
      if (!source_) reject("there is no next batch", "the iterator was moved from");
      batch_ = nullptr;
      failed_ = true;
      batch_ = std::static_pointer_cast<Batch>(source_->next());
      failed_ = false;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !batch_ && !(source_ && failed_); }

   private:
    [[noreturn]] static void reject(const char* text, const char* hint) {
      const Scope scope("DataLoader", {});
      fail<GraphError>(text, hint);
    }

    std::unique_ptr<detail::Prefetcher> source_;
    std::shared_ptr<Batch> batch_;
    bool failed_ = false;
  };

  /// Starts the next epoch, or goes on with one that was loaded. Loops may overlap; each keeps its own order.
  Iterator begin(Place place = Place::here()) {
    const Index batches = size(place);
    const auto position = std::make_shared<detail::Position>(progress_.next());
    detail::check_position(*position, batches, place);
    progress_ = detail::Progress(*position);
    position->begun = true;
    position->order = detail::epoch_order(dataset_->size(), options_, position->epoch);
    auto make = [dataset = dataset_, collate = collate_, options = options_, epoch = position->epoch,
                 order = position->order](Index batch) {
      const Tensor indices = detail::batch_indices(order, options, batch);
      return std::static_pointer_cast<void>(std::make_shared<Batch>(
          detail::make_batch(*dataset, *collate, indices, options.seed, epoch, batch)));
    };
    Iterator first(std::make_unique<detail::Prefetcher>(position, batches, detail::batches_ahead(options_),
                                                        detail::threads_for(options_), std::move(make)));
    progress_ = detail::Progress(position);
    return first;
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  DataLoader(std::in_place_t, D dataset, const LoaderOptions& options, Collate collate, Place place)
      : dataset_(std::make_shared<const D>(std::move(dataset))),
        collate_(std::make_shared<const Collate>(std::move(collate))),
        options_(options) {
    const Scope scope("DataLoader", place);
    detail::check(options, dataset_->size());
  }
  const D& checked(Place place) const {
    const Scope scope("DataLoader", place);
    if (!dataset_) fail<GraphError>("the loader was moved from");
    return *dataset_;
  }

  std::shared_ptr<const D> dataset_;
  std::shared_ptr<const Collate> collate_;
  LoaderOptions options_;
  detail::Progress progress_;
};

}  // namespace xgrad::data
XGRAD_API_END
