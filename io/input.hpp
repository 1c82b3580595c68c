// What readers of files read from: bytes by offset, of an open file or of memory.
// Invariant: the size is that of the moment of opening, or of what a stream gave until its end; bytes that
// are gone since are an error, never a signal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace xgrad::io::detail {

class Descriptor;

class Input {
 public:
  /// Throws IoError when the path cannot be opened or is no regular file.
  explicit Input(std::string path);
  /// Also of a pipe, which is waited for, and of a file that does not say how long it is, as those in /proc:
  /// they are read here, until their end. Throws IoError.
  static Input stream(const std::string& path);
  /// Bytes that the caller keeps, under a name for messages.
  Input(std::string name, std::span<const std::byte> bytes)
      : name_(std::move(name)), size_(bytes.size()), bytes_(bytes.data()) {}

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }
  /// Reads up to `count` bytes from `offset` on; fewer only at the end. From several threads at once, too.
  /// Throws IoError.
  std::size_t read_some(std::byte* out, std::size_t count, std::uint64_t offset) const;
  /// Reads all of them. Throws FormatError: "the file ends within WHAT".
  void read(std::byte* out, std::size_t count, std::uint64_t offset, std::string_view what) const;
  /// The same as text.
  std::string read_text(std::size_t count, std::uint64_t offset, std::string_view what) const;
  /// Throws FormatError when the file was written to since it was opened, as far as its time tells.
  void require_unchanged() const;
  /// Throws FormatError that names the file; of a very long text, the middle is left out.
  [[noreturn]] void reject(const std::string& text, std::uint64_t offset) const;
  /// Throws IoError with ENOMEM when `bytes`, which the file's content would take, exceed the machine's
  /// memory: a file with holes is larger than anything that can be read.
  void require_memory(std::uint64_t bytes) const;

 private:
  std::string name_;
  std::uint64_t size_ = 0;
  std::int64_t written_ = 0;  // nanoseconds
  std::shared_ptr<const Descriptor> descriptor_;
  const std::byte* bytes_ = nullptr;          // where there is no descriptor
  std::shared_ptr<const std::string> owned_;  // of a stream: what bytes_ points to
};

}  // namespace xgrad::io::detail
