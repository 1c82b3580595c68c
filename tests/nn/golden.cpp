#include "golden.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include "goldens/layers.hpp"
#include "goldens/nn.hpp"
#include "goldens/norm.hpp"

#include <doctest/doctest.h>

namespace xgrad::test {

Tensor golden(const std::string& name, const Shape& shape) {
  for (const auto* arrays : {&goldens::nn, &goldens::norm})
    if (const auto found = arrays->find(name); found != arrays->end())
      return Tensor::from(found->second, shape);
  return Tensor::from(goldens::layers.at(name), shape);
}

void check_golden(const std::string& name, const std::function<Variable(const std::vector<Variable>&)>& f,
                  const Tensor& cotangent, const std::vector<Tensor>& inputs) {
  CAPTURE(name);
  std::vector<Variable> leaves, floating;
  for (const Tensor& input : inputs) {
    leaves.emplace_back(input, VariableOptions{.requires_grad = is_floating(input.dtype())});
    if (is_floating(input.dtype())) floating.push_back(leaves.back());
  }
  const Variable output = f(leaves);
  // PyTorch keeps some constants of float64 gradients (hardsigmoid, celu) in float32.
  const Tolerance tolerance{.rtol = 1e-7, .atol = 1e-13};
  CHECK(allclose(output.value(), golden(name, output.shape()), tolerance));
  output.backward(output.rank() == 0 ? Variable(ones({}, float64)) : Variable(cotangent));
  for (std::size_t i = 0; i < floating.size(); ++i) {
    CAPTURE(i);
    REQUIRE(floating[i].grad().defined());
    const std::string suffix = floating.size() > 1 ? std::to_string(i) : "";
    CHECK(allclose(floating[i].grad().value(), golden(name + "/grad" + suffix, floating[i].shape()),
                   tolerance));
  }
}

}  // namespace xgrad::test
