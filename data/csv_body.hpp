// What a Table holds. Private to data/.
#pragma once

#include <xgrad/data/csv.hpp>

#include <unordered_map>

namespace xgrad::data {

struct Table::Body {
  /// A part of the text: in quotes, with its doubled ones made single.
  struct Field {
    std::size_t begin = 0;  ///< in a quoted field, behind the quote
    std::size_t size = 0;
  };

  std::string name;  // of the file
  std::string text;
  std::vector<std::string> columns;
  std::unordered_map<std::string_view, std::size_t> positions;  // of the columns
  std::vector<Field> fields;                                    // record by record
  std::vector<std::size_t> lines;                               // on which each record begins, from 1
  std::vector<std::string> missing;

  std::size_t width() const { return columns.size(); }
  const Field& field(std::size_t row, std::size_t column) const { return fields[row * width() + column]; }
  std::string_view view(const Field& field) const {
    return std::string_view(text).substr(field.begin, field.size);
  }
  /// Throws FormatError that names the field.
  [[noreturn]] void reject(std::size_t row, std::size_t column, const std::string& reason,
                           std::string_view hint = {}) const;
  std::size_t find(const Column& column) const;
};

namespace detail {

void check_separator(char separator);

}  // namespace detail

}  // namespace xgrad::data
