// Text and numbers for gnuplot's scripts; private to plot/.
// Invariant: what literal() gives is one token to gnuplot, which shows the text and does nothing else with
// it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xgrad::plot::detail {

/// Valid UTF-8 without control characters: each one, and each byte that fits nowhere, is replaced. Line ends
/// stay.
std::string cleaned(std::string_view text);
/// The same on one line.
std::string one_line(std::string_view text);
std::vector<std::string> lines_of(std::string_view text);

/// In double quotes, with everything that gnuplot reads in them written as a number: backquotes would run
/// commands.
std::string literal(std::string_view text);

/// The text with a box for each character, from U+0250 on, that no typeface of the system has: `charsets` is
/// what `fc-list : charset` says. gnuplot's PNG would show shapes as large as the picture in their place.
std::string with_known_characters(std::string_view text, std::string_view charsets);

/// Pixels of the widest line, in DejaVu Sans, the widest of the typefaces that the pictures name.
double text_width(std::string_view text, double size, bool bold = false);

/// The line, or as much of it as has place in `width` with "…" after it.
std::string shortened(std::string_view line, double width, double size, bool bold = false);
/// The lines, broken between words so that none is wider; after `most` of them, "…".
std::string wrapped(std::string_view text, double width, std::size_t most, double size, bool bold = false);

/// The shortest text that reads as the same number, whatever the locale; "NaN" where it is not finite.
std::string number(double value);
/// With that many digits after the point and a true minus sign.
std::string decimal(double value, int decimals);

}  // namespace xgrad::plot::detail
