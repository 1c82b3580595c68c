#include <xgrad/autograd/modes.hpp>

#include <utility>

namespace xgrad {
namespace {
constinit thread_local bool recording = true;
constinit thread_local bool anomaly = false;
}  // namespace

bool grad_enabled() { return recording; }

detail::ModeScope::ModeScope(bool enabled) : former_(std::exchange(recording, enabled)) {}
detail::ModeScope::~ModeScope() { recording = former_; }

AnomalyMode::AnomalyMode(bool enabled) : former_(std::exchange(anomaly, enabled)) {}
AnomalyMode::~AnomalyMode() { anomaly = former_; }
bool AnomalyMode::enabled() { return anomaly; }

}  // namespace xgrad
