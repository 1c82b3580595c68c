// posix_spawn, and one poll loop over what the program writes.
#include <xgrad/plot/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

extern char** environ;

namespace xgrad::plot::detail {
namespace {

// A file of the system's, closed with it. Where the process has closed its own streams, the system gives out
// their numbers, and what it prints to them would reach the program: those are exchanged for others.
class File {
 public:
  File() = default;
  explicit File(int number) : number_(number) {
    if (number_ < 0 || number_ > STDERR_FILENO) return;
    number_ = ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    ::close(number);
  }
  ~File() { close(); }
  File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  int number() const { return number_; }
  bool open() const { return number_ >= 0; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

// From the program to here.
struct Channel {
  File ours;
  File theirs;

  bool make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    ours = File(ends[0]);
    theirs = File(ends[1]);
    return ours.open() && theirs.open();
  }
};

// What the program is to read, as a file in memory: nobody waits for it to be read, and gnuplot, which takes
// a pipe byte by byte, reads it in blocks by the name /dev/stdin.
File in_memory(std::string_view text) {
  File file(::memfd_create("input", MFD_CLOEXEC));
  off_t position = 0;
  while (file.open() && !text.empty()) {
    const ssize_t count = ::pwrite(file.number(), text.data(), text.size(), position);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return {};
    position += count;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return file;
}

// The program under way, and those that it has started: ended and waited for, whatever happens.
class Child {
 public:
  explicit Child(pid_t number) : number_(number) {}
  ~Child() {
    if (!ended_) ::kill(-number_, SIGKILL);
    wait(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool ended() {
    wait(WNOHANG);
    return ended_;
  }
  bool succeeded() const { return succeeded_; }

 private:
  void wait(int options) {
    if (ended_) return;
    int status = 0;
    pid_t waited = -1;
    do waited = ::waitpid(number_, &status, options);
    while (waited < 0 && errno == EINTR);
    if (waited == 0) return;
    ended_ = true;
    // Where the process ignores SIGCHLD the system keeps no status: what was written must tell.
    succeeded_ = waited == number_ ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : errno == ECHILD;
  }

  pid_t number_;
  bool ended_ = false, succeeded_ = false;
};

std::string late_text(const Limits& limits) {
  return "it took longer than " + std::to_string(static_cast<long>(limits.seconds)) + " s";
}

// Reads what is there, and keeps `most` bytes in all; closes at the end of the stream.
void take(File& stream, std::string& text, std::size_t most) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(stream.number(), buffer.data(), buffer.size());
  if (count > 0)
    text.append(buffer.data(), std::min(static_cast<std::size_t>(count), most - std::min(most, text.size())));
  else if (count == 0 || (errno != EAGAIN && errno != EINTR))
    stream.close();
}

}  // namespace

Finished run(const std::vector<std::string>& command, std::string_view input, const Limits& limits) {
  Finished result;
  Channel out, error;
  const File in = in_memory(input);
  if (!in.open() || !out.make() || !error.make()) {
    result.error = std::strerror(errno);
    return result;
  }
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&files, in.number(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out.theirs.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, error.theirs.number(), STDERR_FILENO);
  sigset_t none, pipe_signal;
  sigemptyset(&none);
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t child = -1;
  const int failure = ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    result.error = std::strerror(failure);
    return result;
  }
  result.started = true;
  out.theirs.close();
  error.theirs.close();
  Child program(child);
  const auto end_by = std::chrono::steady_clock::now() + std::chrono::duration<double>(limits.seconds);
  while (out.ours.open() || error.ours.open()) {
    std::array<pollfd, 2> ready = {pollfd{out.ours.number(), POLLIN, 0},
                                   pollfd{error.ours.number(), POLLIN, 0}};
    // Looked at before, so that what was written before its end is in the pipes.
    const bool ended = program.ended();
    const int count = ::poll(ready.data(), ready.size(), 100);
    if (count < 0 && errno != EINTR && errno != EAGAIN) break;
    if (count > 0 && ready[0].revents != 0) take(out.ours, result.output, limits.output + 1);
    if (count > 0 && ready[1].revents != 0) take(error.ours, result.error, limits.error);
    // What a program has left running would hold the pipes open.
    if (count == 0 && ended) {
      ::kill(-child, SIGKILL);
      break;
    }
    const bool late = std::chrono::steady_clock::now() > end_by;
    if (late || result.output.size() > limits.output) {
      result.output.clear();
      result.error =
          late ? late_text(limits) : "it wrote more than " + std::to_string(limits.output) + " bytes";
      return result;
    }
  }
  out.ours.close();
  error.ours.close();
  // It may have closed its streams and go on.
  while (!program.ended() && std::chrono::steady_clock::now() < end_by)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (!program.ended()) result.error = late_text(limits);
  result.succeeded = program.succeeded();
  return result;
}

}  // namespace xgrad::plot::detail
