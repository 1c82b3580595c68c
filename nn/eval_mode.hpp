// EvalMode: a model in evaluation mode for a while.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// In its lifetime the module and all below it are in evaluation mode; then each has its former mode again,
/// also parts that were in evaluation mode among others in training. The module must outlive it, and its
/// parts stay where they are.
class [[nodiscard]] EvalMode {
 public:
  [[nodiscard]] explicit EvalMode(const Module& module, Place place = Place::here());
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> former_;
};

}  // namespace xgrad::nn
XGRAD_API_END
