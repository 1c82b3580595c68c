// Saving and loading beside cp and cat on the same file: what the system does with it is the yardstick.
// Arguments: DIRECTORY [MEBIBYTES [ROUNDS]]. Every round runs all of them in turn; medians count. Ends with
// the peak of memory that a load takes beyond its tensors.
#include <xgrad/io/file.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

using namespace xgrad;

namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

// Kibibytes that the process has had in memory at most.
long peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (long kibibytes = 0; word == "VmHWM:" && status >> kibibytes) return kibibytes;
  return 0;
}

struct Contender {
  const char* name;
  std::function<void()> work;
  std::vector<double> seconds = {};
};

// What a load takes beyond the tensors that it gives, in a process of its own.
void show_peak(const std::string& path, std::size_t bytes) {
  std::fflush(stdout);
  if (const pid_t child = ::fork(); child != 0) {
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
      throw std::runtime_error("the load in a process of its own failed");
    return;
  }
  const long before = peak_memory();
  const StateDict dict = io::load(path);
  const double extra = static_cast<double>(peak_memory() - before) / 1024 - static_cast<double>(bytes >> 20);
  std::printf("peak of a load: its tensors and %.1f MiB\n", extra);
  std::fflush(stdout);
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fputs("files DIRECTORY [MEBIBYTES [ROUNDS]]\n", stderr);
    return 2;
  }
  const std::string directory = std::string(argv[1]) + "/", saved = directory + "saved.safetensors",
                    quoted = "'" + saved + "'", copy = "'" + directory + "copy'",
                    fresh = "'" + directory + "fresh'";
  const Index mebibytes = argc > 2 ? std::atoll(argv[2]) : 1024, rounds = argc > 3 ? std::atoll(argv[3]) : 7;
  constexpr Index tensors = 64;
  const auto bytes = static_cast<std::size_t>(mebibytes) << 20;
  {
    StateDict dict;
    for (Index i = 0; i < tensors; ++i)
      dict.set("layers." + std::to_string(i), uniform({mebibytes * (1 << 18) / tensors}));
    io::save(saved, dict);
  }
  release_cached_memory();
  show_peak(saved, bytes);

  const StateDict dict = io::load(saved);
  std::vector<Contender> contenders{
      {"cp", [&] { shell("cp " + quoted + " " + copy); }},
      {"cp and sync", [&] { shell("cp " + quoted + " " + copy + " && sync " + copy); }},
      // As a file is saved: a new one, which takes the place of the old one when it is on the disk.
      {"cp, sync and mv",
       [&] { shell("cp " + quoted + " " + fresh + " && sync " + fresh + " && mv " + fresh + " " + copy); }},
      {"io::save", [&] { io::save(saved, dict); }},
      {"cat", [&] { shell("cat " + quoted + " >/dev/null"); }},
      // As a file is loaded: into memory that nobody had before.
      {"dd into new memory",
       [&] {
         shell("dd if=" + quoted + " of=/dev/null bs=" + std::to_string(bytes) +
               " count=1 iflag=fullblock status=none");
       }},
      {"io::load", [&] { static_cast<void>(io::load(saved)); }},
      {"io::load, memory kept", [&] { static_cast<void>(io::load(saved)); }},
  };
  for (Index round = 0; round < rounds; ++round)
    for (Contender& contender : contenders) {
      if (std::string(contender.name) == "io::load") release_cached_memory();
      contender.seconds.push_back(seconds_of(contender.work));
    }
  for (const Contender& contender : contenders) {
    const double time = median(contender.seconds);
    std::printf("%-24s %8.3f s  %6.2f GB/s\n", contender.name, time, static_cast<double>(bytes) / time / 1e9);
  }
  std::filesystem::remove(saved);
  std::filesystem::remove(directory + "copy");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "files: %s\n", error.what());
  return 1;
}
