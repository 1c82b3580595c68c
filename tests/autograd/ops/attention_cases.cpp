// Rows for attention: the reference is the definition, query by query.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/attention.hpp>
#include <xgrad/autograd/ops/pairs.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>
#include <limits>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

struct Options {
  bool causal = false;
  double scale = 0;  // 0: the default
  Index heads = 0;   // 0: none
};

AttentionOptions given(const Options& options, const Variable& mask) {
  AttentionOptions result{.mask = mask, .causal = options.causal};
  if (options.scale != 0) result.scale = options.scale;
  if (options.heads != 0) result.heads = options.heads;
  return result;
}

/// (..., T, heads * d) as (..., heads, T, d), and back.
Tensor apart(const Tensor& x, Index heads) {
  const Index rows = x.size(-2), width = x.size(-1) / heads;
  Shape shape(x.shape().begin(), x.shape().end() - 2);
  for (const Index size : {heads, rows, width}) shape.push_back(size);
  Tensor result = zeros(shape, x.dtype());
  const double* from = x.data<double>();
  double* to = result.mutable_data<double>();
  for (Index i = 0; i < x.count(); ++i) {
    const Index feature = i % width, head = i / width % heads, row = i / width / heads % rows,
                matrix = i / width / heads / rows;
    to[((matrix * heads + head) * rows + row) * width + feature] = from[i];
  }
  return result;
}

Tensor together(const Tensor& x) {
  const Index heads = x.size(-3), rows = x.size(-2), width = x.size(-1);
  Shape shape(x.shape().begin(), x.shape().end() - 3);
  for (const Index size : {rows, heads * width}) shape.push_back(size);
  Tensor result = zeros(shape, x.dtype());
  const double* from = x.data<double>();
  double* to = result.mutable_data<double>();
  for (Index i = 0; i < x.count(); ++i) {
    const Index feature = i % width, row = i / width % rows, head = i / width / rows % heads,
                matrix = i / width / rows / heads;
    to[((matrix * rows + row) * heads + head) * width + feature] = from[i];
  }
  return result;
}

Tensor reference(std::vector<Tensor> x, Options options) {
  if (options.heads > 0) {
    for (std::size_t i = 0; i < 3; ++i) x[i] = apart(x[i], options.heads);
    options.heads = 0;
    return together(reference(x, options));
  }
  const Index queries = x[0].size(-2), width = x[0].size(-1), keys = x[1].size(-2), features = x[2].size(-1);
  Shape batch;
  for (const Tensor& tensor : {x[0], x[1], x[2]})
    batch = broadcast_shapes(batch, {tensor.shape().begin(), tensor.shape().end() - 2});
  const auto spread_over_batch = [&](const Tensor& tensor, Index rows, Index columns) {
    Shape shape = batch;
    shape.push_back(rows);
    shape.push_back(columns);
    return broadcast_to(tensor, shape).value();
  };
  const Tensor q = spread_over_batch(x[0], queries, width), k = spread_over_batch(x[1], keys, width),
               v = spread_over_batch(x[2], keys, features);
  const Tensor mask = x.size() > 3 ? spread_over_batch(x[3], queries, keys) : Tensor();
  const double scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(width));
  Shape shape = batch;
  shape.push_back(queries);
  shape.push_back(features);
  Tensor result = zeros(shape, float64);
  double* out = result.mutable_data<double>();
  for (Index row = 0; row < batch.count() * queries; ++row) {
    const Index matrix = row / queries, t = row % queries;
    double total = 0;
    for (Index s = 0; s < keys; ++s) {
      if (options.causal && s > t) continue;
      double score = 0;
      for (Index i = 0; i < width; ++i)
        score += q.data<double>()[row * width + i] * k.data<double>()[(matrix * keys + s) * width + i];
      score *= scale;
      if (mask.defined() && mask.dtype() == boolean && !mask.data<bool>()[row * keys + s]) continue;
      if (mask.defined() && mask.dtype() != boolean) score += mask.data<double>()[row * keys + s];
      const double p = std::exp(score);
      total += p;
      for (Index i = 0; i < features; ++i)
        out[row * features + i] += p * v.data<double>()[(matrix * keys + s) * features + i];
    }
    for (Index i = 0; i < features; ++i)
      out[row * features + i] = total > 0 ? out[row * features + i] / total : 0;
  }
  return result;
}

