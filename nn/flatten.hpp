// Axes merged between convolutions and fully connected layers.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

/// Merges axes first ... last into one; by default all but the batch.
class Flatten : public Module {
 public:
  explicit Flatten(Index first = 1, Index last = -1) : first_(first), last_(last) {}
  Variable forward(const Variable& x) override;

 private:
  Index first_;
  Index last_;
};

}  // namespace xgrad::nn
XGRAD_API_END
