// Products of cotangents and Jacobians, for what is written with grad().
#pragma once

#include <xgrad/autograd/variable.hpp>

#include <optional>
#include <vector>

namespace xgrad::detail {

/// Sum over the outputs of cotangent times Jacobian; zeros where there is no dependence. Outputs without a
/// history need no cotangent.
std::vector<Variable> pull_back(const std::vector<Variable>& outputs, const std::vector<Variable>& cotangents,
                                const std::vector<Variable>& inputs, bool create_graph,
                                std::optional<bool> retain_graph = {});

}  // namespace xgrad::detail
