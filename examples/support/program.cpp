#include "program.hpp"

#include <xgrad/io/file.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>
#include <xgrad/train/interrupt.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace example {
namespace {

using xgrad::Index;

constexpr const char* own_group = "This program";
constexpr const char* common_group = "Every program";

template <class T>
struct Plain {
  using type = T;
};
template <class T>
struct Plain<std::optional<T>> {
  using type = T;
};

// Narrowed to what T holds, since numbers near its ends are not doubles.
template <class T>
CLI::Validator within(Range<double> range) {
  const auto check = [range](const std::string& text) -> std::string {
    T value{};
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    const auto number = static_cast<double>(value);
    if (error == std::errc() && end == last && range.low <= number && number <= range.high) return {};
    std::ostringstream message;
    message << "expects a " << (std::is_integral_v<T> ? "whole " : "") << "number";
    const bool low = range.low > std::numeric_limits<double>::lowest();
    const bool high = range.high < std::numeric_limits<double>::max();
    if (low) message << (high ? " from " : " of at least ") << range.low;
    if (high) message << (low ? " to " : " of at most ") << range.high;
    message << ", got '" << text << "'";
    return message.str();
  };
  return CLI::Validator(check, "");
}

template <class T>
std::string with_default(const std::string& help, const T& value) {
  const std::string text = CLI::detail::to_string(value);
  return text.empty() ? help : help + " [" + text + "]";
}
template <class T>
std::string with_default(const std::string& help, const std::optional<T>&) {
  return help;
}
template <class T>
std::string with_default(const std::string& help, const std::vector<T>& values) {
  return values.empty() ? help : help + " [" + CLI::detail::join(values, ",") + "]";
}

std::string weights_place(const std::string& path) {
  try {
    if (xgrad::io::format_of_name(path) == xgrad::io::Format::npy)
      return "an .npy file holds one tensor, the network has several";
  } catch (const xgrad::Error& error) {
    return error.what();
  }
  return unwritable(path);
}

struct Help : CLI::Formatter {
  Help() { column_width(24); }
  std::string make_usage(const CLI::App* app, std::string) const override {
    return "Usage: " + app->get_name() + " [options]\n\n";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
  std::string make_group(std::string group, bool positional,
                         std::vector<const CLI::Option*> options) const override {
    return CLI::Formatter::make_group(group, positional, options).substr(1);
  }
};

}  // namespace

Program::Program(std::string name, std::string about, Setup setup)
    : name_(std::move(name)),
      about_(std::move(about)),
      setup_(std::move(setup)),
      app_(std::make_unique<CLI::App>(about_ + "\n" + setup_.details, name_)) {
  app_->set_help_flag();
  app_->formatter(std::make_shared<Help>());
}

Program::~Program() = default;

CLI::Option* Program::describe(CLI::Option* option, const std::string& type, const char* group) {
  return option->type_name(type)->group(group);
}

template <class T>
void Program::number(const std::string& name, T& value, const std::string& help, Range<double> range) {
  using Number = typename Plain<T>::type;
  describe(app_->add_option(name, value, with_default(help, value)), std::is_integral_v<Number> ? "N" : "X",
           own_group)
      ->check(within<Number>(range));
}
template void Program::number(const std::string&, int&, const std::string&, Range<double>);
template void Program::number(const std::string&, Index&, const std::string&, Range<double>);
template void Program::number(const std::string&, std::uint64_t&, const std::string&, Range<double>);
template void Program::number(const std::string&, double&, const std::string&, Range<double>);
template void Program::number(const std::string&, std::optional<int>&, const std::string&, Range<double>);
template void Program::number(const std::string&, std::optional<Index>&, const std::string&, Range<double>);
template void Program::number(const std::string&, std::optional<double>&, const std::string&, Range<double>);

template <class T>
void Program::numbers(const std::string& name, std::vector<T>& values, const std::string& help,
                      Range<double> range) {
  const std::string type = std::is_integral_v<T> ? "N,N,..." : "X,X,...";
  describe(app_->add_option(name, values, with_default(help, values)), type, own_group)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(within<T>(range));
}
template void Program::numbers(const std::string&, std::vector<Index>&, const std::string&, Range<double>);
template void Program::numbers(const std::string&, std::vector<double>&, const std::string&, Range<double>);

void Program::choice(const std::string& name, std::string& value, const std::string& help,
                     const std::vector<std::string>& words) {
  const std::string all = help + ": " + CLI::detail::join(words, ", ");
  describe(app_->add_option(name, value, with_default(all, value)), "WORD", own_group)
      ->check(CLI::IsMember(words).description(""));
}

void Program::text(const std::string& name, std::string& value, const std::string& help,
                   const std::string& type) {
  describe(app_->add_option(name, value, with_default(help, value)), type, own_group);
}

void Program::flag(const std::string& name, bool& value, const std::string& help) {
  app_->add_flag(name, value, help)->group(own_group);
}

void Program::add_common(Run& run) {
  const auto add = [&](const char* name, auto& value, const char* type, const std::string& help) {
    return describe(app_->add_option(name, value, help), type, common_group);
  };
  // After the program's own, which come first in the help text, too.
  app_->set_help_flag("-h,--help", "This text")->group(common_group);
  run.threads = xgrad::num_threads();
  run.default_data = setup_.data;
  if (!setup_.data.empty())
    add("--data", run.data_word, "PATH", setup_.data_help + " [what tools/fetch gets]");
  if (setup_.epochs > 0)
    add("--epochs", run.epochs, "N",
        with_default(std::string("Passes over the training examples, at most"), setup_.epochs))
        ->check(within<Index>({1, 1e9}));
  add("--seed", run.seed, "N", with_default(std::string("Of everything random"), run.seed))
      ->check(within<std::uint64_t>({}));
  add("--threads", run.threads, "N", with_default(std::string("Cores to use"), run.threads))
      ->check(within<int>({1, 1024}));
  if (setup_.model) {
    add("--save", run.save_path, "FILE", "Where the weights go: .safetensors, .npz or .pt, for PyTorch, too")
        ->check(CLI::Validator(weights_place, ""));
    add("--load", run.load_path, "FILE", "Weights to use, without training");
  }
  if (setup_.pictures) {
    add("--out", run.out, "DIR", with_default(std::string("Where pictures go"), run.out));
    app_->add_flag("--png", run.png, "Pictures as PNG in place of SVG")->group(common_group);
  }
  app_->add_flag("--small", run.small, "Few examples, for a test that it works")->group(common_group);
  app_->add_flag("--no-check", run.no_check, "Status 0 also when a figure is not reached")
      ->group(common_group);
  add("--report", run.report_path, "FILE", "Figures and time as one line of JSON")
      ->check(CLI::Validator(unwritable, ""));
}

// False when the help text was asked for, and printed.
bool Program::parse(int argc, char** argv, Run& run) {
  add_common(run);
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app_->help();
    return false;
  } catch (const CLI::ParseError& error) {
    throw std::runtime_error(std::string(error.what()) + " (see " + name_ + " --help)");
  }
  if (run.epochs == 0)
    run.epochs = run.small && setup_.small_epochs > 0 ? setup_.small_epochs : setup_.epochs;
  if (setup_.pictures) std::filesystem::create_directories(run.out);
  return true;
}

int Program::run(int argc, char** argv, const std::function<void(Run&)>& body) try {
  const auto start = std::chrono::steady_clock::now();
  Run run{.name = name_};
  if (!parse(argc, argv, run)) return 0;
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // whoever reads a log sees how far it is
  xgrad::set_num_threads(run.threads);
  xgrad::manual_seed(run.seed);
  const xgrad::train::InterruptScope ctrl_c;

  body(run);

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::erase_if(run.picture_paths, [](const auto& path) { return !std::filesystem::exists(path); });
  for (const std::string& path : run.picture_paths) std::printf("picture written to %s\n", path.c_str());
  std::printf("wall time: %.1f s%s\n", seconds, xgrad::train::interrupted() ? "; interrupted" : "");
  for (const Figure& figure : run.figures) std::printf("%s\n", figure.text().c_str());
  if (!run.report_path.empty()) write_report(run, seconds);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw std::runtime_error("cannot write to standard output");
  if (xgrad::train::interrupted()) return 130;
  return run.reached() || run.no_check ? 0 : 1;
} catch (const std::exception& error) {
  std::fflush(stdout);
  std::cerr << name_ << ": " << error.what() << '\n';
  return 1;
}

}  // namespace example
