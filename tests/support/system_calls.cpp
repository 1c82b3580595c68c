// The calls have libc's names and go to the kernel past libc's functions.
#include <support/system_calls.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <utility>

namespace xgrad::test {
namespace {

struct Armed {
  const Faults* faults;
  std::vector<Call> calls;
};
thread_local Armed* armed = nullptr;

[[noreturn]] void end_process() {
  for (;;) ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGKILL);
}

Fault next(Call call) {
  if (armed == nullptr) return {};
  // What the test itself calls meanwhile is no call of the library.
  Armed* const now = std::exchange(armed, nullptr);
  const Fault fault = (*now->faults)(call, now->calls.size());
  now->calls.push_back(call);
  armed = now;
  if (fault.kind == Fault::kill_before) end_process();
  return fault;
}

// The call with what befalls it.
template <class... Arguments>
int run(Call call, long number, Arguments... arguments) {
  const Fault fault = next(call);
  if (fault.kind == Fault::error) {
    if (call == Call::close) ::syscall(number, arguments...);
    errno = fault.code;
    return -1;
  }
  const long result = ::syscall(number, arguments...);
  if (fault.kind == Fault::kill_after || fault.kind == Fault::kill_within) end_process();
  return static_cast<int>(result);
}

// A call that reads or writes up to `count` bytes: work(bytes).
template <class Work>
ssize_t run_transfer(Call call, std::size_t count, const Work& work) {
  const Fault fault = next(call);
  if (fault.kind == Fault::error) {
    errno = fault.code;
    return -1;
  }
  const bool whole = fault.kind != Fault::half && fault.kind != Fault::kill_within;
  const ssize_t written = work(whole ? count : (count + 1) / 2);
  if (fault.kind == Fault::kill_after || fault.kind == Fault::kill_within) end_process();
  return written;
}

int open_at(int directory, const char* path, int flags, mode_t mode) {
  return run(Call::open, SYS_openat, directory, path, flags, mode);
}
int stat_at(const char* path, struct stat* status, int flags) {
  return run(Call::stat, SYS_newfstatat, AT_FDCWD, path, status, flags);
}

mode_t mode_in(int flags, va_list arguments) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

std::vector<Call> with_faults(const Faults& faults, const std::function<void()>& f) {
  Armed now{&faults, {}};
  armed = &now;
  try {
    f();
  } catch (...) {
    armed = nullptr;
    throw;
  }
  armed = nullptr;
  return now.calls;
}

}  // namespace xgrad::test

// ---------------------------------------------------------------------------------------------- libc's names

// By their names in the object: where files have offsets of 64 bits, libc's headers give `open` the name
// open64.
using xgrad::test::Call;

extern "C" {

int its_open(const char* path, int flags, ...) __asm__("open");
int its_open64(const char* path, int flags, ...) __asm__("open64") __attribute__((alias("open")));
int its_openat(int directory, const char* path, int flags, ...) __asm__("openat");
int its_openat64(int directory, const char* path, int flags, ...) __asm__("openat64")
    __attribute__((alias("openat")));
int its_stat(const char* path, struct stat* status) __asm__("stat");
int its_stat64(const char* path, struct stat* status) __asm__("stat64") __attribute__((alias("stat")));
int its_lstat(const char* path, struct stat* status) __asm__("lstat");
int its_lstat64(const char* path, struct stat* status) __asm__("lstat64") __attribute__((alias("lstat")));
int its_access(const char* path, int mode) __asm__("access");
ssize_t its_readlink(const char* path, char* text, size_t size) __asm__("readlink");
int its_fchmod(int descriptor, mode_t mode) __asm__("fchmod");
ssize_t its_write(int descriptor, const void* bytes, size_t count) __asm__("write");
ssize_t its_pwrite(int descriptor, const void* bytes, size_t count, off_t offset) __asm__("pwrite");
ssize_t its_pwrite64(int descriptor, const void* bytes, size_t count, off_t offset) __asm__("pwrite64")
    __attribute__((alias("pwrite")));
ssize_t its_read(int descriptor, void* bytes, size_t count) __asm__("read");
ssize_t its_pread(int descriptor, void* bytes, size_t count, off_t offset) __asm__("pread");
ssize_t its_pread64(int descriptor, void* bytes, size_t count, off_t offset) __asm__("pread64")
    __attribute__((alias("pread")));
int its_ftruncate(int descriptor, off_t size) __asm__("ftruncate");
int its_ftruncate64(int descriptor, off_t size) __asm__("ftruncate64") __attribute__((alias("ftruncate")));
int its_fsync(int descriptor) __asm__("fsync");
int its_fdatasync(int descriptor) __asm__("fdatasync");
int its_close(int descriptor) __asm__("close");
int its_rename(const char* from, const char* to) __asm__("rename");
int its_unlink(const char* path) __asm__("unlink");

int its_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = xgrad::test::mode_in(flags, arguments);
  va_end(arguments);
  return xgrad::test::open_at(AT_FDCWD, path, flags, mode);
}
int its_openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = xgrad::test::mode_in(flags, arguments);
  va_end(arguments);
  return xgrad::test::open_at(directory, path, flags, mode);
}
int its_stat(const char* path, struct stat* status) { return xgrad::test::stat_at(path, status, 0); }
int its_lstat(const char* path, struct stat* status) {
  return xgrad::test::stat_at(path, status, AT_SYMLINK_NOFOLLOW);
}
int its_access(const char* path, int mode) {
  return xgrad::test::run(Call::access, SYS_faccessat, AT_FDCWD, path, mode);
}
ssize_t its_readlink(const char* path, char* text, size_t size) {
  return xgrad::test::run(Call::readlink, SYS_readlinkat, AT_FDCWD, path, text, size);
}
int its_fchmod(int descriptor, mode_t mode) {
  return xgrad::test::run(Call::chmod, SYS_fchmod, descriptor, mode);
}
ssize_t its_write(int descriptor, const void* bytes, size_t count) {
  return xgrad::test::run_transfer(
      Call::write, count, [&](size_t most) { return ::syscall(SYS_write, descriptor, bytes, most); });
}
ssize_t its_pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  return xgrad::test::run_transfer(Call::write, count, [&](size_t most) {
    return ::syscall(SYS_pwrite64, descriptor, bytes, most, offset);
  });
}
ssize_t its_read(int descriptor, void* bytes, size_t count) {
  return xgrad::test::run_transfer(Call::read, count,
                                   [&](size_t most) { return ::syscall(SYS_read, descriptor, bytes, most); });
}
ssize_t its_pread(int descriptor, void* bytes, size_t count, off_t offset) {
  return xgrad::test::run_transfer(Call::read, count, [&](size_t most) {
    return ::syscall(SYS_pread64, descriptor, bytes, most, offset);
  });
}
int its_ftruncate(int descriptor, off_t size) {
  return xgrad::test::run(Call::truncate, SYS_ftruncate, descriptor, size);
}
int its_fsync(int descriptor) { return xgrad::test::run(Call::sync, SYS_fsync, descriptor); }
int its_fdatasync(int descriptor) { return xgrad::test::run(Call::sync, SYS_fdatasync, descriptor); }
int its_close(int descriptor) { return xgrad::test::run(Call::close, SYS_close, descriptor); }
int its_rename(const char* from, const char* to) {
  return xgrad::test::run(Call::rename, SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int its_unlink(const char* path) { return xgrad::test::run(Call::unlink, SYS_unlinkat, AT_FDCWD, path, 0); }

}  // extern "C"
