// How many steps of each sequence of a batch count; private to nn/.
// Invariant: without lengths everything is as it was; what stands beyond a length reaches nothing, in values
// or in gradients.
#pragma once

#include <xgrad/autograd/variable.hpp>

namespace xgrad::nn::detail {

/// Lengths (N,) of sequences (T, N, ...), or none.
class Lengths {
 public:
  /// Throws DTypeError unless int64, ShapeError unless (N,), ValueError on one outside [0, T].
  Lengths(const Tensor& lengths, const Variable& sequence);

  /// x (T, N, F) with 0 beyond the lengths.
  Variable masked(const Variable& x) const;
  /// Each sequence backwards from its own end, what is beyond in its place.
  Variable reversed(const Variable& x) const;
  /// The initial state (N, H) of sequences that have steps, 0 for others: nothing of those goes through the
  /// steps.
  Variable started(const Variable& initial) const;
  /// The state after the last step of each, (N, H), from all states (T, N, H); the initial one after none.
  Variable last(const Variable& states, const Variable& initial) const;
  /// `next` where step t counts, else `state`.
  Variable at_step(Index t, const Variable& next, const Variable& state) const;

 private:
  bool given() const { return mask_.defined(); }
  Variable rows(const Variable& x, const Tensor& positions) const;

  Tensor mask_;     // (T, N, 1): the step counts
  Tensor reverse_;  // (T N): where the row of the reversed sequences stands
  Tensor last_;     // (N): where the row of the last step stands
  Tensor begun_;    // (N, 1): has steps; undefined when all have
};

}  // namespace xgrad::nn::detail
