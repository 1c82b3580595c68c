#include "options.hpp"

#include <xgrad/tensor/parallel.hpp>

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <filesystem>
#include <map>

namespace {

const std::map<std::string, double> default_rates{
    {"adam", 0.004}, {"adamw", 0.004}, {"rmsprop", 0.001}, {"adagrad", 0.02}, {"sgd", 0.1}};

// Where tools/fetch_mnist keeps the files.
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

}  // namespace

std::variant<Options, std::string> parse_options(int argc, char** argv) {
  Options options;
  options.data = default_directory();
  options.threads = xgrad::num_threads();

  CLI::App app(
      "Trains a multilayer perceptron on MNIST and reports its accuracy on the test images.\n"
      "The last 5,000 training images are held out: the weights that do best on them are kept.\n",
      "mnist");
  app.get_formatter()->column_width(26);
  app.option_defaults()->always_capture_default();

  app.add_option("--data", options.data, "Directory of the four IDX files, raw or .gz")
      ->type_name("DIR")
      ->group("Files");
  app.add_option("--svg", options.svg, "Learning curves to write; \"\" for none")
      ->type_name("FILE")
      ->check(CLI::Validator(writable_place, ""))
      ->group("Files");

  app.add_option("--hidden", options.hidden, "Sizes of the hidden layers, as 256,128")
      ->type_name("N,N,...")
      ->delimiter(',')
      ->check(CLI::Range(1, 65'536).description(""))
      ->group("Network");
  app.add_option("--dropout", options.dropout, "Part of the hidden units dropped in training")
      ->type_name("P")
      ->check(CLI::Range(0.0, 0.95).description(""))
      ->group("Network");

  std::vector<std::string> names;
  for (const auto& entry : default_rates) names.push_back(entry.first);
  app.add_option("--optimizer", options.optimizer, CLI::detail::join(names, ", "))
      ->type_name("NAME")
      ->check(CLI::IsMember(names).description(""))
      ->group("Training");
  app.add_option("--rate", options.rate, "Learning rate at its peak [0.002 for adamw; others have their own]")
      ->type_name("R")
      ->check(CLI::Range(1e-8, 100.0).description(""))
      ->capture_default_str()
      ->default_str("")
      ->group("Training");
  app.add_option("--batch", options.batch, "Images in a step")
      ->type_name("N")
      ->check(CLI::Range(1, 60'000).description(""))
      ->group("Training");
  app.add_option("--epochs", options.epochs, "Passes over the training images, at most")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""))
      ->group("Training");
  app.add_option("--patience", options.patience, "Stop after so many epochs without an improvement")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""))
      ->group("Training");
  app.add_option("--seed", options.seed, "Of first weights, order of images and dropout")
      ->type_name("N")
      ->group("Training");
  app.add_option("--threads", options.threads, "Cores to use")
      ->type_name("N")
      ->check(CLI::Range(1, 1'024).description(""))
      ->group("Training");

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
