#include <xgrad/autograd/ops/attention.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/cast.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/attention.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <cmath>
#include <limits>

namespace xgrad {
namespace {

struct Scores {
  bool masked, causal;
  double scale;
};

Tensor causal_mask(Index queries, Index keys) {
  Tensor mask = Tensor::uninitialized({queries, keys}, boolean);
  bool* to = mask.mutable_data<bool>();
  for (Index t = 0; t < queries; ++t)
    for (Index s = 0; s < keys; ++s) *to++ = s <= t;
  return mask;
}

/// The attention weights in differentiable operations; zeros for a query that may look at nothing.
Variable probabilities(const Variable& query, const Variable& key, const Variable& mask,
                       const Scores& options) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  Variable scores = matmul(query, key, {.transpose_b = true}) * options.scale;
  if (options.masked) scores = mask.dtype() == boolean ? where(mask, scores, none) : scores + mask;
  if (options.causal) scores = where(causal_mask(scores.size(-2), scores.size(-1)), scores, none);
  if (!options.masked && !options.causal) return softmax(scores, -1);
  const Variable blind = all(equal(scores, none), -1, {.keepdims = true});
  return where(blind, 0.0, softmax(where(blind, 0.0, scores), -1));
}

void composed(Backward& r, const Scores& options) {
  const Variable query = r.input(0), key = r.input(1), value = r.input(2);
  const Variable p = probabilities(query, key, options.masked ? r.input(3) : Variable(), options);
  const Variable g = r.gradient();
  if (r.needs(2)) r.give(2, matmul(p, g, {.transpose_a = true}));
  const Variable incoming = matmul(g, value, {.transpose_b = true});
  const Variable slope = p * (incoming - sum(incoming * p, -1, {.keepdims = true}));
  if (r.needs(0)) r.give(0, matmul(slope, key) * options.scale);
  if (r.needs(1)) r.give(1, matmul(slope, query, {.transpose_a = true}) * options.scale);
  if (options.masked && r.needs(3)) r.give(3, slope);
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

}  // namespace

Variable scaled_dot_product_attention(const Operand& query, const Operand& key, const Operand& value,
                                      const AttentionOptions& options) {
  const Scope scope("scaled_dot_product_attention", query.place());
  DType dtype = result_type({&query, &key, &value});
  if (!is_floating(dtype)) dtype = float32;
  Variable q = cast(query.as_variable(), dtype), k = cast(key.as_variable(), dtype),
           v = cast(value.as_variable(), dtype);
  const auto shapes = [&] {
    return "query " + to_string(q.shape()) + ", key " + to_string(k.shape()) + ", value " +
           to_string(v.shape());
  };
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.size(-1) != k.size(-1) || k.size(-2) != v.size(-2))
    fail<ShapeError>("expects query (..., T, d), key (..., S, d), value (..., S, e), got " + shapes());
  Shape batch =
      broadcast_shapes(leading(q.shape()), broadcast_shapes(leading(k.shape()), leading(v.shape())));
  const Shape score_shape = with(batch, q.size(-2), k.size(-2));
  Variable mask = options.mask;
  if (mask.defined()) {
    if (mask.dtype() != boolean && !is_floating(mask.dtype()))
      fail<DTypeError>("expects a bool or floating mask, got " + describe(mask.value()));
    if (!broadcasts_to(mask.shape(), score_shape))
      fail<ShapeError>("a mask of shape " + to_string(mask.shape()) +
                       " does not broadcast to the scores' shape " + to_string(score_shape) + " of " +
                       shapes());
    if (mask.dtype() != boolean) mask = cast(mask, dtype);
  }
  if (!(options.dropout >= 0 && options.dropout <= 1))
    fail<ValueError>("expects a dropout in [0, 1], got " + std::to_string(options.dropout));
  const double width = static_cast<double>(std::max<Index>(q.size(-1), 1));
  const Scores scores{mask.defined(), options.causal, options.scale.value_or(1 / std::sqrt(width))};

  if (options.dropout > 0) {
    // Everything dropped: no weight, rather than 0 / 0.
    const double kept = 1 - options.dropout, factor = kept > 0 ? 1 / kept : 0;
    const Variable p = probabilities(q, k, mask, scores);
    return matmul(p * (Variable(bernoulli(p.shape(), kept, dtype)) * factor), v);
  }

  q = spread(q, batch);
  k = spread(k, batch);
  v = spread(v, batch);
  std::vector<Variable> operands{q, k, v};
  if (scores.masked) operands.push_back(mask);
  Op op("scaled_dot_product_attention", query.place(), operands);
  const auto options_of = [scores](const Tensor& given) {
    return kernels::AttentionScores{given, scores.causal, scores.scale};
  };
  auto [output, statistics] = kernels::attention(op.value(0), op.value(1), op.value(2),
                                                 options_of(scores.masked ? op.value(3) : Tensor()));
  Saves saves = saves_input(0) | saves_input(1) | saves_input(2) | saves_output(0) | saves_output(1);
  if (scores.masked) saves = saves | saves_input(3);
  return op.record_many({std::move(output), std::move(statistics)},
                        JointRule{saves,
                                  [scores, options_of](Backward& r) {
                                    // The gradient of a mask is the matrix that the fused form never stores.
                                    if (r.create_graph() || (scores.masked && r.needs(3)))
                                      return composed(r, scores);
                                    auto gradients = kernels::attention_backward(
                                        r.gradient().value(), r.input_value(0), r.input_value(1),
                                        r.input_value(2),
                                        options_of(scores.masked ? r.input_value(3) : Tensor()),
                                        {r.output_value(0), r.output_value(1)});
                                    if (r.needs(0)) r.give(0, Variable(std::move(gradients.query)));
                                    if (r.needs(1)) r.give(1, Variable(std::move(gradients.key)));
                                    if (r.needs(2)) r.give(2, Variable(std::move(gradients.value)));
                                  }},
                        0b10)[0];
}

}  // namespace xgrad
