// Replay: how fit() goes on within an epoch of a loader without a state: the epoch begins anew, with the
// random numbers it began with, and the batches that were learned of are passed over.
// Invariant: what is passed over is what was learned of, as far as tensors tell, or ValueError is thrown.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <cstdint>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train::detail {

class Replay {
 public:
  /// Before a loop: so many of its batches are to be passed over.
  void begin(Index known);
  /// Of each batch, its tensors: whether it is to be passed over. Throws ValueError where those batches
  /// are others than before, and where random numbers were drawn for each batch: they cannot be had again
  /// without the steps between.
  bool passes(const std::vector<Tensor>& tensors, Place place);
  /// After the loop. Throws ValueError where it had fewer batches than before.
  void end(Place place) const;

  /// The generator as the epoch began, and a checksum of the batches since.
  StateDict state_dict() const;
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here());

 private:
  Generator at_start_;       // of the epoch
  Generator resumed_;        // where the run goes on
  std::uint64_t drawn_ = 0;  // the position once the first batch was there
  std::uint64_t sum_ = 0;    // of the batches of the epoch
  Index expected_ = 0;       // the sum that was loaded
  Index known_ = 0, passed_ = 0;
};

}  // namespace xgrad::train::detail
XGRAD_API_END
