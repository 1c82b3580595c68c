// Reading by offset, with pread: where another process cuts a file short, a memory map would end this one.
#include <xgrad/io/input.hpp>

#include <xgrad/io/descriptor.hpp>

#include <xgrad/tensor/error.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace xgrad::io::detail {
namespace {

std::int64_t time_of(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

Input::Input(std::string path) : name_(std::move(path)) {
  const auto refuse = [this](int code) {
    throw IoError(xgrad::detail::message_prefix() + "cannot read", name_, code);
  };
  if (name_.find('\0') != name_.npos) refuse(EINVAL);
  // Without waiting, or a pipe that nobody writes to would block.
  const int number = open_retrying(name_.c_str(), O_RDONLY | O_NONBLOCK);
  if (number < 0) refuse(errno);
  try {
    descriptor_ = std::make_shared<const Descriptor>(number);
  } catch (...) {
    ::close(number);
    throw;
  }
  struct stat status {};
  if (::fstat(number, &status) != 0) refuse(errno);
  if (!S_ISREG(status.st_mode)) refuse(S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  size_ = static_cast<std::uint64_t>(status.st_size);
  written_ = time_of(status);
}

Input Input::stream(const std::string& path) {
  const auto refuse = [&](int code) {
    throw IoError(xgrad::detail::message_prefix() + "cannot read", path, code);
  };
  struct stat status {};
  const bool pipe =
      path.find('\0') == path.npos && ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  if (!pipe) {
    Input file(path);
    if (file.size_ > 0) return file;
  }
  const int number = open_retrying(path.c_str(), O_RDONLY);
  if (number < 0) refuse(errno);
  std::unique_ptr<const Descriptor> descriptor;
  try {
    descriptor = std::make_unique<const Descriptor>(number);
  } catch (...) {
    ::close(number);
    throw;
  }
  const auto text = std::make_shared<std::string>();
  Input result(path, {});
  for (std::size_t done = 0;;) {
    const std::size_t step = std::max(done, std::size_t{1} << 16);
    // Twice: a string grows, and is copied.
    result.require_memory(2 * std::uint64_t{done + step});
    text->resize(done + step);
    const ssize_t got = ::read(number, text->data() + done, step);
    if (got < 0 && errno != EINTR) refuse(errno);
    if (got > 0) done += static_cast<std::size_t>(got);
    text->resize(done);
    if (got == 0) break;
  }
  result.size_ = text->size();
  result.bytes_ = reinterpret_cast<const std::byte*>(text->data());
  result.owned_ = text;
  return result;
}

void Input::require_unchanged() const {
  struct stat status {};
  if (descriptor_ && (::fstat(descriptor_->number(), &status) != 0 || time_of(status) != written_ ||
                      static_cast<std::uint64_t>(status.st_size) != size_))
    reject("the file was written to while it was read", 0);
}

std::size_t Input::read_some(std::byte* out, std::size_t count, std::uint64_t offset) const {
  if (offset >= size_) return 0;
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset));
  if (!descriptor_) {
    std::memcpy(out, bytes_ + offset, count);
    return count;
  }
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got =
        ::pread(descriptor_->number(), out + done, std::min(count - done, std::size_t{1} << 30),
                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw IoError(xgrad::detail::message_prefix() + "cannot read", name_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void Input::read(std::byte* out, std::size_t count, std::uint64_t offset, std::string_view what) const {
  const std::size_t got = read_some(out, count, offset);
  if (got < count) reject("the file ends within " + std::string(what), offset + got);
}

std::string Input::read_text(std::size_t count, std::uint64_t offset, std::string_view what) const {
  std::string text(count, '\0');
  read(reinterpret_cast<std::byte*>(text.data()), count, offset, what);
  return text;
}

void Input::reject(const std::string& text, std::uint64_t offset) const {
  // A name in a file can be as long as the file: both ends tell what is the matter.
  constexpr std::size_t end = 500;
  throw FormatError(
      xgrad::detail::message_prefix() + name_ + ": " +
          (text.size() <= 2 * end ? text : text.substr(0, end) + " ... " + text.substr(text.size() - end)),
      offset);
}

void Input::require_memory(std::uint64_t bytes) const {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0 && bytes / static_cast<std::uint64_t>(page) >= static_cast<std::uint64_t>(pages))
    throw IoError(
        xgrad::detail::message_prefix() + "the elements take " + std::to_string(bytes) + " bytes of memory",
        name_, ENOMEM);
}

}  // namespace xgrad::io::detail
