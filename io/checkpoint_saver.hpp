// CheckpointSaver: checkpoints of a run in a directory, made in time, the newest and the best kept.
// Invariant: an older checkpoint goes only when a newer one is whole and on the disk.
#pragma once

#include <xgrad/io/checkpoint.hpp>
#include <xgrad/tensor/api.hpp>

#include <memory>
#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::io {

/// A checkpoint that was found, or none; false when there is none.
struct [[nodiscard]] Latest {
  std::string path;                  ///< empty: there is none that is whole
  std::vector<std::string> skipped;  ///< one line for each newer file that is damaged: its path, and why

  explicit operator bool() const { return !path.empty(); }
};

/// The newest checkpoint of a CheckpointSaver's directory that is whole: every byte of it is looked at.
/// Throws IoError when the directory or a file cannot be read; a directory that does not exist has none.
Latest latest(const std::string& directory, Place place = Place::here());

/// When a CheckpointSaver saves, and how much it keeps.
struct SaverOptions {
  std::int64_t every_steps = 0;  ///< 0: steps do not matter
  double every_minutes = 0;      ///< of wall time since the last save; 0: time does not matter
  std::int64_t keep_last = 3;    ///< older ones are removed; 0: all are kept
  bool highest_best = true;      ///< whether the best score is the highest, else the lowest
};

/// Saves a Checkpoint into a directory of its own, as "step-000000001000.safetensors" and "best.safetensors".
///   io::CheckpointSaver saver("runs/mnist", run, {.every_steps = 500, .every_minutes = 5});
///   const io::Latest found = saver.resume();  // false where the run is a new one
///   saver.step();  // after every step of the optimizer; and after a validation:
///   saver.offer(accuracy);
class CheckpointSaver {
 public:
  /// Makes the directory, and removes temporary files that a killed process left in it. The saver's own count
  /// of steps and best score are saved beside the parts, under "saver". Throws IoError; ValueError on
  /// negative options.
  CheckpointSaver(std::string directory, Checkpoint checkpoint, const SaverOptions& options = {},
                  Place place = Place::here());

  /// Loads latest(directory) into all parts; nothing is changed where there is none, but for the best score,
  /// which is that of best.safetensors then. Throws as Checkpoint::load().
  Latest resume(Place place = Place::here());
  /// Counts a step, and saves when it is time to. Returns whether it saved. Throws as save(); the step is
  /// counted then, and who catches IoError can go on.
  bool step(Place place = Place::here());
  /// Saves now. Throws IoError; what was saved before is still there. Throws ValueError when the directory
  /// had checkpoints and resume() was not called, or found none of them whole: nothing of another run is
  /// overwritten.
  void save(Place place = Place::here());
  /// Saves as the best when the score is better than all before; NaN never is. Returns whether it was. A best
  /// that is kept stays where it is better, as when a resumed run comes to it again.
  bool offer(double score, Place place = Place::here());

  std::int64_t steps() const;
  /// Of all scores that were offered; NaN when there was none.
  double best() const;

 private:
  struct Counts;

  Counts& present() const;
  void reject_others() const;
  void write(const std::string& name);
  void remove_old() const;

  std::string directory_;
  SaverOptions options_;
  std::shared_ptr<Counts> counts_;
  Checkpoint checkpoint_;
  bool others_ = false;  // there are checkpoints that resume() was not asked for
};

}  // namespace xgrad::io
XGRAD_API_END
