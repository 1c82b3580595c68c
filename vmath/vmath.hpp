// Mathematical functions over arrays of float or double, vectorised with the library's own instruction set,
// whatever flags the caller is compiled with. Invariant: out[i] depends on the inputs at i alone, not on its
// position or on n.
// Defined in arc.cpp, erf.cpp, exp.cpp, gamma.cpp, log.cpp, pow.cpp, round.cpp and trig.cpp.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/index.hpp>

XGRAD_API_BEGIN
namespace xgrad::vmath {

// Each is defined for float and double; `out` may be an input. Within 4 units in the last place of the exact
// value (lgamma, digamma, erfc: 16, relative to max(1, |value|) near their zeros). IEEE special values as in
// <cmath>.
#define XGRAD_DECLARE_UNARY(name)                 \
  void name(const float* x, float* out, Index n); \
  void name(const double* x, double* out, Index n);
#define XGRAD_DECLARE_BINARY(name)                                \
  void name(const float* x, const float* y, float* out, Index n); \
  void name(const double* x, const double* y, double* out, Index n);

XGRAD_DECLARE_UNARY(exp)
XGRAD_DECLARE_UNARY(exp2)
XGRAD_DECLARE_UNARY(expm1)
XGRAD_DECLARE_UNARY(log)
XGRAD_DECLARE_UNARY(log2)
XGRAD_DECLARE_UNARY(log10)
XGRAD_DECLARE_UNARY(log1p)
XGRAD_DECLARE_UNARY(sqrt)
XGRAD_DECLARE_UNARY(cbrt)
XGRAD_DECLARE_UNARY(sin)
XGRAD_DECLARE_UNARY(cos)
XGRAD_DECLARE_UNARY(tan)
XGRAD_DECLARE_UNARY(asin)
XGRAD_DECLARE_UNARY(acos)
XGRAD_DECLARE_UNARY(atan)
XGRAD_DECLARE_UNARY(sinh)
XGRAD_DECLARE_UNARY(cosh)
XGRAD_DECLARE_UNARY(tanh)
/// 1 / (1 + exp(-x)), without overflow.
XGRAD_DECLARE_UNARY(sigmoid)
/// d/dx tanh(x), sigmoid(x), erf(x), all digits kept where these saturate: within 16 units.
XGRAD_DECLARE_UNARY(tanh_slope)
XGRAD_DECLARE_UNARY(sigmoid_slope)
XGRAD_DECLARE_UNARY(erf_slope)
/// x / (1 + exp(-x)) and x tanh(log(1 + exp(x))); within 16 units, 32 where the result is subnormal.
XGRAD_DECLARE_UNARY(silu)
XGRAD_DECLARE_UNARY(mish)
/// Their slopes, which have a zero each: within 16 units of max(1, |slope|), and of the slope below -4.
XGRAD_DECLARE_UNARY(silu_slope)
XGRAD_DECLARE_UNARY(mish_slope)
/// x - tanh(x), which is x^3 / 3 near zero: within 16 units; and its slope tanh(x)^2.
XGRAD_DECLARE_UNARY(tanhshrink)
XGRAD_DECLARE_UNARY(tanhshrink_slope)
XGRAD_DECLARE_UNARY(asinh)
XGRAD_DECLARE_UNARY(acosh)
XGRAD_DECLARE_UNARY(atanh)
XGRAD_DECLARE_UNARY(erf)
XGRAD_DECLARE_UNARY(erfc)
XGRAD_DECLARE_UNARY(lgamma)
/// d/dx lgamma(x).
XGRAD_DECLARE_UNARY(digamma)
XGRAD_DECLARE_UNARY(floor)
XGRAD_DECLARE_UNARY(ceil)
/// To the nearest integer, halves to even.
XGRAD_DECLARE_UNARY(round)
XGRAD_DECLARE_UNARY(trunc)
XGRAD_DECLARE_BINARY(pow)
XGRAD_DECLARE_BINARY(atan2)
XGRAD_DECLARE_BINARY(hypot)
/// x - trunc(x / y) * y, the sign of x; exact as std::fmod.
XGRAD_DECLARE_BINARY(fmod)
/// The integer at or below x / y, not of a rounded quotient: exact wherever it is less than 2^52 (floats:
/// rounded once more). x / 0 as the quotient.
XGRAD_DECLARE_BINARY(floor_divide)
/// x - floor(x / y) * y, the sign of y: fmod(x, y), which is exact, or that plus y.
XGRAD_DECLARE_BINARY(remainder)

/// The function and its slope at once.
void tanh(const float* x, float* out, float* slope, Index n);
void tanh(const double* x, double* out, double* slope, Index n);
void sigmoid(const float* x, float* out, float* slope, Index n);
void sigmoid(const double* x, double* out, double* slope, Index n);

#undef XGRAD_DECLARE_UNARY
#undef XGRAD_DECLARE_BINARY

/// The polygamma function of order n >= 1 (the n-th derivative of digamma), by recurrence and asymptotic
/// series.
void polygamma(int order, const float* x, float* out, Index n);
void polygamma(int order, const double* x, double* out, Index n);

}  // namespace xgrad::vmath
XGRAD_API_END
