// Reading a file into memory. Private to data/.
#pragma once

#include <xgrad/io/input.hpp>

#include <cstdint>
#include <string>

namespace xgrad::data::detail {

/// All bytes, unpacked when the file is gzipped. Throws FormatError when they would be more than
/// `max_unpacked`; 0: 64 times the file's size, and at least 64 MiB.
std::string read_whole(const io::detail::Input& input, std::uint64_t max_unpacked);

/// The text in quotes for a message, the end of a long one left out, without bytes that a terminal obeys.
std::string quoted(std::string_view text);

/// Whether the text begins with UTF-8's byte order mark.
inline bool has_byte_order_mark(std::string_view text) { return text.substr(0, 3) == "\xef\xbb\xbf"; }

}  // namespace xgrad::data::detail
