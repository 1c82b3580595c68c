// Bounds on gradients, applied between backward and step.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <vector>

XGRAD_API_BEGIN
namespace xgrad::optim {

struct ClipNormOptions {
  double p = 2;                     ///< which norm; infinity takes the largest magnitude
  bool error_if_nonfinite = false;  ///< throw NumericError, changing nothing, when the norm is not finite
};

/// Scales all gradients by max_norm / (norm + 1e-6) when that is below 1, norm being the p-norm of all their
/// elements together, and returns the norm before. Parameters without a gradient are skipped. A Variable that
/// is the gradient of several parameters counts for each in the norm and is scaled once. An infinite norm
/// makes infinite elements NaN, all others 0. Throws ValueError on a negative max_norm or p <= 0.
double clip_grad_norm(const std::vector<Variable>& parameters, double max_norm,
                      const ClipNormOptions& options = {}, Place place = Place::here());

/// Clamps every element of every gradient to [-bound, bound]; a NaN stays. Throws ValueError on a negative
/// bound. Both functions change all gradients or, when memory runs out, none.
void clip_grad_value(const std::vector<Variable>& parameters, double bound, Place place = Place::here());

}  // namespace xgrad::optim
XGRAD_API_END
