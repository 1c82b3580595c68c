// Evaluation mode for a while.
#include <xgrad/nn/eval_mode.hpp>

namespace xgrad::nn {

EvalMode::EvalMode(const Module& module, Place place) {
  // Of a const module the mode alone is changed, which is mutable.
  auto& whole = const_cast<Module&>(module);
  for (const auto& [path, part] : whole.named_modules(place)) former_.emplace_back(part, part->training());
  whole.eval(place);
}

// Parents come before their children, so each child's own mode has the last word.
EvalMode::~EvalMode() {
  for (const auto& [part, training] : former_) part->train(training);
}

}  // namespace xgrad::nn
