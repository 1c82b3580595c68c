// Decimation by pixels.
#include <xgrad/plot/thin.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace xgrad::plot::detail {
namespace {

// Cells of a plot; those of a very large one are larger.
struct Cells {
  double cell;
  std::size_t columns, rows;

  Cells(double width, double height, double least)
      : cell(std::max({least, width / 4000, height / 4000})),
        columns(static_cast<std::size_t>(width / cell) + 1),
        rows(static_cast<std::size_t>(height / cell) + 1) {}
  std::size_t count() const { return columns * rows; }
  std::size_t at(double x, double y) const {
    const auto index = [&](double place, std::size_t most) {
      return static_cast<std::size_t>(std::clamp(place / cell, 0.0, static_cast<double>(most - 1)));
    };
    return index(y, rows) * columns + index(x, columns);
  }
};

struct Segment {
  double x1, y1, x2, y2;
};

// Cuts off what is outside of the plot (Liang and Barsky); false: nothing is inside.
bool clip(Segment& segment, double width, double height) {
  const double dx = segment.x2 - segment.x1, dy = segment.y2 - segment.y1;
  double begin = 0, end = 1;
  const auto cut = [&](double towards, double distance) {
    if (towards == 0) return distance >= 0;
    const double part = distance / towards;
    if (towards < 0)
      begin = std::max(begin, part);
    else
      end = std::min(end, part);
    return begin <= end;
  };
  if (!cut(-dx, segment.x1) || !cut(dx, width - segment.x1) || !cut(-dy, segment.y1) ||
      !cut(dy, height - segment.y1))
    return false;
  segment = {segment.x1 + begin * dx, segment.y1 + begin * dy, segment.x1 + end * dx, segment.y1 + end * dy};
  return true;
}

}  // namespace

Indices thinned_columns(const Numbers& across, const std::vector<const Numbers*>& along) {
  const std::size_t count = across.size();
  const auto gap = [&](std::size_t i) {
    return std::isnan(across[i]) ||
           std::any_of(along.begin(), along.end(), [&](const Numbers* y) { return std::isnan((*y)[i]); });
  };
  Indices kept;
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = begin + 1;
    if (gap(begin)) {
      while (end < count && gap(end)) ++end;
      if (!kept.empty() && end < count) kept.push_back(gap_index);
      begin = end;
      continue;
    }
    const double column = std::floor(2 * across[begin]);
    Indices run{begin};
    for (const Numbers* y : along) {
      std::size_t least = begin, greatest = begin;
      for (end = begin + 1; end < count && std::floor(2 * across[end]) == column && !gap(end); ++end) {
        if ((*y)[end] < (*y)[least]) least = end;
        if ((*y)[end] > (*y)[greatest]) greatest = end;
      }
      run.push_back(least);
      run.push_back(greatest);
    }
    run.push_back(end - 1);
    std::sort(run.begin(), run.end());
    kept.insert(kept.end(), run.begin(), std::unique(run.begin(), run.end()));
    begin = end;
  }
  return kept;
}

Indices thinned_line(const Numbers& across, const Numbers& along, double width, double height) {
  constexpr std::size_t many = 20000;
  const Indices line = thinned_columns(across, {&along});
  if (line.size() <= many) return line;
  const Cells cells(width, height, 0.5);
  std::vector<bool> touched(cells.count());
  // Whether the segment touches a cell of its own, or leads where cells do not tell.
  const auto shows = [&](std::size_t from, std::size_t to) {
    Segment segment{across[from], along[from], across[to], along[to]};
    if (!std::isfinite(segment.x2 - segment.x1) || !std::isfinite(segment.y2 - segment.y1)) return true;
    if (!clip(segment, width, height)) return false;
    const double dx = segment.x2 - segment.x1, dy = segment.y2 - segment.y1;
    const double steps = std::ceil(std::max(std::abs(dx), std::abs(dy)) / cells.cell);
    bool own = false;
    for (double step = 0; step <= steps; ++step) {
      const double part = steps == 0 ? 0 : step / steps;
      auto cell = touched[cells.at(segment.x1 + part * dx, segment.y1 + part * dy)];
      own = own || !cell;
      cell = true;
    }
    return own;
  };
  Indices kept;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == gap_index) continue;
    const bool begins = i == 0 || line[i - 1] == gap_index;
    if (begins || !shows(line[i - 1], line[i])) continue;
    if (kept.empty() || kept.back() != line[i - 1]) {
      if (!kept.empty()) kept.push_back(gap_index);
      kept.push_back(line[i - 1]);
    }
    kept.push_back(line[i]);
  }
  return kept;
}

