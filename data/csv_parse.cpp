// Splitting a text into records and fields, once through; quoted fields are unquoted where they stand.
#include <xgrad/data/csv_body.hpp>
#include <xgrad/data/whole_file.hpp>

#include <algorithm>
#include <array>

namespace xgrad::data {
namespace detail {

void check_separator(char separator) {
  if (separator == '"' || separator == '\n' || separator == '\r' || separator == '\0')
    fail<ValueError>("the separator cannot be a quote, an end of line or a zero byte");
}

}  // namespace detail

namespace {

class Parser {
 public:
  Parser(std::string name, std::string text, const CsvOptions& options)
      : body_(std::make_shared<Table::Body>()), separator_(options.separator) {
    body_->name = std::move(name);
    body_->text = std::move(text);
    body_->missing = options.missing;
    for (const char c : {options.separator, '\n', '\r', '"', '\0'}) ends_field_[index(c)] = true;
  }

  std::shared_ptr<const Table::Body> parse(bool header) {
    const std::string_view start = std::string_view(body_->text).substr(0, 2);
    if (start == "\xff\xfe" || start == "\xfe\xff") reject(0, "a text in UTF-16", 0, "convert it to UTF-8");
    if (detail::has_byte_order_mark(body_->text)) at_ = 3;
    if (at_ == body_->text.size())
      reject(0, header ? "no header: the file is empty" : "no record: the file is empty", at_);
    // What the lines are that are empty at the beginning tells the first that is not.
    std::vector<std::size_t> empty;
    while (!header && at_ < body_->text.size()) {
      const std::size_t line = at_;
      if (!empty_line()) break;
      empty.push_back(line);
    }
    if (at_ < body_->text.size()) record();
    width_ = std::max<std::size_t>(body_->fields.size(), 1);
    if (width_ == 1) {
      std::vector<Table::Body::Field> fields;
      std::vector<std::size_t> lines;
      for (const std::size_t line : empty) {
        fields.push_back({line, 0});
        lines.push_back(lines.size() + 1);
      }
      body_->fields.insert(body_->fields.begin(), fields.begin(), fields.end());
      body_->lines.insert(body_->lines.begin(), lines.begin(), lines.end());
    }
    if (header) {
      take_names();
    } else {
      for (std::size_t column = 0; column < width_; ++column)
        body_->columns.push_back(std::to_string(column));
    }
    for (std::size_t column = 0; column < width_; ++column) {
      const auto [former, fresh] = body_->positions.emplace(body_->columns[column], column);
      if (!fresh) {
        line_ = 1;
        reject(column + 1,
               "the name " + detail::quoted(body_->columns[column]) + " is that of column " +
                   std::to_string(former->second + 1) + ", too",
               0);
      }
    }
    while (at_ < body_->text.size())
      if (width_ == 1 || !empty_line()) record();
    return body_;
  }

 private:
  static std::size_t index(char c) { return static_cast<unsigned char>(c); }

  [[noreturn]] void reject(std::size_t column, const std::string& reason, std::size_t offset,
                           std::string_view hint = {}) const {
    throw FormatError(xgrad::detail::message_prefix() + body_->name + ": line " + std::to_string(line_) +
                          (column > 0 ? ", column " + std::to_string(column) : "") + ": " + reason +
                          (hint.empty() ? "" : " (" + std::string(hint) + ")"),
                      offset);
  }

  // The fields of the first record, which are then no record.
  void take_names() {
    for (const Table::Body::Field& field : body_->fields) body_->columns.emplace_back(body_->view(field));
    if (width_ == 1 && body_->columns[0].empty()) {
      line_ = 1;
      reject(0, "an empty line in place of a header", 0);
    }
    body_->fields.clear();
    body_->lines.clear();
  }

  // Leaves out an empty line, if there is one.
  bool empty_line() {
    const std::string& text = body_->text;
    const std::size_t size = text[at_] == '\n' ? 1 : text.compare(at_, 2, "\r\n") == 0 ? 2 : 0;
    at_ += size;
    line_ += size > 0 ? 1 : 0;
    return size > 0;
  }

  void record() {
    const std::string& text = body_->text;
    const std::size_t start = at_, first_line = line_;
    std::size_t fields = 0;
    for (bool more = true; more;) {
      body_->fields.push_back(at_ < text.size() && text[at_] == '"' ? quoted_field(fields + 1)
                                                                    : plain_field(fields + 1));
      ++fields;
      more = at_ < text.size() && text[at_] == separator_;
      if (more) ++at_;
    }
    if (width_ > 0 && fields != width_) {
      line_ = first_line;
      reject(0,
             "expects " + std::to_string(width_) + (width_ == 1 ? " field" : " fields") + ", got " +
                 std::to_string(fields),
             start);
    }
    body_->lines.push_back(first_line);
    if (at_ < text.size()) {
      at_ += text[at_] == '\r' ? 2 : 1;
      ++line_;
    }
  }

  // Both leave the place at a separator, an end of line or the end.
  Table::Body::Field plain_field(std::size_t column) {
    const std::string& text = body_->text;
    const std::size_t begin = at_;
    while (at_ < text.size() && !ends_field_[index(text[at_])]) ++at_;
    check_end(column, "a quote within a field that does not begin with one");
    return {begin, at_ - begin};
  }
  Table::Body::Field quoted_field(std::size_t column) {
    std::string& text = body_->text;
    const std::size_t quote = at_, first_line = line_, begin = at_ + 1;
    std::size_t end = begin;
    ++at_;
    for (;;) {
      if (at_ == text.size()) {
        line_ = first_line;
        reject(column, "a quote that is never closed", quote);
      }
      const char c = text[at_++];
      if (c == '"') {
        if (at_ == text.size() || text[at_] != '"') break;
        ++at_;
      }
      if (c == '\0') reject(column, "a zero byte", at_ - 1);
      if (c == '\n') ++line_;
      text[end++] = c;
    }
    check_end(column, "a quote within quotes that is not doubled");
    return {begin, end - begin};
  }

  void check_end(std::size_t column, const char* reason) const {
    const std::string& text = body_->text;
    if (at_ == text.size() || text[at_] == separator_ || text[at_] == '\n' ||
        text.compare(at_, 2, "\r\n") == 0)
      return;
    if (text[at_] == '\0') reject(column, "a zero byte", at_);
    if (text[at_] == '\r') reject(column, "a carriage return without a line feed", at_);
    reject(column, reason, at_);
  }

  std::shared_ptr<Table::Body> body_;
  const char separator_;
  std::array<bool, 256> ends_field_{};
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t width_ = 0;  // fields of the first record, once it was read
};

}  // namespace

Table parse_csv(std::string_view text, const CsvOptions& options, Place place) {
  const Scope scope("parse_csv", place);
  detail::check_separator(options.separator);
  return Table(Parser("the text", std::string(text), options).parse(options.header));
}

Table read_csv(const std::string& path, const CsvOptions& options, Place place) {
  const Scope scope("read_csv", place);
  detail::check_separator(options.separator);
  const io::detail::Input input = io::detail::Input::stream(path);
  return Table(Parser(path, detail::read_whole(input, options.max_unpacked), options).parse(options.header));
}

}  // namespace xgrad::data
