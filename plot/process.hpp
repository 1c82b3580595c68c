// Another program, what it reads and what it writes; private to plot/.
#pragma once

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

/// Runs a program of PATH, without a shell, with `input` as its standard input, to its end. Signals and
/// descriptors of the process are left as they are; whatever happens, the program has been waited for.
Finished run(const std::vector<std::string>& command, std::string_view input);

}  // namespace xgrad::plot::detail
