// Which checkpoint of a directory is the newest, when the next is due, and which may go.
#include <xgrad/io/checkpoint_saver.hpp>

#include <xgrad/io/checkpoint_file.hpp>
#include <xgrad/io/sink.hpp>

#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <utility>

namespace xgrad::io {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view prefix = "step-", extension = ".safetensors", best_name = "best.safetensors";

std::string name_of(std::int64_t step) {
  char name[64];
  std::snprintf(name, sizeof name, "%s%012lld%s", prefix.data(), static_cast<long long>(step),
                extension.data());
  return name;
}

/// The step of a checkpoint's name; -1 for other names.
std::int64_t step_of(std::string_view name) {
  if (!name.starts_with(prefix)) return -1;
  const std::string_view digits = name.substr(prefix.size());
  std::int64_t step = -1;
  std::from_chars(digits.data(), digits.data() + digits.size(), step);
  return step >= 0 && name_of(step) == name ? step : -1;
}

/// Whether it is what a Sink leaves of a checkpoint when its process is killed:
/// ".step-000000000005.safetensors.k3x9f2aa".
bool is_temporary(std::string_view name) {
  constexpr std::size_t suffix = 9;  // a dot and eight letters
  if (name.size() <= suffix + 1 || name.front() != '.' || name[name.size() - suffix] != '.') return false;
  name.remove_prefix(1);
  name.remove_suffix(suffix);
  return name == best_name || step_of(name) >= 0;
}

[[noreturn]] void refuse(const std::string& what, const std::string& path, const std::error_code& error) {
  throw IoError(xgrad::detail::message_prefix() + what, path, error.value());
}

std::vector<std::string> names_in(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator at(directory, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error))
    names.push_back(at->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory)
    refuse("cannot read the directory", directory, error);
  return names;
}

/// Steps of the checkpoints in a directory, descending.
std::vector<std::int64_t> steps_in(const std::string& directory) {
  std::vector<std::int64_t> steps;
  for (const std::string& name : names_in(directory))
    if (const std::int64_t step = step_of(name); step >= 0) steps.push_back(step);
  std::sort(steps.begin(), steps.end(), std::greater<>());
  return steps;
}

std::string path_in(const std::string& directory, std::string_view name) {
  return (fs::path(directory) / name).string();
}

/// The newest that is whole, with its tensors.
std::pair<Latest, StateDict> find_latest(const std::string& directory) {
  Latest found;
  for (const std::int64_t step : steps_in(directory)) {
    const std::string path = path_in(directory, name_of(step));
    try {
      StateDict state = detail::read_checkpoint(path);
      found.path = path;
      return {std::move(found), std::move(state)};
    } catch (const FormatError& error) {
      found.skipped.emplace_back(error.what());
    } catch (const IoError& error) {
      // What cannot be read for another reason may be read again.
      if (error.code() != EIO) throw;
      found.skipped.emplace_back(error.what());
    }
  }
  return {std::move(found), {}};
}

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr const char *steps_name = "saver.steps", *best_name_of_score = "saver.best";

/// The score of the best that is kept, where it is whole.
double score_of_best(const std::string& directory) {
  const std::string path = path_in(directory, best_name);
  try {
    double score = none;
    if (fs::exists(path)) detail::restore(detail::read_checkpoint(path).at(best_name_of_score), score);
    return score;
  } catch (const FormatError&) {
  } catch (const ValueError&) {
  }
  return none;
}

}  // namespace

Latest latest(const std::string& directory, Place place) {
  const Scope scope("latest", place);
  return find_latest(directory).first;
}

struct CheckpointSaver::Counts {
  std::int64_t steps = 0;
  double best = none;
  double best_kept = none;                 // of the file, which may be ahead of the run that is resumed
  Clock::time_point saved = Clock::now();  // or begun
};

