// JSON (RFC 8259) as a stream of tokens, read by nlohmann's parser: no tree is built, and nesting costs a bit
// a level.
#pragma once

#include <xgrad/tensor/callback.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace xgrad::io::detail {

struct JsonToken {
  enum class Kind : std::uint8_t { object, array, end, key, text, count, number, other };

  Kind kind;
  std::size_t depth;      ///< objects and arrays around it
  std::string_view text;  ///< of a key or a text
  std::uint64_t number;   ///< of a count: a whole number from 0 to 2^64 - 1, without fraction and exponent
  double real;            ///< of a count and of any other number, the nearest one
  std::size_t offset;     ///< in the text, just behind the token
};

/// Calls `on_token` for every token. Calls `reject`, which throws, on what is no JSON text in UTF-8, with the
/// reason and the offset.
void parse_json(std::string_view text, const Callback<void(const JsonToken&)>& on_token,
                const Callback<void(const std::string& reason, std::size_t offset)>& reject);

/// The text in quotes, escaped where JSON demands it. Throws ValueError unless it is UTF-8.
std::string json_text(std::string_view text);

}  // namespace xgrad::io::detail
