#include <xgrad/autograd/checkpoint_frame.hpp>

#include <xgrad/autograd/modes.hpp>

#include <algorithm>

namespace xgrad::detail {
namespace {

/// A region that is being recorded or recomputed on this thread; an inner one knows the outer one.
struct ActiveRegion {
  std::shared_ptr<CheckpointFrame> recording;  // set in the forward pass
  std::deque<Tensor>* recomputing = nullptr;   // set in the backward pass
  std::vector<std::pair<Variable, Tensor>>* former = nullptr;
  const ActiveRegion* outer = nullptr;
};
thread_local const ActiveRegion* region = nullptr;

}  // namespace

class CheckpointFrame::Region {
 public:
  explicit Region(ActiveRegion own)
      : own_(std::move(own)),
        was_within_(std::exchange(modes.checkpointed, true)),
        was_recomputing_(modes.recomputing) {
    own_.outer = std::exchange(region, &own_);
    if (own_.recomputing != nullptr) modes.recomputing = true;
  }
  ~Region() {
    region = own_.outer;
    modes.checkpointed = was_within_;
    modes.recomputing = was_recomputing_;
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  ActiveRegion own_;
  bool was_within_;
  bool was_recomputing_;
};

/// In its lifetime variables hold what they held when a region was first entered; then again what they hold
/// now.
class CheckpointFrame::Rewind {
 public:
  explicit Rewind(const Former& first) {
    present_.reserve(first.size());
    for (const auto& [variable, value] : first) {
      present_.emplace_back(variable, variable.value());
      Access::state(variable)->value = value;
    }
  }
  ~Rewind() {
    for (auto& [variable, value] : present_) Access::state(variable)->value = std::move(value);
  }
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;

  Former& present() { return present_; }

 private:
  Former present_;
};

CheckpointFrame::CheckpointFrame(CheckpointFunction f, const std::vector<Variable>& inputs)
    : f_(std::move(f)), again_(f_), generator_(default_generator()) {
  for (const Variable& input : inputs) {
    inputs_.push_back(input.value());
    requires_grad_.push_back(input.requires_grad());
  }
}

void CheckpointFrame::keep(Node& node) {
  for (Saved& saved : node.saved()) {
    if (region->recomputing != nullptr) {
      region->recomputing->push_back(saved.value);
    } else {
      CheckpointFrame& frame = *region->recording;
      node.require_extras().frame = region->recording;
      saved.position = static_cast<std::uint32_t>(frame.values_.size());
      frame.values_.push_back(std::exchange(saved.value, {}));
    }
  }
}

Variable CheckpointFrame::record(const std::shared_ptr<CheckpointFrame>& frame,
                                 const std::vector<Variable>& inputs) {
  // Until f returns, a backward pass within f finds the values where it would after recomputing.
  struct Drop {
    CheckpointFrame& frame;
    ~Drop() {
      frame.recorded_ = frame.values_.size();
      frame.values_.clear();
    }
  } const drop{*frame};
  const Region scope({frame, nullptr, &frame->former_, nullptr});
  const Scope user(Scope::Barrier{});
  return frame->f_(inputs);
}

void CheckpointFrame::note_change(const Variable& variable) {
  // The result of an operation is made again; to keep it would make a cycle.
  if (!variable.is_leaf()) return;
  for (const ActiveRegion* each = region; each != nullptr; each = each->outer) {
    Former& former = *each->former;
    const bool known = std::any_of(former.begin(), former.end(),
                                   [&](const auto& change) { return change.first.is(variable); });
    if (!known) former.emplace_back(variable, variable.value());
  }
}

const Tensor& CheckpointFrame::value(std::uint32_t position) {
  const std::scoped_lock lock(mutex_);
  if (values_.empty()) recompute();
  return values_[position];
}

void CheckpointFrame::recompute() {
  std::vector<Variable> inputs;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    inputs.emplace_back(inputs_[i], VariableOptions{.requires_grad = requires_grad_[i]});
  std::deque<Tensor> values;
  const Generator former = std::exchange(default_generator(), generator_);
  struct Restore {
    const Generator& former;
    ~Restore() { default_generator() = former; }
  } const restore{former};
  {
    Rewind rewind(former_);
    const Region scope({nullptr, &values, &rewind.present(), nullptr});
    const Scope user(Scope::Barrier{});
    const EnableGrad mode;
    const CheckpointFunction again = again_;
    static_cast<void>(again(inputs));
  }
  if (values.size() != recorded_)
    fail<GraphError>("checkpoint: computing the function again saved " + std::to_string(values.size()) +
                         " values instead of " + std::to_string(recorded_),
                     "the function must do the same work every time");
  values_ = std::move(values);
}

}  // namespace xgrad::detail
