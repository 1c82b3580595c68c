// What a checkpointed region keeps instead of its saved values; private to the library.
// Invariant: recomputing visits the saved values in the order in which the region was recorded.
#pragma once

#include <xgrad/autograd/checkpoint.hpp>
#include <xgrad/tensor/random.hpp>

#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace xgrad::detail {

class CheckpointFrame {
 public:
  CheckpointFrame(CheckpointFunction f, const std::vector<Variable>& inputs);

  /// Lets the active frame stand for the values that a new node saves. Only within a region, which the
  /// thread's modes tell.
  static void keep(Node& node);

  /// Runs f as a recorded region of this frame.
  static Variable record(const std::shared_ptr<CheckpointFrame>& frame, const std::vector<Variable>& inputs);
  /// Saved value number `position`, recomputed when it is not there. From any thread.
  const Tensor& value(std::uint32_t position);
  /// Told before a variable is given another value within a region.
  static void note_change(const Variable& variable);

 private:
  class Region;
  class Rewind;
  /// Variables that a region has given other values, with those from before.
  using Former = std::vector<std::pair<Variable, Tensor>>;

  void recompute();

  CheckpointFunction f_;
  CheckpointFunction again_;  // as f was before it ran: it may keep state by value
  std::vector<Tensor> inputs_;
  std::vector<bool> requires_grad_;
  Generator generator_;
  std::size_t recorded_ = 0;
  Former former_;
  std::mutex mutex_;           // of values_
  std::deque<Tensor> values_;  // rules hold references while others are added
};

}  // namespace xgrad::detail
