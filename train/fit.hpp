// fit, evaluate, predict: the loops over batches that most training runs need. Define-by-run stays: the loss
// is a function of yours of (model, batch), and a loop of your own is made of the same parts (train/run.hpp).
// Invariant: after an exception the model is as it was before the step under way. A metric is part of a step;
// a callback comes after it.
#pragma once

#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/eval_mode.hpp>
#include <xgrad/optim/schedule.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/train/replay.hpp>
#include <xgrad/train/run.hpp>
#include <xgrad/train/update.hpp>

#include <concepts>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad::train {

/// What a loader gives: a data::DataLoader, or any other range of batches that can be gone through again.
template <class Loader>
using BatchOf = std::remove_cvref_t<decltype(*std::declval<Loader&>().begin())>;

/// Any loader of such batches, by reference: it must outlive it.
template <class Batch>
class Batches {
 public:
  Batches() = default;
  template <class Loader>
  requires(!std::same_as<Loader, Batches> && std::same_as<BatchOf<Loader>, Batch>) Batches(Loader& loader)
      : visit_([&loader](const Callback<bool(const Batch&)>& f) {
          for (const auto& batch : loader)
            if (!f(batch)) return false;
          return true;
        }),
        address_(&loader) {
    if constexpr (io::Stateful<std::remove_const_t<Loader>>) {
      add_ = [&loader](io::Checkpoint& checkpoint, Place place) {
        checkpoint.add("validation", loader, place);
      };
      way_back_ = [&loader]() -> PreparedLoad { return loader.prepare_load(loader.state_dict()); };
    }
  }
  explicit operator bool() const { return static_cast<bool>(visit_); }
  /// Until f returns false. Whether all were gone through.
  bool for_each(const Callback<bool(const Batch&)>& f) const { return visit_(f); }
  /// What brings the loader, where it has a state, back to where it is now.
  PreparedLoad way_back() const {
    if (way_back_) return way_back_();
    return []() noexcept {};
  }
  /// Adds the loader, where it has a state, as "validation".
  void add_to(io::Checkpoint& checkpoint, Place place) const {
    if (add_) add_(checkpoint, place);
  }
  /// Whether they are those of that loader.
  bool are(const void* loader) const { return address_ == loader; }

 private:
  Callback<bool(const Callback<bool(const Batch&)>&)> visit_;
  Callback<void(io::Checkpoint&, Place)> add_;
  Callback<PreparedLoad()> way_back_;
  const void* address_ = nullptr;
};

/// How fit() goes about it.
template <class Batch>
struct FitOptions {
  Index epochs = 1;
  Batches<Batch> validation = {};         ///< a loader, evaluated after every epoch
  std::vector<NamedMetric> metrics = {};  ///< of training and validation: {{"accuracy", Accuracy()}}
  std::vector<Observer> callbacks = {};   ///< early_stopping(), progress(), csv(), ... or {.on_batch = f}
  /// Asked after every batch, those of the validation, too; true ends the run. A validation that it cuts
  /// short or leaves out is NaN in the history.
  Callback<bool()> stop = {};
  CheckpointOptions checkpoint = {};  ///< {.directory = "runs/1"}: the same call goes on from there
  optim::RateRule schedule = {};      ///< of the learning rate, over updates
  double clip_norm = 0;               ///< the largest norm of all gradients together; 0: any
  Index accumulate = 1;               ///< batches whose gradients make one update
};

