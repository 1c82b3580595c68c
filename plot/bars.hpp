// Bars, which stand side by side in the place of a name; private to plot/.
#pragma once

#include <xgrad/plot/axis.hpp>
#include <xgrad/plot/content.hpp>

#include <vector>

namespace xgrad::plot::detail {

/// How the values of bars are written, `pixels` being the width of a name's place: those that would touch
/// stand upright, and of bars thinner than a letter there are none.
struct ValueStyle {
  int decimals = 0;
  bool written = false, upright = false;
  double width = 0;  ///< of the widest
};
ValueStyle value_style(const Content& content, const BarGroup& group, double pixels);

/// The bars of all groups side by side, as boxes from 0 or the axis's end; the lines of their intervals and
/// their values.
std::vector<Item> bars_of(const Content& content, const Axis& y, double pixels);

}  // namespace xgrad::plot::detail
