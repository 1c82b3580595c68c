// L1 and L2 penalties, in differentiable operations.
#include <xgrad/optim/penalty.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/optim/optimizer.hpp>

namespace xgrad::optim {
namespace {

template <class Size>
Variable penalty(const std::vector<Variable>& parameters, double factor, Size size) {
  if (parameters.empty()) fail<ValueError>("expects at least one variable, got none");
  detail::check_number("factor", factor);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string which = "variable " + std::to_string(i);
    if (!parameters[i].defined()) fail<GraphError>(which + " is undefined");
    if (!is_floating(parameters[i].dtype()))
      fail<DTypeError>(which + " must be float32 or float64, got " + describe(parameters[i].value()));
  }
  Variable total = size(parameters[0]);
  for (std::size_t i = 1; i < parameters.size(); ++i) total = total + size(parameters[i]);
  return total * factor;
}

}  // namespace

Variable l1_penalty(const std::vector<Variable>& parameters, double factor, Place place) {
  const Scope scope("l1_penalty", place);
  return penalty(parameters, factor, [](const Variable& x) { return sum(abs(x)); });
}

Variable l2_penalty(const std::vector<Variable>& parameters, double factor, Place place) {
  const Scope scope("l2_penalty", place);
  return penalty(parameters, factor, [](const Variable& x) { return sum(square(x)); });
}

}  // namespace xgrad::optim
