// Elementwise arithmetic, comparisons and tests, with broadcasting.
// Invariant: integer arithmetic wraps around and never is undefined; integer division by zero throws
// ValueError.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// a op b; operands of one dtype. For bool, add is `or`, mul is `and`, max and min likewise; the others throw
/// DTypeError.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
/// Floating only.
Tensor div(const Tensor& a, const Tensor& b);
/// cotangent * slope, zero where the cotangent is zero, whatever the slope. Floating only.
Tensor chain(const Tensor& cotangent, const Tensor& slope);
/// cotangent = chain(cotangent, slope), same shape.
void chain_to(Tensor& cotangent, const Tensor& slope);
/// NaN where either is NaN.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
/// Integers only: quotient towards minus infinity; remainder with the sign of b; remainder with the sign of
/// a.
Tensor integer_floor_divide(const Tensor& a, const Tensor& b);
Tensor integer_remainder(const Tensor& a, const Tensor& b);
Tensor integer_fmod(const Tensor& a, const Tensor& b);
/// Integers only. Negative exponents throw ValueError.
Tensor integer_pow(const Tensor& a, const Tensor& b);
/// -x; numbers only.
Tensor neg(const Tensor& x);
/// |x|; the smallest int64 stays as it is. Numbers only.
Tensor abs(const Tensor& x);

/// target += x, of the same dtype and broadcast to the target's shape: in place when nobody shares the
/// target's elements.
void add_to(Tensor& target, const Tensor& x);
/// target += scale * x, same shape; floating only.
void add_scaled_to(Tensor& target, double scale, const Tensor& x);

enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal };
/// bool; operands of one dtype, or int64 and another, which are compared exactly. Comparisons with NaN are
/// false, not_equal true.
Tensor compare(Comparison comparison, const Tensor& a, const Tensor& b);

enum class Logical { both, either, one };
/// Booleans from the truth (non-zero) of the operands; any dtypes.
Tensor logical(Logical kind, const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

/// condition ? a : b with broadcasting; condition bool, a and b of one dtype.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

enum class Classification { nan, infinite, finite };
/// bool; false (finite: true) throughout for integers.
Tensor classify(Classification kind, const Tensor& x);
/// True when no element is a NaN or an infinity; integers always are finite.
bool all_finite(const Tensor& x);

}  // namespace xgrad::kernels
