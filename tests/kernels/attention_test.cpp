// Attention against its definition, query by query: masks, causality, heads, statistics, gradients.
#include "support/reference.hpp"

#include <xgrad/kernels/attention.hpp>
#include <xgrad/kernels/attention_mask.hpp>

#include <limits>

using namespace xgrad;
using namespace xgrad::test;
using kernels::AttentionScores;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double close(DType dtype) { return dtype == float32 ? 5e-5 : 1e-12; }

/// One head of one matrix: what query i gives key j, and what follows from it.
struct Definition {
  Naive output, statistics;          // as the kernel's, with matrices in order
  Naive to_query, to_key, to_value;  // gradients

  Definition(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionScores& s,
             const Tensor& gradient)
      : output(gradient.shape()),
        statistics(Shape{2, 0}),
        to_query(query.shape()),
        to_key(key.shape()),
        to_value(value.shape()) {
    const Naive q(query), k(key), v(value), g(gradient);
    const Index rank = query.rank(), heads = s.heads.value_or(1);
    const Index queries = query.size(-2), keys = key.size(-2);
    const Index depth = query.size(-1) / heads, width = value.size(-1) / heads;
    Shape batch = query.shape();
    batch.erase(rank - 1);
    batch.erase(rank - 2);
    statistics = Naive(Shape{2, batch.count() * heads * queries});
    Index matrix = 0;
    for_each_index(batch, [&](const Shape& at) {
      for (Index head = 0; head < heads; ++head, ++matrix) {
        const auto element = [&](Index row, Index column) {
          Shape index = at;
          index.push_back(row);
          index.push_back(column);
          return index;
        };
        for (Index i = 0; i < queries; ++i) {
          std::vector<double> score(static_cast<std::size_t>(keys)), p(score.size()), dp(score.size());
          double largest = -inf, sum = 0, along = 0;
          bool any = false;
          for (Index j = 0; j < keys; ++j) {
            double& to = score[static_cast<std::size_t>(j)];
            to = -inf;
            double added = 0;
            if (s.causal && j > i) continue;
            if (!seen(s, at, head, i, j, added)) continue;
            any = true;
            to = added;
            for (Index c = 0; c < depth; ++c)
              to += s.scale * q[element(i, head * depth + c)] * k[element(j, head * depth + c)];
            largest = std::max(largest, to);
          }
          for (const double x : score) sum += any ? std::exp(x - largest) : 0;
          const Index row = matrix * queries + i;
          statistics[{0, row}] = any ? largest : 0;
          statistics[{1, row}] = any ? 1 / sum : 0;
          if (!any) continue;
          for (std::size_t j = 0; j < p.size(); ++j) {
            p[j] = std::exp(score[j] - largest) / sum;
            for (Index c = 0; c < width; ++c) {
              const Shape there = element(static_cast<Index>(j), head * width + c);
              const Shape here = element(i, head * width + c);
              output[here] += p[j] * v[there];
              to_value[there] += p[j] * g[here];
              dp[j] += g[here] * v[there];
            }
            along += p[j] * dp[j];
          }
          for (std::size_t j = 0; j < p.size(); ++j)
            for (Index c = 0; c < depth; ++c) {
              const double slope = s.scale * p[j] * (dp[j] - along);
              const Shape here = element(i, head * depth + c),
                          there = element(static_cast<Index>(j), head * depth + c);
              to_query[here] += slope * k[there];
              to_key[there] += slope * q[here];
            }
        }
      }
    });
  }

