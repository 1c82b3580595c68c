// Rows of the case table at the values where arithmetic has rules of its own: zeros, infinities, NaN and the
// ends of the range.
#pragma once

#include "cases.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace xgrad::test {

/// 0, -0, the infinities, NaN, the largest and smallest numbers of a floating dtype, denormals and 1.
std::vector<double> special_values(DType dtype);

/// Element i of a floating tensor.
void set(Tensor& x, Index i, double value);
double get(const Tensor& x, Index i);

/// The gradients of the floating inputs, given `seed(result)` for the output's; none when the row refuses the
/// values, the rule of a factorisation does, or its result takes no gradient.
std::optional<std::vector<Variable>> gradients_at(const Case& row, const std::vector<Tensor>& inputs,
                                                  const std::function<Tensor(const Tensor&)>& seed,
                                                  bool create_graph);

/// Calls `check` with the row's inputs in `dtype` where every element is one of `values`, so that each meets
/// each, then where one element is among ordinary ones; either ends with the first check that is false.
void at_special_inputs(const Case& row, DType dtype, const std::vector<double>& values,
                       const std::function<bool(const std::vector<Tensor>&)>& check);

/// The floating inputs, for a message.
std::string text_of(const std::vector<Tensor>& inputs);

}  // namespace xgrad::test
