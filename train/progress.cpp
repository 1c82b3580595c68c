// A line that is rewritten, or plain lines.
#include <xgrad/train/progress.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace xgrad::train {
namespace {

constexpr std::size_t bar_width = 16;

int descriptor_of(const std::ostream& stream) {
  const auto* buffer = stream.rdbuf();
  if (buffer == std::cout.rdbuf()) return STDOUT_FILENO;
  return buffer == std::cerr.rdbuf() || buffer == std::clog.rdbuf() ? STDERR_FILENO : -1;
}

bool is_terminal(int descriptor) {
  const char* kind = std::getenv("TERM");
  return descriptor >= 0 && ::isatty(descriptor) != 0 &&
         (kind == nullptr || std::string_view(kind) != "dumb");
}

template <class... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, arguments...);
  return text.data();
}

std::string number(double value) {
  const double size = std::abs(value);
  return formatted(value == 0 || (size >= 0.001 && size < 10000) || !std::isfinite(value) ? "%.4f" : "%.3e",
                   value);
}

/// 60000 as "60,000".
std::string grouped(double value) {
  std::string digits = formatted("%.0f", value);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

std::string duration(double seconds) {
  if (!(seconds < 1e9)) return "?";
  const auto whole = static_cast<long>(std::llround(std::max(seconds, 0.0)));
  if (whole >= 3600) return formatted("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  return formatted("%ld:%02ld", whole / 60, whole % 60);
}

/// Without control characters, which would move the cursor or begin a code.
std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return text;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}
/// The first `width` characters.
std::string cut(const std::string& text, std::size_t width) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_character(text[i]) && ++seen > width) return text.substr(0, i);
  return text;
}

std::string listed(const Scores& scores) {
  std::string text;
  for (const auto& [name, value] : scores.items()) text += "  " + printable(name) + " " + number(value);
  return text;
}

}  // namespace

Progress::Progress(ProgressOptions options) : Progress(std::cout, std::move(options)) {}

Progress::Progress(std::ostream& stream, ProgressOptions options)
    : stream_(&stream), options_(std::move(options)), descriptor_(descriptor_of(stream)) {
  terminal_ = options_.terminal.value_or(is_terminal(descriptor_));
  options_.unit = printable(options_.unit);
  began_ = now();
}

Progress::~Progress() { clear(); }

void Progress::begin(std::string label, Index total, Index parts_left, Index before) {
  label_ = printable(std::move(label));
  total_ = std::max<Index>(total, 0);
  parts_left_ = std::max<Index>(parts_left, 0);
  before_ = done_ = std::max<Index>(before, 0);
  began_ = now();
  shown_.reset();
}

void Progress::update(Index done, const Scores& scores) {
  done_ = done;
  const double time = now();
  if (terminal_) {
    if (shown_ && time - *shown_ < options_.rewrite_every) return;
    const auto columns = static_cast<std::size_t>(std::max<Index>(this->columns() - 1, 1));
    std::string text = line(scores, time - began_);
    // Where it is too long, the bar is what can be done without.
    const std::size_t bar = text.find(" [");
    if (width_of(text) > columns && bar != std::string::npos && bar == label_.size())
      text.erase(bar, text.find(']', bar) + 1 - bar);
    drawn_ = true;
    write("\r" + cut(text, columns) + "\x1b[K");
  } else {
    if (time - shown_.value_or(began_) < options_.line_every) return;
    write(line(scores, time - began_) + "\n");
  }
  shown_ = time;
}

void Progress::end(const Scores& scores) {
  const double seconds = now() - began_;
  print(label_ + listed(scores) + rate(seconds) + "  " + duration(seconds));
  shown_.reset();
}

void Progress::print(const std::string& text) {
  clear();
  write(text + "\n");
}

void Progress::clear() {
  if (!drawn_) return;
  drawn_ = false;
  write("\r\x1b[K");
}

double Progress::now() const {
  if (options_.clock) return options_.clock();
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Index Progress::columns() const {
  if (options_.width > 0) return options_.width;
  winsize size{};
  if (descriptor_ >= 0 && ::ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string Progress::rate(double seconds) const {
  if (done_ <= before_ || !(seconds > 0)) return "";
  const double per_second = static_cast<double>(done_ - before_) / seconds;
  return "  " + (per_second < 10 ? formatted("%.2f", per_second) : grouped(per_second)) + " " +
         options_.unit + "/s";
}

std::string Progress::line(const Scores& scores, double seconds) const {
  std::string text = label_;
  const double done = static_cast<double>(done_), total = static_cast<double>(total_);
  if (total_ > 0) {
    const double part = std::clamp(done / total, 0.0, 1.0);
    if (terminal_) {
      std::string bar(static_cast<std::size_t>(part * static_cast<double>(bar_width)), '=');
      if (bar.size() < bar_width) bar += '>';
      bar.resize(bar_width, ' ');
      text += " [" + bar + "]";
    }
    text += formatted(" %3.0f %%", std::floor(100 * part));
  } else {
    text += "  " + grouped(done) + " " + options_.unit;
  }
  text += listed(scores) + rate(seconds);
  if (total_ > 0 && done_ > before_)
    text += "  " +
            duration(seconds / (done - static_cast<double>(before_)) *
                     (std::max(total - done, 0.0) + total * static_cast<double>(parts_left_))) +
            " left";
  return text;
}

void Progress::write(const std::string& text) {
  // A stream of the user's may throw when it fails. A display is no reason to lose a run.
  try {
    stream_->write(text.data(), static_cast<std::streamsize>(text.size()));
    stream_->flush();
  } catch (...) {
  }
}

}  // namespace xgrad::train
