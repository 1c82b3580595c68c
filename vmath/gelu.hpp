// The Gaussian error linear unit over arrays; see vmath.hpp, whose invariant holds here too. Value and slope
// share one exponential, which a formula made of erfc and exp would take twice.
#pragma once

#include <xgrad/tensor/index.hpp>

namespace xgrad::vmath {

/// out[i] = x Phi(x) at x[i], Phi the normal distribution function; within 16 units in the last place, 32
/// where the result is subnormal. `out` may be x.
void gelu(const float* x, float* out, Index n);
void gelu(const double* x, double* out, Index n);

/// out[i] = gradient[i] (Phi(x) + x Phi'(x)) at x[i], 0 where the gradient is 0; the slope within 16 units in
/// the last place of max(1, |slope|). `out` may be either.
void gelu_gradient(const float* x, const float* gradient, float* out, Index n);
void gelu_gradient(const double* x, const double* gradient, double* out, Index n);

/// The same for x / (1 + exp(-2 u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), the form with tanh
/// (Hendrycks and Gimpel 2016); both within 16 units in the last place of max(1, |result|).
void gelu_tanh(const float* x, float* out, Index n);
void gelu_tanh(const double* x, double* out, Index n);
void gelu_tanh_gradient(const float* x, const float* gradient, float* out, Index n);
void gelu_tanh_gradient(const double* x, const double* gradient, double* out, Index n);

}  // namespace xgrad::vmath
