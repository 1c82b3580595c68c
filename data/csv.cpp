// Columns of a table as numbers, texts and categories.
#include <xgrad/data/csv.hpp>

#include <xgrad/data/csv_body.hpp>
#include <xgrad/data/whole_file.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace xgrad::data {

// ------------------------------------------------------------------------------------------------- Table

void Table::Body::reject(std::size_t row, std::size_t column, const std::string& reason,
                         std::string_view hint) const {
  throw FormatError(xgrad::detail::message_prefix() + name + ": line " + std::to_string(lines[row]) +
                        ", column " + std::to_string(column + 1) + " (" + detail::quoted(columns[column]) +
                        "): " + reason + (hint.empty() ? "" : " (" + std::string(hint) + ")"),
                    field(row, column).begin);
}

std::size_t Table::Body::find(const Column& column) const {
  if (!column.named()) {
    const auto count = static_cast<Index>(width());
    const Index position = column.position() + (column.position() < 0 ? count : 0);
    if (position < 0 || position >= count)
      fail<IndexError>((name.empty() ? "" : name + ": ") + "column " + std::to_string(column.position()) +
                       " is out of range for " + std::to_string(count) + " columns");
    return static_cast<std::size_t>(position);
  }
  if (const auto found = positions.find(column.name()); found != positions.end()) return found->second;
  constexpr std::size_t most = 50;
  std::string names;
  for (std::size_t i = 0; i < std::min(width(), most); ++i)
    names += (i > 0 ? ", " : "") + detail::quoted(columns[i]);
  fail<ValueError>((name.empty() ? "" : name + ": ") + "there is no column " + detail::quoted(column.name()),
                   "there are " + (names.empty() ? "none" : names) +
                       (width() > most ? " and " + std::to_string(width() - most) + " more" : ""));
}

Table::Table() : body_(std::make_shared<const Body>()) {}
Table::Table(std::shared_ptr<const Body> body) : body_(std::move(body)) {}

const std::vector<std::string>& Table::columns() const& { return body_->columns; }
Index Table::rows() const { return static_cast<Index>(body_->lines.size()); }
bool Table::has(std::string_view column) const { return body_->positions.count(column) != 0; }

// ------------------------------------------------------------------------------------------------- columns

namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_missing(const Table::Body& body, std::string_view text) {
  return std::find(body.missing.begin(), body.missing.end(), text) != body.missing.end();
}

// Whether a decimal number, which is too large or too small for any floating type of ours, is too small:
// the place of its first digit above 0 decides, whatever type there is that could hold it.
bool is_small(std::string_view text) {
  const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
  const std::string_view digits = text.substr(0, mark);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.find_first_of("123456789");
  if (first == digits.npos) return true;
  // 1 for 1.5, 0 for 0.15.
  const auto place = static_cast<Index>(point) - static_cast<Index>(first) + (first > point ? 1 : 0);
  std::string_view exponent = text.substr(std::min(mark + 1, text.size()));
  const bool negative = !exponent.empty() && exponent[0] == '-';
  if (!exponent.empty() && (negative || exponent[0] == '+')) exponent.remove_prefix(1);
  Index power = 0;
  if (std::from_chars(exponent.data(), exponent.data() + exponent.size(), power).ec ==
      std::errc::result_out_of_range)
    return negative;
  return negative ? power > place : -power > place;
}

// Whether all of the text is a number of the type. One that is too small for it is 0, of its sign.
template <class T>
std::errc parse_number(std::string_view text, T& number) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  if (stop != end || text.empty()) return std::errc::invalid_argument;
  if constexpr (std::is_floating_point_v<T>) {
    if (code == std::errc::result_out_of_range) {
      // It may be beyond either end.
      if (!is_small(text)) return code;
      number = text[0] == '-' ? -T{0} : T{0};
      return {};
    }
  }
  return code;
}

template <class T>
T number_at(const Table::Body& body, std::size_t row, std::size_t column, bool allow_missing) {
  const std::string_view text = trimmed(body.view(body.field(row, column)));
  T number{};
  bool missing = is_missing(body, text);
  if (!missing) {
    const std::errc code = parse_number(text, number);
    if (code == std::errc::result_out_of_range)
      body.reject(row, column, detail::quoted(text) + " does not fit " + std::string(to_string(dtype_of<T>)));
    if (code != std::errc{})
      body.reject(
          row, column,
          std::string(std::is_integral_v<T> ? "expects a whole number, got " : "expects a number, got ") +
              detail::quoted(text),
          "CsvOptions::missing lists what stands for a missing value");
    if constexpr (std::is_floating_point_v<T>) missing = std::isnan(number);
  }
  if (!missing) return number;
  if (!allow_missing) body.reject(row, column, "a missing value, " + detail::quoted(text));
  if constexpr (std::is_floating_point_v<T>) return std::numeric_limits<T>::quiet_NaN();
  return number;
}

