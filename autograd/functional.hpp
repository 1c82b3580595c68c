// Derivatives as functions of functions: products with the Jacobian, the Jacobian, the Hessian.
//
// A function of arguments is differentiated by them, at the values of the inputs:
//   hessian([&](const Variable& w) { return loss(matmul(x, w)); }, w0)
// A function without arguments is differentiated by variables that it uses, such as a module's parameters:
//   hessian([&] { return loss(model(x)); }, model.parameters())
// Invariant: stored gradients and the graphs behind the inputs stay as they are.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

#include <type_traits>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad {

/// A function of several variables with several results.
using VectorFunction = Callback<std::vector<Variable>(const std::vector<Variable>&)>;

struct FunctionalOptions {
  /// Record the derivatives, so that they can be differentiated in turn by the inputs that require gradients
  /// and by whatever else f uses.
  bool create_graph = false;
  /// Give zeros for an input that no result of f depends on, instead of throwing GraphError.
  bool allow_unused = false;
};

/// Results of f at the inputs, and the product of cotangents and Jacobian: one gradient per input.
struct [[nodiscard]] VjpResult {
  std::vector<Variable> outputs;
  std::vector<Variable> gradients;
};
/// Results of f at the inputs, and the product of Jacobian and tangents: one per output.
struct [[nodiscard]] JvpResult {
  std::vector<Variable> outputs;
  std::vector<Variable> tangents;
};
/// The value of a scalar f, and the product of its Hessian with a vector: one per input.
struct [[nodiscard]] HvpResult {
  Variable value;
  std::vector<Variable> products;
};
/// The same for one input and one output.
struct [[nodiscard]] SingleVjp {
  Variable output;
  Variable gradient;
};
struct [[nodiscard]] SingleJvp {
  Variable output;
  Variable tangent;
};
struct [[nodiscard]] SingleHvp {
  Variable value;
  Variable product;
};

namespace detail {

/// A function of arguments; or one of none, whose variables are named apart.
struct Differentiable {
  VectorFunction f;
  bool by_variables = false;
};

VjpResult vjp(const Differentiable& f, const std::vector<Variable>& inputs,
              const std::vector<Variable>& cotangents, FunctionalOptions options, Place place);
JvpResult jvp(const Differentiable& f, const std::vector<Variable>& inputs,
              const std::vector<Variable>& tangents, FunctionalOptions options, Place place);
std::vector<std::vector<Variable>> jacobian(const Differentiable& f, const std::vector<Variable>& inputs,
                                            FunctionalOptions options, Place place);
std::vector<std::vector<Variable>> hessian(const Differentiable& f, const std::vector<Variable>& inputs,
                                           FunctionalOptions options, Place place);
HvpResult hvp(const Differentiable& f, const std::vector<Variable>& inputs,
              const std::vector<Variable>& vectors, FunctionalOptions options, Place place);

/// A single result as a list of one.
inline std::vector<Variable> listed(Variable result) { return {std::move(result)}; }
inline std::vector<Variable> listed(std::vector<Variable> results) { return results; }

/// f as a VectorFunction.
template <class F>
VectorFunction many(F f) {
  return [f = std::move(f)](const std::vector<Variable>& x) { return listed(f(x)); };
}
/// f of a list, or of nothing.
template <class F>
Differentiable of_many(F f) {
  if constexpr (std::is_invocable_v<const F&, const std::vector<Variable>&>)
    return {many(std::move(f))};
  else
    return {[f = std::move(f)](const std::vector<Variable>&) { return listed(f()); }, true};
}
/// f of one Variable, or of nothing.
template <class F>
Differentiable of_one(F f) {
  if constexpr (std::is_invocable_v<const F&, const Variable&>)
    return {[f = std::move(f)](const std::vector<Variable>& x) { return listed(Variable(f(x[0]))); }};
  else
    return {[f = std::move(f)](const std::vector<Variable>&) { return listed(Variable(f())); }, true};
}

}  // namespace detail

