// Plateau: learning rates that fall when a measured figure stops improving.
// Invariant: the rates depend on the figures given so far alone, and state_dict() holds all that is
// remembered of them, so resuming is exact.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

XGRAD_API_BEGIN
namespace xgrad::optim {

/// PyTorch's defaults.
struct PlateauOptions {
  bool maximize = false;    ///< larger is better (accuracy), not smaller (loss)
  double factor = 0.1;      ///< in [0, 1): what rates are multiplied by
  Index patience = 10;      ///< steps without an improvement that are still borne
  double threshold = 1e-4;  ///< improvements are larger than this share of the best figure
  bool absolute = false;    ///< than this itself
  Index cooldown = 0;       ///< steps after a fall that are not counted
  double minimum = 0;       ///< rates do not fall below it
  double eps = 1e-8;        ///< falls no larger than this are left out
};

/// Multiplies an optimizer's rates, which must outlive it, by a factor whenever more than `patience` steps
/// in a row brought no improvement: `plateau.step(validation_loss)` once per epoch. As PyTorch's
/// ReduceLROnPlateau.
class Plateau {
 public:
  /// Throws ValueError on a factor outside [0, 1) and on options that are negative or not finite.
  explicit Plateau(Optimizer& optimizer, const PlateauOptions& options = {}, Place place = Place::here());

  /// Takes the next figure; true when a rate fell. A NaN is no improvement.
  bool step(double figure, Place place = Place::here());
  /// The best figure so far, at first infinity (when maximized, -infinity).
  double best() const { return memory_.best; }

  /// "best" (float64), "bad_steps" and "cooldown" (int64), "learning_rates" (float64, one per group).
  [[nodiscard]] StateDict state_dict() const;
  /// Restores what state_dict() told, and the optimizer's rates. Throws ValueError listing every mismatch;
  /// nothing is changed then, nor when memory runs out.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;

 private:
  struct Memory {
    double best;
    Index bad_steps = 0;
    Index cooldown = 0;
  };
  bool better(double figure) const;
  bool reduce();

  Optimizer* optimizer_;
  PlateauOptions options_;
  Memory memory_;
};

}  // namespace xgrad::optim
XGRAD_API_END
