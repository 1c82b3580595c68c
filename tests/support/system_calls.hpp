// System calls on files that fail, do half of their work or end the process, as a test says. A program that
// is linked with system_calls.cpp calls these in place of libc's, and so do its libraries.
// Invariant: outside with_faults(), and in other threads, calls do what they always do.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace xgrad::test {

enum class Call : std::uint8_t {
  stat,
  access,
  readlink,
  open,
  chmod,
  read,
  write,
  truncate,
  sync,
  close,
  rename,
  unlink
};

struct Fault {
  enum Kind : std::uint8_t {
    none,
    error,        ///< fails with `code`, and does nothing; close() closes
    half,         ///< reads or writes half of the bytes, of one all
    kill_before,  ///< SIGKILL
    kill_within,  ///< half of the bytes are written
    kill_after
  };
  Kind kind = none;
  int code = 0;
};

/// What befalls a call, the position-th since the start, from 0 on.
using Faults = std::function<Fault(Call call, std::size_t position)>;

/// Runs f with faults. Returns the calls that were made.
std::vector<Call> with_faults(const Faults& faults, const std::function<void()>& f);

}  // namespace xgrad::test
