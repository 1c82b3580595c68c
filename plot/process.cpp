// posix_spawn, and one poll loop over the three streams.
#include <xgrad/plot/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

namespace xgrad::plot::detail {
namespace {

// Two connected ends, closed with it. Sockets: writing to one whose reader has gone can be an error without a
// signal.
class Channel {
 public:
  Channel() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) != 0) {
      ends_ = {-1, -1};
      return;
    }
    // Where the process has closed its own streams, the ends get their numbers, and what it prints to them
    // would reach the program.
    for (int& end : ends_)
      if (end <= STDERR_FILENO) {
        const int higher = ::fcntl(end, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        ::close(std::exchange(end, higher));
      }
  }
  ~Channel() {
    close_ours();
    close_theirs();
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool made() const { return ends_[0] >= 0 && ends_[1] >= 0; }
  int ours() const { return ends_[0]; }
  int theirs() const { return ends_[1]; }
  void close_ours() { close(ends_[0]); }
  void close_theirs() { close(ends_[1]); }

 private:
  static void close(int& end) {
    if (end >= 0) ::close(std::exchange(end, -1));
  }
  std::array<int, 2> ends_{-1, -1};
};

// Reads what is there; closes at the end of the stream.
void take(Channel& channel, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::recv(channel.ours(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  else if (count == 0 || (errno != EAGAIN && errno != EINTR))
    channel.close_ours();
}

void give(Channel& channel, std::string_view& text) {
  const ssize_t count = ::send(channel.ours(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  const bool gone = count < 0 && errno != EAGAIN && errno != EINTR;
  if (gone || text.empty()) channel.close_ours();
}

}  // namespace

Finished run(const std::vector<std::string>& command, std::string_view input) {
  Finished result;
  Channel in, out, error;
  if (!in.made() || !out.made() || !error.made()) {
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
  ::posix_spawn_file_actions_adddup2(&files, in.theirs(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out.theirs(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, error.theirs(), STDERR_FILENO);
  sigset_t none, pipe_signal;
  sigemptyset(&none);
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = -1;
  const int failure = ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    result.error = std::strerror(failure);
    return result;
  }
  result.started = true;
  for (Channel* channel : {&in, &out, &error}) channel->close_theirs();
  if (input.empty()) in.close_ours();
  // Memory that is missing must not leave the child behind: the channels are closed, which ends it.
  const auto wait = [&] {
    int status = 0;
    pid_t waited = -1;
    do waited = ::waitpid(child, &status, 0);
    while (waited < 0 && errno == EINTR);
    // Where the process ignores SIGCHLD the system keeps no status: what was written must tell.
    return waited == child ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : errno == ECHILD;
  };
  try {
    while (out.ours() >= 0 || error.ours() >= 0) {
      std::array<pollfd, 3> ready = {pollfd{in.ours(), POLLOUT, 0}, pollfd{out.ours(), POLLIN, 0},
                                     pollfd{error.ours(), POLLIN, 0}};
      if (::poll(ready.data(), ready.size(), -1) < 0) {
        if (errno == EINTR || errno == EAGAIN) continue;
        break;
      }
      if (in.ours() >= 0 && ready[0].revents != 0) give(in, input);
      if (out.ours() >= 0 && ready[1].revents != 0) take(out, result.output);
      if (error.ours() >= 0 && ready[2].revents != 0) take(error, result.error);
    }
  } catch (...) {
    for (Channel* channel : {&in, &out, &error}) channel->close_ours();
    wait();
    throw;
  }
  for (Channel* channel : {&in, &out, &error}) channel->close_ours();
  result.succeeded = wait();
  return result;
}

}  // namespace xgrad::plot::detail
