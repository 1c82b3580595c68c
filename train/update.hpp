// Update: one step of fit(): backward, clipping, accumulation, the optimizer, the schedule, and the search
// for what was not finite.
// Invariant: after an exception parameters, buffers and random numbers are as before the step, or, where what
// comes after it throws, as after it, and its batch is counted.
#pragma once

#include <xgrad/optim/schedule.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/train/run.hpp>

#include <optional>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train::detail {

class Update {
 public:
  /// Throws ValueError when clip_norm is negative or accumulate below 1.
  Update(nn::Module& model, optim::Optimizer& optimizer, optim::RateRule schedule, double clip_norm,
         Index accumulate, Place place);
  /// The rates are again what they were before the schedule.
  ~Update();
  Update(const Update&) = delete;
  Update& operator=(const Update&) = delete;

  /// All that a resumed run needs to know.
  void add_parts(io::Checkpoint& checkpoint, Place place);

  /// What a message says of a batch: appends its tensors and returns the indices of its examples, if known.
  using Facts = Callback<Tensor(std::vector<Tensor>& tensors)>;
  /// The metrics of the outcome and the gradient of its loss, an update where enough batches have come, and
  /// then what Run::note() does. False when the loop is to be left.
  [[nodiscard]] bool step(Run& run, const Callback<Outcome()>& forward, const Facts& facts, Place place);
  /// The update of the last batches of an epoch, where they are fewer than others.
  void finish(Run& run, Place place);
  /// Ends a run that was interrupted in a validation, as if after the last batch.
  void interrupt(Run& run, bool save, Place place);

  /// Gradients of batches that made no update yet.
  StateDict state_dict() const;
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here());

 private:
  struct Before;
  /// Whether it made a step: there were examples.
  bool apply(Place place);
  void applied(Run& run, Place place);
  /// Throws NumericError where one is not finite.
  void check_gradients(Place place) const;
  /// Leaves no gradient behind.
  void forget();
  [[noreturn]] void diverged(const Run& run, const std::string& what, const Before& before,
                             const Callback<Outcome()>& forward, const Facts& facts, Place place);
  std::vector<Variable> parameters() const;

  nn::Module& model_;
  optim::Optimizer& optimizer_;
  std::optional<optim::Schedule> schedule_;
  double clip_norm_;
  Index accumulate_;
  std::vector<double> rates_;
  Index batches_ = 0;  // whose gradients wait
  double weight_ = 0;  // their examples
};

}  // namespace xgrad::train::detail
XGRAD_API_END
