// Forecasts of a series beside what came: their errors, and their picture.
#pragma once

#include "series.hpp"

#include <xgrad/plot/figure.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace example {

/// For the windows of a test. Errors are in the series' unit, of prices in per cent.
struct Forecasts {
  xgrad::Tensor told, truth;  // quantiles 0.1, 0.5 and 0.9 (m, horizon, 3), and what came (m, horizon)
  std::vector<std::string> names = {};  // last value, last year where there is one, the kinds, all together
  std::vector<xgrad::Tensor> errors = {};  // of each, the mean absolute ones by days ahead, (horizon,)

  [[nodiscard]] double error(std::size_t of) const;
};

/// One of the three, (m, horizon).
[[nodiscard]] xgrad::Variable quantile(const xgrad::Tensor& told, xgrad::Index which);

/// Of the last 150 days what was told a day ahead, and several days ahead; and all errors.
[[nodiscard]] xgrad::plot::Figure picture(const Forecasts& tomorrow, const Forecasts& month,
                                          const Series& series, const std::string& subtitle);

}  // namespace example
