// Numerical verification of gradients, first and second order.
#pragma once

#include <xgrad/autograd/functional.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>
#include <xgrad/tensor/check_result.hpp>

#include <concepts>
#include <string>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

struct GradcheckOptions {
  /// The first step of the central differences, scaled by max(1, |x|). It is halved until the error estimate
  /// of their extrapolation suffices; the usual element takes two steps, four evaluations of f.
  double step = 0x1p-13;
  double atol = 1e-8;  ///< relative to the magnitude of f over that of the element: see gradcheck
  double rtol = 1e-6;  ///< relative to the numeric derivative
  /// Elements of each input that are differenced one by one; inputs with more are checked along random
  /// directions.
  Index max_elements = 200;
  int directions = 4;
  std::uint64_t seed = 1;
  bool check_leaks = true;        ///< tensor storage before and after must agree
  bool check_determinism = true;  ///< two runs must agree bitwise
};

namespace detail {

CheckResult gradcheck(const VectorFunction& f, const std::vector<Tensor>& inputs,
                      const GradcheckOptions& options);
CheckResult gradgradcheck(const VectorFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options);

template <class F, std::size_t... I>
VectorFunction spread_arguments(F f, std::index_sequence<I...>) {
  return many([f = std::move(f)](const std::vector<Variable>& x) { return f(x[I]...); });
}

}  // namespace detail

/// Compares the gradients of f(std::vector<Variable>), contracted with a random cotangent, with central
/// differences extrapolated to step 0 (Richardson, with Ridders' error estimate). They agree when
/// |a - n| <= atol m / max(1, |x|) + rtol |n|, m being the Euclidean norm of the contracted outputs, at
/// least 1. The float64 inputs are checked, others are passed on as constants. f must be deterministic. Works
/// on a copy of the inputs. What f throws passes through; throws ValueError when there is no float64 input.
/// The result's text names what failed: input, index, analytic and numeric derivative, step, error estimate;
/// an element without a numeric derivative that can be trusted (a kink, a jump, no finite values) fails, too.
template <class F>
CheckResult gradcheck(F f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return detail::gradcheck(detail::many(std::move(f)), inputs, options);
}
/// The same for the gradients of f as functions of inputs and cotangent: the second order. The gradients
/// under create_graph must also be those of a plain run.
template <class F>
CheckResult gradgradcheck(F f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return detail::gradgradcheck(detail::many(std::move(f)), inputs, options);
}

/// In one line: CHECK(gradcheck([](auto x, auto y) { return sum(x * y); }, a, b)).
template <class F, std::convertible_to<Tensor>... Tensors>
requires(sizeof...(Tensors) > 0) CheckResult gradcheck(F f, const Tensors&... inputs) {
  return gradcheck(std::move(f), GradcheckOptions(), inputs...);
}
template <class F, std::convertible_to<Tensor>... Tensors>
requires(sizeof...(Tensors) > 0) CheckResult gradgradcheck(F f, const Tensors&... inputs) {
  return gradgradcheck(std::move(f), GradcheckOptions(), inputs...);
}
/// With options, which come before the inputs: gradcheck(f, {.max_elements = 10}, a, b).
template <class F, std::convertible_to<Tensor>... Tensors>
requires(sizeof...(Tensors) > 0) CheckResult
    gradcheck(F f, const GradcheckOptions& options, const Tensors&... inputs) {
  return detail::gradcheck(detail::spread_arguments(std::move(f), std::index_sequence_for<Tensors...>{}),
                           std::vector<Tensor>{inputs...}, options);
}
template <class F, std::convertible_to<Tensor>... Tensors>
requires(sizeof...(Tensors) > 0) CheckResult
    gradgradcheck(F f, const GradcheckOptions& options, const Tensors&... inputs) {
  return detail::gradgradcheck(detail::spread_arguments(std::move(f), std::index_sequence_for<Tensors...>{}),
                               std::vector<Tensor>{inputs...}, options);
}

/// Checks leaves that f captures (a module's parameters): they are perturbed in place and restored, their
/// gradients are left as they were. Throws unless each is a float64 leaf that requires a gradient.
CheckResult gradcheck_leaves(const Callback<Variable()>& f, const std::vector<Variable>& leaves,
                             const GradcheckOptions& options = {});

}  // namespace xgrad
XGRAD_API_END
