// Another program, what it reads and what it writes; private to plot/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xgrad::plot::detail {

/// What a program has said.
struct Finished {
  bool started = false;  ///< false: `error` says why
  bool succeeded = false;
  std::string output;
  std::string error;
};

/// What a program may take; one that takes more is ended, and `error` says so.
struct Limits {
  double seconds = 300;
  std::size_t output = std::size_t{1} << 30;  ///< bytes
  std::size_t error = std::size_t{1} << 16;   ///< bytes that are kept of what it says
};

/// Runs a program of PATH, without a shell, with `input` as its standard input, to its end. Signals and
/// descriptors of the process are left as they are; whatever happens, the program has been waited for. It is
/// in a process group of its own, so that Ctrl-C is for the caller alone.
Finished run(const std::vector<std::string>& command, std::string_view input, const Limits& limits = {});

}  // namespace xgrad::plot::detail