Tensor numbers_of(const Table::Body& body, const std::vector<std::size_t>& columns, const Shape& shape,
                  const NumberOptions& options) {
  Tensor result = Tensor::uninitialized(shape, options.dtype);
  xgrad::detail::dispatch_floating(options.dtype, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      T* out = result.mutable_data<T>();
      for (std::size_t row = 0; row < body.lines.size(); ++row)
        for (const std::size_t column : columns)
          *out++ = number_at<T>(body, row, column, options.allow_missing);
    }
  });
  return result;
}

template <class Columns>
Tensor matrix_of(const Table::Body& body, const Columns& columns, const NumberOptions& options) {
  std::vector<std::size_t> positions;
  for (const auto& column : columns) positions.push_back(body.find(column));
  return numbers_of(body, positions,
                    {static_cast<Index>(body.lines.size()), static_cast<Index>(positions.size())}, options);
}

void check(const NumberOptions& options) {
  if (!is_floating(options.dtype)) xgrad::detail::reject_not_floating(options.dtype);
}

}  // namespace

Tensor Table::numbers(const Column& column, const NumberOptions& options, Place place) const {
  const Scope scope("Table::numbers", place);
  check(options);
  return numbers_of(*body_, {body_->find(column)}, {rows()}, options);
}
Tensor Table::numbers(std::initializer_list<Column> columns, const NumberOptions& options,
                      Place place) const {
  const Scope scope("Table::numbers", place);
  check(options);
  return matrix_of(*body_, columns, options);
}
Tensor Table::numbers(const std::vector<std::string>& columns, const NumberOptions& options,
                      Place place) const {
  const Scope scope("Table::numbers", place);
  check(options);
  return matrix_of(*body_, columns, options);
}

Tensor Table::integers(const Column& column, Place place) const {
  const Scope scope("Table::integers", place);
  const std::size_t position = body_->find(column);
  Tensor result = Tensor::uninitialized({rows()}, int64);
  Index* out = result.mutable_data<Index>();
  for (std::size_t row = 0; row < body_->lines.size(); ++row)
    *out++ = number_at<Index>(*body_, row, position, false);
  return result;
}

std::vector<std::string> Table::text(const Column& column, Place place) const {
  const Scope scope("Table::text", place);
  const std::size_t position = body_->find(column);
  std::vector<std::string> result;
  result.reserve(body_->lines.size());
  for (std::size_t row = 0; row < body_->lines.size(); ++row)
    result.emplace_back(body_->view(body_->field(row, position)));
  return result;
}

Categories Table::categories(const Column& column, const CategoryOptions& options, Place place) const {
  const Scope scope("Table::categories", place);
  const std::size_t position = body_->find(column), count = body_->lines.size();
  const auto view = [&](std::size_t row) { return body_->view(body_->field(row, position)); };
  std::vector<std::string> names = options.names;
  std::unordered_map<std::string_view, Index> ids;
  if (names.empty()) {
    for (std::size_t row = 0; row < count; ++row)
      if (!is_missing(*body_, trimmed(view(row))) && ids.emplace(view(row), 0).second)
        names.emplace_back(view(row));
    std::sort(names.begin(), names.end());
    ids.clear();
  }
  for (std::size_t id = 0; id < names.size(); ++id)
    if (!ids.emplace(names[id], static_cast<Index>(id)).second)
      fail<ValueError>("the name " + detail::quoted(names[id]) + " occurs twice");

  Tensor result = Tensor::uninitialized({rows()}, int64);
  Index* out = result.mutable_data<Index>();
  for (std::size_t row = 0; row < count; ++row) {
    // A name that was asked for is a value, also where it would stand for a missing one.
    const auto found = ids.find(view(row));
    const bool missing = found == ids.end() && is_missing(*body_, trimmed(view(row)));
    if (missing && !options.allow_missing)
      body_->reject(row, position, "a missing value, " + detail::quoted(view(row)));
    if (!missing && found == ids.end())
      body_->reject(row, position,
                    detail::quoted(view(row)) + " is none of the " + std::to_string(names.size()) + " names");
    out[row] = missing ? -1 : found->second;
  }
  return {std::move(result), std::move(names)};
}

}  // namespace xgrad::data
