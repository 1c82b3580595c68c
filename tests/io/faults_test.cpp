// Saving while system calls fail, do half of their work, or the process is killed: the path always holds the
// old file or the new one, whole.
#include "saving.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/error.hpp>

#include <support/messages.hpp>
#include <support/system_calls.hpp>

#include <doctest/doctest.h>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sched.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>

namespace {

using namespace xgrad;
namespace fs = std::filesystem;
using test::Bytes, test::Call, test::contains, test::Fault, test::TemporaryDirectory, test::versioned;

constexpr int error_codes[] = {ENOSPC, EIO, EACCES, EDQUOT};
constexpr mode_t old_mode = 0640;

// A directory with one file to save over: `old` is there, `fresh` would be saved.
struct Scene {
  Scene(const std::string& format, Index count, bool exists)
      : path(directory.path("model." + format)), dict(versioned(count, 2)) {
    fresh = test::bytes_when_saved(dict, format);
    if (exists) old = test::bytes_when_saved(versioned(count / 2, 1), format);
    restore();
  }

  // Only the old file is there, or none.
  void restore() const {
    for (const std::string& name : names()) fs::remove(directory.path(name));
    if (old.empty()) return;
    directory.write(fs::path(path).filename(), old);
    REQUIRE(::chmod(path.c_str(), old_mode) == 0);
  }
  void save() const { io::save(path, dict); }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(directory.path("")))
      result.push_back(entry.path().filename());
    return result;
  }
  bool holds(const Bytes& bytes) const {
    if (bytes.empty()) return !fs::exists(path);
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && (old.empty() || (status.st_mode & 07777) == old_mode) &&
           test::read_file(path) == bytes;
  }
  std::size_t temporaries() const {
    const auto all = names();
    return all.size() - static_cast<std::size_t>(fs::exists(path));
  }

  TemporaryDirectory directory{test::fast_directory()};
  std::string path;
  StateDict dict;
  Bytes old, fresh;
};