/// Shapes of query, key and value; a mask is the fourth input.
Case row(const std::string& name, const Shape& q, const Shape& k, const Shape& v, const Tensor& mask = {},
         Options options = {}) {
  std::vector<Tensor> inputs{spread(q, -1.5, 1.5, 1), spread(k, -1.5, 1.5, 2), spread(v, -1, 1, 3)};
  if (mask.defined()) inputs.push_back(mask);
  return {.operation = "scaled_dot_product_attention",
          .name = name + " " + to_string(q) + " " + to_string(k) + " " + to_string(v),
          .function =
              [options](const std::vector<Variable>& x) {
                return scaled_dot_product_attention(x[0], x[1], x[2],
                                                    given(options, x.size() > 3 ? x[3] : Variable()));
              },
          .inputs = std::move(inputs),
          .reference = [options](const std::vector<Tensor>& x) { return reference(x, options); }};
}

/// The shape of query, key and value side by side; a mask is the second input.
Case packed(const std::string& name, const Shape& shape, const Tensor& mask = {}, Options options = {}) {
  std::vector<Tensor> inputs{spread(shape, -1.5, 1.5, 1)};
  if (mask.defined()) inputs.push_back(mask);
  return {.operation = "self_attention",
          .name = name + " " + to_string(shape),
          .function =
              [options](const std::vector<Variable>& x) {
                return self_attention(x[0], given(options, x.size() > 1 ? x[1] : Variable()));
              },
          .inputs = std::move(inputs),
          .reference =
              [options](const std::vector<Tensor>& x) {
                const Tensor parts = apart(x[0], 3);
                std::vector<Tensor> operands;
                for (const Variable& part : unbind(parts, -3)) operands.push_back(part.value());
                if (x.size() > 1) operands.push_back(x[1]);
                return reference(operands, options);
              }};
}

const Tensor allowed({{true, false, true, true}, {false, false, false, true}, {false, false, false, false}},
                     boolean);

const Tensor bool_square({{true, false, true}, {true, true, false}, {false, false, false}}, boolean);

/// Sums over pairs: products give (T, S) from (T, d) and (S, d), sums give rows from (T, S) and rows.
Tensor pair_reference(const Tensor& a, const Tensor& b, const Tensor& pairs, bool products, bool transposed) {
  const Index queries = pairs.size(-2), keys = pairs.size(-1), width = b.size(-1);
  const Shape shape = products ? Shape{queries, keys} : Shape{transposed ? keys : queries, width};
  Tensor result = zeros(shape, float64);
  double* to = result.mutable_data<double>();
  for (Index i = 0; i < queries; ++i)
    for (Index j = 0; j < keys; ++j)
      for (Index c = 0; c < width; ++c) {
        if (!pairs.at<bool>({i, j})) continue;
        if (products)
          to[i * keys + j] += a.at<double>({i, c}) * b.at<double>({j, c});
        else if (transposed)
          to[j * width + c] += a.at<double>({i, j}) * b.at<double>({i, c});
        else
          to[i * width + c] += a.at<double>({i, j}) * b.at<double>({j, c});
      }
  return result;
}

/// The third input says which pairs count.
Case pair_products(const Tensor& pairs) {
  return {.operation = "pair_products",
          .name = to_string(pairs.shape()),
          .function = [](const auto& x) { return detail::pair_products(x[0], x[1], x[2].value()); },
          .inputs = {spread({pairs.size(-2), 5}, -1, 1, 1), spread({pairs.size(-1), 5}, -1, 1, 2), pairs},
          .reference = [](const auto& x) { return pair_reference(x[0], x[1], x[2], true, false); }};
}

Case pair_sums(const Tensor& pairs, bool transposed) {
  return {.operation = "pair_sums",
          .name = to_string(pairs.shape()) + (transposed ? ", transposed" : ""),
          .function =
              [=](const auto& x) {
                return detail::pair_sums(where(x[2], x[0], 0.0), x[1], x[2].value(), transposed);
              },
          .inputs = {spread(pairs.shape(), -1, 1, 1), spread({pairs.size(transposed ? -2 : -1), 5}, -1, 1, 2),
                     pairs},
          .reference = [=](const auto& x) { return pair_reference(x[0], x[1], x[2], false, transposed); }};
}

