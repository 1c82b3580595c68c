// What the example programs share: their command line, their figures, and how they end.
// Invariant: the body of a program sees options that are complete and within their ranges; the exit status is
// 0 only when the body came to its end without an interrupt and every figure was reached (--no-check: or
// not).
#pragma once

#include "run.hpp"

#include <xgrad/tensor/index.hpp>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace example {

/// Which of the common options a program has, and their defaults. --help, --seed, --threads, --small,
/// --no-check and --report are there always.
struct Setup {
  std::string data = {};  ///< default of --data: a data set of tools/fetch; empty: there is no --data
  std::string data_help = "Your own data in place of these";
  xgrad::Index epochs = 0;        ///< default of --epochs; 0: there is no --epochs
  xgrad::Index small_epochs = 0;  ///< the same with --small; 0: as epochs
  bool model = true;              ///< --save and --load
  bool pictures = true;           ///< --out
  std::string details = {};       ///< more lines for --help, after the one that the program is described by
};

/// Both ends are allowed.
template <class T>
struct Range {
  T low = std::numeric_limits<T>::lowest();
  T high = std::numeric_limits<T>::max();
};

/// A program: describe its own options, then return run(argc, argv, body) from main.
class Program {
 public:
  /// `about` is the line that examples/programs.txt has for it.
  Program(std::string name, std::string about, Setup setup = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Each takes its default from the variable, which must outlive the program, and says it in the help text.

  /// int, Index, std::uint64_t or double; or one of them in a std::optional, then without a default.
  template <class T>
  void number(const std::string& name, T& value, const std::string& help, Range<double> range = {});
  /// "N,N,...": std::vector of Index or double.
  template <class T>
  void numbers(const std::string& name, std::vector<T>& values, const std::string& help,
               Range<double> range = {});
  /// One of the words.
  void choice(const std::string& name, std::string& value, const std::string& help,
              const std::vector<std::string>& words);
  /// Any text; `type` stands for it in the help text: "FILE", "TEXT".
  void text(const std::string& name, std::string& value, const std::string& help, const std::string& type);
  /// True when it is given.
  void flag(const std::string& name, bool& value, const std::string& help);

  /// Reads the command line, calls the body with threads and seed set, and prints the figures. Returns the
  /// exit status: 1 after an error, which is one line on standard error, or a figure that was not reached,
  /// 130 after Ctrl-C.
  int run(int argc, char** argv, const std::function<void(Run&)>& body);

 private:
  CLI::Option* describe(CLI::Option* option, const std::string& type, const char* group);
  void add_common(Run& run);
  bool parse(int argc, char** argv, Run& run);

  std::string name_, about_;
  Setup setup_;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace example
