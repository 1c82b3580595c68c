// Tables in text files: comma-separated values (RFC 4180), plain or gzipped.
// Invariant: every record of a Table has one field for each of its columns, whose names are unique.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

struct CsvOptions {
  bool header = true;  ///< the first record names the columns; without, they are called "0", "1", ...
  char separator = ',';
  /// What stands for a value that is not known, quoted or not, spaces around it left out.
  std::vector<std::string> missing = {"", "NA", "NaN", "nan", "?"};
  /// Bytes that a gzipped file may unpack to. 0: 64 times its size, and at least 64 MiB.
  std::uint64_t max_unpacked = 0;
};

/// A column, by its name or its position: those below 0 count from the last one.
class Column {
 public:
  template <class T>
  requires std::convertible_to<const T&, std::string_view> Column(const T& name)
      : name_(std::string_view(name)) {}
  template <class T>
  requires(std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>) Column(T position)
      : position_(std::in_range<Index>(position) ? static_cast<Index>(position)
                                                 : std::numeric_limits<Index>::max()),
        named_(false) {}

  bool named() const { return named_; }
  std::string_view name() const { return name_; }
  Index position() const { return position_; }

 private:
  std::string_view name_;
  Index position_ = 0;
  bool named_ = true;
};

struct NumberOptions {
  DType dtype = float32;      ///< or float64
  bool allow_missing = true;  ///< a missing value is NaN; otherwise it throws
};

struct CategoryOptions {
  /// Names by id, as those of the training data; empty: those of the column, sorted by their bytes. A value
  /// that is none of them throws.
  std::vector<std::string> names = {};
  bool allow_missing = false;  ///< a missing value has the id -1; otherwise it throws
};

/// Texts as numbers: names[ids[i]] is the text of record i.
struct [[nodiscard]] Categories {
  Tensor ids;  ///< int64 (rows,)
  std::vector<std::string> names;
};

/// The records of a file, as text until a column is asked for. A value; copies share the text. All that ask
/// for a column throw ValueError, listing the columns there are, when there is none of that name, IndexError
/// on a position out of range, and FormatError with file, line and column on a field that is not of the type.
class Table {
 public:
  Table();
  // Moves are copies, so that none is ever without its body.
  Table(const Table&) = default;
  Table& operator=(const Table&) = default;
  ~Table() = default;

  struct Body;  ///< the library's own

  /// The names, in the order of the file.
  const std::vector<std::string>& columns() const&;
  std::vector<std::string> columns() const&& { return columns(); }
  /// Records, the header not counted.
  Index rows() const;
  bool has(std::string_view column) const;

  /// One column as (rows,), several as (rows, columns). Numbers are decimal, "1.5e-3", "inf"; spaces around
  /// them do not count. A number that is too large for the dtype throws, one that is too small is 0, of its
  /// sign.
  Tensor numbers(const Column& column, const NumberOptions& options = {}, Place place = Place::here()) const;
  Tensor numbers(std::initializer_list<Column> columns, const NumberOptions& options = {},
                 Place place = Place::here()) const;
  Tensor numbers(const std::vector<std::string>& columns, const NumberOptions& options = {},
                 Place place = Place::here()) const;
  /// Whole numbers, int64 (rows,). Throws on a missing value.
  Tensor integers(const Column& column, Place place = Place::here()) const;
  /// The fields as they are, without quotes; also those that are missing values.
  [[nodiscard]] std::vector<std::string> text(const Column& column, Place place = Place::here()) const;
  Categories categories(const Column& column, const CategoryOptions& options = {},
                        Place place = Place::here()) const;

 private:
  friend Table read_csv(const std::string& path, const CsvOptions& options, Place place);
  friend Table parse_csv(std::string_view text, const CsvOptions& options, Place place);
  friend void write_csv(const std::string& path, const Table& table, const CsvOptions& options, Place place);
  explicit Table(std::shared_ptr<const Body> body);

  std::shared_ptr<const Body> body_;
};

/// Reads a file in time and memory linear in its size. Lines end in LF or CRLF; a byte order mark is left
/// out; empty lines are, where there is more than one column (a table of one column has a missing value
/// there). Pipes and files of no known size are read until their end. Throws IoError; FormatError with line
/// and column on a record of too few or too many fields, on quotes out of place, on names that occur twice;
/// ValueError on a separator that cannot be one.
[[nodiscard]] Table read_csv(const std::string& path, const CsvOptions& options = {},
                             Place place = Place::here());
/// The same of a text in memory.
[[nodiscard]] Table parse_csv(std::string_view text, const CsvOptions& options = {},
                              Place place = Place::here());

/// A column to be written: numbers of any dtype with one axis, or texts.
struct NamedColumn {
  NamedColumn(std::string its_name, Tensor its_numbers)
      : name(std::move(its_name)), numbers(std::move(its_numbers)) {}
  NamedColumn(std::string its_name, std::vector<std::string> its_texts)
      : name(std::move(its_name)), texts(std::move(its_texts)), is_text(true) {}

  std::string name;
  Tensor numbers;
  std::vector<std::string> texts;
  bool is_text = false;  ///< `texts` counts, otherwise `numbers`
};

/// Writes columns of one length; numbers as the shortest decimals that read back bitwise, NaN as "NaN",
/// booleans as 0 and 1; fields are quoted where they must be, lines end in LF. The old file stays until the
/// new one is whole and on the disk. `missing` and `max_unpacked` have no meaning here. Throws ValueError on
/// names that occur twice and when there is no column, ShapeError on columns of several lengths, IoError.
///   data::write_csv("run.csv", {{"epoch", epochs}, {"loss", losses}});
void write_csv(const std::string& path, const std::vector<NamedColumn>& columns,
               const CsvOptions& options = {}, Place place = Place::here());
/// The fields of a table as they are.
void write_csv(const std::string& path, const Table& table, const CsvOptions& options = {},
               Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
