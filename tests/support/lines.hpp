// Functions of a line: what scans, softmax and their kin do along one axis.
#pragma once

#include "support/reference.hpp"

#include <functional>
#include <vector>

namespace xgrad::test {

/// The line of x along `axis` through an index.
inline std::vector<double> line(const Naive& x, Shape index, Index axis) {
  std::vector<double> values;
  for (Index i = 0; i < x.shape[axis]; ++i) {
    index[axis] = i;
    values.push_back(x[index]);
  }
  return values;
}

/// Applies f to every line along an axis; f maps a line to a line.
using LineFunction = std::function<std::vector<double>(const std::vector<double>&)>;
inline Naive along(const Tensor& x, Index axis, const LineFunction& f) {
  const Naive values(x);
  Naive result(x.shape());
  for_each_index(x.shape(), [&](const Shape& i) {
    if (i[axis] != 0) return;
    const std::vector<double> out = f(line(values, i, axis));
    Shape at = i;
    for (Index k = 0; k < x.shape()[axis]; ++k) {
      at[axis] = k;
      result[at] = out[static_cast<std::size_t>(k)];
    }
  });
  return result;
}

/// Shapes of short and long lines, side by side or not, empty ones among them.
inline const std::vector<Shape> line_shapes{
    {1},       {5},       {100},  {5000}, {0, 3},    {3, 0},      {2, 0, 4},   {7, 10},     {300, 10},
    {3, 1100}, {1500, 3}, {1, 1}, {4, 1}, {5, 6, 7}, {2, 30, 70}, {3, 300, 2}, {2, 3, 2, 4}};

/// What rounding may make of a few terms.
inline double rounding(DType dtype) { return dtype == float32 ? 2e-5 : dtype == float64 ? 1e-12 : 0; }

}  // namespace xgrad::test
