// Attention: averages of values, weighted by how well their keys match a query.
#pragma once

#include <xgrad/autograd/operand.hpp>

#include <optional>

namespace xgrad {

struct AttentionOptions {
  /// Broadcasts to (..., T, S). bool: true where query t may look at key s; floating: added to the scores.
  Variable mask = {};
  bool causal = false;               ///< query t looks at keys s <= t only, besides what `mask` says
  std::optional<double> scale = {};  ///< 1 / sqrt(d) unless given
  double dropout = 0;                ///< each weight is dropped with this probability, in [0, 1]
};

/// softmax(scale q k^T + mask) v for query (..., T, d), key (..., S, d), value (..., S, e): (..., T, e)
/// (Vaswani et al., "Attention is all you need", 2017). Leading axes broadcast. A query that may look at
/// nothing gives zeros. Without dropout no (T, S) matrix is stored; see tensor/attention.hpp. Throws
/// ShapeError naming the shapes.
Variable scaled_dot_product_attention(const Operand& query, const Operand& key, const Operand& value,
                                      const AttentionOptions& options = {});

}  // namespace xgrad
