// What gnuplot's SVG lacks.
#include <xgrad/plot/script.hpp>
#include <xgrad/plot/text.hpp>

#include <algorithm>

namespace xgrad::plot::detail {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::string finished_svg(const std::string& svg, const std::string& title) {
  constexpr const char* family = "font-family=\"'Helvetica Neue',Helvetica,Arial,'DejaVu Sans',sans-serif\"";
  std::string name = one_line(title);
  replace_all(name, "&", "&amp;");
  replace_all(name, "<", "&lt;");
  replace_all(name, ">", "&gt;");
  std::string result;
  // Inside of tags alone: what is between them is the user's.
  for (std::size_t at = 0; at < svg.size();) {
    const std::size_t open = std::min(svg.find('<', at), svg.size());
    const std::size_t close = std::min(svg.find('>', open), svg.size() - 1);
    result.append(svg, at, open - at);
    if (open == svg.size()) break;
    std::string tag = svg.substr(open, close - open + 1);
    at = close + 1;
    // A browser would show the names that gnuplot gives its layers to whoever points there.
    if (tag == "<title>" && svg.compare(at, 8, "Gnuplot<") != 0) {
      const std::size_t end = svg.find("</title>", at);
      if (end != svg.npos) {
        at = end + 8;
        continue;
      }
    }
    replace_all(tag, "font-family=\"Helvetica:Bold\"", std::string(family) + " font-weight=\"bold\"");
    replace_all(tag, "font-family=\"Helvetica\"", family);
    if (tag.rfind("<image ", 0) == 0) tag.insert(7, "style=\"image-rendering:pixelated\" ");
    result += tag;
    if (tag == "<title>" && svg.compare(at, 8, "Gnuplot<") == 0) {
      result += name;
      at += 7;
    }
  }
  return result;
}

}  // namespace xgrad::plot::detail
