// Rows for normalisation and embedding: references walk the elements of each mean one by one.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/embedding.hpp>
#include <xgrad/autograd/ops/normalize.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

struct Definition {
  double eps;
  bool centred = true;
  const Tensor *mean = nullptr, *variance = nullptr;
};

/// x normalised over the elements that share owner(i), with weight and bias (if any) at channel(i).
template <class Owner, class Channel>
Tensor reference(const std::vector<Tensor>& x, Owner owner, Channel channel, const Definition& definition) {
  Tensor result = x[0];
  const double* values = x[0].data<double>();
  double* out = result.mutable_data<double>();
  for (Index i = 0; i < result.count(); ++i) {
    double sum = 0, squares = 0, count = 0;
    for (Index j = 0; j < result.count(); ++j)
      if (owner(j) == owner(i)) sum += values[j], ++count;
    double mean = definition.centred ? sum / count : 0;
    if (definition.mean != nullptr) mean = definition.mean->at({channel(i)});
    for (Index j = 0; j < result.count(); ++j)
      if (owner(j) == owner(i)) squares += (values[j] - mean) * (values[j] - mean);
    const double variance =
        definition.variance != nullptr ? definition.variance->at({channel(i)}) : squares / count;
    out[i] = (values[i] - mean) / std::sqrt(variance + definition.eps);
    if (x.size() > 1) out[i] *= x[1].data<double>()[channel(i)];
    if (x.size() > 2) out[i] += x[2].data<double>()[channel(i)];
  }
  return result;
}

Variable at(const std::vector<Variable>& x, std::size_t i) { return x.size() > i ? x[i] : Variable(); }

/// x, and as many of weight and bias as asked for.
std::vector<Tensor> inputs(const Shape& shape, const Shape& parameters, int count) {
  std::vector<Tensor> result{spread(shape, -2, 3, 1)};
  if (count > 0) result.push_back(spread(parameters, 0.5, 2, 2));
  if (count > 1) result.push_back(spread(parameters, -1, 1, 3));
  return result;
}

std::string row_name(const Shape& shape, int parameters) {
  static const char* const with[] = {" plain", " with weight", " with weight and bias"};
  return to_string(shape) + with[parameters];
}

Case layer(const Shape& shape, const Shape& normalized, int parameters, double eps = 1e-2) {
  const Index n = normalized.count();
  return {.operation = "layer_norm",
          .name = row_name(shape, parameters),
          .function = [=](const auto& x) { return layer_norm(x[0], normalized, at(x, 1), at(x, 2), {eps}); },
          .inputs = inputs(shape, normalized, parameters),
          .reference =
              [=](const auto& x) {
                return reference(
                    x, [=](Index i) { return i / n; }, [=](Index i) { return i % n; }, {eps});
              }};
}

Case root_mean_square(const Shape& shape, const Shape& normalized, int parameters) {
  const Index n = normalized.count();
  return {.operation = "rms_norm",
          .name = row_name(shape, parameters),
          .function = [=](const auto& x) { return rms_norm(x[0], normalized, at(x, 1), {.eps = 1e-2}); },
          .inputs = inputs(shape, normalized, parameters),
          .reference =
              [=](const auto& x) {
                return reference(
                    x, [=](Index i) { return i / n; }, [=](Index i) { return i % n; }, {1e-2, false});
              }};
}

Case group(const Shape& shape, Index groups, int parameters) {
  const Index channels = shape.back(), sample = shape.count() / std::max<Index>(shape[0], 1);
  return {
      .operation = "group_norm",
      .name = row_name(shape, parameters) + ", groups " + std::to_string(groups),
      .function = [=](const auto& x) { return group_norm(x[0], groups, at(x, 1), at(x, 2), {.eps = 1e-2}); },
      .inputs = inputs(shape, {channels}, parameters),
      .reference =
          [=](const auto& x) {
            return reference(
                x, [=](Index i) { return i / sample * groups + i % channels / (channels / groups); },
                [=](Index i) { return i % channels; }, {1e-2});
          }};
}

