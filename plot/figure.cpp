// Figures and their files.
#include <xgrad/plot/figure.hpp>

#include <xgrad/plot/checks.hpp>
#include <xgrad/plot/process.hpp>
#include <xgrad/plot/script.hpp>
#include <xgrad/plot/text.hpp>

#include <xgrad/io/sink.hpp>
#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <cctype>
#include <ostream>
#include <string_view>
#include <utility>

namespace xgrad::plot {

using namespace detail;

namespace {

Format format_of(const std::string& path) {
  std::string ending = path.size() < 4 ? "" : path.substr(path.size() - 4);
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (ending == ".svg") return Format::svg;
  if (ending == ".png") return Format::png;
  fail<ValueError>("\"" + path + "\" ends neither in .svg nor in .png");
}

void write_file(const std::string& path, std::string_view bytes) {
  io::detail::Sink sink(path);
  sink.write(bytes);
  sink.commit();
}

// As one word to a shell.
std::string shell_word(const std::string& path) {
  constexpr const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:=@%";
  const std::string safe = path[0] == '-' ? "./" + path : path;
  if (safe.find_first_not_of(plain) == safe.npos) return safe;
  std::string word = "'";
  for (const char c : safe) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

bool complete(const std::string& picture, Format format) {
  const std::string_view end =
      format == Format::svg ? std::string_view("</svg>") : std::string_view("IEND\xAE\x42\x60\x82");
  const std::size_t last = picture.rfind(end);
  return last != picture.npos && picture.size() - last <= end.size() + 4;
}

}  // namespace

Figure::Figure(FigureOptions options, Place place) : options_(std::move(options)) {
  const Scope scope("plot::Figure", place);
  require_within(options_.columns, 1, 100, "columns");
}

Panel& Figure::panel(PanelOptions options, Place place) {
  return panels_.emplace_back(std::move(options), place);
}

std::string Figure::script(Format format) const { return write_script(lay_out(options_, panels_), format); }

Saved Figure::save(const std::string& path, Place place) const {
  const Scope scope("plot::save", place);
  const Format format = format_of(path);
  const std::string text = script(format);
  std::string shown = text;
  const auto beyond_latin = [](char c) { return static_cast<unsigned char>(c) >= 0xC9; };
  if (format == Format::png && std::any_of(text.begin(), text.end(), beyond_latin))
    shown = with_known_characters(text, run({"fc-list", ":", "charset"}, "").output);
  const Finished drawn = run({"gnuplot", "--default-settings", "/dev/stdin"}, shown);
  if (drawn.started && drawn.succeeded && complete(drawn.output, format)) {
    write_file(path, format == Format::svg ? finished_svg(drawn.output, options_.title) : drawn.output);
    return {true, path, ""};
  }
  const std::string beside = path + ".gnuplot";
  write_file(beside, text);
  const std::string command = "gnuplot " + shell_word(beside) + " > " + shell_word(path);
  std::string cause = cleaned(drawn.error);
  while (!cause.empty() && (cause.back() == '\n' || cause.back() == ' ')) cause.pop_back();
  if (!drawn.started)
    return {false, beside,
            path + " was not drawn: gnuplot does not start (" + cause + "). Data and script are in " +
                beside + "; with Debian's package gnuplot-nox, this draws it: " + command};
  return {false, beside,
          path + " was not drawn: gnuplot failed" + (cause.empty() ? "" : ": " + cause) +
              "\nData and script are in " + beside +
              " (written for Debian's package gnuplot-nox, version 5.4); to try again: " + command};
}

std::string to_string(const Saved& saved) { return saved.drawn ? saved.path : saved.message; }

std::ostream& operator<<(std::ostream& stream, const Saved& saved) { return stream << to_string(saved); }

}  // namespace xgrad::plot
