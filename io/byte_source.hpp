// The bytes of an input, unpacked when it is gzipped.
// Invariant: nothing is read ahead of what is asked for beyond one buffer of the packed file.
#pragma once

#include <xgrad/io/input.hpp>

#include <cstddef>
#include <memory>

namespace xgrad::io::detail {

/// The checksum of gzip, going on from that of the bytes before, 0 at the start.
std::uint32_t crc32(std::uint32_t before, std::span<const std::byte> bytes);

class ByteSource {
 public:
  explicit ByteSource(Input input);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Reads up to `count` bytes; fewer only at the end. Throws IoError, and FormatError when the packing is
  /// damaged.
  std::size_t read(std::byte* out, std::size_t count);
  /// Bytes read so far.
  std::size_t position() const { return position_; }
  bool packed() const { return inflater_ != nullptr; }
  const Input& input() const { return input_; }
  /// All bytes there are, exact for an unpacked file, otherwise the most that a file of this size can hold.
  std::size_t limit() const;

 private:
  struct Inflater;

  std::size_t unpack(std::byte* out, std::size_t count);
  bool refill();

  Input input_;
  std::uint64_t file_position_ = 0;
  std::size_t position_ = 0;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace xgrad::io::detail
