// The command line of the MNIST program.
// Invariant: options that parse_options returns are complete and within their ranges.
#pragma once

#include <xgrad/tensor/index.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

struct Options {
  std::string data;  ///< directory of the four IDX files
  std::vector<xgrad::Index> hidden{384};
  double dropout = 0.25;
  int epochs = 8;
  int patience = 4;  ///< epochs without an improvement before training stops
  xgrad::Index batch = 256;
  std::string optimizer = "adamw";
  double rate = 0;  ///< peak learning rate; filled in by the optimizer's default
  std::uint64_t seed = 1;
  int threads = 1;
  std::string svg = "mnist.svg";  ///< learning curves; empty for none
  std::string save;               ///< file for the weights; empty for none
  std::string load;               ///< file of weights to test without training; empty for none
  std::string resume;             ///< directory of checkpoints; empty for none
  double interval = 30;           ///< seconds between checkpoints
};

/// A command line that cannot be used; the message is one line.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The options, or the help text when that was asked for. Throws UsageError.
std::variant<Options, std::string> parse_options(int argc, char** argv);
