// A signal handler that runs all the time: some kernels of oneDNN do not stand it.
#pragma once

#include <sys/time.h>

#include <csignal>

namespace xgrad::test {

inline volatile std::sig_atomic_t storm_signals = 0;

/// In its lifetime a signal interrupts the process every 200 microseconds.
class SignalStorm {
 public:
  SignalStorm() : former_(std::signal(SIGALRM, handle)) { every(200); }
  ~SignalStorm() {
    every(0);
    std::signal(SIGALRM, former_);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

  /// Signals handled so far in the process.
  static std::sig_atomic_t count() { return storm_signals; }

 private:
  // Uses the stack as a handler does that formats a message.
  static void handle(int) {
    volatile char frame[4096];
    for (volatile char& byte : frame) byte = 0x55;
    storm_signals = storm_signals + 1;
  }
  static void every(int microseconds) {
    const itimerval period{{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &period, nullptr);
  }
  void (*former_)(int);
};

}  // namespace xgrad::test
