// Timing harness shared by every program that is compared (libtorch, dlib, ...).
//
// It knows nothing about any tensor library.  A program lists its workloads
// and calls bench::run_main().  Each workload builds its model, then calls
// Timer::time() once with a function that performs one complete step and
// returns the loss (or any other number computed by the step).
//
//   PROGRAM [--threads N] [--min-seconds S] [--min-steps N] [--verbose] [workload ...]
//   PROGRAM --check [workload ...]   the values of the first three steps instead of times
//   PROGRAM --list         names, items and descriptions of the workloads
//   PROGRAM --round-trip   nanoseconds between two cores and back, see below
//
// One line per workload on standard output; lines starting with '#' are notes:
//
//   name median_seconds_per_step min_seconds_per_step items_per_second peak_rss_kb
//
// * Every workload runs in a process of its own (this program executed again),
//   so that peak memory, allocator state and thread pools are not shared.
// * items_per_second is taken from the median step; --list says what an item is.
// * peak_rss_kb is VmHWM of that process: libraries, model and activations.
// * A note with the word "disturbed" is printed if other processes took CPU time
//   while a workload ran, or if, with several threads, a cache line took long to
//   travel between two CPUs: a virtual machine's CPUs may be moved to cores that
//   share no cache, which makes short parallel sections several times slower.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace bench {

struct Options {
  int threads = 1;
  double warmup_seconds = 0.5;
  int warmup_steps = 3;
  double min_seconds = 2.0;
  int min_steps = 10;
  bool verbose = false;
  bool check = false;
};

// Numbers that are the same in every program: the i-th of a stream, uniform in [-1, 1) (splitmix64, Steele,
// Lea and Flood 2014). Weights and inputs come from here, so that equal steps give equal losses.
inline float uniform(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t z = (stream << 40) + (i + 1) * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return float(std::int64_t(z ^ (z >> 31)) >> 40) * 0x1p-23F;
}

inline double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Peak resident memory of this process since its exec, in kB.
inline long peak_rss_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.compare(0, 6, "VmHWM:") == 0) return std::atol(line.c_str() + 6);
  return 0;
}

// CPU seconds used so far by all processes of the machine, time stolen by the
// hypervisor included.
inline double machine_busy_seconds() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  stat >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  return (user + nice + system + irq + softirq + steal) / double(sysconf(_SC_CLK_TCK));
}

// Nanoseconds for a cache line to go from one CPU to another and back, for the
// first two CPUs this process may use; 0 if there is only one.
inline double round_trip_ns() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return 0;
  int cpus[2] = {-1, -1};
  for (int cpu = 0; cpus[1] < 0; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) cpus[cpus[0] < 0 ? 0 : 1] = cpu;

  const int rounds = 40000;
  alignas(128) std::atomic<int> ball{0};
  double seconds = 0;
  const auto player = [&](int side) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpus[side], &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    double start = 0;
    for (int n = 0; n < rounds; ++n) {
      while (ball.load() != 2 * n + side) {
      }
      if (n == rounds / 10) start = now();  // both are running by then
      ball.store(2 * n + side + 1);
    }
    if (side == 1) seconds = now() - start;
  };
  std::thread first(player, 0), second(player, 1);
  first.join();
  second.join();
  return 1e9 * seconds / (0.9 * rounds);
}

constexpr double far_apart_ns = 200;  // about 100 with a shared cache, 450 without

class Timer {
 public:
  Timer(std::string name, bool per_node, const Options& options)
      : name_(std::move(name)), per_node_(per_node), options_(options) {}

  // Runs `step` (a function returning a number) until the minimum time and the
  // minimum number of steps are both reached, after warm-up; prints the line.
  template <class Step>
  void time(double items_per_step, Step step) {
    if (options_.check) {
      std::printf("%s", name_.c_str());
      for (int n = 0; n < 3; ++n) std::printf(" %.9g", checked(step()));
      std::printf("\n");
      return;
    }
    const double warmup_start = now();
    const double first = checked(step());
    for (int n = 1; n < options_.warmup_steps || now() - warmup_start < options_.warmup_seconds; ++n)
      checked(step());

    std::vector<double> seconds;
    double last = 0;
    const double start = now();
    while (int(seconds.size()) < options_.min_steps || now() - start < options_.min_seconds) {
      const double t0 = now();
      last = step();
      seconds.push_back(now() - t0);
      checked(last);
    }

    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    std::printf("%-18s %.9f %.9f %.6g %ld", name_.c_str(), median, seconds.front(), items_per_step / median,
                peak_rss_kb());
    if (per_node_) std::printf(" # %.1f ns/node", 1e9 * median / items_per_step);
    std::printf("\n");
    if (options_.verbose)
      std::printf("#   %s: %zu timed steps, value of first step %.6g, of last step %.6g\n", name_.c_str(),
                  seconds.size(), first, last);
    std::fflush(stdout);
  }

