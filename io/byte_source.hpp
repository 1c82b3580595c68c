// The bytes of a file, unpacked when it is gzipped.
// Invariant: nothing is read ahead of what is asked for beyond one buffer of the packed file.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace xgrad::io::detail {

class ByteSource {
 public:
  /// Throws IoError when the path cannot be opened or is no regular file.
  explicit ByteSource(std::string path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Reads up to `count` bytes; fewer only at the end. Throws IoError, and FormatError when the packing is
  /// damaged.
  std::size_t read(std::byte* out, std::size_t count);
  /// Bytes read so far.
  std::size_t position() const { return position_; }
  bool packed() const { return inflater_ != nullptr; }
  /// All bytes there are, exact for an unpacked file, otherwise the most that a file of this size can hold.
  std::size_t limit() const;
  /// Throws IoError with ENOMEM when `bytes`, which the file's content would take, exceed the machine's
  /// memory: a file with holes is larger than anything that can be read.
  void require_memory(std::size_t bytes) const;
  /// Throws FormatError that names the file.
  [[noreturn]] void reject(const std::string& text, std::size_t offset) const;

 private:
  struct Inflater;

  std::size_t read_file(std::byte* out, std::size_t count);
  std::size_t unpack(std::byte* out, std::size_t count);
  bool refill();

  std::string path_;
  int descriptor_ = -1;
  std::size_t file_size_ = 0;
  std::size_t file_position_ = 0;
  std::size_t position_ = 0;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace xgrad::io::detail
