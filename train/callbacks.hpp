// What fit() can be given as callbacks. Each is a function that returns an Observer.
#pragma once

#include <xgrad/nn/average.hpp>
#include <xgrad/optim/plateau.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/train/progress.hpp>
#include <xgrad/train/run.hpp>

#include <optional>
#include <string>

XGRAD_API_BEGIN
namespace xgrad::train {

struct EarlyStopping {
  std::string monitor = "validation_loss";  ///< a name of the history
  /// Whether the best is the highest, else the lowest. Empty: by the name's last word, as for
  /// "validation_accuracy"; it must be one that is known then.
  std::optional<bool> highest = {};
  Index patience = 5;         ///< epochs without a better one until the run ends
  double minimum_change = 0;  ///< a smaller change is no improvement
  bool restore_best = true;   ///< the model ends with the weights of the best epoch
};
/// Ends the run when the monitored number has got no better for `patience` epochs, and gives the model the
/// weights of the best epoch, also where the run ends otherwise (Prechelt, "Early stopping - but when?",
/// 1998). NaN is never better. Throws ValueError when patience is below 1, minimum_change negative or the
/// direction unknown, after the first epoch when there is no number of that name.
[[nodiscard]] Observer early_stopping(const EarlyStopping& options = {}, Place place = Place::here());

/// Gives the monitored number to `plateau` after every epoch, which lowers the rates where it got no better.
/// The plateau must outlive the run, and is part of its checkpoints. Throws ValueError, after the first
/// epoch, when there is no number of that name.
[[nodiscard]] Observer plateau(optim::Plateau& plateau, const std::string& monitor = "validation_loss",
                               Place place = Place::here());

/// Takes the model into `average` after every step of the optimizer. The average must outlive the run, and is
/// part of its checkpoints.
[[nodiscard]] Observer averaging(nn::ExponentialAverage& average, Place place = Place::here());

/// Shows the run as it goes on, on std::cout or the stream given: a line for each epoch, and on a terminal a
/// bar with the numbers so far, the rate and the time left. "epoch", "seconds" and "learning_rate" are left
/// out.
[[nodiscard]] Observer progress(const ProgressOptions& options = {});
[[nodiscard]] Observer progress(std::ostream& stream, const ProgressOptions& options = {});

/// Writes the history after every epoch, as History::write_csv() does; a resumed run goes on with its file.
/// Throws IoError.
[[nodiscard]] Observer csv(const std::string& path, Place place = Place::here());

/// Writes each epoch's numbers but "epoch" as TensorBoard scalars over batches, into a file that EventWriter
/// makes in the directory. Throws IoError.
[[nodiscard]] Observer tensorboard(const std::string& directory, Place place = Place::here());

}  // namespace xgrad::train
XGRAD_API_END
