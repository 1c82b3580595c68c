#include <xgrad/nn/dropout.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/weighted.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <sstream>

namespace xgrad::nn {
namespace {

void check_probability(double p) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>("expects a probability in [0, 1], got p = " + std::to_string(p));
}

}  // namespace

Variable dropout(const Operand& x, double p) {
  const Scope scope("dropout", x.place());
  check_probability(p);
  const Variable input = x.as_variable();
  if (!is_floating(input.dtype()))
    fail<DTypeError>("expects a floating tensor, got " + describe(input.value()));
  if (p == 0) return input;
  // Chosen rather than multiplied, so that infinities vanish as well.
  if (p == 1) return where(Variable(scalar(false)), input, 0.0);
  return xgrad::detail::weighted(input,
                                 (bernoulli(input.shape(), 1 - p, input.dtype()) * (1 / (1 - p))).value());
}

Dropout::Dropout(double p, Place place) : p_(p) {
  const Scope scope("Dropout", place);
  check_probability(p);
}

Variable Dropout::forward(const Variable& x) { return training() ? dropout(at_call(x), p_) : x; }

std::string Dropout::describe() const {
  std::ostringstream text;
  text << "Dropout(" << p_ << ")";
  return text.str();
}

}  // namespace xgrad::nn
