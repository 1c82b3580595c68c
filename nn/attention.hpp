// Multi-head attention (Vaswani et al., "Attention is all you need", 2017).
#pragma once

#include <xgrad/nn/linear.hpp>
#include <xgrad/tensor/api.hpp>

XGRAD_API_BEGIN
namespace xgrad::nn {

struct MultiheadAttentionOptions {
  double dropout = 0;  ///< of the attention weights, in training
  bool bias = true;    ///< of all four projections
  DType dtype = float32;
};

/// Who may look at what, for T queries and S keys.
struct AttentionMasks {
  /// Broadcasts to (N, heads, T, S). boolean: true where a query may look at a key
  /// (torch.nn.MultiheadAttention has it the other way round); floating: added to the scores, -inf hides.
  Variable mask = {};
  /// boolean (N, S): true where a key is padding, which nobody looks at.
  Variable key_padding_mask = {};
  bool causal = false;  ///< query t looks at keys s <= t only
};

/// Attention between projections of query (N, T, E) and of key and value (N, S, E), in num_heads parts of
/// E / num_heads features, projected to (N, T, E). The leading axis may be missing. Names are PyTorch's:
/// in_proj_weight (3 E, E) holds the projections of query, key and value one below the other; it starts
/// Xavier-uniform, biases at 0. Throws ValueError when num_heads does not divide E. Padded and masked rows
/// that nobody uses leave no trace, even where they are NaN; see docs/semantics.md.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(Index embed_dim, Index num_heads, MultiheadAttentionOptions options = {},
                     Place place = Place::here());

  /// Self-attention without a mask.
  Variable forward(const Variable& x) override;
  using Module::operator();
  Variable operator()(const Operand& query, const Operand& key, const Operand& value,
                      const AttentionMasks& masks = {});
  void visit(Visitor& v) override;
  std::string describe() const override;

  Parameter in_proj_weight;
  Parameter in_proj_bias;  ///< undefined without bias
  Linear out_proj;

 private:
  Variable attend(const Variable& query, const Variable& key, const Variable& value,
                  const AttentionMasks& masks);

  Index embed_dim_, num_heads_;
  double dropout_;
};

}  // namespace xgrad::nn
XGRAD_API_END
