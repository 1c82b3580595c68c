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

/// Each element of `mask` decides over all of x that it broadcasts to.
Variable drop(const Operand& x, double p, const Shape& mask) {
  const Variable input = x.as_variable();
  if (!is_floating(input.dtype()))
    fail<DTypeError>("expects a floating tensor, got " + describe(input.value()));
  if (p == 0) return input;
  // Chosen rather than multiplied, so that infinities vanish as well.
  if (p == 1) return where(Variable(scalar(false)), input, 0.0);
  return xgrad::detail::weighted(input, (bernoulli(mask, 1 - p, input.dtype()) * (1 / (1 - p))).value());
}

Variable drop_channels(const char* name, const Operand& x, double p, Index rank, const char* expected) {
  const Scope scope(name, x.place());
  check_probability(p);
  const Variable input = x.as_variable();
  if (input.rank() != rank)
    fail<ShapeError>(std::string("expects ") + expected + ", channels last, got x of shape " +
                     to_string(input.shape()));
  Shape mask = input.shape();
  for (Index axis = 1; axis < rank - 1; ++axis) mask[axis] = 1;
  return drop(x, p, mask);
}

std::string described(const char* name, double p) {
  std::ostringstream text;
  text << name << "(" << p << ")";
  return text.str();
}

}  // namespace

Variable dropout(const Operand& x, double p) {
  const Scope scope("dropout", x.place());
  check_probability(p);
  return drop(x, p, x.as_variable().shape());
}

Variable dropout1d(const Operand& x, double p) {
  return drop_channels("dropout1d", x, p, 3, "sequences (N, L, C)");
}

Variable dropout2d(const Operand& x, double p) {
  return drop_channels("dropout2d", x, p, 4, "images (N, H, W, C)");
}

Dropout::Dropout(double p, Place place) : p_(p) {
  const Scope scope("Dropout", place);
  check_probability(p);
}

Variable Dropout::forward(const Variable& x) { return training() ? dropout(at_call(x), p_) : x; }

std::string Dropout::describe() const { return described("Dropout", p_); }

Dropout1d::Dropout1d(double p, Place place) : p_(p) {
  const Scope scope("Dropout1d", place);
  check_probability(p);
}

Variable Dropout1d::forward(const Variable& x) { return training() ? dropout1d(at_call(x), p_) : x; }

std::string Dropout1d::describe() const { return described("Dropout1d", p_); }

Dropout2d::Dropout2d(double p, Place place) : p_(p) {
  const Scope scope("Dropout2d", place);
  check_probability(p);
}

Variable Dropout2d::forward(const Variable& x) { return training() ? dropout2d(at_call(x), p_) : x; }

std::string Dropout2d::describe() const { return described("Dropout2d", p_); }

}  // namespace xgrad::nn