namespace detail {

/// The rows of a batch: of its first tensor; -1 where it has none.
template <class Batch>
Index rows(const Batch& batch) {
  if constexpr (std::same_as<Batch, Tensor> || std::same_as<Batch, Variable>)
    return batch.shape().rank() > 0 ? batch.size(0) : 1;
  else if constexpr (requires { std::tuple_size<Batch>::value; })
    return rows(std::get<0>(batch));
  else
    return -1;
}
template <class Batch>
void tensors_of(const Batch& batch, std::vector<Tensor>& tensors) {
  if constexpr (std::same_as<Batch, Tensor>)
    tensors.push_back(batch);
  else if constexpr (requires { std::tuple_size<Batch>::value; })
    std::apply([&](const auto&... part) { (tensors_of(part, tensors), ...); }, batch);
}
template <class Loader>
Tensor indices_of(const Loader& loader) {
  if constexpr (requires {
                  { loader.indices() } -> std::convertible_to<Tensor>;
                })
    return loader.indices();
  else
    return {};
}

/// Throws ValueError where neither the outcome nor the batch says how many examples there were.
Index checked_count(std::optional<Index> of_outcome, Index of_batch, Place place);
/// NaN under the names that evaluate() gives.
Scores not_measured(const std::vector<NamedMetric>& metrics);
[[noreturn]] void reject_moved_loader(Place place);
[[noreturn]] void reject_empty_loader(Place place);
[[noreturn]] void reject_shared_loader(Place place);
[[noreturn]] void reject_two_rates(Place place);

template <class Loss, class Model, class Batch>
Outcome outcome(Loss& loss, Model& model, const Batch& batch, Place place) {
  Outcome result(loss(model, batch));
  result.count = checked_count(result.count, rows(batch), place);
  return result;
}

/// Empty where `stop`, which is asked before each batch, said so.
template <class Model, class Batch, class Loss>
std::optional<Scores> evaluate(Model& model, const Batches<Batch>& batches, Loss& loss,
                               const std::vector<NamedMetric>& metrics, const Callback<bool()>& stop,
                               Place place) {
  const nn::EvalMode evaluation(model, place);
  const NoGrad off_the_tape;
  Tally tally(metrics, place);
  const bool whole = batches.for_each([&](const Batch& batch) {
    if (stop && stop()) return false;
    const Outcome result = outcome(loss, model, batch, place);
    tally.measure(result, place);
    tally.add({{"loss", result.loss.item()}}, *result.count, place);
    return true;
  });
  if (!whole) return {};
  return tally.scores();
}

/// The loader that is learned from, as a part of a checkpoint, whose state can be held while a validation
/// runs: it has come to its end then, but the epoch is not over.
template <class Loader>
class HeldLoader {
 public:
  explicit HeldLoader(Loader& loader) : loader_(&loader) {}
  void hold() { held_.emplace(std::as_const(*loader_).state_dict()); }
  bool holds() const { return held_.has_value(); }
  void release() { held_.reset(); }
  StateDict state_dict() const { return held_ ? *held_ : StateDict(std::as_const(*loader_).state_dict()); }
  PreparedLoad prepare_load(const StateDict& state) { return loader_->prepare_load(state); }

 private:
  Loader* loader_;
  std::optional<StateDict> held_;
};
/// Of a loader without a state.
template <class Loader>
requires(!io::Stateful<Loader>) class HeldLoader<Loader> : public Replay {
 public:
  explicit HeldLoader(Loader&) {}
  static void hold() {}
  static bool holds() { return true; }
  static void release() {}
};

}  // namespace detail

/// Mean loss and metrics over all batches, whatever their sizes, off the tape and in evaluation mode.
template <std::derived_from<nn::Module> Model, class Loader, class Loss>
Scores evaluate(Model& model, Loader&& loader, Loss loss, const std::vector<NamedMetric>& metrics = {},
                Place place = Place::here()) {
  return *detail::evaluate(model, Batches<BatchOf<Loader>>(loader), loss, metrics, {}, place);
}

/// The outputs of all batches one after the other, along the first axis, off the tape and in evaluation mode:
/// of `forward(model, batch)`, or of the model on the first tensor of a batch. Throws ValueError where there
/// is no batch.
template <std::derived_from<nn::Module> Model, class Loader, class Forward>
Tensor predict(Model& model, Loader&& loader, Forward forward, Place place = Place::here()) {
  const nn::EvalMode evaluation(model, place);
  const NoGrad off_the_tape;
  std::vector<Variable> outputs;
  for (const auto& batch : loader) outputs.push_back(forward(model, batch));
  if (outputs.empty()) xgrad::detail::fail_at<ValueError>(place, "predict: there is no batch");
  return concat(outputs, 0, place).value();
}
template <std::derived_from<nn::Module> Model, class Loader>
Tensor predict(Model& model, Loader&& loader, Place place = Place::here()) {
  const auto forward = [](Model& its_model, const auto& batch) -> Variable {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(batch)>, Tensor>)
      return its_model(batch);
    else
      return its_model(std::get<0>(batch));
  };
  return predict(model, loader, forward, place);
}

/// A function of (model, batch) for batches of an input and a target, from one of (output, target):
///   const auto loss = train::supervised([](auto& y, auto& t) { return nn::cross_entropy(y, t); });
template <class F>
auto supervised(F f) {
  return [f](auto& model, const auto& batch) {
    const auto& [input, target] = batch;
    const Variable output = model(input);
    return Outcome(f(output, target), output, target);
  };
}

