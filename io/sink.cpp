// Atomic writing: temporary file, fsync, rename, fsync of the directory.
#include <xgrad/io/sink.hpp>

#include <xgrad/io/descriptor.hpp>

#include <xgrad/tensor/error.hpp>

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <random>
#include <utility>

namespace xgrad::io::detail {
namespace {

namespace fs = std::filesystem;

std::string directory_of(const std::string& path) {
  const std::string directory = fs::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

// ".weights.npz.x4hq0m2z": beside the target, hidden, and not too long for any file system.
std::string temporary_name(const std::string& target) {
  constexpr char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string name = "." + fs::path(target).filename().string().substr(0, 200) + ".";
  std::random_device random;
  for (int i = 0; i < 8; ++i) name += letters[random() % (sizeof letters - 1)];
  return directory_of(target) + "/" + name;
}

}  // namespace

void Sink::refuse(const std::string& what, int code) const {
  throw IoError(xgrad::detail::message_prefix() + what, path_, code);
}

Sink::Sink(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_.empty()) refuse("cannot write", ENOENT);
  if (path_.find('\0') != path_.npos) refuse("cannot write", EINVAL);
  std::error_code error;
  // Where the process is now: it may go elsewhere meanwhile.
  target_ = fs::absolute(path_, error).string();
  if (error) refuse("cannot write", error.value());
  // Where it cannot be told whether this is a link, the rename might replace one.
  const auto is_link = [&] {
    const bool link = fs::is_symlink(target_, error);
    if (error && error != std::errc::no_such_file_or_directory) refuse("cannot write", error.value());
    return link;
  };
  for (int links = 0; is_link(); ++links) {
    if (links == 40) refuse("cannot write", ELOOP);
    const fs::path next = fs::read_symlink(target_, error);
    if (error) refuse("cannot write", error.value());
    target_ = (fs::path(target_).parent_path() / next).string();
  }

  struct stat former {};
  const bool exists = ::stat(target_.c_str(), &former) == 0;
  if (!exists && errno != ENOENT) refuse("cannot write", errno);
  if (exists && !S_ISREG(former.st_mode)) refuse("cannot write", S_ISDIR(former.st_mode) ? EISDIR : EINVAL);
  // The rename asks nobody whether the file may be written.
  if (exists && ::access(target_.c_str(), W_OK) != 0) refuse("cannot write", errno);
  constexpr mode_t readable_for_all = 0666;
  const mode_t mode = exists ? former.st_mode & 07777 : readable_for_all;
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    std::string name = temporary_name(target_);
    descriptor_ = open_retrying(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode & 0777);
    if (descriptor_ >= 0) {
      // Tells remove_abandoned() that this process lives; a file system that has no locks may do without.
      ::flock(descriptor_, LOCK_EX | LOCK_NB);
      temporary_ = std::move(name);
    } else if (errno != EEXIST || attempt == 100) {
      refuse("cannot make a temporary file beside", errno);
    }
  }
  if (!exists) return;
  // The old file's owner keeps it where the process may give files away; bits that lend an owner's rights are
  // not lent to another. The process's mask has taken bits that the old file has.
  const bool same_owner = ::fchown(descriptor_, former.st_uid, former.st_gid) == 0;
  if (::fchmod(descriptor_, same_owner ? mode : mode & 0777) != 0) {
    const int code = errno;
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
    refuse("cannot give a temporary file the permissions of", code);
  }
}

Sink::~Sink() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void Sink::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // As cat and cp do: a system that puts large writes into large pages of its cache can take five times as
    // long.
    constexpr std::size_t most = std::size_t{128} << 10;
    const std::size_t count = std::min(bytes.size(), most);
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), count, static_cast<off_t>(position_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      refuse("cannot write " + std::to_string(bytes.size()) + " bytes from byte " +
                 std::to_string(position_) + " on",
             written < 0 ? errno : EIO);
    position_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void Sink::sync(int descriptor, const std::string& what) const {
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    if (errno == EINVAL) return;  // nothing there can be written to a disk
    refuse(what, errno);
  }
}

void Sink::commit() {
  const std::string content = std::to_string(position_) + " bytes";
  sync(descriptor_, "cannot write " + content + " to the disk");
  // The descriptor is gone whatever close() says; interrupted, it has done its work.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR)
    refuse("cannot write " + content, errno);
  // Opened first, so that after the rename as little as possible can fail.
  const Descriptor directory(open_retrying(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY));
  // One that must not be read can still be written to: the rename stands, and the system keeps it.
  if (directory.number() < 0 && errno != EACCES) refuse("cannot open the directory of", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    refuse("cannot put " + content + " in the place of", errno);
  temporary_.clear();
  if (directory.number() >= 0) sync(directory.number(), "cannot write to the disk the directory of");
}

void remove_abandoned(const std::string& temporary) {
  const Descriptor file(open_retrying(temporary.c_str(), O_RDONLY));
  if (file.number() >= 0 && ::flock(file.number(), LOCK_EX | LOCK_NB) == 0) ::unlink(temporary.c_str());
}

}  // namespace xgrad::io::detail
