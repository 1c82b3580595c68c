#include <xgrad/autograd/checkpoint.hpp>

#include <xgrad/autograd/checkpoint_frame.hpp>
#include <xgrad/autograd/modes.hpp>

namespace xgrad {
namespace detail {
namespace {

struct ActiveRegion {
  std::shared_ptr<CheckpointFrame> recording;  // set in the forward pass
  std::deque<Tensor>* recomputing = nullptr;   // set in the backward pass
};
thread_local ActiveRegion region;

}  // namespace

class CheckpointFrame::Region {
 public:
  explicit Region(ActiveRegion next)
      : former_(std::exchange(region, std::move(next))),
        was_within_(std::exchange(modes.checkpointed, true)) {}
  ~Region() {
    region = std::move(former_);
    modes.checkpointed = was_within_;
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  ActiveRegion former_;
  bool was_within_;
};

CheckpointFrame::CheckpointFrame(CheckpointFunction f, const std::vector<Variable>& inputs)
    : f_(std::move(f)), generator_(default_generator()) {
  for (const Variable& input : inputs) {
    inputs_.push_back(input.value());
    requires_grad_.push_back(input.requires_grad());
  }
}

void CheckpointFrame::keep(Node& node) {
  for (Saved& saved : node.saved()) {
    if (region.recomputing != nullptr) {
      region.recomputing->push_back(saved.value);
    } else {
      CheckpointFrame& frame = *region.recording;
      node.require_extras().frame = region.recording;
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
  const Region scope({frame, nullptr});
  const Scope user(Scope::Barrier{});
  return frame->f_(inputs);
}

const Tensor& CheckpointFrame::value(std::uint32_t position) {
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
    const Region scope({nullptr, &values});
    const Scope user(Scope::Barrier{});
    const EnableGrad mode;
    static_cast<void>(f_(inputs));
  }
  if (values.size() != recorded_)
    fail<GraphError>("checkpoint: computing the function again saved " + std::to_string(values.size()) +
                         " values instead of " + std::to_string(recorded_),
                     "the function must do the same work every time");
  values_ = std::move(values);
}

}  // namespace detail

Variable checkpoint(CheckpointFunction f, const std::vector<Variable>& inputs, Place place) {
  const Scope scope("checkpoint", place);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined()) fail<GraphError>("input " + std::to_string(i) + " is undefined");
  const auto frame = std::make_shared<detail::CheckpointFrame>(std::move(f), inputs);
  return detail::CheckpointFrame::record(frame, inputs);
}

}  // namespace xgrad
