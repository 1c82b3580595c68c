// Scaled dot-product attention in blocks of query rows. Invariant: the probabilities of a block are all that
// is ever stored of the (queries x keys) matrix; the backward pass computes them again, bitwise the same.
#pragma once

#include <xgrad/tensor/tensor.hpp>

#include <optional>

namespace xgrad::kernels {

/// What queries look at. `mask` broadcasts to (batch..., T, S), or (batch..., heads, T, S) where there are
/// heads: bool, true where key s counts for query t, or of the queries' dtype, added to the scores, where
/// -inf hides; undefined: no mask. `causal` leaves keys s <= t. With heads the last axis of q, k, v and of
/// the result holds so many parts, which attend on their own.
struct AttentionScores {
  Tensor mask;
  bool causal;
  double scale;
  std::optional<Index> heads = {};
};

struct Attention {
  Tensor output;      ///< (batch..., T, e)
  Tensor statistics;  ///< (2, matrices * T): the largest score m, and 1 / sum(exp(score - m)); 0, 0 without a
                      ///< key that counts; 0, inf where all that count score -inf
};

/// softmax(scale q k^T + mask) v for q (batch..., T, d), k (batch..., S, d), v (batch..., S, e) with equal
/// batch axes and floating dtype. A query without a key gives zeros; one whose keys all score -inf gives NaN.
/// Pairs that do not count leave no trace, whatever numbers stand in their rows.
Attention attention(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionScores& scores);

struct AttentionGradients {
  Tensor query, key, value;
};
AttentionGradients attention_backward(const Tensor& gradient, const Tensor& query, const Tensor& key,
                                      const Tensor& value, const AttentionScores& scores,
                                      const Tensor& statistics);

/// The same for q, k and v side by side in the last axis, (batch..., T, 3 d), and their gradients likewise.
Attention packed_attention(const Tensor& packed, const AttentionScores& scores);
Tensor packed_attention_backward(const Tensor& gradient, const Tensor& packed, const AttentionScores& scores,
                                 const Tensor& statistics);

}  // namespace xgrad::kernels
