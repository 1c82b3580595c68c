// The bars of a panel, their intervals and their values.
#include <xgrad/plot/bars.hpp>

#include <xgrad/plot/text.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace xgrad::plot::detail {
namespace {

constexpr double value_size = 12;

// Three digits of the greatest; none after the point of whole numbers.
int decimals_for(const Numbers& values) {
  double greatest = 0;
  bool whole = true;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    greatest = std::max(greatest, std::abs(value));
    whole = whole && value == std::floor(value);
  }
  if (whole || greatest >= 100) return 0;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(greatest))), 0, 6);
}

// The parts of a name's place that its bars take, and one of them.
struct BarWidths {
  double all, each;
};
BarWidths bar_widths(const Content& content) {
  const auto groups = static_cast<double>(content.bars.size());
  const double all = groups == 1 ? 0.62 : 0.8;
  return {all, all / groups};
}

}  // namespace

ValueStyle value_style(const Content& content, const BarGroup& group, double pixels) {
  ValueStyle style;
  style.decimals = decimals_for(group.heights);
  for (const double height : group.heights)
    if (!std::isnan(height))
      style.width = std::max(style.width, text_width(decimal(height, style.decimals), value_size));
  const double room = content.bars.size() == 1 ? pixels : bar_widths(content).each * pixels;
  constexpr double letter = 11;
  style.written = group.show_values && room >= letter;
  style.upright = style.width + 3 > room;
  return style;
}

std::vector<Item> bars_of(const Content& content, const Axis& y, double pixels) {
  std::vector<Item> items;
  if (content.bars.empty()) return items;
  const double all = bar_widths(content).all, wide = bar_widths(content).each;
  const double ground = y.log ? y.low : std::clamp(0.0, y.low, y.high);
  for (std::size_t g = 0; g < content.bars.size(); ++g) {
    const BarGroup& group = content.bars[g];
    Boxes boxes;
    const ValueStyle style = value_style(content, group, pixels);
    for (std::size_t i = 0; i < group.heights.size(); ++i) {
      const double height = group.heights[i];
      if (!y.shows(height)) continue;
      const double left = static_cast<double>(i) - all / 2 + wide * static_cast<double>(g);
      const double middle = left + wide / 2, gap = std::min(0.08 * wide, 1 / pixels);
      boxes.left.push_back(left + gap);
      boxes.right.push_back(left + wide - gap);
      boxes.low.push_back(std::min(ground, height));
      boxes.high.push_back(std::max(ground, height));
      boxes.colours.push_back(rgb(group.colour));
      double end = height;
      if (!group.low.empty() && y.shows(group.low[i]) && y.shows(group.high[i])) {
        Line line{{middle, middle}, {group.low[i], group.high[i]}, ink, 1.4};
        items.emplace_back(std::move(line));
        end = height < 0 ? group.low[i] : group.high[i];
      }
      if (!style.written) continue;
      Words words{middle, end, "", text_colour, value_size, Anchor::centre};
      words.text = decimal(height, style.decimals);
      words.degrees = style.upright ? 90 : 0;
      const double away = style.upright ? 5 + text_width(words.text, value_size) / 2 : 10;
      words.down = height < 0 ? away : -away;
      items.emplace_back(std::move(words));
    }
    items.insert(items.begin(), std::move(boxes));
  }
  return items;
}

}  // namespace xgrad::plot::detail
