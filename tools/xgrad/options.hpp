// The command line of `xgrad`.
// Invariant: options that parse_command_line returns are complete and within their ranges.
#pragma once

#include <xgrad/io/file.hpp>

#include <stdexcept>
#include <string>
#include <variant>

/// What the program ends with.
enum Status : int { fine = 0, different = 1, failed = 2 };

struct ShowOptions {
  std::string file;
  bool statistics = true;
  xgrad::io::ReadOptions reading = {};
  bool json = false;
};

struct ConvertOptions {
  std::string from, to;
  xgrad::StateDict::Layout layout = xgrad::StateDict::Layout::unknown;  ///< of a file that does not say
  xgrad::io::ReadOptions reading = {};
};

struct DiffOptions {
  std::string a, b;
  double tolerance = 0;  ///< at least 0, below 1
  xgrad::io::ReadOptions reading = {};
  bool json = false;
};

/// A text that was asked for: help, or the version.
struct Text {
  std::string text;
};

using Command = std::variant<Text, ShowOptions, ConvertOptions, DiffOptions>;

/// A command line that cannot be used; the message is one line.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws UsageError.
Command parse_command_line(int argc, char** argv);
