// Attention: averages of values, weighted by how well their keys match a query.
#pragma once

#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <optional>

XGRAD_API_BEGIN
namespace xgrad {

struct AttentionOptions {
  /// Broadcasts to (..., T, S), with heads to (..., heads, T, S). boolean: true where query t may look at key
  /// s; floating: added to the scores, -inf hides.
  Variable mask = {};
  bool causal = false;               ///< query t looks at keys s <= t only, besides what `mask` says
  std::optional<double> scale = {};  ///< 1 / sqrt(d) unless given
  double dropout = 0;                ///< each weight is dropped with this probability, in [0, 1]
  /// The last axes hold so many heads side by side, each of which attends on its own (d is one head's).
  std::optional<Index> heads = {};
};

/// softmax(scale q k^T + mask) v for query (..., T, d), key (..., S, d), value (..., S, e): (..., T, e)
/// (Vaswani et al., "Attention is all you need", 2017). Leading axes broadcast. Without dropout no (T, S)
/// matrix is stored. Throws ShapeError naming the shapes, DTypeError where one of
/// query, key and value is float32 and another float64.
///
/// A query that may look at nothing gives zeros. What a query may not look at leaves no trace in values and
/// gradients, even where it is NaN; a query all of whose visible scores are -inf gives NaN.
///
/// With heads no operand is rearranged: the result is that of moving the heads in front of T and S, and back.
Variable scaled_dot_product_attention(const Operand& query, const Operand& key, const Operand& value,
                                      const AttentionOptions& options = {});

/// The same among the T positions of one sequence, for query, key and value side by side as one projection
/// gives them: packed (..., T, 3 e) gives (..., T, e).
Variable self_attention(const Operand& packed, const AttentionOptions& options = {});

}  // namespace xgrad
XGRAD_API_END
