#include <xgrad/nn/embedding.hpp>

#include <xgrad/autograd/ops/embedding.hpp>
#include <xgrad/tensor/random.hpp>

#include <algorithm>

namespace xgrad::nn {

Embedding::Embedding(Index count, Index size, EmbeddingOptions options, Place place)
    : padding_idx_(options.padding_idx) {
  const Scope scope("Embedding", place);
  if (count < 0 || size < 0)
    fail<ValueError>("expects sizes of at least 0, got count = " + std::to_string(count) +
                     ", size = " + std::to_string(size));
  if (padding_idx_ && (*padding_idx_ < -count || *padding_idx_ >= count))
    fail<IndexError>("padding_idx " + std::to_string(*padding_idx_) + " is outside the table of " +
                     std::to_string(count) + " rows");
  if (padding_idx_ && *padding_idx_ < 0) *padding_idx_ += count;
  Tensor table = normal({count, size}, 0, 1, options.dtype);
  if (padding_idx_) {
    std::byte* row = table.mutable_raw() + *padding_idx_ * size * element_size(options.dtype);
    std::fill_n(row, size * element_size(options.dtype), std::byte{0});
  }
  weight = Parameter(std::move(table));
}

Variable Embedding::forward(const Variable& ids) { return embedding(at_call(ids), weight, padding_idx_); }

void Embedding::visit(Visitor& v) { v("weight", weight); }

std::string Embedding::describe() const {
  if (!weight.defined()) return Module::describe();
  return "Embedding(" + std::to_string(weight.size(0)) + ", " + std::to_string(weight.size(1)) + ")";
}

}  // namespace xgrad::nn
