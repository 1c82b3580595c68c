// Which of very many data are drawn: no more than a picture can show; private to plot/.
// Invariant: the first datum, the last one, gaps and extremes of every column of pixels stay, and what is
// left out would change no pixel by more than its edge. Places are in pixels; NaN is a gap.
#pragma once

#include <xgrad/plot/content.hpp>

#include <cstddef>
#include <limits>
#include <vector>

namespace xgrad::plot::detail {

/// Of so few data, all are drawn.
inline constexpr std::size_t few_data = 5000;

using Indices = std::vector<std::size_t>;
/// Stands among Indices where the line is interrupted.
inline constexpr std::size_t gap_index = std::numeric_limits<std::size_t>::max();

/// Of each run of neighbours in one column of half a pixel: the first, the least and the greatest of each of
/// `along`, and the last (as M4: Jugel and others, VLDB 2014).
Indices thinned_columns(const Numbers& across, const std::vector<const Numbers*>& along);

/// The same for an opaque line; where many segments are left, only those that touch a pixel which none before
/// them does, and no point that has no neighbour.
Indices thinned_line(const Numbers& across, const Numbers& along, double width, double height);

/// One dot for all of a pixel of the plot, with the opacity of all of them; none where those before it hide
/// it. A radius of 0: for each pixel that has one.
struct ThinnedDots {
  Indices indices;
  Numbers opacities;
};
ThinnedDots thinned_dots(const Numbers& across, const Numbers& along, double width, double height,
                         double radius, double opacity);

/// The mean colours of so many rows and columns each.
Raster reduced(const Raster& raster, std::size_t factor);

}  // namespace xgrad::plot::detail
