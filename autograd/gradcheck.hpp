// Numerical verification of gradients, first and second order.
#pragma once

#include <xgrad/autograd/functional.hpp>
#include <xgrad/tensor/callback.hpp>

#include <concepts>
#include <iosfwd>
#include <string>
#include <vector>

namespace xgrad {

struct GradcheckOptions {
  double step = 1e-6;  ///< of the central difference, scaled by max(1, |x|)
  double atol = 1e-5;
  double rtol = 1e-3;
  /// Elements of each input that are differenced one by one; inputs with more are checked along random
  /// directions.
  Index max_elements = 200;
  int directions = 4;
  std::uint64_t seed = 1;
  bool check_leaks = true;        ///< tensor storage before and after must agree
  bool check_determinism = true;  ///< two runs must agree bitwise
};

/// The outcome: converts to bool. `text` names what failed: input, index, analytic and numeric derivative,
/// step.
struct [[nodiscard]] GradcheckResult {
  bool passed = false;
  std::string text;
  explicit operator bool() const { return passed; }
};
std::ostream& operator<<(std::ostream& stream, const GradcheckResult& result);

namespace detail {

GradcheckResult gradcheck(const VectorFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options);
GradcheckResult gradgradcheck(const VectorFunction& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options);

template <class F, std::size_t... I>
VectorFunction spread_arguments(F f, std::index_sequence<I...>) {
  return many([f = std::move(f)](const std::vector<Variable>& x) { return f(x[I]...); });
}

}  // namespace detail

/// Compares the gradients of f(std::vector<Variable>), contracted with a random cotangent, with central
/// differences: |a - n| <= atol + rtol |n|. The float64 inputs are checked, others are passed on as
/// constants. f must be deterministic. Works on a copy of the inputs. What f throws passes through; throws
/// ValueError when there is no float64 input to check.
template <class F>
GradcheckResult gradcheck(F f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return detail::gradcheck(detail::many(std::move(f)), inputs, options);
}
/// The same for the gradients of f as functions of inputs and cotangent: the second order.
template <class F>
GradcheckResult gradgradcheck(F f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return detail::gradgradcheck(detail::many(std::move(f)), inputs, options);
}

/// In one line: CHECK(gradcheck([](auto x, auto y) { return sum(x * y); }, a, b)).
template <class F, class... Tensors>
requires(std::convertible_to<Tensors, Tensor>&&...) && (sizeof...(Tensors) > 0) GradcheckResult
    gradcheck(F f, const Tensors&... inputs) {
  return detail::gradcheck(detail::spread_arguments(std::move(f), std::index_sequence_for<Tensors...>{}),
                           std::vector<Tensor>{inputs...}, {});
}
template <class F, class... Tensors>
requires(std::convertible_to<Tensors, Tensor>&&...) && (sizeof...(Tensors) > 0) GradcheckResult
    gradgradcheck(F f, const Tensors&... inputs) {
  return detail::gradgradcheck(detail::spread_arguments(std::move(f), std::index_sequence_for<Tensors...>{}),
                               std::vector<Tensor>{inputs...}, {});
}

/// Checks leaves that f captures (a module's parameters): they are perturbed in place and restored, their
/// gradients are left as they were. Throws unless each is a float64 leaf that requires a gradient.
GradcheckResult gradcheck_leaves(const Callback<Variable()>& f, const std::vector<Variable>& leaves,
                                 const GradcheckOptions& options = {});

}  // namespace xgrad
