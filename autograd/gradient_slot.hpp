// The place where a Variable's stored gradient lives.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <mutex>

namespace xgrad::detail {

struct GradientSlot {
  std::mutex mutex;
  Variable gradient;

  Variable load() {
    const std::scoped_lock lock(mutex);
    return gradient;
  }
  void store(Variable value) {
    const std::scoped_lock lock(mutex);
    gradient = std::move(value);
  }
};

/// The slot of a variable that requires a gradient, made when there is none yet.
std::shared_ptr<GradientSlot> require_slot(const Variable& variable);

/// `into` + `gradient`: in place when nobody else can see `into`, recorded when a graph is being created.
Variable accumulated(Variable into, Variable gradient, bool create_graph);

}  // namespace xgrad::detail
