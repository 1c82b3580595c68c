// History: what a run came to, epoch after epoch, as a table of named columns.
// Invariant: all columns have as many rows; NaN stands where an epoch had no number of that name.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::train {

class History {
 public:
  using Item = std::pair<std::string, double>;

  /// Adds a row. A new name makes a column, with NaN in the rows before. Throws ValueError on an empty name
  /// or one that occurs twice; nothing is changed then.
  void append(const std::vector<Item>& row, Place place = Place::here());

  /// Rows.
  std::size_t size() const { return rows_; }
  [[nodiscard]] bool empty() const { return rows_ == 0; }
  /// In the order in which they came.
  const std::vector<std::string>& names() const& { return names_; }
  std::vector<std::string> names() const&& { return names_; }
  [[nodiscard]] bool contains(std::string_view name) const;
  /// A column. Throws ValueError naming the columns there are.
  const std::vector<double>& values(std::string_view name, Place place = Place::here()) const&;
  std::vector<double> values(std::string_view name, Place place = Place::here()) const&& {
    return values(name, place);
  }
  /// The number in the last row. Throws ValueError when there is none.
  double last(std::string_view name, Place place = Place::here()) const;
  /// The first row with the lowest number, or the highest; NaN is neither. Throws ValueError when there is
  /// none.
  std::size_t best(std::string_view name, bool highest = false, Place place = Place::here()) const;

  /// The table as CSV: a line of names, a line for each row, numbers that are read back bitwise, "NaN" where
  /// there is none. Names are quoted where RFC 4180 has it so. Empty without names.
  [[nodiscard]] std::string csv() const;
  /// Makes a file hold csv(). Where it holds a beginning of that, the rest is appended in one piece, so that
  /// a file written after every epoch grows by lines, and a line cut short by a kill is completed; anything
  /// else is replaced, whole or not at all. Throws IoError.
  void write_csv(const std::string& path, Place place = Place::here()) const;

  /// "names", lines of text as bytes, and "values" (rows, columns), float64.
  [[nodiscard]] StateDict state_dict() const;
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;
  /// Becomes the history of the state. Throws ValueError when that is none; nothing is changed then.
  void load_state_dict(const StateDict& state, Place place = Place::here()) {
    prepare_load(state, place).run();
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<double>> columns_;
  std::size_t rows_ = 0;
};

/// A table with a line for each row.
[[nodiscard]] std::string to_string(const History& history);
std::ostream& operator<<(std::ostream& stream, const History& history);

}  // namespace xgrad::train
XGRAD_API_END