// Every format, sizes from one write to several, with an old file and without.
template <class F>
void for_scenes(const F& f) {
  for (const std::string& format : test::saved_formats())
    for (const Index count : {1, 1000, 50'000})
      for (const bool exists : {true, false}) {
        const Scene scene(format, count, exists);
        CAPTURE(format);
        CAPTURE(count);
        CAPTURE(exists);
        f(scene);
      }
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

struct Outcome {
  bool thrown = false;
  int code = 0;
  std::string path, text;
  std::vector<Call> calls;
};
Outcome save_with(const test::Faults& faults, const Scene& scene) {
  Outcome outcome;
  outcome.calls = test::with_faults(faults, [&] {
    try {
      scene.save();
    } catch (const IoError& error) {
      outcome.thrown = true;
      outcome.code = error.code();
      outcome.path = error.path();
      outcome.text = error.what();
    }
  });
  return outcome;
}

Outcome save_without_faults(const Scene& scene) {
  const Outcome outcome = save_with([](Call, std::size_t) { return Fault{}; }, scene);
  REQUIRE_FALSE(outcome.thrown);
  REQUIRE(scene.holds(scene.fresh));
  scene.restore();
  return outcome;
}

// The error of a call is the one that is thrown, with all that a user needs to know.
void check_message(const Outcome& outcome, const Scene& scene, Call failed, int code) {
  CHECK(outcome.path == scene.path);
  CHECK(outcome.code == code);
  CAPTURE(outcome.text);
  CHECK(contains(outcome.text, {"io::save", scene.path.c_str(), std::strerror(code)}));
  if (failed == Call::write) CHECK(contains(outcome.text, {"cannot write ", " bytes from byte "}));
}

}  // namespace

TEST_CASE("saving: the file is on the disk before it takes the path, the directory after") {
  for_scenes([](const Scene& scene) {
    const std::vector<Call> calls = save_without_faults(scene).calls;
    const auto written = std::find(calls.rbegin(), calls.rend(), Call::write).base();
    const std::vector<Call> rest(written, calls.end());
    CHECK(rest ==
          std::vector<Call>{Call::sync, Call::close, Call::open, Call::rename, Call::sync, Call::close});
    CHECK(std::count(calls.begin(), calls.end(), Call::write) > 1);
    CHECK(std::count(calls.begin(), calls.end(), Call::chmod) == (scene.old.empty() ? 0 : 1));
    CHECK(std::count(calls.begin(), calls.end(), Call::rename) == 1);
  });
}

TEST_CASE("saving: each system call fails") {
  int failures = 0;
  for_scenes([&](const Scene& scene) {
    const std::size_t calls = save_without_faults(scene).calls.size(), descriptors = open_descriptors();
    for (std::size_t k = 0; k < calls; ++k)
      for (const int code : error_codes) {
        CAPTURE(k);
        CAPTURE(code);
        const Outcome outcome = save_with(
            [&](Call, std::size_t position) {
              return position == k ? Fault{Fault::error, code} : Fault{};
            },
            scene);
        const Call failed = outcome.calls.at(k);
        const bool renamed = std::count(outcome.calls.begin(), outcome.calls.end(), Call::rename) > 0 &&
                             failed != Call::rename;
        // Once the directory is on the disk, or must not be read, nothing is left to fail.
        const bool harmless = renamed && (failed == Call::close || (failed == Call::open && code == EACCES));
        CHECK(outcome.thrown == !harmless);
        if (outcome.thrown) check_message(outcome, scene, failed, code);
        CHECK(scene.holds(renamed ? scene.fresh : scene.old));
        CHECK(scene.temporaries() == 0);
        CHECK(open_descriptors() == descriptors);
        failures += 1;
        scene.restore();
      }
  });
  MESSAGE(failures << " failures of a call");
}

TEST_CASE("saving: from some call on everything fails") {
  for_scenes([&](const Scene& scene) {
    const std::size_t calls = save_without_faults(scene).calls.size(), descriptors = open_descriptors();
    for (std::size_t k = 0; k < calls; ++k) {
      CAPTURE(k);
      const Outcome outcome = save_with(
          [&](Call, std::size_t position) {
            return position >= k ? Fault{Fault::error, EIO} : Fault{};
          },
          scene);
      const bool last = k + 1 == calls;
      CHECK(outcome.thrown == !last);
      // The first failure is told, not that of clearing up, after which the temporary cannot but stay.
      if (outcome.thrown) check_message(outcome, scene, outcome.calls.at(k), EIO);
      CHECK((scene.holds(scene.old) || scene.holds(scene.fresh)));
      CHECK(scene.temporaries() <= 1);
      CHECK(open_descriptors() == descriptors);
      scene.restore();
    }
  });
}

TEST_CASE("saving: a disk that fills up in the middle of a write") {
  for_scenes([&](const Scene& scene) {
    const std::size_t calls = save_without_faults(scene).calls.size();
    for (std::size_t k = 0; k < calls; ++k) {
      CAPTURE(k);
      bool full = false;
      const Outcome outcome = save_with(
          [&](Call call, std::size_t position) {
            if (call != Call::write || position < k) return Fault{};
            return std::exchange(full, true) ? Fault{Fault::error, ENOSPC} : Fault{Fault::half};
          },
          scene);
      if (outcome.thrown) check_message(outcome, scene, Call::write, ENOSPC);
      CHECK(scene.holds(outcome.thrown ? scene.old : scene.fresh));
      CHECK(scene.temporaries() == 0);
      scene.restore();
    }
  });
}

TEST_CASE("saving: short writes and interrupted calls are gone on with") {
  const auto interruptible = [](Call call) {
    return call == Call::open || call == Call::write || call == Call::sync || call == Call::close;
  };
  for_scenes([&](const Scene& scene) {
    const std::size_t descriptors = open_descriptors();
    const auto check = [&](const test::Faults& faults) {
      const Outcome outcome = save_with(faults, scene);
      CAPTURE(outcome.text);
      CHECK_FALSE(outcome.thrown);
      CHECK(scene.holds(scene.fresh));
      CHECK(scene.temporaries() == 0);
      CHECK(open_descriptors() == descriptors);
      scene.restore();
    };
    check([](Call call, std::size_t) { return call == Call::write ? Fault{Fault::half} : Fault{}; });
    const std::vector<Call> calls = save_without_faults(scene).calls;
    for (std::size_t k = 0; k < calls.size(); ++k) {
      CAPTURE(k);
      check([&](Call call, std::size_t position) {
        return position == k && interruptible(call) ? Fault{Fault::error, EINTR} : Fault{};
      });
    }
    // Three interruptions before each success; an interrupted close() has closed.
    int interruptions = 0;
    check([&](Call call, std::size_t) {
      if (call == Call::close) return Fault{Fault::error, EINTR};
      if (!interruptible(call) || ++interruptions % 4 == 0)
        return Fault{call == Call::write ? Fault::half : Fault::none};
      return Fault{Fault::error, EINTR};
    });
  });
}

TEST_CASE("saving: killed at each system call") {
  int kills = 0;
  const auto killed_at = [&](const Scene& scene, std::size_t k, Fault::Kind how, bool slowly) {
    const int status = test::status_of_child([&] {
      const std::vector<Call> calls = test::with_faults(
          [&](Call call, std::size_t position) {
            return position == k ? Fault{how}
                                 : Fault{slowly && call == Call::write ? Fault::half : Fault::none};
          },
          [&] { scene.save(); });
      return calls.size() > k ? 98 : 0;
    });
    if (!WIFSIGNALED(status)) {
      CHECK(status == 0);
      CHECK(scene.holds(scene.fresh));
      scene.restore();
      return false;
    }
    CHECK(WTERMSIG(status) == SIGKILL);
    kills += 1;
    CHECK((scene.holds(scene.old) || scene.holds(scene.fresh)));
    CHECK(scene.temporaries() <= 1);
    for (const std::string& name : scene.names())
      CHECK((scene.directory.path(name) == scene.path || name.starts_with(".model.")));
    // What is left behind is in nobody's way.
    scene.save();
    CHECK(scene.holds(scene.fresh));
    scene.restore();
    return true;
  };
  for_scenes([&](const Scene& scene) {
    for (const Fault::Kind how : {Fault::kill_before, Fault::kill_within, Fault::kill_after})
      for (const bool slowly : {false, true}) {
        // Half written each time, a file takes many calls.
        if (slowly && (scene.old.empty() || scene.dict[0].second.count() != 1000)) continue;
        for (std::size_t k = 0; killed_at(scene, k, how, slowly); ++k) CAPTURE(k);
      }
  });
  CHECK(kills >= 400 * static_cast<int>(test::saved_formats().size()));
  MESSAGE(kills << " kills at a call");
}

TEST_CASE("saving: killed at any moment") {
  std::mt19937 random(7);
  int kills = 0, fresh = 0;
  for (const std::string& format : test::saved_formats()) {
    const Scene scene(format, 100'000, true);
    const StateDict former = versioned(50'000, 1);
    for (int i = 0; i < 200; ++i) {
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        for (;;) {
          scene.save();
          io::save(scene.path, former);
        }
      }
      ::usleep(static_cast<useconds_t>(random() % 3000));
      ::kill(child, SIGKILL);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
      const bool is_fresh = scene.holds(scene.fresh);
      CHECK((is_fresh || scene.holds(scene.old)));
      CHECK(scene.temporaries() <= 1);
      fresh += is_fresh;
      kills += 1;
      scene.restore();
    }
  }
  CHECK(fresh > 0);
  CHECK(fresh < kills);
}

// --------------------------------------------------------------------------------------------------- loading

TEST_CASE("loading: reads that fail, give half, or are interrupted") {
  for_scenes([](const Scene& scene) {
    scene.save();
    const std::size_t descriptors = open_descriptors();
    // What is loaded, or the error.
    struct Loaded {
      StateDict dict;
      std::string path, text;
      int code = 0;
      std::vector<Call> calls;
    };
    const auto load_with = [&](const test::Faults& faults) {
      Loaded loaded;
      loaded.calls = test::with_faults(faults, [&] {
        try {
          loaded.dict = io::load(scene.path);
        } catch (const IoError& error) {
          loaded.path = error.path();
          loaded.text = error.what();
          loaded.code = error.code();
        }
      });
      CHECK(open_descriptors() == descriptors);
      return loaded;
    };
    const auto check_whole = [&](const Loaded& loaded) {
      CAPTURE(loaded.text);
      REQUIRE(loaded.dict.size() == scene.dict.size());
      for (const auto& [name, tensor] : scene.dict) CHECK(bitwise_equal(loaded.dict.at(name), tensor));
    };
    const Loaded whole = load_with([](Call, std::size_t) { return Fault{}; });
    check_whole(whole);
    check_whole(
        load_with([](Call call, std::size_t) { return call == Call::read ? Fault{Fault::half} : Fault{}; }));
    int interruptions = 0;
    check_whole(load_with([&](Call call, std::size_t) {
      const bool interrupted = (call == Call::read || call == Call::open) && ++interruptions % 4 != 0;
      return interrupted ? Fault{Fault::error, EINTR} : Fault{};
    }));
    for (std::size_t k = 0; k < whole.calls.size(); ++k) {
      if (whole.calls[k] != Call::read && whole.calls[k] != Call::open) continue;
      CAPTURE(k);
      const Loaded failed = load_with([&](Call, std::size_t position) {
        return position == k ? Fault{Fault::error, EIO} : Fault{};
      });
      CAPTURE(failed.text);
      CHECK(failed.code == EIO);
      CHECK(failed.path == scene.path);
      CHECK(contains(failed.text, {"io::load", "cannot read", "Input/output error"}));
    }
    scene.restore();
  });
}

// ------------------------------------------------------------------------------------- faults that are real

namespace {

// Calls f in a child with a file system of `size` bytes of its own at `where`. False where the system does
// not let one make one.
enum class Mounted { done, failed, impossible };
template <class F>
Mounted with_small_disk(const std::string& where, const std::string& size, const F& f) {
  constexpr int impossible = 77;
  const int status = test::status_of_child([&] {
    if (::unshare(CLONE_NEWNS) != 0) {
      // Not the superuser: who may mount in a space of users of its own, where it stays who it is.
      const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return impossible;
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << user + " " + user + " 1";
      std::ofstream("/proc/self/gid_map") << group + " " + group + " 1";
    }
    // What happens here stays here.
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("tmpfs", where.c_str(), "tmpfs", 0, ("size=" + size + ",mode=0777").c_str()) != 0)
      return impossible;
    return f() ? 0 : 1;
  });
  return status == 0                                              ? Mounted::done
         : WIFEXITED(status) && WEXITSTATUS(status) == impossible ? Mounted::impossible
                                                                  : Mounted::failed;
}

// The text and the code of the error that saving gives.
std::pair<std::string, int> error_of_saving(const std::string& path, const StateDict& dict) {
  try {
    io::save(path, dict);
  } catch (const IoError& error) {
    return {error.what(), error.path() == path ? error.code() : -1};
  }
  return {"saved", 0};
}

}  // namespace

TEST_CASE("saving: a disk that is full") {
  for (const std::string& format : test::saved_formats()) {
    CAPTURE(format);
    const TemporaryDirectory directory;
    const std::string path = directory.path("model." + format);
    const StateDict first = versioned(1000, 1), second = versioned(100'000, 2);
    const Bytes old = test::bytes_when_saved(first, format);
    const auto full = [&] {
      io::save(path, first);
      const auto [text, code] = error_of_saving(path, second);
      return code == ENOSPC && contains(text, {path.c_str(), "No space left on device", " bytes"}) &&
             test::read_file(path) == old &&
             std::distance(fs::directory_iterator(directory.path("")), fs::directory_iterator()) == 1;
    };
    const Mounted outcome = with_small_disk(directory.path(""), "64k", full);
    CHECK(outcome != Mounted::failed);
    if (outcome == Mounted::impossible) MESSAGE("not tested: mounting a file system is not allowed here");

    // Only so much of a file.
    const int status = test::status_of_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      io::save(path, first);
      const rlimit limit{20'000, 20'000};
      if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
      const auto [text, code] = error_of_saving(path, second);
      return code == EFBIG && contains(text, {path.c_str(), std::strerror(EFBIG), " bytes"}) ? 0 : 1;
    });
    CHECK(status == 0);
    CHECK(test::read_file(path) == old);
    CHECK(std::distance(fs::directory_iterator(directory.path("")), fs::directory_iterator()) == 1);
  }
}

TEST_CASE("saving: a directory that is not there, or must not be written to") {
  const TemporaryDirectory directory;
  const StateDict dict = versioned(10, 1);
  for (const std::string& format : test::saved_formats()) {
    const std::string gone = directory.path("none/model." + format), path = directory.path("model." + format);
    const auto [text, code] = error_of_saving(gone, dict);
    CHECK(code == ENOENT);
    CHECK(contains(text, {gone.c_str(), "No such file or directory"}));
    CHECK(error_of_saving(directory.write("file", {}) + "/model." + format, dict).second == ENOTDIR);
    fs::remove(directory.path("file"));

    // As somebody who is not the superuser, to whom everything is allowed.
    constexpr uid_t nobody = 65534;
    REQUIRE(::chmod(directory.path("").c_str(), 0555) == 0);
    const int status = test::status_of_child([&] {
      if (::geteuid() == 0 && ::seteuid(nobody) != 0) return 2;
      const auto [its_text, its_code] = error_of_saving(path, dict);
      return its_code == EACCES && contains(its_text, {path.c_str(), "Permission denied"}) ? 0 : 1;
    });
    CHECK(status == 0);
    REQUIRE(::chmod(directory.path("").c_str(), 0755) == 0);

    const Mounted outcome = with_small_disk(directory.path(""), "64k", [&] {
      io::save(path, dict);
      if (::mount(nullptr, directory.path("").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
        return false;
      const auto [its_text, its_code] = error_of_saving(path, dict);
      return its_code == EROFS && contains(its_text, {path.c_str(), "Read-only file system"});
    });
    CHECK(outcome != Mounted::failed);
  }
  CHECK(fs::is_empty(directory.path("")));
}
