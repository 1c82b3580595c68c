// The command `xgrad`: looks into files of tensors. `xgrad --help` lists what it does.
// Invariant: it ends with 2 whenever what was asked for was not done or not written, and reports are on
// standard output whole or not at all, as far as that goes.
#include "convert.hpp"
#include "json.hpp"
#include "options.hpp"
#include "text.hpp"

#include <xgrad/tensor/error.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fcntl.h>

namespace {

/// Closed standard streams stay unusable, so that no file that is opened takes their place and gets what is
/// printed.
void occupy_standard_streams() {
  for (const int stream : {0, 1, 2})
    if (fcntl(stream, F_GETFD) == -1 && errno == EBADF) {
      // The lowest number that is free.
      [[maybe_unused]] const int taken = open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY);
    }
}

void say(const std::string& text) { std::fprintf(stderr, "xgrad: %s\n", printable(text).c_str()); }

/// Throws unless it was written; that nobody reads on is no error.
void print(const std::string& text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
  if (errno != EPIPE) throw std::runtime_error(std::string("standard output: ") + std::strerror(errno));
}

struct Run {
  Status operator()(const Text& text) const {
    print(text.text);
    return fine;
  }
  Status operator()(const ShowOptions& options) const {
    const Listing listing = list(options);
    print(options.json ? to_json(listing) : to_text(listing));
    return fine;
  }
  Status operator()(const ConvertOptions& options) const {
    for (const std::string& note : convert(options)) say("note: " + note);
    return fine;
  }
  Status operator()(const DiffOptions& options) const {
    const Comparison comparison = compare(options);
    print(options.json ? to_json(comparison) : to_text(comparison));
    return comparison.equal() ? fine : different;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  occupy_standard_streams();
  // The outermost scope is what errors name: no line of this program's source.
  const xgrad::Scope scope(nullptr, {});
  return std::visit(Run(), parse_command_line(argc, argv));
} catch (const std::exception& error) {
  say(error.what());
  return failed;
}
