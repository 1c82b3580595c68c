// Whole files. Invariant: memory is bounded by what was read, not by what a header says.
#include <xgrad/data/whole_file.hpp>

#include <xgrad/io/byte_source.hpp>
#include <xgrad/io/zip.hpp>

#include <algorithm>

namespace xgrad::data::detail {

std::string read_whole(const io::detail::Input& input, std::uint64_t max_unpacked) {
  io::detail::ByteSource source(input);
  std::string text;
  if (!source.packed()) {
    input.require_memory(input.size());
    text.resize(input.size());
    // A file that was cut short meanwhile.
    text.resize(source.read(reinterpret_cast<std::byte*>(text.data()), text.size()));
    return text;
  }
  const std::uint64_t most = io::detail::unpacked_limit({.max_unpacked = max_unpacked}, input);
  for (;;) {
    const std::size_t done = text.size(), step = std::max(done, std::size_t{1} << 16);
    text.resize(done + step);
    const std::size_t got = source.read(reinterpret_cast<std::byte*>(text.data()) + done, step);
    text.resize(done + got);
    if (text.size() > most)
      input.reject("unpacks to more than " + std::to_string(most) + " bytes; max_unpacked allows more", most);
    if (got < step) return text;
  }
}

std::string quoted(std::string_view text) {
  constexpr std::size_t most = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, most))
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '.' : c;
  return result + (text.size() > most ? "...\"" : "\"");
}

}  // namespace xgrad::data::detail