const bool rows = test::add_cases({
    pair_products(allowed),
    pair_products(zeros({0, 3}, boolean)),
    pair_sums(allowed, false),
    pair_sums(allowed, true),
    pair_sums(zeros({2, 0}, boolean), false),
    pair_sums(zeros({2, 0}, boolean), true),
    row("plain", {3, 2}, {4, 2}, {4, 3}),
    row("batch", {2, 3, 2}, {2, 4, 2}, {2, 4, 2}),
    row("heads", {2, 2, 2, 3}, {2, 2, 3, 3}, {2, 2, 3, 1}),
    row("scale", {3, 2}, {4, 2}, {4, 3}, {}, {.scale = 2.5}),
    row("broadcast keys", {2, 3, 2}, {4, 2}, {4, 2}),
    row("broadcast queries", {3, 2}, {2, 4, 2}, {1, 4, 2}),
    row("causal", {4, 2}, {4, 2}, {4, 2}, {}, {.causal = true}),
    row("causal, fewer keys", {4, 2}, {2, 2}, {2, 2}, {}, {.causal = true}),
    row("causal, more keys", {2, 2}, {4, 2}, {4, 2}, {}, {.causal = true}),
    row("bool mask", {2, 3, 2}, {2, 4, 2}, {2, 4, 2}, allowed),
    row("bool mask of keys", {3, 2}, {4, 2}, {4, 2}, allowed.rows(0, 1)),
    row("bool mask and causal", {3, 2}, {4, 2}, {4, 2}, allowed, {.causal = true}),
    row("nothing allowed", {3, 2}, {4, 2}, {4, 2}, zeros({3, 4}, boolean)),
    row("added mask", {2, 3, 2}, {2, 4, 2}, {2, 4, 2}, spread({3, 4}, -2, 2, 5)),
    row("added mask per matrix", {2, 3, 2}, {2, 4, 2}, {2, 4, 2}, spread({2, 1, 4}, -2, 2, 5)),
    row("added mask and causal", {3, 2}, {4, 2}, {4, 2}, spread({3, 1}, -2, 2, 5), {.causal = true}),
    row("one of each", {1, 1}, {1, 1}, {1, 1}),
    row("no queries", {2, 0, 2}, {2, 4, 2}, {2, 4, 2}),
    row("no keys", {2, 3, 2}, {2, 0, 2}, {2, 0, 2}),
    row("no batch", {0, 3, 2}, {0, 4, 2}, {0, 4, 2}),
    row("no value features", {3, 2}, {4, 2}, {4, 0}),
    row("heads side by side", {2, 3, 4}, {2, 4, 4}, {2, 4, 2}, {}, {.heads = 2}),
    row("heads side by side, causal", {3, 6}, {3, 6}, {3, 6}, {}, {.causal = true, .heads = 2}),
    row("heads side by side, broadcast keys", {2, 3, 4}, {4, 4}, {4, 4}, {}, {.heads = 2}),
    row("heads side by side, a mask each", {2, 3, 4}, {2, 4, 4}, {2, 4, 4}, spread({2, 1, 4}, -2, 2, 5),
        {.heads = 2}),
    row("one head", {2, 3, 3}, {2, 4, 3}, {2, 4, 3}, {}, {.heads = 1}),
    packed("plain", {3, 6}),
    packed("batch", {2, 3, 6}),
    packed("causal", {4, 9}, {}, {.causal = true, .scale = 0.7}),
    packed("heads", {2, 3, 12}, {}, {.heads = 2}),
    packed("heads, causal", {2, 4, 18}, {}, {.causal = true, .heads = 3}),
    packed("heads, bool mask", {2, 3, 12}, bool_square, {.heads = 2}),
    packed("heads, added mask", {2, 3, 12}, spread({2, 3, 3}, -2, 2, 5), {.causal = true, .heads = 2}),
    packed("one position", {2, 1, 6}, {}, {.causal = true, .heads = 2}),
    packed("no positions", {2, 0, 6}, {}, {.heads = 2}),
    packed("no batch", {0, 3, 6}, {}, {.heads = 2}),
    packed("no features", {2, 3, 0}, {}, {.heads = 2}),
});

}  // namespace
