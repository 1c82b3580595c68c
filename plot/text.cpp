// Quoting, measuring and writing numbers.
#include <xgrad/plot/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

namespace xgrad::plot::detail {
namespace {

// Advance widths of the characters from space to tilde in DejaVu Sans, in hundredths of the size.
constexpr std::array<unsigned char, 95> widths = {
    32, 40, 46, 84, 64, 95, 78, 27, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63,
    63, 28, 28, 58, 28, 97, 63, 61, 63,  63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84};

// Bytes of the well-formed character that text begins with; 0 where there is none (Unicode 15, table 3-7).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const unsigned char second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
    return 0;
  return length;
}

}  // namespace

std::string cleaned(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    const auto first = static_cast<unsigned char>(character[0]);
    // XML has no place for U+FFFE and U+FFFF, and U+0080 to U+009F are control characters as well.
    if (length == 0 || character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF")
      result += "\xEF\xBF\xBD";
    else if (first == '\n')
      result += '\n';
    else if (first < 0x20 || first == 0x7F ||
             (first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0))
      result += ' ';
    else
      result += character;
    text.remove_prefix(character.size());
  }
  return result;
}

std::string one_line(std::string_view text) {
  std::string result = cleaned(text);
  std::replace(result.begin(), result.end(), '\n', ' ');
  return result;
}

std::vector<std::string> lines_of(std::string_view text) {
  const std::string clean = cleaned(text);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < clean.size();) {
    const std::size_t end = std::min(clean.find('\n', begin), clean.size());
    lines.push_back(clean.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string literal(std::string_view text) {
  std::string result = "\"";
  for (const char c : one_line(text)) {
    const auto code = static_cast<unsigned char>(c);
    const bool plain = code >= 0x80 || (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
                       (code >= 'a' && code <= 'z') ||
                       std::string_view(" .,:;()+-/=<>!?").find(c) != std::string_view::npos;
    if (plain) {
      result += c;
    } else {
      result += '\\';
      for (const int shift : {6, 3, 0}) result += static_cast<char>('0' + ((code >> shift) & 7));
    }
  }
  return result + '"';
}

std::string with_known_characters(std::string_view text, std::string_view charsets) {
  std::vector<std::pair<unsigned long, unsigned long>> known;
  for (std::size_t at = charsets.find("charset="); at != charsets.npos; at = charsets.find("charset=", at)) {
    const char* const end = charsets.data() + charsets.size();
    const char* place = charsets.data() + at + 8;
    for (;;) {  // "20-7e a0-17f 192"
      unsigned long first = 0, last = 0;
      auto read = std::from_chars(place, end, first, 16);
      if (read.ec != std::errc()) break;
      last = first;
      if (read.ptr != end && *read.ptr == '-') read = std::from_chars(read.ptr + 1, end, last, 16);
      known.emplace_back(first, last);
      place = read.ptr;
      if (place == end || *place != ' ') break;
      ++place;
    }
    at = static_cast<std::size_t>(place - charsets.data());
  }
  if (known.empty()) return std::string(text);
  const auto has = [&](unsigned long code) {
    return std::any_of(known.begin(), known.end(),
                       [&](const auto& range) { return code >= range.first && code <= range.second; });
  };
  const std::string box = has(0x25A1) ? "\xE2\x96\xA1" : "?";
  std::string result;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(character_length(text), 1);
    unsigned long code = static_cast<unsigned char>(text[0]);
    if (length > 1) code &= 0x7FU >> length;
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    if (code < 0x250 || has(code))
      result += text.substr(0, length);
    else
      result += box;
    text.remove_prefix(length);
  }
  return result;
}

double text_width(std::string_view text, double size, bool bold) {
  double widest = 0;
  for (const std::string& line : lines_of(text)) {
    double width = 0;
    for (std::string_view rest = line; !rest.empty();) {
      const std::size_t length = character_length(rest);
      width += length == 1 ? widths[static_cast<std::size_t>(rest[0] - ' ')] : length == 2 ? 65 : 90;
      rest.remove_prefix(length);
    }
    widest = std::max(widest, width);
  }
  return widest * size / 100 * (bold ? 1.13 : 1);
}

std::string shortened(std::string_view line, double width, double size, bool bold) {
  std::string text = one_line(line);
  if (text_width(text, size, bold) <= width) return text;
  constexpr const char* dots = "\xE2\x80\xA6";
  while (!text.empty() && text_width(text + dots, size, bold) > width) {
    // The last character's first byte, and blanks before it.
    while ((static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    text.pop_back();
    while (!text.empty() && text.back() == ' ') text.pop_back();
  }
  return text + dots;
}

std::string wrapped(std::string_view text, double width, std::size_t most, double size, bool bold) {
  std::vector<std::string> lines;
  for (const std::string& line : lines_of(text)) {
    std::string current;
    for (std::size_t begin = 0; begin <= line.size();) {
      const std::size_t end = std::min(line.find(' ', begin), line.size());
      const std::string word = line.substr(begin, end - begin);
      const std::string longer = begin == 0 ? word : current + " " + word;
      if (begin != 0 && text_width(longer, size, bold) > width) {
        lines.push_back(current);
        current = word;
      } else {
        current = longer;
      }
      begin = end + 1;
    }
    lines.push_back(current);
  }
  if (lines.size() > most) {
    lines.resize(most);
    // What follows is cut off, so that the last line says so.
    lines.back() += " \xE2\x80\xA6";
  }
  std::string result;
  for (const std::string& line : lines)
    (result += result.empty() ? "" : "\n") += shortened(line, width, size, bold);
  return result;
}

std::string number(double value) {
  if (!std::isfinite(value)) return "NaN";
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value + 0.0).ptr;
  return {text.data(), end};
}

std::string decimal(double value, int decimals) {
  std::array<char, 400> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals).ptr;
  std::string result(text.data(), end);
  // What rounds to nothing has no sign.
  if (result.find_first_of("123456789") == result.npos && result[0] == '-') result.erase(0, 1);
  if (result[0] == '-') result.replace(0, 1, "\xE2\x88\x92");
  return result;
}

}  // namespace xgrad::plot::detail
