// UTF-8 (RFC 3629). Private to the library.
#pragma once

#include <cstddef>
#include <string_view>

namespace xgrad::data::detail {

/// Bytes of the code point at `at`; 0 where there is none: a stray or missing continuation, an overlong form,
/// a surrogate, one above U+10FFFF.
inline std::size_t utf8_size(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (at >= text.size()) return 0;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(1)) return 0;
  if (first < 0xe0) return 2;
  if (!continues(2)) return 0;
  if (first < 0xf0) return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ? 0 : 3;
  return !continues(3) || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f) ? 0 : 4;
}

/// Where the text stops being UTF-8; its size when it does not.
inline std::size_t utf8_end(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = utf8_size(text, at);
    if (size == 0) break;
    at += size;
  }
  return at;
}

}  // namespace xgrad::data::detail
