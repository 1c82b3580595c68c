// ExponentialAverage: a running mean of a model's weights, which often predicts better than the last ones.
// Invariant: the averages are tensors of their own; training never sees them, nor they the tape.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct ExponentialAverageOptions {
  double decay = 0.999;  ///< in [0, 1): the share that each update keeps
  /// Keep min(decay, (1 + t) / (10 + t)) after t updates: the first weights are forgotten sooner.
  bool warmup = false;
};

/// average = decay * average + (1 - decay) * value for every floating parameter and buffer of a model;
/// integer buffers are copied. It starts at the model's present values (Polyak and Juditsky, 1992; Tarvainen
/// and Valpola, "Mean teachers are better role models", 2017):
///   nn::ExponentialAverage average(model, {.decay = 0.99});
///   average.update(model);  // after every step of the optimizer; and to evaluate or save:
///   auto averaged = model;
///   average.copy_to(averaged);
class ExponentialAverage {
 public:
  /// Throws ValueError unless decay is in [0, 1).
  explicit ExponentialAverage(const Module& model, ExponentialAverageOptions options = {},
                              Place place = Place::here());

  /// Takes the model's present values in. Throws ValueError listing every mismatch of name, shape or dtype;
  /// nothing is changed then, nor when memory runs out.
  void update(const Module& model, Place place = Place::here());
  /// Sets the model's parameters and buffers to the averages. Parts that a copy of a model shares with it
  /// (Variables, shared_ptr) are changed in both. Throws as Module::load_state_dict().
  void copy_to(Module& model, Place place = Place::here()) const;
  /// The averages under the names of Module::state_dict().
  const StateDict& average() const& { return average_; }
  StateDict average() const&& { return average_; }
  /// Updates so far; stays at the largest Index.
  Index updates() const { return updates_; }

  /// "updates" (int64) and "average.<name>". The options are not part of it.
  [[nodiscard]] StateDict state_dict() const;
  /// Restores what state_dict() told, bitwise. Throws ValueError listing every mismatch; nothing is changed
  /// then.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;

 private:
  ExponentialAverageOptions options_;
  StateDict average_;
  Index updates_ = 0;
};

}  // namespace xgrad::nn
XGRAD_API_END