  /// Whether the mask lets query i look at key j; what it adds to the score.
  static bool seen(const AttentionScores& s, const Shape& batch, Index head, Index i, Index j,
                   double& added) {
    if (!s.mask.defined()) return true;
    Shape full = batch;
    if (s.heads) full.push_back(head);
    full.push_back(i);
    full.push_back(j);
    Shape own = s.mask.shape();
    for (Index axis = 0; axis < own.rank(); ++axis)
      own[axis] = own[axis] == 1 ? 0 : full[full.rank() - own.rank() + axis];
    const double value = Naive(s.mask)[own];
    if (s.mask.dtype() == boolean) return value != 0;
    added = value;
    return value != -inf;
  }
};

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionScores& s,
                     const Tensor& g) {
  const Definition expected(q, k, v, s, g);
  const double tolerance = close(q.dtype());
  const kernels::Attention result = kernels::attention(q, k, v, s);
  check_equal(result.output, expected.output, tolerance);
  check_equal(result.statistics, expected.statistics, tolerance);
  const auto gradients = kernels::attention_backward(g, q, k, v, s, result.statistics);
  check_equal(gradients.query, expected.to_query, tolerance);
  check_equal(gradients.key, expected.to_key, tolerance);
  check_equal(gradients.value, expected.to_value, tolerance);
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("attention kernel: the definition, with and without a mask, for sizes from 0 on") {
    RandomTensors random(1);
    struct Sizes {
      Shape batch;
      Index queries, keys, depth, width;
    };
    const std::vector<Sizes> all{{{}, 1, 1, 1, 1},     {{}, 5, 7, 4, 3},    {{2}, 3, 3, 16, 16},
                                 {{2, 3}, 4, 2, 3, 5}, {{}, 70, 150, 8, 9}, {{2}, 130, 67, 33, 1},
                                 {{0}, 3, 4, 2, 2},    {{2}, 0, 4, 2, 2},   {{2}, 3, 0, 2, 2},
                                 {{2}, 3, 4, 0, 2}};
    for (const DType dtype : {float32, float64})
      for (const auto& [batch, queries, keys, depth, width] : all)
        for (int kind = 0; kind < 4; ++kind) {
          const auto shaped = [&, lead = batch](Index rows, Index columns) {
            Shape shape = lead;
            shape.push_back(rows);
            shape.push_back(columns);
            return shape;
          };
          const std::string scores = to_string(shaped(queries, keys));
          CAPTURE(scores);
          CAPTURE(kind);
          const Tensor q = random(shaped(queries, depth), dtype), k = random(shaped(keys, depth), dtype),
                       v = random(shaped(keys, width), dtype), g = random(shaped(queries, width), dtype);
          AttentionScores s{.mask = {}, .causal = kind == 3, .scale = 0.25};
          if (kind == 1) s.mask = random(shaped(queries, keys), boolean);
          if (kind == 2) s.mask = random(Shape{queries, 1}, dtype);
          check_attention(q, k, v, s, g);
        }
  }

  TEST_CASE("attention kernel: masks that broadcast, hide by -inf, and meet causality") {
    RandomTensors random(2);
    for (const DType dtype : {float32, float64}) {
      const Tensor q = random({2, 3, 6, 4}, dtype), k = random({2, 3, 9, 4}, dtype),
                   v = random({2, 3, 9, 5}, dtype), g = random({2, 3, 6, 5}, dtype);
      for (const Shape& shape : {Shape{}, Shape{1}, Shape{9}, Shape{6, 1}, Shape{3, 1, 9}, Shape{2, 1, 6, 9}})
        for (const bool causal : {false, true}) {
          CAPTURE(to_string(shape));
          check_attention(q, k, v, {random(shape, boolean), causal, 0.5}, g);
          Tensor added = random(shape, float64);
          for (double& value : added.mutable_span<double>()) value = value < -1 ? -inf : value;
          check_attention(q, k, v, {added.to(dtype), causal, 0.5}, g);
        }
    }
  }

  TEST_CASE("attention kernel: heads are parts of the last axis, packed operands parts of one tensor") {
    RandomTensors random(3);
    for (const DType dtype : {float32, float64})
      for (const Index heads : {1, 2, 3})
        for (int kind = 0; kind < 3; ++kind) {
          const Index length = 11, depth = 6;
          CAPTURE(heads);
          CAPTURE(kind);
          AttentionScores s{.mask = {}, .causal = kind == 2, .scale = 0.4, .heads = heads};
          if (kind == 1) s.mask = random({heads, length, length}, boolean);
          const Tensor packed = random({2, length, 3 * depth}, dtype), g = random({2, length, depth}, dtype);
          const Naive all(packed);
          const auto part = [&](Index which) {
            Tensor result = Tensor::uninitialized({2, length, depth}, float64);
            double* to = result.mutable_data<double>();
            for_each_index(result.shape(), [&](Shape i) {
              i[2] += which * depth;
              *to++ = all[i];
            });
            return result.to(dtype);
          };
          const Tensor q = part(0), k = part(1), v = part(2);
          check_attention(q, k, v, s, g);
          const Definition expected(q, k, v, s, g);
          const kernels::Attention result = kernels::packed_attention(packed, s);
          check_equal(result.output, expected.output, close(dtype));
          Naive gradient(packed.shape());
          for_each_index(g.shape(), [&](const Shape& i) {
            const Naive* const parts[] = {&expected.to_query, &expected.to_key, &expected.to_value};
            for (Index which = 0; which < 3; ++which) {
              Shape at = i;
              at[2] += which * depth;
              gradient[at] = (*parts[which])[i];
            }
          });
          check_equal(kernels::packed_attention_backward(g, packed, s, result.statistics), gradient,
                      close(dtype));
        }
  }

  TEST_CASE("attention kernel: a query without a key gives zeros, one whose keys all score -inf gives NaN") {
    for (const DType dtype : {float32, float64}) {
      const Tensor q({{1.0}, {2.0}}, dtype), k({{1.0}, {-inf}}, dtype), v({{3.0}, {4.0}}, dtype);
      const Tensor mask = Tensor({{0, 0}, {0, 1}}, boolean);
      const auto result = kernels::attention(q, k, v, {mask, false, 1});
      CHECK(result.output.at({0, 0}) == 0);
      CHECK(result.statistics.at({0, 0}) == 0);
      CHECK(result.statistics.at({1, 0}) == 0);
      CHECK(std::isnan(result.output.at({1, 0})));
      CHECK(result.statistics.at({0, 1}) == 0);
      CHECK(result.statistics.at({1, 1}) == inf);
    }
  }

  TEST_CASE("attention kernel: what is hidden leaves no trace, whatever it is") {
    for (const DType dtype : {float32, float64})
      for (const double strange : {not_a_number, inf, -inf}) {
        const Tensor q({{0.5}, {0.25}}, dtype), k({{1.0}, {strange}}, dtype), v({{3.0}, {strange}}, dtype),
            g({{1.0}, {2.0}}, dtype);
        const AttentionScores s{Tensor({1, 0}, boolean), false, 1};
        const auto result = kernels::attention(q, k, v, s);
        check_equal(result.output, Naive(Tensor({{3.0}, {3.0}}, float64)));
        const auto gradients = kernels::attention_backward(g, q, k, v, s, result.statistics);
        check_equal(gradients.query, Naive(Shape{2, 1}));
        check_equal(gradients.key, Naive(Shape{2, 1}));
        check_equal(gradients.value, Naive(Tensor({{3.0}, {0.0}}, float64)));
      }
  }

  TEST_CASE("attention kernel: the mask finds its element for every matrix, query and key") {
    RandomTensors random(4);
    const Shape batch{2, 3};
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{4, 1}, Shape{3, 4, 5}, Shape{2, 1, 1, 5}}) {
      CAPTURE(to_string(shape));
      const Tensor mask = random(shape, boolean);
      const kernels::AttentionMask walked(mask, batch);
      Index matrix = 0;
      for_each_index(batch, [&](const Shape& at) {
        for (Index i = 0; i < 4; ++i)
          for (Index j = 0; j < 5; ++j) {
            double added = 0;
            CHECK(walked.allows<float>(matrix, i, j) ==
                  Definition::seen({mask, false, 1}, at, 0, i, j, added));
          }
        ++matrix;
      });
    }
    const Tensor undefined;
    const kernels::AttentionMask none(undefined, batch);
    CHECK_FALSE(none.defined());
    CHECK(none.allows<float>(0, 0, 0, 1));
    CHECK_FALSE(none.allows<float>(0, 0, 0, 0));
  }
}

TEST_SUITE("threads") {
  TEST_CASE("attention kernel: the same bits on any number of threads") {
    RandomTensors random(5);
    const Tensor q = random({3, 140, 16}), k = random({3, 200, 16}), v = random({3, 200, 24}),
                 g = random({3, 140, 24});
    const AttentionScores s{random({140, 200}, boolean), true, 0.25};
    const auto results = [&](int threads) {
      const Threads scope(threads);
      const auto forward = kernels::attention(q, k, v, s);
      const auto back = kernels::attention_backward(g, q, k, v, s, forward.statistics);
      return std::vector<Tensor>{forward.output, forward.statistics, back.query, back.key, back.value};
    };
    const auto one = results(1), three = results(3);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], three[i]));
  }
}
