// The report of a run, for programs that read it: tools/gallery.
#include "run.hpp"

#include <xgrad/tensor/version.hpp>
#include <xgrad/train/interrupt.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace example {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "unknown";
}

nlohmann::json optional(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

// The last part of its path; empty for a program that takes none.
std::string name_of_data(const Run& run) {
  if (run.data_word.empty()) return run.default_data;
  const std::filesystem::path path = std::filesystem::path(run.data_word).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

void write_report(const Run& run, double seconds) {
  nlohmann::ordered_json report{{"name", run.name},
                                {"data", name_of_data(run)},
                                {"seed", run.seed},
                                {"epochs", run.epochs},
                                {"threads", run.threads},
                                {"small", run.small},
                                {"interrupted", xgrad::train::interrupted()},
                                {"seconds", seconds},
                                {"processor", processor()},
                                {"version", xgrad::library_version()},
                                {"reached", run.reached()}};
  report["figures"] = nlohmann::ordered_json::array();
  for (const Figure& figure : run.figures)
    report["figures"].push_back({{"name", figure.name},
                                 {"value", figure.value},
                                 {"unit", figure.expected.unit},
                                 {"at_least", optional(figure.expected.at_least)},
                                 {"at_most", optional(figure.expected.at_most)},
                                 {"reached", figure.reached()},
                                 {"text", figure.text()}});
  report["claims"] = nlohmann::ordered_json::array();
  for (const Claim& claim : run.claims)
    report["claims"].push_back({{"text", claim.text}, {"holds", claim.holds}});
  report["pictures"] = run.picture_paths;

  const std::string unfinished = run.report_path + ".part";
  {
    std::ofstream file(unfinished);
    file << report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n' << std::flush;
    if (!file) throw std::runtime_error("cannot write " + unfinished);
  }
  std::filesystem::rename(unfinished, run.report_path);
}

}  // namespace example
