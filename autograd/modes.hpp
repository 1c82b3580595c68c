// Per-thread modes of the tape. Each is a scope: it ends, and the former mode returns, with the enclosing
// block.
#pragma once

namespace xgrad {

/// True while operations are recorded on this thread.
bool grad_enabled();

namespace detail {
class ModeScope {
 public:
  explicit ModeScope(bool enabled);
  ~ModeScope();
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  bool former_;
};
}  // namespace detail

/// Operations in this scope record nothing.
class NoGrad : detail::ModeScope {
 public:
  NoGrad() : ModeScope(false) {}
};

/// Operations in this scope are recorded, also within NoGrad.
class EnableGrad : detail::ModeScope {
 public:
  EnableGrad() : ModeScope(true) {}
};

/// In this scope (per thread) the first NaN or infinity that an operation makes from finite inputs, forward
/// or backward, throws NumericError naming operation, place and module path.
class AnomalyMode {
 public:
  explicit AnomalyMode(bool enabled = true);
  ~AnomalyMode();
  AnomalyMode(const AnomalyMode&) = delete;
  AnomalyMode& operator=(const AnomalyMode&) = delete;
  static bool enabled();

 private:
  bool former_;
};

}  // namespace xgrad
