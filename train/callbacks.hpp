// What fit() can be given as callbacks. Each is a function that returns an Observer.
#pragma once

#include <xgrad/optim/schedule.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/train/run.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad::train {

struct EarlyStopping {
  std::string monitor = "validation_loss";  ///< a name of the history
  bool highest = false;                     ///< whether the best is the highest, else the lowest
  Index patience = 5;                       ///< epochs without a better one until the run ends
  double minimum_change = 0;                ///< a smaller change is no improvement
  bool restore_best = true;                 ///< the model ends with the weights of the best epoch
};
/// Ends the run when the monitored number has got no better for `patience` epochs, and gives the model the
/// weights of the best epoch, also where the run ends otherwise (Prechelt, "Early stopping - but when?",
/// 1998). NaN is never better. Throws ValueError when patience is below 1 or minimum_change negative, after
/// the first epoch when there is no number of that name.
[[nodiscard]] Observer early_stopping(const EarlyStopping& options = {}, Place place = Place::here());

/// Appends each epoch to a table as soon as it is over (History::write_csv has the format); a run that goes
/// on from a checkpoint writes the epochs before it anew. Throws IoError when the run begins.
[[nodiscard]] Observer csv(const std::string& path, Place place = Place::here());

/// Writes each epoch's numbers as TensorBoard scalars, over batches, into an event file in `directory`.
[[nodiscard]] Observer tensorboard(const std::string& directory, Place place = Place::here());

}  // namespace xgrad::train
XGRAD_API_END
