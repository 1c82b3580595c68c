// `xgrad diff`: what two files do not have in common.
#pragma once

#include "differences.hpp"
#include "options.hpp"

#include <xgrad/io/file.hpp>

#include <optional>
#include <string>
#include <vector>

struct Comparison {
  /// A tensor that both files have.
  struct Row {
    xgrad::io::Entry a, b;
    std::optional<Differences> elements;  ///< none when the shapes differ
    bool equal() const { return a.dtype == b.dtype && elements && elements->count == 0; }
  };

  xgrad::io::File a, b;
  double tolerance;
  std::vector<xgrad::io::Entry> only_in_a = {}, only_in_b = {};
  std::vector<Row> rows = {};  ///< in the order of A
  /// Both files say the order of their axes, and not the same one.
  bool layouts_differ() const;
  bool equal() const;
};

/// Tensors are read pair by pair.
Comparison compare(const DiffOptions& options);
/// What differs, and a line that counts it.
std::string to_text(const Comparison& comparison);
