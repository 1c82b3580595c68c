// The arrays of goldens/nn.hpp, norm.hpp and layers.hpp as tensors, and the comparison of a function and its
// gradients with them.
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <functional>
#include <string>
#include <vector>

namespace xgrad::test {

/// The golden array as a float64 tensor.
Tensor golden(const std::string& name, const Shape& shape);

/// Checks f(inputs) and the gradients of sum(cotangent * f) against the goldens of that name; a scalar's
/// cotangent is 1. Integer inputs are passed on.
void check_golden(const std::string& name, const std::function<Variable(const std::vector<Variable>&)>& f,
                  const Tensor& cotangent, const std::vector<Tensor>& inputs);

}  // namespace xgrad::test
