// Sink: a file that is written whole or not at all.
// Invariant: until commit() succeeds the path holds what it held; a Sink that goes without it leaves nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace xgrad::io::detail {

/// Writes to a temporary in the directory of the path, which takes the path's place in the end. Symbolic
/// links are followed and stay; permission bits of an old file are kept, and its owner where the process may
/// give files away; new ones are those that the process gives its files. A process that is killed leaves the
/// temporary behind: ".NAME." and eight letters.
class Sink {
 public:
  /// Throws IoError when the temporary cannot be made, or the path is no regular file or must not be written.
  explicit Sink(std::string path);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  const std::string& path() const { return path_; }
  /// Throws IoError that names the path, the cause and the bytes.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  std::uint64_t position() const { return position_; }
  /// Where the next bytes go.
  void seek(std::uint64_t position) { position_ = position; }
  /// The file is on the disk under its path. Throws IoError; unless it was the directory that could not be
  /// written to the disk, the old file is untouched.
  void commit();

 private:
  [[noreturn]] void refuse(const std::string& what, int code) const;
  void sync(int descriptor, const std::string& what) const;

  std::string path_;       // as given
  std::string target_;     // without symbolic links
  std::string temporary_;  // empty when there is none
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
};

/// Removes what a Sink has left whose process was killed; not what one still writes to.
void remove_abandoned(const std::string& temporary);

}  // namespace xgrad::io::detail
