#include <xgrad/nn/attention.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/attention.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/pairs.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/nn/init.hpp>
#include <xgrad/tensor/factory.hpp>

#include <limits>

namespace xgrad::nn {
namespace {

/// embed_dim, where it and the other arguments can be.
Index checked(Index embed_dim, Index num_heads, double dropout, Place place) {
  const Scope scope("MultiheadAttention", place);
  if (embed_dim < 1 || num_heads < 1 || embed_dim % num_heads != 0)
    fail<ValueError>("expects a num_heads that divides embed_dim, got embed_dim = " +
                     std::to_string(embed_dim) + ", num_heads = " + std::to_string(num_heads));
  if (embed_dim > std::numeric_limits<Index>::max() / 3)
    fail<ValueError>("the weights of embed_dim = " + std::to_string(embed_dim) + " do not fit 63 bits");
  if (!(dropout >= 0 && dropout <= 1))
    fail<ValueError>("expects a dropout in [0, 1], got " + std::to_string(dropout));
  return embed_dim;
}

/// Both masks as one.
Variable joined(const AttentionMasks& masks, const Variable& key) {
  const Variable& padding = masks.key_padding_mask;
  if (!padding.defined()) return masks.mask;
  Shape expected = key.shape();
  expected.erase(expected.rank() - 1);
  if (padding.dtype() != boolean || padding.shape() != expected)
    fail<ShapeError>("expects a boolean key_padding_mask of shape " + to_string(expected) + ", got " +
                     xgrad::describe(padding.value()));
  const Variable present = unsqueeze(unsqueeze(logical_not(padding), -2), -2);
  if (!masks.mask.defined()) return present;
  if (masks.mask.dtype() == boolean) return logical_and(masks.mask, present);
  return where(present, masks.mask, -std::numeric_limits<double>::infinity());
}

/// x with zeros in rows that are not used and hold numbers which are not finite.
Variable spared(const Variable& x, const Variable& used) {
  return where(unsqueeze(logical_or(used, all(isfinite(x), -1)), -1), x, 0.0);
}

struct Inputs {
  Variable query, key, value;

  bool one() const { return query.is(key) && key.is(value); }
  bool finite() const {
    return kernels::all_finite(query.value()) &&
           (one() || (kernels::all_finite(key.value()) && kernels::all_finite(value.value())));
  }
};

/// The inputs without numbers that are not finite where nobody looks: the gradient of a projection would
/// multiply them by the zeros that come back.
Inputs without_faults(const Inputs& x, const AttentionOptions& options, const Variable& padding) {
  const Index queries = x.query.size(-2), keys = x.key.size(-2);
  const bool hides_rows = options.mask.defined() || (options.causal && keys > queries);
  if (!hides_rows || x.finite()) return x;
  const Tensor allowed = xgrad::detail::allowed_pairs(options.mask, options.causal, queries, keys);
  Shape whole(x.query.shape().begin(), x.query.shape().end() - 2);
  for (const Index size : {*options.heads, queries, keys}) whole.push_back(size);
  const Variable pairs = broadcast_to(allowed, whole), seen = any(pairs, {-3, -2});
  Variable sees = any(pairs, {-3, -1});
  // What a padded position answers is of no use either.
  if (padding.defined() && (x.query.is(x.key) || x.query.is(x.value)))
    sees = logical_and(sees, logical_not(padding));
  if (x.one()) {
    const Variable whole_rows = spared(x.query, logical_or(sees, seen));
    return {whole_rows, whole_rows, whole_rows};
  }
  return {spared(x.query, sees), spared(x.key, seen), spared(x.value, seen)};
}

}  // namespace

MultiheadAttention::MultiheadAttention(Index embed_dim, Index num_heads, MultiheadAttentionOptions options,
                                       Place place)
    : out_proj(checked(embed_dim, num_heads, options.dropout, place), embed_dim,
               {.bias = options.bias, .dtype = options.dtype}, place),
      embed_dim_(embed_dim),
      num_heads_(num_heads),
      dropout_(options.dropout) {
  in_proj_weight = Parameter(zeros({3 * embed_dim, embed_dim}, options.dtype));
  init::xavier_uniform(in_proj_weight);
  if (!options.bias) return;
  in_proj_bias = Parameter(zeros({3 * embed_dim}, options.dtype));
  init::zeros(out_proj.bias);
}

Variable MultiheadAttention::attend(const Variable& query, const Variable& key, const Variable& value,
                                    const AttentionMasks& masks) {
  for (const Variable& x : {query, key, value})
    if ((x.rank() != 2 && x.rank() != 3) || x.rank() != query.rank() || x.size(-1) != embed_dim_ ||
        (x.rank() == 3 && x.size(0) != query.size(0)))
      fail<ShapeError>("expects query, key and value of shapes (N, T, " + std::to_string(embed_dim_) +
                       ") and (N, S, " + std::to_string(embed_dim_) + "), or without N, got " +
                       to_string(query.shape()) + ", " + to_string(key.shape()) + ", " +
                       to_string(value.shape()));
  if (key.shape() != value.shape())
    fail<ShapeError>("expects key and value of one shape, got " + to_string(key.shape()) + " and " +
                     to_string(value.shape()));

  const AttentionOptions options{.mask = joined(masks, key),
                                 .causal = masks.causal,
                                 .dropout = training() ? dropout_ : 0,
                                 .heads = num_heads_};
  const Inputs x = without_faults({query, key, value}, options, masks.key_padding_mask);
  if (x.one()) return out_proj(self_attention(linear(x.query, in_proj_weight, in_proj_bias), options));

  const std::vector<Variable> weights = split(in_proj_weight, embed_dim_);
  const bool has_bias = in_proj_bias.defined();
  const std::vector<Variable> biases = has_bias ? split(in_proj_bias, embed_dim_) : std::vector<Variable>(3);
  return out_proj(scaled_dot_product_attention(linear(x.query, weights[0], biases[0]),
                                               linear(x.key, weights[1], biases[1]),
                                               linear(x.value, weights[2], biases[2]), options));
}

Variable MultiheadAttention::forward(const Variable& x) {
  const Scope scope("multihead_attention", at_call(x).place());
  return attend(x, x, x, {});
}

Variable MultiheadAttention::operator()(const Operand& query, const Operand& key, const Operand& value,
                                        const AttentionMasks& masks) {
  return call(query.place(), [&] {
    const Scope scope("multihead_attention", query.place());
    return attend(query.as_variable(), key.as_variable(), value.as_variable(), masks);
  });
}

void MultiheadAttention::visit(Visitor& v) {
  v("in_proj_weight", in_proj_weight);
  v("in_proj_bias", in_proj_bias);
  v("out_proj", out_proj);
}

std::string MultiheadAttention::describe() const {
  return "MultiheadAttention(" + std::to_string(embed_dim_) + ", " + std::to_string(num_heads_) + " heads)";
}

}  // namespace xgrad::nn
