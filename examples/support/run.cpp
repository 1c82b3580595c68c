#include "run.hpp"

#include <xgrad/nn/torch.hpp>
#include <xgrad/tensor/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace example {
namespace {

namespace fs = std::filesystem;

// Where Debian's package puts it; all others are below the user's cache directory.
constexpr const char* fashion = "/usr/share/datasets/fashion-mnist";

fs::path folder_of(const std::string& set) {
  if (set == "fashion") return fashion;
  if (const char* const given = std::getenv("XDG_CACHE_HOME"); given != nullptr && *given != '\0')
    return fs::path(given) / "xgrad" / set;
  const char* const home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / ".cache" / "xgrad" / set;
}

std::optional<std::string> find_set(const std::string& set) {
  const fs::path folder = folder_of(set);
  std::error_code ignored;
  for (const char* ending : {".csv", ".txt"})
    if (const fs::path file = folder / (set + ending); fs::exists(file, ignored)) return file.string();
  if (fs::exists(folder, ignored)) return folder.string();
  return std::nullopt;
}

std::string number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string shown(double value, const Expected& expected, bool bound) {
  const double scaled = expected.unit == "%" ? 100 * value : value;
  char short_text[64];
  std::snprintf(short_text, sizeof short_text, "%.6g", scaled);
  return (bound ? short_text : number(scaled, expected.digits)) +
         (expected.unit.empty() ? "" : " " + expected.unit);
}

}  // namespace

bool Figure::reached() const {
  if (expected.at_least && !(value >= *expected.at_least)) return false;
  return !expected.at_most || value <= *expected.at_most;
}

std::string Figure::text() const {
  std::string bounds;
  if (expected.at_least) bounds = "at least " + shown(*expected.at_least, expected, true);
  if (expected.at_most)
    bounds += (bounds.empty() ? "" : ", ") + ("at most " + shown(*expected.at_most, expected, true));
  if (!bounds.empty()) bounds = (reached() ? " (expected: " : " (not reached: ") + bounds + ")";
  return name + " " + shown(value, expected, false) + bounds;
}

std::string Run::data() const {
  if (data_word.empty()) return data_set(default_data);
  std::error_code ignored;
  if (fs::exists(data_word, ignored)) return data_word;
  const bool word = data_word.find_first_of("/.") == std::string::npos;
  if (const auto found = word ? find_set(data_word) : std::nullopt) return *found;
  throw std::runtime_error("there is no " + data_word +
                           (word ? ", here or among what tools/fetch has got" : "") + " (option --data)");
}

std::string Run::data_set(const std::string& set) {
  if (const auto found = find_set(set)) return *found;
  throw std::runtime_error("the data set " + set + " is not in " + folder_of(set).string() +
                           ": tools/fetch " + set + " gets it, --data takes your own");
}

bool Run::load(xgrad::nn::Module& model) const {
  if (load_path.empty()) return false;
  model.load_state_dict(xgrad::io::load(load_path));
  std::printf("weights of %s\n", load_path.c_str());
  return true;
}

bool Run::load(xgrad::nn::Module& model, const std::string& part) const {
  if (load_path.empty()) return false;
  model.load_state_dict(xgrad::io::load(load_path).without_prefix(part));
  std::printf("weights of %s: %s\n", load_path.c_str(), part.c_str());
  return true;
}
void Run::save(const xgrad::nn::Module& model, const std::string& part) {
  if (save_path.empty()) return;
  saved_parts.merge(xgrad::nn::to_torch(model).with_prefix(part));
  xgrad::io::save(save_path, saved_parts);
  std::printf("weights written to %s: %s\n", save_path.c_str(), part.c_str());
}
void Run::save(const xgrad::nn::Module& model, const xgrad::io::Metadata& texts) const {
  if (save_path.empty()) return;
  const bool keeps_texts = xgrad::io::format_of_name(save_path) == xgrad::io::Format::safetensors;
  xgrad::io::save(save_path, xgrad::nn::to_torch(model), keeps_texts ? texts : xgrad::io::Metadata{});
  std::printf("weights written to %s\n", save_path.c_str());
}

std::string Run::picture(const std::string& ending) {
  std::string path = (fs::path(out) / (name + ending)).lexically_normal().string();
  picture_paths.push_back(path);
  return path;
}

void Run::draw(const xgrad::plot::Figure& figure, const std::string& ending) {
  const bool other = png && ending.ends_with(".svg");
  const xgrad::plot::Saved saved =
      figure.save(picture(other ? ending.substr(0, ending.size() - 4) + ".png" : ending));
  if (!saved) std::printf("%s\n", saved.message.c_str());
}

void Run::figure(std::string what, double value, Expected expected) {
  figures.push_back({std::move(what), value, std::move(expected)});
}

void Run::claim(std::string sentence, bool holds) {
  std::printf("%s: %s\n", sentence.c_str(), holds ? "yes" : "NO");
  claims.push_back({std::move(sentence), holds});
}

bool Run::reached() const {
  for (const Figure& figure : figures)
    if (!figure.reached()) return false;
  for (const Claim& claim : claims)
    if (!claim.holds) return false;
  return true;
}

xgrad::train::CheckpointOptions checkpoints(const std::string& directory, double seconds) {
  return {.directory = directory,
          .every_minutes = seconds / 60,
          .on_resume =
              [](const xgrad::io::Latest& found) {
                for (const std::string& damaged : found.skipped)
                  std::fprintf(stderr, "skipped a checkpoint: %s\n", damaged.c_str());
                if (found) std::printf("going on from %s\n", found.path.c_str());
              },
          .on_unsaved =
              [](const xgrad::IoError& error) { std::fprintf(stderr, "no checkpoint: %s\n", error.what()); }};
}

std::string unwritable(const std::string& path) {
  const auto folder = fs::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !fs::is_directory(folder, ignored))
    return "the directory " + folder.string() + " does not exist";
  if (fs::is_directory(path, ignored)) return path + " is a directory";
  return {};
}

}  // namespace example
