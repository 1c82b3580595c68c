// Scaled dot-product attention in blocks of query rows. Invariant: the probabilities of a block are all that
// is ever stored of the (queries x keys) matrix; the backward pass computes them again, bitwise the same.
#pragma once

#include <xgrad/tensor/tensor.hpp>

namespace xgrad::kernels {

/// What queries look at. `mask` broadcasts to (batch..., T, S): bool, true where key s counts for query t, or
/// of the queries' dtype, added to the scores; undefined: no mask. `causal` leaves keys s <= t.
struct AttentionScores {
  Tensor mask;
  bool causal;
  double scale;
};

struct Attention {
  Tensor output;  ///< (batch..., T, e)
  Tensor
      statistics;  ///< (2, batch * T): the largest score m, and 1 / sum(exp(score - m)); 0, 0 without a key
};

/// softmax(scale q k^T + mask) v for q (batch..., T, d), k (batch..., S, d), v (batch..., S, e) with equal
/// batch axes and floating dtype. A query without a key gives zeros.
Attention attention(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionScores& scores);

struct AttentionGradients {
  Tensor query, key, value;
};
AttentionGradients attention_backward(const Tensor& gradient, const Tensor& query, const Tensor& key,
                                      const Tensor& value, const AttentionScores& scores,
                                      const Attention& forward);

}  // namespace xgrad::kernels
