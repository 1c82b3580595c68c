// Run: the account of a training run: epochs, running means, history, callbacks, checkpoints. It computes no
// gradient and holds no loop: fit() is a loop around it, and a loop of your own can be one.
// Invariant: what a checkpoint keeps of it is enough to go on bitwise after any batch. A batch and an epoch
// are counted wholly or not at all, whatever a metric or a callback throws.
#pragma once

#include <xgrad/io/checkpoint.hpp>
#include <xgrad/io/checkpoint_saver.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/train/history.hpp>
#include <xgrad/train/metrics.hpp>
#include <xgrad/train/scores.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train {

/// What a step computed. Of a loss alone, the examples are counted by the batch.
struct Outcome {
  Outcome() = default;
  Outcome(Variable its_loss, Variable its_output = {}, Tensor its_target = {},
          std::optional<Index> its_count = {})
      : loss(std::move(its_loss)),
        output(std::move(its_output)),
        target(std::move(its_target)),
        count(its_count) {}

  Variable loss;    ///< one element: the mean over `count` examples
  Variable output;  ///< what the metrics compare with the target; undefined where there are none
  Tensor target;
  /// Examples, or tokens, that the loss is the mean of; empty: the rows of the batch, where fit() counts
  /// them.
  std::optional<Index> count;
};

class Run;
namespace detail {
class Update;
}

/// What is told of a run: each function may be empty. Where one throws, the others are told, and then the
/// first exception goes on; what was counted stays counted, and the next call goes on from there. A lambda
/// can be one:
///   train::Observer shown{.on_epoch = [](train::Run& run) { std::cout << run.scores() << '\n'; }};
struct Observer {
  /// Once, before the first batch, after a checkpoint was loaded; again where one of them threw.
  Callback<void(Run& run)> on_start = {};
  Callback<void(Run& run)> on_epoch_begin = {};
  /// Of fit(): after each step of the optimizer, its last batch counted.
  Callback<void(Run& run)> on_update = {};
  Callback<void(Run& run)> on_batch = {};
  Callback<void(Run& run)> on_epoch = {};  ///< after the validation: scores() is the row of the history
  Callback<void(Run& run)> on_end = {};    ///< once, however the run ended but by an exception
  /// What a checkpoint keeps of it, under that name.
  std::string name = {};
  std::optional<io::Checkpoint> state = {};
};

/// Checkpoints of a run, from which the same call goes on: see io::CheckpointSaver.
struct CheckpointOptions {
  std::string directory = {};  ///< empty: no checkpoints
  double every_minutes = 0;    ///< saves are at least after each epoch, and when the run is stopped
  Index every_batches = 0;
  Index keep_last = 3;
  /// Parts beside the run's own: for fit() those it does not know of, for a Run all.
  io::Checkpoint parts = {};
  Callback<void(const io::Latest& found)> on_resume = {};
  /// Told why a checkpoint could not be saved; the run goes on. Empty: the IoError is thrown.
  Callback<void(const IoError& error)> on_unsaved = {};
};

struct RunOptions {
  Index epochs = 1;
  std::vector<NamedMetric> metrics = {};
  std::vector<Observer> callbacks = {};
  Callback<bool()> stop = {};  ///< asked after every batch; true ends the run
  CheckpointOptions checkpoint = {};
};

namespace detail {

/// Means over the examples seen so far, weighted by their counts, and metrics.
class Tally {
 public:
  Tally() = default;
  explicit Tally(std::vector<NamedMetric> metrics, Place place = Place::here());

  /// Throws ValueError when the count is negative.
  void add(const Scores& means, Index count, Place place);
  /// Throws ValueError where there are metrics and the outcome has nothing for them.
  void check(const Outcome& outcome, Place place) const;
  /// Updates all metrics; the first exception of one is thrown then.
  void measure(const Outcome& outcome, Place place);
  Scores means() const;
  /// Means in the order in which they came, then metrics.
  Scores scores() const;
  /// Examples so far.
  Index count() const { return count_; }
  void reset();

  StateDict state_dict() const;
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here());

 private:
  struct Mean {
    std::string name;
    double sum = 0;
    double weight = 0;
  };
  std::vector<Mean> means_;
  std::vector<NamedMetric> metrics_;
  Index count_ = 0;
};

}  // namespace detail

