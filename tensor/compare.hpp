// Comparison of tensors for tests and tools.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad {

/// The outcome of allclose: converts to bool; `text` names the worst element when it is false.
struct [[nodiscard]] Closeness {
  bool close = false;
  std::string text;
  explicit operator bool() const { return close; }
};
std::ostream& operator<<(std::ostream& stream, const Closeness& closeness);

struct Tolerance {
  double rtol = 1e-5;
  double atol = 1e-8;
  bool equal_nan = true;
};

/// |actual - expected| <= atol + rtol * |expected| for every element, equal infinities included. Different
/// shapes or dtypes are not close; neither throws.
Closeness allclose(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {});

/// Same dtype, shape and bits (so NaN equals the same NaN).
[[nodiscard]] bool bitwise_equal(const Tensor& a, const Tensor& b);

}  // namespace xgrad
XGRAD_API_END
