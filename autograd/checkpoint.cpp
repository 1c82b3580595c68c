#include <xgrad/autograd/checkpoint.hpp>

#include <xgrad/autograd/checkpoint_frame.hpp>

namespace xgrad {

Variable checkpoint(CheckpointFunction f, const std::vector<Variable>& inputs, Place place) {
  const Scope scope("checkpoint", place);
  if (!f) fail<ValueError>("the function is empty");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined()) fail<GraphError>("input " + std::to_string(i) + " is undefined");
  const auto frame = std::make_shared<detail::CheckpointFrame>(std::move(f), inputs);
  return detail::CheckpointFrame::record(frame, inputs);
}

}  // namespace xgrad
