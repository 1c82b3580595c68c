// The fully connected layer.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct LinearOptions {
  bool bias = true;
  DType dtype = float32;
};

/// y = x W^T + b for x (..., in): y (..., out). W (out, in) and b (out) start uniform in
/// [-1/sqrt(in), 1/sqrt(in)), as in PyTorch. Throws ValueError on negative sizes.
class Linear : public Module {
 public:
  Linear(Index in, Index out, LinearOptions options = {}, Place place = Place::here());

  Variable forward(const Variable& x) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined without bias
};

}  // namespace xgrad::nn
XGRAD_API_END
