// zip archives, read from an Input and written to a Sink. zip.cpp alone includes libzip; in a build without
// it everything here throws NotImplementedError. Invariant: what members unpack to has been compared with a
// limit before one is unpacked, and a member counts as read when its check sum was right.
#pragma once

#include <xgrad/io/contents.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xgrad::io::detail {

struct ZipMember {
  std::string name;
  std::uint64_t size;  ///< of the content
  bool packed;
};

/// Bytes of a member in order. No other stream of the archive can be opened while it lives: it holds a lock.
class ZipStream {
 public:
  ZipStream(ZipStream&&) noexcept;
  ZipStream& operator=(ZipStream&&) = delete;
  ~ZipStream();

  /// Throws FormatError where the member ends or is damaged.
  void read(std::byte* out, std::size_t count);
  void skip(std::uint64_t count);
  /// Reads what is left, and compares the check sum.
  void finish();
  /// Throws FormatError that names the member. The offset counts from the member's start; in a packed one
  /// where there is no such offset in the file, the place of what was last read is named.
  [[noreturn]] void reject(const std::string& text, std::uint64_t offset) const;

 private:
  friend class ZipReader;
  struct State;
  explicit ZipStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// An archive that is open; copies share it. From several threads at once, too.
class ZipReader {
 public:
  /// Throws FormatError on damage, members that are encrypted, packed in a way that is not read or of one
  /// name, and when packed members unpack to more than `max_unpacked` bytes.
  ZipReader(const SharedInput& input, std::uint64_t max_unpacked);

  const std::vector<ZipMember>& members() const;
  /// What the archive says of itself.
  const std::string& comment() const;
  std::optional<std::size_t> find(std::string_view name) const;
  ZipStream open(std::size_t member) const;
  /// The whole content, which finish() has seen.
  std::string text(std::size_t member) const;
  /// Where the content stands in the file, when it is not packed and its check sum was compared.
  std::optional<std::uint64_t> verified_at(std::size_t member) const;
  /// Throws FormatError that names the member.
  [[noreturn]] void reject(std::size_t member, const std::string& text, std::uint64_t offset = 0) const;

 private:
  friend class ZipStream;
  struct State;
  std::shared_ptr<State> state_;
};

/// ReadOptions::max_unpacked, or what stands for 0.
std::uint64_t unpacked_limit(const ReadOptions& options, const Input& input);

/// Writes an archive of members that are not packed. The same members give the same bytes.
class ZipWriter {
 public:
  explicit ZipWriter(Sink& sink, const std::string& comment = {});
  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  /// `front`, then `rest`, which the caller keeps until finish(). Throws ValueError on a name that archives
  /// cannot have.
  void add(const std::string& name, std::string front, std::span<const std::byte> rest = {});
  /// Throws IoError.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace xgrad::io::detail