// Each comes in two forms: f(Variable) -> Variable, and f(std::vector<Variable>) -> Variable or
// std::vector<Variable>; in both f may take nothing, and is differentiated by the inputs themselves, which
// must require gradients. An input that no result depends on is an error (GraphError) unless allow_unused is
// set. A result that does not depend on an input that others use has the derivative zero, and so have
// derivatives that are constant.

/// v^T J at x in one backward run. `cotangent` has the output's shape; without one the output has one
/// element.
template <class F>
SingleVjp vjp(F f, const Variable& x, const Variable& cotangent = {}, FunctionalOptions options = {},
              Place place = Place::here()) {
  VjpResult result = detail::vjp(detail::of_one(std::move(f)), {x}, {cotangent}, options, place);
  return {result.outputs[0], result.gradients[0]};
}
template <class F>
VjpResult vjp(F f, const std::vector<Variable>& inputs, const std::vector<Variable>& cotangents = {},
              FunctionalOptions options = {}, Place place = Place::here()) {
  return detail::vjp(detail::of_many(std::move(f)), inputs, cotangents, options, place);
}

/// J v at x for a tangent of x's shape, by differentiating v^T J, which is linear in v, by v (J. Townsend, "A
/// new trick for calculating Jacobian vector products", 2017): costs two backward runs, and needs rules with
/// a second order.
template <class F>
SingleJvp jvp(F f, const Variable& x, const Variable& tangent, FunctionalOptions options = {},
              Place place = Place::here()) {
  JvpResult result = detail::jvp(detail::of_one(std::move(f)), {x}, {tangent}, options, place);
  return {result.outputs[0], result.tangents[0]};
}
template <class F>
JvpResult jvp(F f, const std::vector<Variable>& inputs, const std::vector<Variable>& tangents,
              FunctionalOptions options = {}, Place place = Place::here()) {
  return detail::jvp(detail::of_many(std::move(f)), inputs, tangents, options, place);
}

/// d f_i / d x_j, of shape f.shape + x.shape: one backward run per element of f. For lists: result[i][j]
/// belongs to output i and input j.
template <class F>
Variable jacobian(F f, const Variable& x, FunctionalOptions options = {}, Place place = Place::here()) {
  return detail::jacobian(detail::of_one(std::move(f)), {x}, options, place)[0][0];
}
template <class F>
[[nodiscard]] std::vector<std::vector<Variable>> jacobian(F f, const std::vector<Variable>& inputs,
                                                          FunctionalOptions options = {},
                                                          Place place = Place::here()) {
  return detail::jacobian(detail::of_many(std::move(f)), inputs, options, place);
}

/// d^2 f / d x_i d x_j of a one-element f, of shape x.shape + x.shape: one backward run per element of x. For
/// lists: result[i][j] has shape x_i.shape + x_j.shape.
template <class F>
Variable hessian(F f, const Variable& x, FunctionalOptions options = {}, Place place = Place::here()) {
  return detail::hessian(detail::of_one(std::move(f)), {x}, options, place)[0][0];
}
template <class F>
[[nodiscard]] std::vector<std::vector<Variable>> hessian(F f, const std::vector<Variable>& inputs,
                                                         FunctionalOptions options = {},
                                                         Place place = Place::here()) {
  return detail::hessian(detail::of_many(std::move(f)), inputs, options, place);
}

/// H v of a one-element f for v of x's shape, in two backward runs and without the Hessian (B. Pearlmutter,
/// "Fast exact multiplication by the Hessian", 1994).
template <class F>
SingleHvp hvp(F f, const Variable& x, const Variable& v, FunctionalOptions options = {},
              Place place = Place::here()) {
  HvpResult result = detail::hvp(detail::of_one(std::move(f)), {x}, {v}, options, place);
  return {result.value, result.products[0]};
}
template <class F>
HvpResult hvp(F f, const std::vector<Variable>& inputs, const std::vector<Variable>& vectors,
              FunctionalOptions options = {}, Place place = Place::here()) {
  return detail::hvp(detail::of_many(std::move(f)), inputs, vectors, options, place);
}

}  // namespace xgrad
XGRAD_API_END
