// Running sums and products against loops along every axis.
#include "support/lines.hpp"

#include <xgrad/kernels/reduce.hpp>

#include <algorithm>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr DType all_dtypes[] = {float32, float64, int64, uint8, boolean};

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("scan: running sums and products") {
    RandomTensors random(7);
    for (const Shape& shape : line_shapes)
      for (Index axis = 0; axis < shape.rank(); ++axis)
        for (DType dtype : all_dtypes) {
          const Tensor x = random(shape, dtype);
          const auto scan = [](bool reverse) {
            return [reverse](std::vector<double> v) {
              if (reverse) std::reverse(v.begin(), v.end());
              for (std::size_t i = 1; i < v.size(); ++i) v[i] += v[i - 1];
              if (reverse) std::reverse(v.begin(), v.end());
              return v;
            };
          };
          check_equal(kernels::cumsum(x, axis), along(x, axis, scan(false)), rounding(dtype));
          check_equal(kernels::cumsum(x, axis, true), along(x, axis, scan(true)), rounding(dtype));
          if (shape[axis] <= 10)
            check_equal(kernels::cumprod(x, axis),
                        along(x, axis,
                              [](std::vector<double> v) {
                                for (std::size_t i = 1; i < v.size(); ++i) v[i] *= v[i - 1];
                                return v;
                              }),
                        rounding(dtype));
        }
    CHECK(kernels::cumsum(Tensor({2.5}, float32).reshape({}), 0).item() == 2.5);
    CHECK(kernels::cumsum(Tensor({INT64_MAX, 1}, int64), 0).at<Index>({1}) == INT64_MIN);
  }
}
