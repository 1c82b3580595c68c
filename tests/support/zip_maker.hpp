// zip archives made by hand, so that they can be wrong in one place.
#pragma once

#include "support/tensor_files.hpp"

#include <zlib.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace xgrad::test {

struct ZipPart {
  std::string name, content;
  bool packed = false;
  // What the archive says of it, where that is not the truth; -1: it is.
  std::int64_t said_size = -1, said_crc = -1;
  int method = -1, flags = 0;
};

inline std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

inline std::string deflated(const std::string& content) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string packed(deflateBound(&stream, static_cast<uLong>(content.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// With `overlapping`, all members stand where the first one does.
inline std::string zipped(const std::vector<ZipPart>& parts, bool overlapping = false) {
  std::string archive, directory;
  for (const ZipPart& part : parts) {
    const std::string stored = part.packed ? deflated(part.content) : part.content;
    const auto crc = part.said_crc >= 0 ? static_cast<std::uint64_t>(part.said_crc)
                                        : crc32(0, reinterpret_cast<const Bytef*>(part.content.data()),
                                                static_cast<uInt>(part.content.size()));
    const std::uint64_t size =
        part.said_size >= 0 ? static_cast<std::uint64_t>(part.said_size) : part.content.size();
    const int method = part.method >= 0 ? part.method : part.packed ? 8 : 0;
    const std::string common = little(20, 2) + little(static_cast<std::uint64_t>(part.flags), 2) +
                               little(static_cast<std::uint64_t>(method), 2) + little(0, 2) + little(33, 2) +
                               little(crc, 4) + little(stored.size(), 4) + little(size, 4) +
                               little(part.name.size(), 2) + little(0, 2);
    const std::size_t offset = overlapping ? 0 : archive.size();
    if (!overlapping || archive.empty()) archive += "PK\3\4" + common + part.name + stored;
    directory += "PK\1\2" + little(20, 2) + common + std::string(10, '\0') + little(offset, 4) + part.name;
  }
  return archive + directory + "PK\5\6" + little(0, 4) + little(parts.size(), 2) + little(parts.size(), 2) +
         little(directory.size(), 4) + little(archive.size(), 4) + little(0, 2);
}

/// False in a build without libzip.
inline bool zips_are_read() {
  try {
    io::detail::open_npz(input_of(zipped({})), {});
  } catch (const NotImplementedError& error) {
    CHECK(std::string(error.what()).find("libzip-dev") != std::string::npos);
    return false;
  }
  return true;
}

}  // namespace xgrad::test
