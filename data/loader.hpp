// DataLoader: batches of a dataset, epoch after epoch, in a range-for.
// Invariant: a batch depends on the dataset, the seed, the epoch and its number alone, whether or not it is
// prepared ahead in another thread.
#pragma once

#include <xgrad/data/dataset.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/random.hpp>

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

/// Makes batches 0, 1, ..., count - 1 in order, up to `ahead` of them in advance in a thread of its own. Its
/// destructor joins the thread, once the batch under way is made.
class Prefetcher {
 public:
  using Make = Callback<std::shared_ptr<void>(Index)>;

  Prefetcher(Index count, Index ahead, Make make);
  ~Prefetcher();

  /// The next batch, null after the last. An exception of `make` is thrown in place of the batch it hit, and
  /// the next call goes on with the batch after it.
  std::shared_ptr<void> next();

 private:
  struct Shared;
  Index count_;
  Index made_ = 0;
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
void check_epoch(Index epoch);
/// The examples of an epoch in order, int64.
Tensor epoch_order(Index size, const LoaderOptions& options, Index epoch);

}  // namespace detail

/// `for (auto& [images, labels] : loader)` goes through one epoch; the next loop goes through the next one.
/// The dataset is held by value, and with prefetch it is read in another thread. Random numbers that the
/// dataset draws from the default generator are given by seed, epoch and batch. An exception of the dataset
/// is thrown once, in place of the batch it hit; an iterator that is advanced again goes on with the batch
/// after it, with and without prefetch. A moved-from loader throws GraphError, and so does an iterator past
/// the end.
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
    const Index examples = checked(place).size(), batch = options_.batch_size;
    return examples / batch + (examples % batch != 0 && !options_.drop_last ? 1 : 0);
  }
  const D& dataset(Place place = Place::here()) const& { return checked(place); }
  const D& dataset(Place place = Place::here()) const&& = delete;  // it may be gone: name the loader first
  const LoaderOptions& options() const& { return options_; }
  LoaderOptions options() const&& { return options_; }
  /// The epoch that the next loop goes through, from 0; setting it resumes or repeats.
  Index epoch() const { return epoch_; }
  /// Throws ValueError on a negative number, and on the largest, which has no next one.
  void set_epoch(Index epoch) {
    detail::check_epoch(epoch);
    epoch_ = epoch;
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

  /// Starts the next epoch. Loops may overlap; each keeps its own order.
  Iterator begin(Place place = Place::here()) {
    static_cast<void>(checked(place));
    const Index epoch = epoch_;
    auto make = [dataset = dataset_, options = options_, epoch,
                 order = detail::epoch_order(dataset_->size(), options_, epoch)](Index batch) {
      const Index first = batch * options.batch_size;
      const Index rest = order.count() - first;
      const Tensor indices =
          order.rows(first, first + (rest < options.batch_size ? rest : options.batch_size));
      const detail::RandomScope random(options.seed, epoch, batch);
      return std::static_pointer_cast<void>(std::make_shared<Batch>(make_batch(*dataset, indices)));
    };
    auto source = std::make_unique<detail::Prefetcher>(size(), options_.prefetch, std::move(make));
    ++epoch_;
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
  Index epoch_ = 0;
};

}  // namespace xgrad::data
XGRAD_API_END
