#include "options.hpp"

#include <xgrad/tensor/version.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <map>
#include <memory>
#include <string_view>

namespace {

constexpr const char* overview =
    R"(Usage: xgrad COMMAND ...

Looks into files of tensors: safetensors (also in several files with an index), npy, npz, PyTorch's state
dictionaries. Which one a file is, its content tells.

Commands:
  show FILE           Names, types, shapes and statistics of the tensors
  convert FROM TO     Writes the tensors in the format that the extension of TO names
  diff A B            Compares the tensors of two files

Options:
  -h,--help           This text; behind a command, that of the command
  --version           Version of the program and of the library

Exit status: 0 when all is well, 1 when diff finds differences, 2 on an error, bad usage included.
)";

constexpr const char* show_text =
    R"(Lists the tensors of FILE with the least and the greatest element, the mean and the count of NaN, then the
metadata and totals. Tensors are read one after another: the largest has to fit into memory, not the file.

NaN is left out of min, max and mean; infinities are not. A type that is widened when it is read stands in
brackets behind what it becomes: float32 (float16). Bytes are those in memory.
)";

constexpr const char* show_json_text =
    R"(--json writes one object: file, format, layout (the order of axes: "xgrad", "pytorch" or null), metadata (an
object of texts), tensors (a list of objects: name, dtype, stored, shape, elements, bytes, and unless --no-stats
min, max, mean, nan), elements, bytes. NaN and infinities are the texts "NaN", "Infinity" and "-Infinity"; min,
max and mean of no number are null.

Exit status: 0 when all is well, 2 on an error.)";

constexpr const char* convert_text =
    R"(Writes the tensors of FROM to TO, in the format that the extension of TO names: .safetensors, .npz, .npy (one
tensor), .pt or .pth. TO may be FROM; it is replaced when the new file is whole.

float16 and bfloat16 become float32, integers int64 but uint8; that, and metadata that the format does not keep,
is said on standard error. Axes stay in their order: a file that is in xgrad's cannot become one of PyTorch's.
)";

constexpr const char* convert_end = "Exit status: 0 when all is well, 2 on an error.";

constexpr const char* diff_text =
    R"(Compares the tensors of A and B by their names: dtype as they are read, shape, elements. NaN equals NaN at the
same place. Differences are |a - b|, relative ones |a - b| / max(|a|, |b|), infinite where NaN or an infinity
meets another number. The format, the order of tensors and the metadata do not matter.
)";

constexpr const char* diff_json_text =
    R"(--json writes one object: a, b (the files), tolerance, equal, layouts (null unless the order of axes differs: an
object of a and b), only_in_a, only_in_b (lists of names), tensors (those of both, a list of objects: name, equal,
dtype and shape as objects of a and b, differing (count of elements, null when the shapes differ), absolute and
relative, the greatest differences: null or an object of difference, index, a, b). NaN and infinities are the
texts "NaN", "Infinity" and "-Infinity".

Exit status: 0 when the files are equal, 1 when they differ, 2 on an error.)";

struct Help : CLI::Formatter {
  Help() { column_width(20); }
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
    std::string usage = "Usage: " + app->get_name() + " [options]";
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional()) usage += " " + option->get_name(true);
    return usage + "\n\n" + app->get_description() + make_groups(app, mode) + "\n" + app->get_footer() + "\n";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
};

std::string tolerance_check(const std::string& text) {
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc() && end == last && 0 <= value && value < 1) return {};
  return "expects a number of at least 0 and below 1, got '" + text + "'";
}

/// One command: its parser, and what it fills.
struct Parser {
  Parser(const char* name, const char* text, const char* end) : app(text, std::string("xgrad ") + name) {
    app.formatter(std::make_shared<Help>());
    app.set_help_flag("-h,--help", "This text");
    app.footer(end);
  }
  void argument(const char* name, std::string& value) { app.add_option(name, value)->required(); }
  void limit(xgrad::io::ReadOptions& reading) {
    app.add_option("--max-unpacked", reading.max_unpacked,
                   "Bytes that a packed file may unpack to [64 times its size, at least 64 MiB]")
        ->type_name("BYTES")
        ->check(CLI::PositiveNumber.description(""));
  }

  template <class Options>
  Command parse(int argc, char** argv, const Options& options) {
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Text{app.help()};
    } catch (const CLI::ParseError& error) {
      throw UsageError(explanation(error.what()) + " (see " + app.get_name() + " --help)");
    }
    return options;
  }

  /// What is left over explains more than what is missing for it.
  std::string explanation(const std::string& error) const {
    const std::vector<std::string> rest = app.remaining();
    if (rest.empty()) return error;
    if (rest.front().starts_with('-'))
      return "there is no option '" + rest.front() + "'; a file of that name goes behind --";
    return "'" + rest.front() + "' is one argument too many";
  }

  CLI::App app;
};

Command parse_show(int argc, char** argv) {
  ShowOptions options;
  Parser parser("show", show_text, show_json_text);
  parser.argument("FILE", options.file);
  bool quick = false;
  parser.app.add_flag("--no-stats", quick, "Read no elements: names, types and shapes alone");
  parser.app.add_flag("--json", options.json, "Write JSON");
  parser.limit(options.reading);
  Command command = parser.parse(argc, argv, options);
  if (auto* const parsed = std::get_if<ShowOptions>(&command)) parsed->statistics = !quick;
  return command;
}

Command parse_convert(int argc, char** argv) {
  ConvertOptions options;
  Parser parser("convert", convert_text, convert_end);
  parser.argument("FROM", options.from);
  parser.argument("TO", options.to);
  const std::map<std::string, xgrad::StateDict::Layout> layouts{
      {"pytorch", xgrad::StateDict::Layout::pytorch}, {"xgrad", xgrad::StateDict::Layout::xgrad}};
  parser.app
      .add_option("--layout", options.layout,
                  "Whose order of axes a file has that does not say: pytorch or xgrad")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(layouts).description(""));
  parser.limit(options.reading);
  return parser.parse(argc, argv, options);
}

Command parse_diff(int argc, char** argv) {
  DiffOptions options;
  Parser parser("diff", diff_text, diff_json_text);
  parser.argument("A", options.a);
  parser.argument("B", options.b);
  parser.app
      .add_option("--tolerance", options.tolerance,
                  "Elements are equal when |a - b| <= T max(1, |a|, |b|) [0]")
      ->type_name("T")
      ->check(CLI::Validator(tolerance_check, ""));
  parser.limit(options.reading);
  parser.app.add_flag("--json", options.json, "Write JSON");
  return parser.parse(argc, argv, options);
}

}  // namespace

Command parse_command_line(int argc, char** argv) {
  if (argc < 2) throw UsageError("expects a command: show, convert or diff (see xgrad --help)");
  const std::string_view word = argv[1];
  if (word == "-h" || word == "--help") return Text{overview};
  if (word == "--version") return Text{std::string("xgrad ") + xgrad::library_version() + "\n"};
  if (word == "show") return parse_show(argc - 1, argv + 1);
  if (word == "convert") return parse_convert(argc - 1, argv + 1);
  if (word == "diff") return parse_diff(argc - 1, argv + 1);
  const bool option = !word.empty() && word.front() == '-';
  throw UsageError((option ? "there is no option '" : "there is no command '") + std::string(word) +
                   "'; commands are show, convert and diff (see xgrad --help)");
}
