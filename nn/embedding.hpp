// A table of trainable vectors.
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct EmbeddingOptions {
  std::optional<Index> padding_idx = {};  ///< this row starts at 0 and is not trained; negative from the end
  DType dtype = float32;
};

/// weight[ids] for integer ids (...): (..., size). The weight (count, size) starts normal with mean 0 and
/// deviation 1. Throws IndexError on an id outside [0, count) and on a padding_idx outside the table.
class Embedding : public Module {
 public:
  Embedding(Index count, Index size, EmbeddingOptions options = {}, Place place = Place::here());
  Variable forward(const Variable& ids) override;
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter weight;

 private:
  std::optional<Index> padding_idx_;
};

}  // namespace xgrad::nn
XGRAD_API_END
