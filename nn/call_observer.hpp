// Those who watch the calls of modules; private to nn/.
// Defined in module.cpp.
#pragma once

#include <xgrad/nn/module.hpp>

namespace xgrad::nn::detail {

/// Told of every finished call of a module on this thread while it is in scope.
class CallObserver {
 public:
  [[nodiscard]] CallObserver();
  virtual ~CallObserver();
  CallObserver(const CallObserver&) = delete;
  CallObserver& operator=(const CallObserver&) = delete;
  virtual void returned(Module& module, const Variable& output) = 0;

 private:
  CallObserver* outer_;
};

}  // namespace xgrad::nn::detail
