#include <xgrad/autograd/ops/attention.hpp>

#include <xgrad/autograd/one_floating.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/pairs.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/attention.hpp>
#include <xgrad/kernels/elementwise.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>
#include <limits>

namespace xgrad {
namespace {

using detail::allowed_pairs, detail::pair_products, detail::pair_sums;

constexpr double none = -std::numeric_limits<double>::infinity();

struct Scores {
  bool masked, causal;
  double scale;
  std::optional<Index> heads;

  kernels::AttentionScores with(const Tensor& mask) const { return {mask, causal, scale, heads}; }
};

/// (..., T, heads * d) as (..., heads, T, d), and back.
Variable to_heads(const Variable& x, std::optional<Index> heads) {
  if (!heads) return x;
  Shape shape = x.shape();
  shape[shape.rank() - 1] = *heads;
  shape.push_back(x.size(-1) / *heads);
  return transpose(reshape(x, shape), -3, -2);
}

Variable from_heads(const Variable& x, std::optional<Index> heads) {
  if (!heads) return x;
  const Variable joined = transpose(x, -3, -2);
  Shape shape = joined.shape();
  shape.erase(shape.rank() - 1);
  shape[shape.rank() - 1] *= joined.size(-1);
  return reshape(joined, shape);
}

/// The attention weights in differentiable operations; zeros for a query that may look at nothing.
Variable probabilities(const Variable& query, const Variable& key, const Variable& mask,
                       const Tensor& allowed, const Scores& options) {
  Variable scores = pair_products(query * options.scale, key, allowed, none);
  if (!allowed.defined()) return softmax(scores, -1);
  if (options.masked && mask.dtype() != boolean) scores = scores + where(allowed, mask, 0.0);
  const Variable sees = any(allowed, -1, {.keepdims = true});
  if (all(sees).value().at<bool>({})) return softmax(scores, -1);
  return where(sees, softmax(where(sees, scores, 0.0), -1), 0.0);
}

struct Gradients {
  Variable query, key, value, mask;
};

/// The gradients in differentiable operations.
Gradients composed(const Variable& incoming, const Variable& query, const Variable& key,
                   const Variable& value, const Variable& mask, const Scores& options) {
  const auto parts = [&](const Variable& x) { return to_heads(x, options.heads); };
  const auto whole = [&](const Variable& x) { return from_heads(x, options.heads); };
  const Variable q = parts(query), k = parts(key), v = parts(value), g = parts(incoming);
  const Tensor allowed = allowed_pairs(mask, options.causal, q.size(-2), k.size(-2));
  const Variable p = probabilities(q, k, mask, allowed, options);
  const Variable weights = pair_products(g, v, allowed);
  const Variable slope = p * (weights - sum(weights * p, -1, {.keepdims = true}));
  return {whole(pair_sums(slope, k, allowed) * options.scale),
          whole(pair_sums(slope, q, allowed, true) * options.scale), whole(pair_sums(p, g, allowed, true)),
          options.masked ? where(allowed, slope, 0.0) : Variable()};
}

/// Attention whose weights are dropped, in differentiable operations.
Variable dropped(const Variable& query, const Variable& key, const Variable& value, const Variable& mask,
                 const Scores& options, double dropout) {
  // Everything dropped: no weight, rather than 0 / 0.
  const double kept = 1 - dropout, factor = kept > 0 ? 1 / kept : 0;
  const Variable q = to_heads(query, options.heads), k = to_heads(key, options.heads);
  const Tensor allowed = allowed_pairs(mask, options.causal, q.size(-2), k.size(-2));
  const Variable p = probabilities(q, k, mask, allowed, options);
  Tensor used = bernoulli(p.shape(), kept, boolean);
  if (allowed.defined()) used = kernels::logical(kernels::Logical::both, used, allowed);
  return from_heads(pair_sums(where(used, p, 0.0), to_heads(value, options.heads), used) * factor,
                    options.heads);
}

Shape leading(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

Shape with(Shape batch, Index rows, Index columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

/// x with `batch` in front of its last two axes.
Variable spread(const Variable& x, const Shape& batch) {
  const Shape shape = with(batch, x.size(-2), x.size(-1));
  return x.shape() == shape ? x : broadcast_to(x, shape);
}

/// What the options mean for scores of (batch..., T, S) and operands whose heads have these widths together;
/// the mask is brought to the operands' dtype.
Scores checked(const AttentionOptions& options, Shape batch, Index queries, Index keys, DType dtype,
               std::initializer_list<Index> widths, const auto& shapes, Variable& mask) {
  const Index heads = options.heads.value_or(1);
  for (const Index width : widths)
    if (heads < 1 || width % heads != 0)
      fail<ShapeError>("expects last axes that the number of heads, " + std::to_string(heads) +
                       ", divides, got " + shapes());
  if (options.heads) batch.push_back(heads);
  const Shape score_shape = with(batch, queries, keys);
  mask = options.mask;
  if (mask.defined()) {
    if (is_integer(mask.dtype()))
      fail<DTypeError>("expects a boolean or floating mask, got " + describe(mask.value()));
    if (!broadcasts_to(mask.shape(), score_shape))
      fail<ShapeError>("a mask of shape " + to_string(mask.shape()) +
                       " does not broadcast to the scores' shape " + to_string(score_shape) + " of " +
                       shapes());
    if (mask.dtype() != boolean) mask = cast(mask, dtype);
  }
  if (!(options.dropout >= 0 && options.dropout <= 1))
    fail<ValueError>("expects a dropout in [0, 1], got " + std::to_string(options.dropout));
  const double width = static_cast<double>(std::max<Index>(*widths.begin() / heads, 1));
  return {mask.defined(), options.causal, options.scale.value_or(1 / std::sqrt(width)), options.heads};
}

}  // namespace

Variable scaled_dot_product_attention(const Operand& query, const Operand& key, const Operand& value,
                                      const AttentionOptions& options) {
  const Scope scope("scaled_dot_product_attention", query.place());
  detail::require_one_floating(
      {{"query", query.as_variable()}, {"key", key.as_variable()}, {"value", value.as_variable()}});
  DType dtype = result_type({&query, &key, &value});
  if (!is_floating(dtype)) dtype = float32;
  Variable q = cast(query.as_variable(), dtype), k = cast(key.as_variable(), dtype),
           v = cast(value.as_variable(), dtype), mask;
  const auto shapes = [&] {
    return "query " + to_string(q.shape()) + ", key " + to_string(k.shape()) + ", value " +
           to_string(v.shape());
  };
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.size(-1) != k.size(-1) || k.size(-2) != v.size(-2))
    fail<ShapeError>("expects query (..., T, d), key (..., S, d), value (..., S, e), got " + shapes());
  const Shape batch =
      broadcast_shapes(leading(q.shape()), broadcast_shapes(leading(k.shape()), leading(v.shape())));
  const Scores scores =
      checked(options, batch, q.size(-2), k.size(-2), dtype, {q.size(-1), v.size(-1)}, shapes, mask);
  if (options.dropout > 0) return dropped(q, k, v, mask, scores, options.dropout);

  std::vector<Variable> operands{spread(q, batch), spread(k, batch), spread(v, batch)};
  if (scores.masked) operands.push_back(mask);
  Op op("scaled_dot_product_attention", query.place(), operands);
  auto [output, statistics] = kernels::attention(op.value(0), op.value(1), op.value(2),
                                                 scores.with(scores.masked ? op.value(3) : Tensor()));
  Saves saves = saves_input(0) | saves_input(1) | saves_input(2) | saves_output(1);
  if (scores.masked) saves = saves | saves_input(3);
  const auto rule = [scores](Backward& r) {
    // The gradient of a mask is the matrix that the fused form never stores.
    if (r.create_graph() || (scores.masked && r.needs(3))) {
      const Gradients given = composed(r.gradient(), r.input(0), r.input(1), r.input(2),
                                       scores.masked ? r.input(3) : Variable(), scores);
      if (r.needs(0)) r.give(0, given.query);
      if (r.needs(1)) r.give(1, given.key);
      if (r.needs(2)) r.give(2, given.value);
      if (scores.masked && r.needs(3)) r.give(3, given.mask);
      return;
    }
    auto given = kernels::attention_backward(
        r.gradient().value(), r.input_value(0), r.input_value(1), r.input_value(2),
        scores.with(scores.masked ? r.input_value(3) : Tensor()), r.output_value(1));
    if (r.needs(0)) r.give(0, Variable(std::move(given.query)));
    if (r.needs(1)) r.give(1, Variable(std::move(given.key)));
    if (r.needs(2)) r.give(2, Variable(std::move(given.value)));
  };
  return op.record_many({std::move(output), std::move(statistics)}, JointRule{saves, rule}, 0b10)[0];
}

Variable self_attention(const Operand& packed, const AttentionOptions& options) {
  const Scope scope("self_attention", packed.place());
  const DType given_dtype = result_type({&packed});
  const DType dtype = is_floating(given_dtype) ? given_dtype : float32;
  const Variable x = cast(packed.as_variable(), dtype);
  Variable mask;
  const auto shapes = [&] { return to_string(x.shape()); };
  if (x.rank() < 2 || x.size(-1) % 3 != 0)
    fail<ShapeError>("expects query, key and value side by side, (..., T, 3 e), got " + shapes());
  const Index features = x.size(-1) / 3, length = x.size(-2);
  const Scores scores = checked(options, leading(x.shape()), length, length, dtype, {features}, shapes, mask);
  const auto parts = [features](const Variable& whole) {
    return split(whole, {features, features, features}, -1);
  };
  if (options.dropout > 0) {
    const std::vector<Variable> part = parts(x);
    return dropped(part[0], part[1], part[2], mask, scores, options.dropout);
  }

  std::vector<Variable> operands{x};
  if (scores.masked) operands.push_back(mask);
  Op op("self_attention", packed.place(), operands);
  auto [output, statistics] =
      kernels::packed_attention(op.value(0), scores.with(scores.masked ? op.value(1) : Tensor()));
  Saves saves = saves_input(0) | saves_output(1);
  if (scores.masked) saves = saves | saves_input(1);
  const auto rule = [scores, parts](Backward& r) {
    if (r.create_graph() || (scores.masked && r.needs(1))) {
      const std::vector<Variable> part = parts(r.input(0));
      const Gradients given =
          composed(r.gradient(), part[0], part[1], part[2], scores.masked ? r.input(1) : Variable(), scores);
      if (r.needs(0)) r.give(0, concat({given.query, given.key, given.value}, -1));
      if (scores.masked && r.needs(1)) r.give(1, given.mask);
      return;
    }
    if (r.needs(0))
      r.give(0, Variable(kernels::packed_attention_backward(
                    r.gradient().value(), r.input_value(0),
                    scores.with(scores.masked ? r.input_value(1) : Tensor()), r.output_value(1))));
  };
  return op.record_many({std::move(output), std::move(statistics)}, JointRule{saves, rule}, 0b10)[0];
}

}  // namespace xgrad