/// A loop of one's own, with two optimizers, say:
///   train::Run run(model, {.epochs = 20, .callbacks = {train::progress()}});
///   while (run.next_epoch(loader.size())) {
///     for (const auto& [images, labels] : loader) {
///       const Variable of_critic = move_critic(images), of_generator = move_generator();
///       if (!run.note({{"critic", of_critic.item()}, {"generator", of_generator.item()}}, images.size(0)))
///       break;
///     }
///     run.end_epoch();
///   }
class Run {
 public:
  /// The model is what callbacks act on; it must outlive the run. Loads the newest checkpoint, if any. Throws
  /// ValueError on epochs below 0, two metrics of one name or an unnamed callback with a state; as
  /// io::CheckpointSaver::resume() otherwise.
  explicit Run(nn::Module& model, RunOptions options = {}, Place place = Place::here());
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  /// A model that was in evaluation mode is in it again, also where the run was left by an exception.
  ~Run();

  /// Begins an epoch, or goes on with one that a checkpoint was saved in, with the model in training mode:
  /// parts of a model in training mode stay as they are. The mode is as before when the run is over. False
  /// when the run is over: callbacks have been told. `batches` is for progress; 0: unknown. Throws GraphError
  /// where an epoch was begun and not ended, as note() and end_epoch() do where none was begun.
  [[nodiscard]] bool next_epoch(Index batches = 0, Place place = Place::here());
  /// After each batch: numbers that are means over `count` examples. False when the loop is to be left.
  /// Throws NumericError when a number is not finite, before anything else; what is refused is not counted,
  /// but the batch whose metric or callback throws is, as its step was taken.
  [[nodiscard]] bool note(const Scores& means, Index count, Place place = Place::here());
  [[nodiscard]] bool note(const Outcome& outcome, Place place = Place::here());
  /// After the last batch: a row of the history; "validation_" is put before the names of `validation`. When
  /// a callback throws, the epoch is over all the same.
  void end_epoch(const Scores& validation = {}, Place place = Place::here());

  /// From 0: the epoch under way; in on_epoch, the one that is over.
  Index epoch() const { return epoch_; }
  Index epochs() const { return options_.epochs; }
  /// Batches of this epoch so far, and of a whole one.
  Index batch() const { return batch_; }
  Index batches() const { return batches_; }
  /// Batches since the start.
  Index step() const { return step_; }
  /// Of this epoch so far.
  Index examples() const { return tally_.count(); }
  /// Means and metrics of this epoch so far; in on_epoch, with those of the validation.
  Scores scores() const;
  /// The means alone, which cost nothing to tell.
  Scores tallied() const { return tally_.means(); }
  const History& history() const& { return history_; }
  nn::Module& model() const { return *model_; }
  /// Tells on_update: a step of an optimizer was taken.
  void updated() { tell(&Observer::on_update); }
  /// Ends the run after this batch, or this epoch when it is called by on_epoch.
  void stop(std::string reason);
  /// Why the run was stopped; empty where it was not.
  const std::string& stopped() const& { return stopped_; }
  /// A number that is no mean, kept in the next row of the history: a learning rate.
  void set(std::string name, double value, Place place = Place::here()) {
    extra_.set(std::move(name), value, place);
  }

 private:
  friend class detail::Update;

  void check_begun(Place place) const;
  void count(const Scores& means, Index examples, Place place);
  bool go_on(Place place);
  void save(bool now, Place place);
  void check_finite(const std::string& name, double value, Index count, Place place) const;
  void tell(Callback<void(Run&)> Observer::*event);
  void tell_again(bool again, Callback<void(Run&)> Observer::*event);

  nn::Module* model_;
  RunOptions options_;
  detail::Tally tally_;
  History history_;
  Scores row_;    // of the epoch that on_epoch tells of
  Scores extra_;  // what set() added to it
  Index epoch_ = 0, batch_ = 0, step_ = 0, batches_ = 0;
  double seconds_ = 0;                                     // of the epoch so far
  double clock_ = 0;                                       // when it was last read
  bool started_ = false, ended_ = false, within_ = false;  // within an epoch
  bool was_training_ = true;                               // the model, before the run
  std::string stopped_;
  io::Checkpoint own_;  // the parts above, by reference
  std::optional<io::CheckpointSaver> saver_;
};

/// A loss or a gradient of a run that is not finite. The model is as it was before that step.
class Diverged : public NumericError {
 public:
  Diverged(const std::string& message, Index step, Tensor examples, const History& history);

  /// The batch, from 0, since the start of the run.
  Index step() const { return step_; }
  /// Indices of its examples in the dataset (int64); undefined where the loader does not tell.
  const Tensor& examples() const& { return examples_; }
  Tensor examples() const&& { return examples_; }
  /// The epochs before it.
  const History& history() const& { return *history_; }
  History history() const&& { return *history_; }

 private:
  Index step_;
  Tensor examples_;
  std::shared_ptr<const History> history_;
};

}  // namespace xgrad::train
XGRAD_API_END
