// `xgrad show`: what is in a file.
#pragma once

#include "options.hpp"
#include "statistics.hpp"

#include <xgrad/io/file.hpp>

#include <optional>
#include <string>
#include <vector>

struct Listing {
  struct Row {
    xgrad::io::Entry entry;
    std::optional<Statistics> statistics;
    std::uint64_t elements() const { return static_cast<std::uint64_t>(entry.shape.count()); }
    std::uint64_t bytes() const {
      return elements() * static_cast<std::uint64_t>(xgrad::element_size(entry.dtype));
    }
  };

  xgrad::io::File file;
  std::vector<Row> rows = {};
  std::uint64_t elements = 0, bytes = 0;
};

/// The tensors are read one by one, and not at all without statistics.
Listing list(const ShowOptions& options);
/// A table, metadata and totals.
std::string to_text(const Listing& listing);
