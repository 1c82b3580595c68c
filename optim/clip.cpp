// Gradient clipping.
#include <xgrad/optim/clip.hpp>

#include <xgrad/kernels/reduce.hpp>
#include <xgrad/optim/update.hpp>

#include <cmath>
#include <unordered_set>

namespace xgrad::optim {
namespace {

// Handles on the gradients there are, one for each parameter.
std::vector<Variable> gradients_of(const std::vector<Variable>& parameters) {
  std::vector<Variable> gradients;
  for (const Variable& parameter : parameters)
    if (Variable gradient = parameter.grad(); gradient.defined()) gradients.push_back(std::move(gradient));
  return gradients;
}

// Replaces every element x of the gradients by f(x), off the tape; once where a Variable is the gradient of
// several parameters. All of them or, when memory runs out, none.
template <class F>
void replace_elements(std::vector<Variable>& gradients, F f) {
  std::unordered_set<const void*> owners;
  std::erase_if(gradients, [&](const Variable& gradient) {
    return !owners.insert(xgrad::detail::Access::state(gradient).get()).second;
  });
  for (Variable& gradient : gradients) xgrad::detail::Access::mutable_value(gradient).mutable_raw();
  for (Variable& gradient : gradients)
    xgrad::detail::dispatch_floating(gradient.dtype(), [&]<class T>(std::type_identity<T>) {
      const auto replace = [f](T& x, T) { x = f(x); };
      T* x = xgrad::detail::Access::mutable_value(gradient).template mutable_data<T>();
      detail::run(gradient.count(), replace, x, static_cast<const T*>(x));
    });
}

}  // namespace

double clip_grad_norm(const std::vector<Variable>& parameters, double max_norm,
                      const ClipNormOptions& options, Place place) {
  const Scope scope("clip_grad_norm", place);
  if (!(max_norm >= 0)) fail<ValueError>("max_norm must be at least 0, got " + std::to_string(max_norm));
  if (!(options.p > 0)) fail<ValueError>("p must be positive, got " + std::to_string(options.p));
  std::vector<Variable> gradients = gradients_of(parameters);
  // The norm of the norms.
  Tensor norms = Tensor::uninitialized({static_cast<Index>(gradients.size())}, float64);
  double* each = norms.mutable_data<double>();
  for (const Variable& gradient : gradients)
    *each++ = kernels::norm(gradient.value(), options.p, Axes().sorted(gradient.value().rank())).item();
  const double norm = kernels::norm(norms, options.p, {0}).item();
  if (options.error_if_nonfinite && !std::isfinite(norm))
    fail<NumericError>("the norm of the gradients is " + std::to_string(norm));
  const double factor = max_norm / (norm + 1e-6);
  if (!(factor >= 1))
    replace_elements(gradients, [factor]<class T>(T x) { return static_cast<T>(factor) * x; });
  return norm;
}

void clip_grad_value(const std::vector<Variable>& parameters, double bound, Place place) {
  const Scope scope("clip_grad_value", place);
  if (!(bound >= 0)) fail<ValueError>("the bound must be at least 0, got " + std::to_string(bound));
  std::vector<Variable> gradients = gradients_of(parameters);
  replace_elements(gradients, [bound]<class T>(T x) {
    const T high = static_cast<T>(bound);
    return x > high ? high : x < -high ? -high : x;
  });
}

}  // namespace xgrad::optim
