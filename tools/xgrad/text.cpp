#include "text.hpp"

#include <algorithm>
#include <cstdio>

namespace {

struct Decoded {
  std::uint32_t code = 0;
  std::size_t size = 0;  ///< bytes; 0 where there is no valid UTF-8
};

Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  std::uint32_t code = first & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, size};
}

/// Controls, and characters that are not seen but change how others are.
bool is_hidden(std::uint32_t code) {
  const auto within = [&](std::uint32_t first, std::uint32_t last) { return first <= code && code <= last; };
  return code < 0x20 || within(0x7f, 0x9f) || code == 0xad || code == 0x61c || within(0x200b, 0x200f) ||
         within(0x2028, 0x202e) || within(0x2060, 0x206f) || code == 0xfeff || within(0xfff9, 0xfffb) ||
         within(0xe0000, 0xe0fff);
}

std::string escaped(const char* format, std::uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, format, static_cast<unsigned>(code));
  return text;
}

constexpr int fewest_digits = 6;

std::string with_digits(xgrad::Scalar value, int digits) {
  if (value.dtype() == xgrad::boolean) return value.integer() != 0 ? "true" : "false";
  if (!is_floating(value.dtype())) return std::to_string(value.integer());
  if (value.real() != value.real()) return "nan";  // of either sign
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value.real());
  return text;
}

/// Columns that a terminal shows, but for characters that are wide or combine.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Decoded next = decode(text);
    const std::uint32_t code = next.code;
    const std::size_t size = std::max(next.size, std::size_t{1});
    if (next.size == 0)
      result += escaped("\\x%02x", static_cast<unsigned char>(text[0]));
    else if (code == '\\')
      result += "\\\\";
    else if (code == '\n')
      result += "\\n";
    else if (code == '\t')
      result += "\\t";
    else if (is_hidden(code))
      result += escaped(code < 0x80 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
    else
      result += text.substr(0, size);
    text.remove_prefix(size);
  }
  return result;
}

std::string number(xgrad::Scalar value) { return with_digits(value, fewest_digits); }

std::pair<std::string, std::string> numbers(xgrad::Scalar a, xgrad::Scalar b) {
  constexpr int all_digits = 17;  // of a double
  for (int digits = fewest_digits;; ++digits) {
    std::pair<std::string, std::string> texts(with_digits(a, digits), with_digits(b, digits));
    if (texts.first != texts.second || digits == all_digits) return texts;
  }
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string position(const xgrad::IndexList& index) {
  std::string text = "(";
  for (const xgrad::Index along : index) text += (text.size() > 1 ? ", " : "") + std::to_string(along);
  return text + (index.size() == 1 ? ",)" : ")");
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string Table::text() const {
  // What is longer moves its own line alone: the table stays as large as what is in it.
  constexpr std::size_t widest = 80;
  std::vector<std::size_t> widths;
  std::vector<std::string> titles;
  for (const Column& column : columns_) {
    widths.push_back(width(column.title));
    titles.push_back(column.title);
  }
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], std::min(width(row[i]), widest));

  std::string result;
  const auto append = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string fill(widths[i] - std::min(width(row[i]), widths[i]), ' ');
      result += columns_[i].align == Align::right ? fill + row[i] : row[i] + fill;
      if (i + 1 < widths.size()) result += "  ";
    }
    result.erase(result.find_last_not_of(' ') + 1);
    result += '\n';
  };
  append(titles);
  for (const auto& row : rows_) append(row);
  return result;
}
