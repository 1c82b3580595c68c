// Files of the system's; private to io/.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace xgrad::io::detail {

/// Closes what it is given, unless that is negative.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

/// open(), begun again where a signal interrupts it.
inline int open_retrying(const char* path, int flags, mode_t mode = 0) {
  int number = -1;
  do number = ::open(path, flags | O_CLOEXEC, mode);
  while (number < 0 && errno == EINTR);
  return number;
}

}  // namespace xgrad::io::detail
