// Text for a terminal. Invariant: what comes out of printable() moves no cursor, sets no colour and stays on
// its line.
#pragma once

#include <xgrad/tensor/dtype.hpp>
#include <xgrad/tensor/shape.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// UTF-8 with control characters, marks that reorder text, invalid bytes and the backslash escaped: "\n",
/// "\x1b",
/// "\u202e", "\\".
std::string printable(std::string_view text);

/// A number with six digits, integers with all of them: "0.25", "nan", "-inf", "true".
std::string number(xgrad::Scalar value);
/// Two numbers with as many digits as tell them apart, at least six.
std::pair<std::string, std::string> numbers(xgrad::Scalar a, xgrad::Scalar b);
/// "1,234,567".
std::string grouped(std::uint64_t number);
/// "1 tensor", "1,200 tensors".
std::string counted(std::uint64_t number, std::string_view noun);
/// A position: "(0, 3)", "(3,)", "()".
std::string position(const xgrad::IndexList& index);
/// "a, b, c".
std::string joined(const std::vector<std::string>& texts);

/// Rows of cells in aligned columns, two spaces between them.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell for every column, printable already.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  /// The titles and the rows, each with a newline.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};
