// The choice of a class by weight; private to tensor/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace xgrad::detail {

/// The class in whose share of the running sums of weights u falls, u in [0, 1). A class of weight 0, whose
/// sum is the one before, is never picked, even where u times the total rounds to the total.
inline std::size_t pick(std::span<const double> sums, double u) {
  const double total = sums.back();
  auto picked = std::upper_bound(sums.begin(), sums.end(), u * total);
  if (picked == sums.end()) picked = std::lower_bound(sums.begin(), sums.end(), total);
  return static_cast<std::size_t>(picked - sums.begin());
}

}  // namespace xgrad::detail
