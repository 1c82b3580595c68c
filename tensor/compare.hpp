// Comparison of tensors for tests and tools.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/check_result.hpp>
#include <xgrad/tensor/tensor.hpp>

XGRAD_API_BEGIN
namespace xgrad {

struct Tolerance {
  double rtol = 1e-5;
  double atol = 1e-8;
  bool equal_nan = true;
};

/// |actual - expected| <= atol + rtol * |expected| for every element, equal infinities included. Different
/// shapes or dtypes are not close; neither throws. `text` names the worst element.
CheckResult allclose(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {});

/// Same dtype, shape and bits (so NaN equals the same NaN).
[[nodiscard]] bool bitwise_equal(const Tensor& a, const Tensor& b);

}  // namespace xgrad
XGRAD_API_END