/// Trains: after every batch the optimizer takes a step along the gradient of `loss(model, batch)`, which
/// returns a Variable, or an Outcome with what the metrics compare. Returns a row of numbers for each epoch:
/// "epoch", "loss", the metrics, the same of the validation ("validation_loss"), "learning_rate", "seconds".
/// Throws Diverged where the loss or a gradient is not finite, naming the step, the examples and the first
/// module that made it so; the model is as before that step then. Also throws as Run.
///
/// With checkpoints, a loader without a state begins an epoch that is gone on with anew: the default
/// generator is as it was then, and the batches that were learned of are passed over. Throws ValueError where
/// that gives other batches. What such a loader draws elsewhere than from the default generator begins anew
/// as well.
template <std::derived_from<nn::Module> Model, class Loader, class Loss>
History fit(Model& model, Loader& loader, Loss loss, optim::Optimizer& optimizer,
            const FitOptions<BatchOf<Loader>>& options = {}, Place place = Place::here()) {
  if (options.schedule)
    for (const Observer& observer : options.callbacks)
      if (observer.name == "plateau") detail::reject_two_rates(place);
  if (options.validation && options.validation.are(&loader)) detail::reject_shared_loader(place);
  detail::Update update(model, optimizer, options.schedule, options.clip_norm, options.accumulate, place);
  detail::HeldLoader<Loader> held(loader);
  CheckpointOptions checkpoint = options.checkpoint;
  const bool saves = !checkpoint.directory.empty();
  if (saves) {
    update.add_parts(checkpoint.parts, place);
    checkpoint.parts.add("loader", held, place);
    if (options.validation) options.validation.add_to(checkpoint.parts, place);
  }
  bool interrupted = false;  // once and for all, also where `stop` says so but once
  const auto stop = [&] { return interrupted = interrupted || (options.stop && options.stop()); };
  Run run(model, {options.epochs, options.metrics, options.callbacks, stop, checkpoint}, place);

  while (run.next_epoch(static_cast<Index>(loader.size()))) {
    [[maybe_unused]] Index ahead = 0;  // how many batches the loader is ahead of the run
    bool first = true;
    if constexpr (!io::Stateful<Loader>) held.begin(run.batch());
    for (const auto& batch : loader) {
      if constexpr (!io::Stateful<Loader>) {
        std::vector<Tensor> tensors;
        if (saves) detail::tensors_of(batch, tensors);
        if (held.passes(tensors, place)) continue;
      }
      // A callback that goes through the loader would move it, and a checkpoint would not tell where the run
      // is.
      if constexpr (requires {
                      { loader.batch() } -> std::convertible_to<Index>;
                    }) {
        const Index present = loader.batch() - run.batch();
        if (std::exchange(ahead, present) != present && !first) detail::reject_moved_loader(place);
      }
      first = false;
      const auto forward = [&] { return detail::outcome(loss, model, batch, place); };
      const auto facts = [&](std::vector<Tensor>& tensors) {
        detail::tensors_of(batch, tensors);
        return detail::indices_of(loader);
      };
      if (!update.step(run, forward, facts, place)) break;
      // What an interrupted validation goes on from; where the loop had nothing left, it has been saved.
      if (saves && options.validation && options.stop && run.batch() == run.batches()) held.hold();
    }
    if constexpr (!io::Stateful<Loader>) held.end(place);
    if (run.batch() == 0) detail::reject_empty_loader(place);
    update.finish(run, place);
    run.set("learning_rate", optimizer.learning_rate());
    std::optional<Scores> validation = Scores();
    if (options.validation) {
      std::optional<PreparedLoad> back;
      if (options.stop) back.emplace(options.validation.way_back());
      const Generator random = default_generator();
      validation = detail::evaluate(model, options.validation, loss, options.metrics, stop, place);
      if (!validation) {
        // The next call makes the whole validation, from where this one began.
        back->run();
        default_generator() = random;
        if (run.stopped().empty()) update.interrupt(run, saves && held.holds(), place);
        validation = detail::not_measured(options.metrics);
      }
      held.release();
    }
    run.end_epoch(*validation, place);
    if (options.validation && run.epoch() < run.epochs() && stop()) run.stop("interrupted");
  }
  return run.history();
}

}  // namespace xgrad::train
XGRAD_API_END