 private:
  double checked(double value) const {
    if (std::isfinite(value)) return value;
    std::fprintf(stderr, "%s: the step returned %g\n", name_.c_str(), value);
    std::exit(1);
  }

  std::string name_;
  bool per_node_;
  Options options_;
};

struct Workload {
  const char* name;
  const char* item;  // what items_per_second counts; "node" also prints ns/node
  const char* text;
  void (*run)(Timer&);
};

// What the harness needs from the library that is measured.
struct Library {
  std::string title;
  std::function<void(int)> set_threads;
};

namespace detail {

// Executes this program again for one workload and waits for it.
inline int run_in_child(const Workload& workload, const Options& options) {
  double round_trip = options.threads > 1 ? round_trip_ns() : 0;
  const double busy_before = machine_busy_seconds(), start = now();
  const pid_t pid = fork();
  if (pid == 0) {
    const std::string threads = std::to_string(options.threads);
    const std::string seconds = std::to_string(options.min_seconds);
    const std::string steps = std::to_string(options.min_steps);
    const char* mode = options.check ? "--check" : options.verbose ? "--verbose" : "--quiet";
    setenv("OMP_NUM_THREADS", threads.c_str(), 1);
    setenv("OPENBLAS_NUM_THREADS", threads.c_str(), 1);
    execl("/proc/self/exe", "bench", "--in-process", "--threads", threads.c_str(), "--min-seconds",
          seconds.c_str(), "--min-steps", steps.c_str(), mode, workload.name, nullptr);
    std::perror("exec");
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  const auto seconds = [](timeval t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  const double own = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  const double foreign = (machine_busy_seconds() - busy_before - own) / (now() - start);
  if (options.threads > 1) round_trip = std::max(round_trip, round_trip_ns());
  if (round_trip > far_apart_ns || (options.verbose && round_trip > 0))
    std::printf("#   %s: %sround trip between cores %.0f ns\n", workload.name,
                round_trip > far_apart_ns ? "disturbed, " : "", round_trip);
  if (foreign > 0.05)
    std::printf("#   %s: disturbed, others used %.0f%% of a core meanwhile\n", workload.name, 100 * foreign);
  if (status != 0) std::printf("#   %s: FAILED, wait status %d\n", workload.name, status);
  std::fflush(stdout);
  return status == 0 ? 0 : 1;
}

// Environment variables that change the speed of the libraries involved.
inline std::string environment() {
  std::string text;
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA",
                           "OMP_WAIT_POLICY", "GLIBC_TUNABLES", "LD_PRELOAD"})
    if (const char* value = std::getenv(name)) text += std::string(" ") + name + "=" + value;
  return text;
}

}  // namespace detail

inline int run_main(int argc, char** argv, const Library& library, const std::vector<Workload>& workloads) {
  Options options;
  bool in_process = false;
  std::vector<const Workload*> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto found =
        std::find_if(workloads.begin(), workloads.end(), [&](const Workload& w) { return arg == w.name; });
    if (arg == "--threads" && i + 1 < argc)
      options.threads = std::atoi(argv[++i]);
    else if (arg == "--min-seconds" && i + 1 < argc)
      options.min_seconds = std::atof(argv[++i]);
    else if (arg == "--min-steps" && i + 1 < argc)
      options.warmup_steps = std::min(options.warmup_steps, options.min_steps = std::atoi(argv[++i]));
    else if (arg == "--verbose")
      options.verbose = true;
    else if (arg == "--check")
      options.check = true;
    else if (arg == "--quiet")
      options.verbose = false;
    else if (arg == "--in-process")
      in_process = true;
    else if (arg == "--list") {
      for (const Workload& w : workloads) std::printf("%-18s %-8s %s\n", w.name, w.item, w.text);
      return 0;
    } else if (arg == "--round-trip") {
      std::printf("%.0f\n", round_trip_ns());
      return 0;
    } else if (found != workloads.end())
      chosen.push_back(&*found);
    else {
      std::fprintf(stderr, "%s: unknown workload or option (see --list)\n", arg.c_str());
      return 2;
    }
  }
  if (options.threads < 1) options.threads = 1;
  if (chosen.empty())
    for (const Workload& w : workloads) chosen.push_back(&w);

  if (in_process) {
    library.set_threads(options.threads);
    for (const Workload* w : chosen) {
      Timer timer(w->name, std::strcmp(w->item, "node") == 0, options);
      w->run(timer);
    }
    return 0;
  }

  if (!options.check)
    std::printf("# %s; threads=%d;%s\n", library.title.c_str(), options.threads,
                detail::environment().c_str());
  std::printf("# name median_seconds_per_step min_seconds_per_step items_per_second peak_rss_kb\n");
  std::fflush(stdout);
  int failures = 0;
  for (const Workload* w : chosen) failures += detail::run_in_child(*w, options);
  return failures ? 1 : 0;
}

}  // namespace bench
