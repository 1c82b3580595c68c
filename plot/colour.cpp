// Colour maps and the cycle of series.
#include <xgrad/plot/colour.hpp>

#include <xgrad/plot/figure.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace xgrad::plot {

// Told apart in normal sight and with each kind of colour blindness, simulated after Machado et al. 2009: the
// first ones best, no two nearer than 15 in CIE Lab.
std::string series_colour(std::size_t n) {
  constexpr std::array colours = {"#3b7dd8", "#e4752b", "#2a9d76", "#6f2f85", "#ecc23f",
                                  "#8fd3f0", "#9c2740", "#68707c", "#b4dd6a", "#e88bbd"};
  return colours[n % colours.size()];
}

namespace detail {
namespace {

// Blues of ColorBrewer 2.0 (Brewer, Harrower); viridis of matplotlib (Smith, van der Walt), every tenth.
constexpr std::array<Rgb, 9> blues = {0xf7fbff, 0xdeebf7, 0xc6dbef, 0x9ecae1, 0x6baed6,
                                      0x4292c6, 0x2171b5, 0x08519c, 0x08306b};
constexpr std::array<Rgb, 11> viridis = {0x440154, 0x482475, 0x414487, 0x355f8d, 0x2a788e, 0x21918c,
                                         0x22a884, 0x44bf70, 0x7ad151, 0xbddf26, 0xfde725};
constexpr std::array<Rgb, 9> diverging = {0x17407f, 0x2f68bd, 0x6a9fe3, 0xb3cff1, 0xf8f8f8,
                                          0xf8cfae, 0xee9a61, 0xcf6119, 0x8a3c08};
constexpr std::array<Rgb, 2> grey = {0x000000, 0xffffff};
constexpr std::array<Rgb, 2> inverted = {0xffffff, 0x000000};

std::span<const Rgb> anchors(ColourMap map) {
  switch (map) {
    case ColourMap::blues:
      return blues;
    case ColourMap::viridis:
      return viridis;
    case ColourMap::diverging:
      return diverging;
    case ColourMap::grey:
      return grey;
    case ColourMap::ink:
      return inverted;
  }
  return blues;
}

}  // namespace

bool is_colour(std::string_view text) {
  return text.size() == 7 && text[0] == '#' &&
         text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string_view::npos;
}

Rgb rgb(std::string_view colour) {
  return static_cast<Rgb>(std::stoul(std::string(colour.substr(1)), nullptr, 16));
}

Rgb rgb(double red, double green, double blue) {
  const auto byte = [](double part) {
    return static_cast<Rgb>(std::isnan(part) ? 0xdd : std::lround(255 * std::clamp(part, 0.0, 1.0)));
  };
  return byte(red) << 16 | byte(green) << 8 | byte(blue);
}

std::string to_text(Rgb colour) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text = "#";
  for (int shift = 20; shift >= 0; shift -= 4) text += digits[(colour >> shift) & 15];
  return text;
}

std::string with_opacity(const std::string& colour, double opacity) {
  const auto transparency = static_cast<Rgb>(std::lround(255 * (1 - opacity)));
  return "#" + to_text(transparency).substr(5) + colour.substr(1);
}

Rgb mixed(Rgb a, Rgb b, double part) {
  const auto channel = [&](int shift) {
    const double from = (a >> shift) & 255, to = (b >> shift) & 255;
    return (from + (to - from) * part) / 255;
  };
  return rgb(channel(16), channel(8), channel(0));
}

Rgb mapped(ColourMap map, double part) {
  if (std::isnan(part)) return 0xdddddd;
  const std::span<const Rgb> colours = anchors(map);
  const double position = std::clamp(part, 0.0, 1.0) * static_cast<double>(colours.size() - 1);
  const std::size_t below = std::min(static_cast<std::size_t>(position), colours.size() - 2);
  return mixed(colours[below], colours[below + 1], position - static_cast<double>(below));
}

bool is_light(Rgb colour) {
  const auto channel = [&](int shift) { return static_cast<double>((colour >> shift) & 255); };
  return 0.299 * channel(16) + 0.587 * channel(8) + 0.114 * channel(0) > 140;
}

}  // namespace detail
}  // namespace xgrad::plot
