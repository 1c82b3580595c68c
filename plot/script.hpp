// A figure as a script of gnuplot's; private to plot/.
#pragma once

#include <xgrad/plot/figure.hpp>
#include <xgrad/plot/layout.hpp>

#include <string>

namespace xgrad::plot::detail {

/// Writes the picture to standard output. Data stand in it, and no text of the user's but as literal() gives
/// it.
std::string write_script(const Sheet& sheet, Format format);

/// gnuplot's SVG with typefaces for every system, sharp pixels and a title of its own.
std::string finished_svg(const std::string& svg, const std::string& title);

}  // namespace xgrad::plot::detail
