// Elementwise mathematics and activations. All are differentiable to any order where mathematics allows, keep
// the shape, and take integers as float32.
// Defined in math.cpp and activation.cpp.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad {

Variable exp(const Operand& x);
/// 2^x.
Variable exp2(const Operand& x);
/// exp(x) - 1, accurate near 0.
Variable expm1(const Operand& x);
Variable log(const Operand& x);
Variable log2(const Operand& x);
Variable log10(const Operand& x);
/// log(1 + x), accurate near 0.
Variable log1p(const Operand& x);
/// Square root; sqrt'(0) = inf.
Variable sqrt(const Operand& x);
/// 1 / sqrt(x).
Variable rsqrt(const Operand& x);
Variable cbrt(const Operand& x);
/// x^2; integers stay integers.
Variable square(const Operand& x);
/// 1 / x.
Variable reciprocal(const Operand& x);
/// |x|, abs'(0) = 0, abs'(NaN) = NaN; integers stay integers.
Variable abs(const Operand& x);
/// -1, 0 or 1; gradient 0 everywhere; integers stay integers.
Variable sign(const Operand& x);
Variable sin(const Operand& x);
Variable cos(const Operand& x);
Variable tan(const Operand& x);
Variable asin(const Operand& x);
Variable acos(const Operand& x);
Variable atan(const Operand& x);
/// The angle of the point (x, y), in (-pi, pi].
Variable atan2(const Operand& y, const Operand& x);
Variable sinh(const Operand& x);
Variable cosh(const Operand& x);
Variable tanh(const Operand& x);
Variable asinh(const Operand& x);
Variable acosh(const Operand& x);
Variable atanh(const Operand& x);
/// 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, and 1 minus it.
Variable erf(const Operand& x);
Variable erfc(const Operand& x);
/// log|gamma(x)| and its derivatives: digamma is the first, polygamma(n, x) the (n+1)-th. Throws ValueError
/// unless 0 <= n <= 10'000.
Variable lgamma(const Operand& x);
Variable digamma(const Operand& x);
Variable polygamma(int order, const Operand& x);
/// To an integer: down, up, nearest (halves to even), towards zero. Gradient 0; integers stay as they are.
Variable floor(const Operand& x);
Variable ceil(const Operand& x);
Variable round(const Operand& x);
Variable trunc(const Operand& x);

/// sqrt(a^2 + b^2) without overflow; gradient 0 at (0, 0), (1, 0) at (inf, b).
Variable hypot(const Operand& a, const Operand& b);
/// x log(y), 0 where x = 0 (unless y is NaN). Its gradients are log(y) and x / y, and 0 where x = 0 and
/// log(y) is not finite.
Variable xlogy(const Operand& x, const Operand& y);
/// a + t (b - a): exactly a at t = 0 and b at t = 1, without overflow between.
Variable lerp(const Operand& a, const Operand& b, const Operand& t);
/// x limited to [low, high]; the gradient passes at the bounds. NaN stays. Integers stay integers within
/// bounds that are numbers, fractional and infinite ones too. Throws ValueError when low > high or no integer
/// of x's dtype is between. Bounds that are tensors broadcast, get the gradient beyond them, and NaN where
/// they are NaN; where low > high the result is high.
Variable clamp(const Operand& x, const Operand& low, const Operand& high);
struct ClampOptions {
  std::optional<Operand> min = {};
  std::optional<Operand> max = {};
};
/// The same with one bound: clamp(x, {.min = 0}). Throws ValueError without any.
Variable clamp(const Operand& x, const ClampOptions& bounds);
/// clamp, by NumPy's name.
inline Variable clip(const Operand& x, const Operand& low, const Operand& high) {
  return clamp(x, low, high);
}
inline Variable clip(const Operand& x, const ClampOptions& bounds) { return clamp(x, bounds); }

/// 1 / (1 + exp(-x)) and its logarithm, stable.
Variable sigmoid(const Operand& x);
Variable logsigmoid(const Operand& x);
/// log(1 + exp(beta x)) / beta, stable.
Variable softplus(const Operand& x, double beta = 1);
/// max(x, 0), +0 for -0; relu'(0) = 0.
Variable relu(const Operand& x);
/// x, or slope * x where x <= 0.
Variable leaky_relu(const Operand& x, double slope = 0.01);
/// x, or alpha (exp(x) - 1) where x <= 0.
Variable elu(const Operand& x, double alpha = 1);
/// Scaled ELU with the constants of Klambauer et al., "Self-normalizing neural networks", 2017.
Variable selu(const Operand& x);
/// x, or alpha (exp(x / alpha) - 1) where x <= 0.
Variable celu(const Operand& x, double alpha = 1);
/// The normal distribution function by the error function, or its approximation by tanh.
enum class GeluForm { erf, tanh };
/// x Phi(x), or its tanh approximation (Hendrycks and Gimpel, "Gaussian error linear units", 2016).
Variable gelu(const Operand& x, GeluForm form = GeluForm::erf);
/// x sigmoid(x).
Variable silu(const Operand& x);
/// x tanh(softplus(x)).
Variable mish(const Operand& x);
/// x limited to [low, high]; gradient 0 at and beyond the bounds.
Variable hardtanh(const Operand& x, double low = -1, double high = 1);
/// x limited to [0, 6]; gradient 0 at and beyond the bounds.
Variable relu6(const Operand& x);
/// (x + 3) / 6 limited to [0, 1].
Variable hardsigmoid(const Operand& x);
/// x hardsigmoid(x).
Variable hardswish(const Operand& x);
/// x / (1 + |x|).
Variable softsign(const Operand& x);
/// x - tanh(x).
Variable tanhshrink(const Operand& x);
/// x moved towards 0 by lambda, 0 within it. Throws ValueError on a negative lambda.
Variable softshrink(const Operand& x, double lambda = 0.5);
/// x, or 0 where |x| <= lambda.
Variable hardshrink(const Operand& x, double lambda = 0.5);
/// x, or `value` where x <= threshold.
Variable threshold(const Operand& x, double threshold, double value);

}  // namespace xgrad
XGRAD_API_END