CheckpointSaver::CheckpointSaver(std::string directory, Checkpoint checkpoint, const SaverOptions& options,
                                 Place place)
    : directory_(std::move(directory)),
      options_(options),
      counts_(std::make_shared<Counts>()),
      checkpoint_(std::move(checkpoint)) {
  const Scope scope("CheckpointSaver", place);
  if (options.every_steps < 0)
    fail<ValueError>("every_steps must be at least 0, got " + std::to_string(options.every_steps));
  if (!(options.every_minutes >= 0))
    fail<ValueError>("every_minutes must be at least 0, got " + std::to_string(options.every_minutes));
  if (options.keep_last < 0)
    fail<ValueError>("keep_last must be at least 0, got " + std::to_string(options.keep_last));
  checkpoint_.add(steps_name, counts_->steps).add(best_name_of_score, counts_->best);
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) refuse("cannot make the directory", directory_, error);
  for (const std::string& name : names_in(directory_)) {
    others_ = others_ || step_of(name) >= 0 || name == best_name;
    if (is_temporary(name)) detail::remove_abandoned(path_in(directory_, name));
  }
}

Latest CheckpointSaver::resume(Place place) {
  const Scope scope("CheckpointSaver", place);
  Counts& counts = present();
  auto [found, state] = find_latest(directory_);
  const double best_kept = score_of_best(directory_);
  if (found) checkpoint_.prepare_load(state).run();
  if (!found) counts.best = best_kept;
  counts.best_kept = best_kept;
  // Where all are damaged, someone may want to see what is left.
  others_ = !found && !found.skipped.empty();
  counts.saved = Clock::now();
  return std::move(found);
}

bool CheckpointSaver::step(Place place) {
  const Scope scope("CheckpointSaver", place);
  Counts& counts = present();
  reject_others();
  ++counts.steps;
  const std::chrono::duration<double, std::ratio<60>> passed = Clock::now() - counts.saved;
  const bool due = (options_.every_steps > 0 && counts.steps % options_.every_steps == 0) ||
                   (options_.every_minutes > 0 && passed.count() >= options_.every_minutes);
  if (due) save();
  return due;
}

void CheckpointSaver::save(Place place) {
  const Scope scope("CheckpointSaver", place);
  write(name_of(present().steps));
  counts_->saved = Clock::now();
  remove_old();
}

bool CheckpointSaver::offer(double score, Place place) {
  const Scope scope("CheckpointSaver", place);
  Counts& counts = present();
  reject_others();
  const auto better_than = [&](double other) {
    return std::isnan(other) ? !std::isnan(score) : options_.highest_best ? score > other : score < other;
  };
  if (!better_than(counts.best)) return false;
  const double former = std::exchange(counts.best, score);
  if (!better_than(counts.best_kept)) return true;
  try {
    write(std::string(best_name));
  } catch (...) {
    counts.best = former;
    throw;
  }
  counts.best_kept = score;
  return true;
}

CheckpointSaver::Counts& CheckpointSaver::present() const {
  if (!counts_) xgrad::detail::fail_at<GraphError>({}, "CheckpointSaver: the saver was moved from");
  return *counts_;
}

void CheckpointSaver::reject_others() const {
  if (others_)
    fail<ValueError>("the directory " + directory_ + " holds the checkpoints of another run",
                     "resume() goes on where one of them is whole; a run of its own needs another directory");
}

void CheckpointSaver::write(const std::string& name) {
  reject_others();
  checkpoint_.save(path_in(directory_, name));
}

void CheckpointSaver::remove_old() const {
  if (options_.keep_last == 0) return;
  std::int64_t kept = 0;
  for (const std::int64_t step : steps_in(directory_)) {
    // Beyond the present step there are only files that resume() skipped.
    if (step > counts_->steps || ++kept <= options_.keep_last) continue;
    // What cannot be removed costs room, not the run; the next save tries again.
    std::error_code ignored;
    fs::remove(path_in(directory_, name_of(step)), ignored);
  }
}

std::int64_t CheckpointSaver::steps() const { return present().steps; }
double CheckpointSaver::best() const { return present().best; }

}  // namespace xgrad::io
