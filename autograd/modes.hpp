// Per-thread modes of the tape. Each is a scope: it ends, and the former mode returns, with the enclosing
// block.
#pragma once

#include <xgrad/tensor/api.hpp>

#include <utility>

XGRAD_API_BEGIN
namespace xgrad {

namespace detail {

struct Modes {
  bool recording = true;
  bool anomaly = false;
  bool checkpointed = false;  // a region of checkpoint() is being recorded or recomputed
  bool recomputing = false;
};
extern constinit thread_local Modes modes;

class ModeScope {
 public:
  [[nodiscard]] explicit ModeScope(bool enabled) : former_(std::exchange(modes.recording, enabled)) {}
  ~ModeScope() { modes.recording = former_; }
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  bool former_;
};
}  // namespace detail

/// True while operations are recorded on this thread.
[[nodiscard]] inline bool grad_enabled() { return detail::modes.recording; }

/// True while checkpoint() computes its function once more on this thread, in backward. What forward changes
/// besides its result (running statistics, counters) has changed in the first pass and stays now:
///   if (training() && !recomputing()) update(statistics);
[[nodiscard]] inline bool recomputing() { return detail::modes.recomputing; }

/// Operations in this scope record nothing. A scope has a name, `const NoGrad off;`: without one it would end
/// with its own statement, of which compilers warn.
class [[nodiscard]] NoGrad : detail::ModeScope {
 public:
  [[nodiscard]] NoGrad() : ModeScope(false) {}
};

/// Operations in this scope are recorded, also within NoGrad.
class [[nodiscard]] EnableGrad : detail::ModeScope {
 public:
  [[nodiscard]] EnableGrad() : ModeScope(true) {}
};

/// In this scope (per thread) the first NaN or infinity that an operation makes from finite inputs, forward
/// or backward, throws NumericError naming operation, place and module path.
class [[nodiscard]] AnomalyMode {
 public:
  [[nodiscard]] explicit AnomalyMode(bool enabled = true)
      : former_(std::exchange(detail::modes.anomaly, enabled)) {}
  ~AnomalyMode() { detail::modes.anomaly = former_; }
  AnomalyMode(const AnomalyMode&) = delete;
  AnomalyMode& operator=(const AnomalyMode&) = delete;
  static bool enabled() { return detail::modes.anomaly; }

 private:
  bool former_;
};

}  // namespace xgrad
XGRAD_API_END
