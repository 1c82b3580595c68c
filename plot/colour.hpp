// The colours of the pictures; private to plot/.
#pragma once

#include <xgrad/plot/options.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace xgrad::plot::detail {

/// 0xRRGGBB.
using Rgb = std::uint32_t;

constexpr const char* ink = "#1d2127";          ///< of titles
constexpr const char* text_colour = "#3a4048";  ///< of other text
constexpr const char* tick_colour = "#6a717b";
constexpr const char* axis_colour = "#9aa1ab";
constexpr const char* grid_colour = "#e8eaed";

/// Whether it is "#rrggbb".
bool is_colour(std::string_view text);
/// Of a text that is_colour() accepts.
Rgb rgb(std::string_view colour);
Rgb rgb(double red, double green, double blue);
std::string to_text(Rgb colour);
/// As gnuplot writes transparency: "#aarrggbb", 00 is opaque.
std::string with_opacity(const std::string& colour, double opacity);
/// part = 0: a, part = 1: b.
Rgb mixed(Rgb a, Rgb b, double part);
/// The colour at part, from 0 to 1; light grey where that is no number.
Rgb mapped(ColourMap map, double part);
/// Whether black text is read better than white on it.
bool is_light(Rgb colour);

}  // namespace xgrad::plot::detail
