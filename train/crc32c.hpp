// CRC-32C (Castagnoli), as RFC 3720 (B.4) has it; private to train/.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace xgrad::train::detail {

inline constexpr auto crc32c_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0x82F63B78U : 0U);
    table[byte] = sum;
  }
  return table;
}();

constexpr std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const char c : bytes) sum = (sum >> 8U) ^ crc32c_table[(sum ^ static_cast<unsigned char>(c)) & 0xFFU];
  return sum ^ 0xFFFFFFFFU;
}

/// The form in which TFRecord files keep sums, so that a sum of what has sums in it is no special number.
constexpr std::uint32_t masked(std::uint32_t sum) { return ((sum >> 15U) | (sum << 17U)) + 0xA282EAD8U; }

}  // namespace xgrad::train::detail
