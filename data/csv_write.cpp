// Writing of tables.
#include <xgrad/data/csv_body.hpp>
#include <xgrad/data/whole_file.hpp>

#include <xgrad/io/sink.hpp>

#include <xgrad/tensor/dispatch.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <unordered_set>

namespace xgrad::data {
namespace {

// Records in the order in which they are given, field by field.
class Writer {
 public:
  Writer(const std::string& path, std::size_t width, char separator)
      : sink_(path), width_(width), separator_(separator) {}

  void field(std::string_view text) {
    const char special[] = {separator_, '"', '\n', '\r'};
    // An empty line, or a byte order mark, would mean something else.
    if (text.find_first_of(std::string_view(special, sizeof special)) != text.npos ||
        (width_ == 1 && text.empty()) || detail::has_byte_order_mark(text)) {
      text_ += '"';
      for (const char c : text) text_.append(c == '"' ? 2 : 1, c);
      text_ += '"';
    } else {
      text_ += text;
    }
    end_field();
  }
  template <class T>
  void number(T number) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(number)) return field("NaN");
    }
    std::array<char, 64> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    // Where a digit or a point is the separator.
    field(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  void commit() {
    sink_.write(text_);
    sink_.commit();
  }

 private:
  void end_field() {
    ++in_record_;
    text_ += in_record_ == width_ ? '\n' : separator_;
    if (in_record_ < width_) return;
    in_record_ = 0;
    constexpr std::size_t buffer = std::size_t{1} << 17;
    if (text_.size() < buffer) return;
    sink_.write(text_);
    text_.clear();
  }

  io::detail::Sink sink_;
  std::string text_;
  const std::size_t width_;
  std::size_t in_record_ = 0;
  const char separator_;
};

Index length_of(const NamedColumn& column) {
  if (column.is_text) return static_cast<Index>(column.texts.size());
  if (!column.numbers.defined())
    fail<GraphError>("the column " + detail::quoted(column.name) + " is undefined");
  if (column.numbers.rank() != 1)
    fail<ShapeError>("expects columns with one axis, got " + describe(column.numbers) + " for " +
                     detail::quoted(column.name));
  return column.numbers.count();
}

// A zero byte would not be read back.
void check_text(std::string_view text) {
  if (text.find('\0') != text.npos) fail<ValueError>("a text with a zero byte, " + detail::quoted(text));
}

void check(const std::vector<NamedColumn>& columns) {
  if (columns.empty()) fail<ValueError>("expects at least one column, got none");
  if (columns.size() == 1 && columns[0].name.empty()) fail<ValueError>("the only column has no name");
  std::unordered_set<std::string_view> names;
  for (const NamedColumn& column : columns) {
    check_text(column.name);
    if (!names.insert(column.name).second)
      fail<ValueError>("the name " + detail::quoted(column.name) + " occurs twice");
    if (length_of(column) != length_of(columns[0]))
      fail<ShapeError>("expects columns of one length, got " + std::to_string(length_of(columns[0])) +
                       " for " + detail::quoted(columns[0].name) + ", " + std::to_string(length_of(column)) +
                       " for " + detail::quoted(column.name));
    for (const std::string& text : column.texts) check_text(text);
  }
}

}  // namespace

void write_csv(const std::string& path, const std::vector<NamedColumn>& columns, const CsvOptions& options,
               Place place) {
  const Scope scope("write_csv", place);
  detail::check_separator(options.separator);
  check(columns);
  Writer writer(path, columns.size(), options.separator);
  if (options.header)
    for (const NamedColumn& column : columns) writer.field(column.name);
  for (Index row = 0; row < length_of(columns[0]); ++row)
    for (const NamedColumn& column : columns) {
      if (column.is_text) {
        writer.field(column.texts[static_cast<std::size_t>(row)]);
        continue;
      }
      const Tensor& tensor = column.numbers;
      xgrad::detail::dispatch(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
        using Written = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;
        writer.number(static_cast<Written>(tensor.data<T>()[row]));
      });
    }
  writer.commit();
}

void write_csv(const std::string& path, const Table& table, const CsvOptions& options, Place place) {
  const Scope scope("write_csv", place);
  detail::check_separator(options.separator);
  const Table::Body& body = *table.body_;
  if (body.columns.empty()) fail<ValueError>("expects at least one column, got none");
  Writer writer(path, body.width(), options.separator);
  if (options.header)
    for (const std::string& column : body.columns) writer.field(column);
  for (const Table::Body::Field& field : body.fields) writer.field(body.view(field));
  writer.commit();
}

}  // namespace xgrad::data
