// SIGINT noted.
#include <xgrad/train/interrupt.hpp>

#include <signal.h>

#include <atomic>
#include <mutex>

namespace xgrad::train {
namespace {

std::atomic<bool> noted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

std::mutex scopes_mutex;
int scopes = 0;
struct sigaction former;

// The former action is that of a second signal. sigaction() may be called by handlers.
extern "C" void on_interrupt(int) {
  noted = true;
  sigaction(SIGINT, &former, nullptr);
}

}  // namespace

bool interrupted() { return noted; }

InterruptScope::InterruptScope() {
  const std::lock_guard lock(scopes_mutex);
  if (scopes++ > 0) return;
  noted = false;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, nullptr, &former);
  sigaction(SIGINT, &action, nullptr);
}

InterruptScope::~InterruptScope() {
  const std::lock_guard lock(scopes_mutex);
  if (--scopes == 0) sigaction(SIGINT, &former, nullptr);
}

}  // namespace xgrad::train
