// Numerical verification of gradients, first and second order.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <functional>
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
struct GradcheckResult {
  bool passed = false;
  std::string text;
  explicit operator bool() const { return passed; }
};
std::ostream& operator<<(std::ostream& stream, const GradcheckResult& result);

using CheckedFunction = std::function<std::vector<Variable>(const std::vector<Variable>&)>;

/// Compares the gradients of f, contracted with a random cotangent, with central differences: |a - n| <= atol
/// + rtol |n|. The float64 inputs are checked; others are passed on. f must be deterministic. Works on a copy
/// of the inputs.
GradcheckResult gradcheck(const CheckedFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});
/// The same for the gradients of f as functions of inputs and cotangent: the second order.
GradcheckResult gradgradcheck(const CheckedFunction& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options = {});

namespace detail {

CheckedFunction checked_function(std::function<Variable(const std::vector<Variable>&)> f);

template <class F, std::size_t... I>
CheckedFunction spread_arguments(F f, std::index_sequence<I...>) {
  return [f = std::move(f)](const std::vector<Variable>& x) {
    if constexpr (std::is_same_v<std::decay_t<decltype(f(x[I]...))>, Variable>)
      return std::vector<Variable>{f(x[I]...)};
    else
      return f(x[I]...);
  };
}

}  // namespace detail

/// In one line: CHECK(gradcheck([](auto x, auto y) { return sum(x * y); }, a, b)).
template <class F, class... Tensors>
requires(std::convertible_to<Tensors, Tensor>&&...) && (sizeof...(Tensors) > 0) GradcheckResult
    gradcheck(F f, const Tensors&... inputs) {
  return gradcheck(detail::spread_arguments(std::move(f), std::index_sequence_for<Tensors...>{}),
                   std::vector<Tensor>{inputs...});
}
template <class F, class... Tensors>
requires(std::convertible_to<Tensors, Tensor>&&...) && (sizeof...(Tensors) > 0) GradcheckResult
    gradgradcheck(F f, const Tensors&... inputs) {
  return gradgradcheck(detail::spread_arguments(std::move(f), std::index_sequence_for<Tensors...>{}),
                       std::vector<Tensor>{inputs...});
}

/// Checks leaves that f captures (a module's parameters): they are perturbed in place and restored, their
/// gradients are left as they were. Each must be float64 and require a gradient.
GradcheckResult gradcheck_leaves(const std::function<Variable()>& f, const std::vector<Variable>& leaves,
                                 const GradcheckOptions& options = {});

}  // namespace xgrad
