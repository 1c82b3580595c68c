// Progress: what a long loop shows of itself, of any loop.
// Invariant: it throws nothing because of its stream, and a stream that is no terminal gets plain lines
// alone.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/tensor.hpp>
#include <xgrad/train/scores.hpp>

#include <iosfwd>
#include <optional>
#include <string>

XGRAD_API_BEGIN
namespace xgrad::train {

struct ProgressOptions {
  /// Whether one line is rewritten. Empty: where the stream is std::cout, std::cerr or std::clog, its
  /// descriptor is a terminal's, and TERM is not "dumb".
  std::optional<bool> terminal = {};
  Index width = 0;             ///< columns of the terminal; 0: what it says, or 80
  double rewrite_every = 0.1;  ///< seconds between two states of the line, at least
  double line_every = 60;      ///< the same between plain lines within a part
  std::string unit = "examples";
  Callback<double()> clock = {};  ///< seconds; empty: those of the steady clock
};

/// Shows a loop in parts, epochs as a rule:
///   train::Progress progress;
///   for (int epoch = 1; epoch <= 20; ++epoch) {
///     progress.begin(std::to_string(epoch) + "/20", 60000, 20 - epoch);
///     for (Index seen = 0; seen < 60000; seen += 100) progress.update(seen, {{"loss", loss}});
///     progress.end({{"loss", loss}});
///   }
/// On a terminal a line with a bar, the numbers, the rate and the time left is rewritten, and cleared by
/// end(), which leaves one line for the part. There are no colours.
class Progress {
 public:
  /// On std::cout.
  explicit Progress(ProgressOptions options = {});
  /// The stream must outlive it.
  explicit Progress(std::ostream& stream, ProgressOptions options = {});
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Clears the line.
  ~Progress();

  /// A part of `total` units (0: unknown), with as many such parts to come as are to be in the time left.
  /// `before`: what was done of it at another time, which the rate leaves out.
  void begin(std::string label, Index total = 0, Index parts_left = 0, Index before = 0);
  /// What begin() did not know.
  void set_total(Index total) { total_ = total; }
  /// So many units of the part are done.
  void update(Index done, const Scores& scores = {});
  /// The part is over, also before its end: a line of its own, with the rate of what update() was told.
  void end(const Scores& scores = {});
  /// A line of one's own, which the line with the bar does not mix with.
  void print(const std::string& text);
  /// Takes the line away until the next update().
  void clear();

 private:
  double now() const;
  Index columns() const;
  std::string rate(double seconds) const;
  std::string line(const Scores& scores, double seconds) const;
  void write(const std::string& text);

  std::ostream* stream_;
  ProgressOptions options_;
  bool terminal_ = false;
  int descriptor_ = -1;
  std::string label_;
  Index total_ = 0, before_ = 0, done_ = 0, parts_left_ = 0;
  double began_ = 0;
  std::optional<double> shown_;  // when something of this part was
  bool drawn_ = false;           // whether the line is on the terminal
};

}  // namespace xgrad::train
XGRAD_API_END