Case batch(const Shape& shape, int parameters) {
  const Index channels = shape.back();
  const auto channel = [=](Index i) { return i % channels; };
  return {
      .operation = "batch_norm",
      .name = row_name(shape, parameters),
      .function =
          [=](const auto& x) { return batch_norm_training(x[0], at(x, 1), at(x, 2), {.eps = 1e-2}).output; },
      .inputs = inputs(shape, {channels}, parameters),
      .reference = [=](const auto& x) { return reference(x, channel, channel, {1e-2}); }};
}

Case given_batch(const Shape& shape, int parameters) {
  const Index channels = shape.back();
  const Tensor mean = spread({channels}, -1, 1, 7), variance = spread({channels}, 0.3, 2, 8);
  const auto channel = [=](Index i) { return i % channels; };
  return {
      .operation = "batch_norm",
      .name = row_name(shape, parameters) + ", given statistics",
      .function =
          [=](const auto& x) { return batch_norm(x[0], mean, variance, at(x, 1), at(x, 2), {.eps = 1e-2}); },
      .inputs = inputs(shape, {channels}, parameters),
      .reference =
          [=](const auto& x) {
            return reference(x, channel, channel, {1e-2, true, &mean, &variance});
          }};
}

Case lookup(const std::string& name, const Tensor& ids, const Shape& table,
            std::optional<Index> padding = {}) {
  return {
      .operation = "embedding",
      .name = name,
      .function = [=](const auto& x) { return embedding(x[0], x[1], padding); },
      .inputs = {ids, spread(table, -1, 1)},
      .reference =
          [=](const auto& x) {
            Shape shape = x[0].shape();
            shape.push_back(table[1]);
            Tensor result = zeros(shape, float64);
            const Tensor rows = x[0].to(int64);
            for (Index i = 0; i < result.count(); ++i)
              result.mutable_data<double>()[i] =
                  x[1].template data<double>()[rows.data<Index>()[i / table[1]] * table[1] + i % table[1]];
            return result;
          }};
}

/// For rows whose gradient is exactly 0: in float32 the rounding of its terms remains.
Case cancelling(Case row) {
  row.float32_tolerance = 1e-2;
  return row;
}

const bool rows = test::add_cases({
    layer({3, 4}, {4}, 2),
    layer({3, 4}, {4}, 1),
    layer({3, 4}, {4}, 0),
    layer({2, 3, 4}, {3, 4}, 2),
    layer({2, 2, 2, 3}, {3}, 2),
    layer({5}, {5}, 2),
    cancelling(layer({3, 1}, {1}, 2)),
    layer({0, 4}, {4}, 2),
    layer({2, 0, 4}, {4}, 2),
    layer({2, 0}, {0}, 2),
    root_mean_square({3, 4}, {4}, 1),
    root_mean_square({3, 4}, {4}, 0),
    root_mean_square({2, 2, 3}, {2, 3}, 1),
    root_mean_square({3, 1}, {1}, 1),
    root_mean_square({0, 4}, {4}, 1),
    group({2, 3, 6}, 3, 2),
    group({2, 3, 6}, 1, 1),
    group({2, 2, 2, 4}, 4, 0),
    group({3, 4}, 2, 2),
    cancelling(group({2, 1, 2}, 2, 2)),
    group({0, 3, 4}, 2, 2),
    group({2, 0, 4}, 2, 2),
    batch({5, 3}, 2),
    batch({5, 3}, 1),
    batch({5, 3}, 0),
    batch({2, 3, 2}, 2),
    batch({2, 2, 2, 3}, 2),
    batch({2, 1}, 2),
    batch({0, 3}, 2),
    batch({0, 2, 2, 3}, 2),
    given_batch({5, 3}, 2),
    given_batch({5, 3}, 0),
    given_batch({2, 2, 2, 3}, 2),
    given_batch({1, 3}, 2),
    given_batch({0, 3}, 2),
    lookup("matrix of ids", Tensor{{1, 4, 0}, {1, 2, 1}}, {5, 3}),
    lookup("one id", scalar(2, int64), {5, 3}),
    lookup("bytes", Tensor({1, 1}, uint8), {5, 3}),
    lookup("no ids", zeros({0}, int64), {5, 3}),
    lookup("no features", Tensor{1, 2}, {5, 0}),
});

}  // namespace
