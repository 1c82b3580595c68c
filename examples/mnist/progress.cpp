#include "progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

namespace {

constexpr int bar_width = 16;

}  // namespace

ProgressDisplay::ProgressDisplay(int epochs) : epochs_(epochs), terminal_(isatty(STDOUT_FILENO) != 0) {}

void ProgressDisplay::head() {
  if (std::exchange(headed_, true)) return;
  std::puts("             training              validation");
  std::puts("  epoch      loss   accuracy       loss   accuracy      images/s");
  std::fflush(stdout);
}

void ProgressDisplay::show(const Progress& progress) {
  head();
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - last_shown_ < std::chrono::milliseconds(50)) return;
  last_shown_ = now;
  std::string bar(static_cast<std::size_t>(progress.fraction * bar_width), '=');
  if (bar.size() < bar_width) bar += '>';
  std::printf("\r%3d/%-3d [%-*s] loss %.4f  accuracy %.2f %%  %s images/s\x1b[K", progress.epoch, epochs_,
              bar_width, bar.c_str(), progress.training.loss, 100 * progress.training.accuracy,
              grouped(std::llround(progress.images_per_second)).c_str());
  std::fflush(stdout);
}

void ProgressDisplay::show(const Epoch& epoch) {
  head();
  const bool whole = epoch.number == std::floor(epoch.number);
  std::printf("%s%*.*f/%-3d  %8.4f   %6.2f %%   %8.4f   %6.2f %% %c  %10s\n", terminal_ ? "\r\x1b[K" : "",
              whole ? 3 : 5, whole ? 0 : 1, epoch.number, epochs_, epoch.training.loss,
              100 * epoch.training.accuracy, epoch.validation.loss, 100 * epoch.validation.accuracy,
              epoch.best ? '*' : ' ', grouped(std::llround(epoch.images_per_second)).c_str());
  std::fflush(stdout);
}

std::string grouped(xgrad::Index number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}
