// Files and gzip streams (RFC 1952), through zlib.
#include <xgrad/io/byte_source.hpp>

#include <xgrad/tensor/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

namespace xgrad::io::detail {

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

ByteSource::ByteSource(std::string path) : path_(std::move(path)) {
  const auto refuse = [this](int code) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw IoError(xgrad::detail::message_prefix() + "cannot read", path_, code);
  };
  // Without waiting, or a pipe that nobody writes to would block.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) refuse(errno);
  if (!S_ISREG(status.st_mode)) refuse(S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  file_size_ = static_cast<std::size_t>(status.st_size);
  try {
    std::array<std::byte, 2> magic{};
    const bool packed =
        read_file(magic.data(), 2) == 2 && magic[0] == std::byte{0x1f} && magic[1] == std::byte{0x8b};
    if (::lseek(descriptor_, 0, SEEK_SET) != 0) throw IoError("cannot read", path_, errno);
    file_position_ = 0;
    if (packed) inflater_ = std::make_unique<Inflater>();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

ByteSource::~ByteSource() { ::close(descriptor_); }

std::size_t ByteSource::limit() const {
  // Deflate packs 258 bytes into 2 bits at best.
  constexpr std::size_t best_ratio = 1032;
  std::size_t limit = 0;
  return packed() && __builtin_mul_overflow(file_size_, best_ratio, &limit) ? ~std::size_t{0}
         : packed()                                                         ? limit
                                                                            : file_size_;
}

void ByteSource::require_memory(std::size_t bytes) const {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0 && bytes / static_cast<std::size_t>(page) >= static_cast<std::size_t>(pages))
    throw IoError(
        xgrad::detail::message_prefix() + "the elements take " + std::to_string(bytes) + " bytes of memory",
        path_, ENOMEM);
}

void ByteSource::reject(const std::string& text, std::size_t offset) const {
  throw FormatError(xgrad::detail::message_prefix() + path_ + ": " + text, offset);
}

std::size_t ByteSource::read(std::byte* out, std::size_t count) {
  const std::size_t done = packed() ? unpack(out, count) : read_file(out, count);
  position_ += done;
  return done;
}

std::size_t ByteSource::read_file(std::byte* out, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::read(descriptor_, out + done, std::min(count - done, std::size_t{1} << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw IoError(xgrad::detail::message_prefix() + "cannot read", path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  file_position_ += done;
  return done;
}

// True when there are packed bytes to work on.
bool ByteSource::refill() {
  z_stream& stream = inflater_->stream;
  if (stream.avail_in > 0) return true;
  const std::size_t got = read_file(inflater_->packed.data(), inflater_->packed.size());
  stream.next_in = reinterpret_cast<Bytef*>(inflater_->packed.data());
  stream.avail_in = static_cast<uInt>(got);
  return got > 0;
}

std::size_t ByteSource::unpack(std::byte* out, std::size_t count) {
  z_stream& stream = inflater_->stream;
  const auto packed_offset = [&] { return file_position_ - stream.avail_in; };
  std::size_t done = 0;
  while (done < count && !inflater_->ended) {
    if (!refill()) reject("the gzip stream is cut short", packed_offset());
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
      reject(std::string("the gzip stream is damaged: ") +
                 (stream.msg != nullptr ? stream.msg : "unexpected dictionary"),
             packed_offset());
    }
  }
  return done;
}

}  // namespace xgrad::io::detail
