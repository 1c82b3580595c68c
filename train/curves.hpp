// Learning curves of a History as panels of a figure. Not in the umbrella header, as plot/ is not.
#pragma once

#include <xgrad/plot/figure.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/train/history.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad::train {

struct CurvesOptions {
  std::string title = {};  ///< empty: the name
  std::string unit = {};   ///< after the numbers; with " %" they are drawn times 100
  double kept = 0;         ///< the epoch whose weights were kept, marked; 0: none
  bool log = false;
};
/// A panel with the column `name` over the epochs, and "validation_" + name where the history has it. Throws
/// ValueError when it has no column of that name.
plot::Panel& curves(plot::Figure& figure, const History& history, const std::string& name,
                    const CurvesOptions& options = {}, Place place = Place::here());

}  // namespace xgrad::train
XGRAD_API_END
