#include "options.hpp"

#include <xgrad/io/file.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/threads.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <sstream>

namespace {

const std::map<std::string, double> default_rates{
    {"adam", 0.004}, {"adamw", 0.004}, {"rmsprop", 0.001}, {"adagrad", 0.02}, {"sgd", 0.1}};

// Where tools/fetch keeps the files.
std::string default_directory() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/xgrad/mnist";
  const char* const home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.cache/xgrad/mnist";
}

std::string writable_place(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    return "the directory " + folder.string() + " does not exist";
  if (std::filesystem::is_directory(path, ignored)) return path + " is a directory";
  return {};
}

std::string weights_place(const std::string& path) {
  try {
    if (xgrad::io::format_of_name(path) == xgrad::io::Format::npy)
      return "an .npy file holds one tensor, the network has several";
  } catch (const xgrad::Error& error) {
    return error.what();
  }
  return writable_place(path);
}

struct Help : CLI::Formatter {
  Help() { column_width(24); }
  std::string make_usage(const CLI::App*, std::string) const override { return "Usage: mnist [options]\n\n"; }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
  std::string make_group(std::string group, bool positional,
                         std::vector<const CLI::Option*> options) const override {
    return CLI::Formatter::make_group(group, positional, options).substr(1);
  }
};

// An option whose help ends in its default.
template <class T>
CLI::Option* add(CLI::App& app, const char* group, const char* name, const char* type, T& value,
                 const std::string& help, const std::string& initial) {
  return app.add_option(name, value, help + " [" + initial + "]")->type_name(type)->group(group);
}
template <class T>
CLI::Option* add(CLI::App& app, const char* group, const char* name, const char* type, T& value,
                 const std::string& help) {
  return add(app, group, name, type, value, help, CLI::detail::to_string(value));
}

template <class T>
CLI::Validator between(T low, T high) {
  const auto check = [low, high](const std::string& text) -> std::string {
    T value{};
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error == std::errc() && end == last && low <= value && value <= high) return {};
    std::ostringstream message;
    message << "expects a " << (std::is_integral_v<T> ? "whole " : "") << "number from " << low << " to "
            << high << ", got '" << text << "'";
    return message.str();
  };
  return CLI::Validator(check, "");
}

}  // namespace

std::variant<Options, std::string> parse_options(int argc, char** argv) {
  Options options;
  options.data = default_directory();
  options.threads = xgrad::num_threads();
  std::vector<std::string> names;
  for (const auto& entry : default_rates) names.push_back(entry.first);

  CLI::App app(
      "Trains a multilayer perceptron on MNIST and reports its accuracy on the test images.\n"
      "The last 5,000 training images are held out: the weights that do best on them are kept.\n",
      "mnist");
  app.formatter(std::make_shared<Help>());
  app.set_help_flag("-h,--help", "This text")->group("Files");
  add(app, "Files", "--data", "DIR", options.data, "The four IDX files, raw or .gz");
  add(app, "Files", "--svg", "FILE", options.svg, "Learning curves to write, \"\" for none")
      ->check(CLI::Validator(writable_place, ""));
  app.add_option("--save", options.save, "Where the weights go: .safetensors, .npz or .pt, for PyTorch, too")
      ->type_name("FILE")
      ->group("Files")
      ->check(CLI::Validator(weights_place, ""));
  CLI::Option* const load = app.add_option("--load", options.load, "Weights to test, without training");
  load->type_name("FILE")->group("Files");
  app.add_option("--resume", options.resume,
                 "Goes on with the newest checkpoint there; saves there in time, and when interrupted")
      ->type_name("DIR")
      ->group("Files")
      ->excludes(load);
  add(app, "Files", "--interval", "SECONDS", options.interval, "The longest time between two checkpoints")
      ->check(between(0.01, 1e6));

  add(app, "Network", "--hidden", "N,N,...", options.hidden, "Sizes of the hidden layers", "384")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(between(1, 65'536));
  add(app, "Network", "--dropout", "P", options.dropout, "Part of the hidden units dropped in training")
      ->check(between(0.0, 0.95));

  add(app, "Training", "--optimizer", "NAME", options.optimizer, CLI::detail::join(names, ", "))
      ->check(CLI::IsMember(names).description(""));
  add(app, "Training", "--rate", "R", options.rate, "Highest learning rate",
      "the optimizer's own: 0.004 for adamw")
      ->check(between(1e-8, 100.0));
  add(app, "Training", "--batch", "N", options.batch, "Images in a step")->check(between(1, 60'000));
  add(app, "Training", "--epochs", "N", options.epochs, "Passes over the training images, at most")
      ->check(between(1, 10'000));
  add(app, "Training", "--patience", "N", options.patience,
      "Stop after so many epochs without an improvement")
      ->check(between(1, 10'000));
  add(app, "Training", "--seed", "N", options.seed, "Of first weights, order of images and dropout")
      ->check(between(std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()));
  add(app, "Training", "--threads", "N", options.threads, "Cores to use")->check(between(1, 1'024));

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (see mnist --help)");
  }
  if (options.rate == 0) options.rate = default_rates.at(options.optimizer);
  return options;
}