ThinnedDots thinned_dots(const Numbers& across, const Numbers& along, double width, double height,
                         double radius, double opacity) {
  // The dots whose middle is outside of the plot are not drawn.
  const auto inside = [&](std::size_t i) {
    return across[i] >= -0.5 && across[i] <= width + 0.5 && along[i] >= -0.5 && along[i] <= height + 0.5;
  };
  const Cells cells(width, height, 1);
  std::vector<std::size_t> counts(cells.count());
  Indices firsts;
  for (std::size_t i = 0; i < across.size(); ++i)
    if (inside(i) && counts[cells.at(across[i], along[i])]++ == 0) firsts.push_back(i);

  // How much of what is below a cell of the screen is seen; cells after the size of the dots.
  const Cells screen(width, height, std::max(0.5, radius / 5));
  std::vector<float> seen(radius > 0 ? screen.count() : 0, 1.0F);
  const double half = 0.71 * screen.cell;
  const auto around = [&](double x, double y, const auto& visit) {
    const auto range = [&](double place, std::size_t most) {
      const auto part = [&](double end) {
        return static_cast<std::size_t>(std::clamp(end / screen.cell, 0.0, static_cast<double>(most - 1)));
      };
      return std::pair(part(place - radius - half), part(place + radius + half));
    };
    const auto [left, right] = range(x, screen.columns);
    const auto [top, bottom] = range(y, screen.rows);
    for (std::size_t row = top; row <= bottom; ++row)
      for (std::size_t column = left; column <= right; ++column) {
        const double distance = std::hypot((static_cast<double>(column) + 0.5) * screen.cell - x,
                                           (static_cast<double>(row) + 0.5) * screen.cell - y);
        if (distance <= radius + half) visit(seen[row * screen.columns + column], distance <= radius - half);
      }
  };
  ThinnedDots kept;
  for (const std::size_t i : firsts) {
    const double through = std::pow(1 - opacity, counts[cells.at(across[i], along[i])]);
    if (radius > 0) {
      bool shows = false;
      around(across[i], along[i], [&](float& cell, bool) { shows = shows || cell > 1.0F / 512; });
      if (!shows) continue;
      around(across[i], along[i], [&](float& cell, bool whole) {
        if (whole) cell *= static_cast<float>(through);
      });
    }
    kept.indices.push_back(i);
    kept.opacities.push_back(1 - through);
  }
  return kept;
}

Raster reduced(const Raster& raster, std::size_t factor) {
  const auto parts = [&](std::size_t count) { return (count + factor - 1) / factor; };
  Raster result = raster;
  result.rows = parts(raster.rows);
  result.columns = parts(raster.columns);
  result.pixels.clear();
  for (std::size_t row = 0; row < result.rows; ++row)
    for (std::size_t column = 0; column < result.columns; ++column) {
      std::size_t red = 0, green = 0, blue = 0, count = 0;
      for (std::size_t r = row * raster.rows / result.rows; r < (row + 1) * raster.rows / result.rows; ++r)
        for (std::size_t c = column * raster.columns / result.columns;
             c < (column + 1) * raster.columns / result.columns; ++c, ++count) {
          const Rgb pixel = raster.pixels[r * raster.columns + c];
          red += pixel >> 16, green += pixel >> 8 & 255, blue += pixel & 255;
        }
      const auto mean = [&](std::size_t sum) { return static_cast<Rgb>((sum + count / 2) / count); };
      result.pixels.push_back(mean(red) << 16 | mean(green) << 8 | mean(blue));
    }
  return result;
}

}  // namespace xgrad::plot::detail
