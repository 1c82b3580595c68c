// Files and gzip streams (RFC 1952), through zlib.
#include <xgrad/io/byte_source.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>

namespace xgrad::io::detail {

std::uint32_t crc32(std::uint32_t before, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

struct ByteSource::Inflater {
  z_stream stream{};
  std::array<std::byte, 1 << 15> packed;
  bool ended = false;

  Inflater() {
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

ByteSource::ByteSource(Input input) : input_(std::move(input)) {
  std::array<std::byte, 2> magic{};
  if (input_.read_some(magic.data(), magic.size(), 0) == 2 && magic[0] == std::byte{0x1f} &&
      magic[1] == std::byte{0x8b})
    inflater_ = std::make_unique<Inflater>();
}

ByteSource::~ByteSource() = default;

std::size_t ByteSource::limit() const {
  // Deflate packs 258 bytes into 2 bits at best.
  constexpr std::size_t best_ratio = 1032;
  std::size_t limit = 0;
  return packed() && __builtin_mul_overflow(input_.size(), best_ratio, &limit) ? ~std::size_t{0}
         : packed()                                                            ? limit
                                                                               : input_.size();
}

std::size_t ByteSource::read(std::byte* out, std::size_t count) {
  const std::size_t done = packed() ? unpack(out, count) : input_.read_some(out, count, position_);
  position_ += done;
  return done;
}

// True when there are packed bytes to work on.
bool ByteSource::refill() {
  z_stream& stream = inflater_->stream;
  if (stream.avail_in > 0) return true;
  const std::size_t got =
      input_.read_some(inflater_->packed.data(), inflater_->packed.size(), file_position_);
  file_position_ += got;
  stream.next_in = reinterpret_cast<Bytef*>(inflater_->packed.data());
  stream.avail_in = static_cast<uInt>(got);
  return got > 0;
}

std::size_t ByteSource::unpack(std::byte* out, std::size_t count) {
  z_stream& stream = inflater_->stream;
  const auto packed_offset = [&] { return file_position_ - stream.avail_in; };
  std::size_t done = 0;
  while (done < count && !inflater_->ended) {
    if (!refill()) input_.reject("the gzip stream is cut short", packed_offset());
    const auto room = static_cast<uInt>(std::min(count - done, std::size_t{1} << 30));
    stream.next_out = reinterpret_cast<Bytef*>(out + done);
    stream.avail_out = room;
    const int code = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    if (code == Z_STREAM_END) {
      // Another member may follow; anything else after the end is refused as a bad header.
      if (refill())
        inflateReset(&stream);
      else
        inflater_->ended = true;
    } else if (code == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      input_.reject(std::string("the gzip stream is damaged: ") +
                        (stream.msg != nullptr ? stream.msg : "unexpected dictionary"),
                    packed_offset());
    }
  }
  return done;
}

}  // namespace xgrad::io::detail
