// Attention: fused against composed, blocks, masks, range, dropout, errors.
#include "support/leaf.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/attention.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>
#include <xgrad/tensor/threads.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<Variable> leaves(const Shape& q, const Shape& k, const Shape& v, DType dtype) {
  return {leaf(normal(q, 0, 1, dtype)), leaf(normal(k, 0, 1, dtype)), leaf(normal(v, 0, 1, dtype))};
}

/// The value and the gradients of q, k, v.
std::vector<Tensor> run(const std::vector<Variable>& x, const AttentionOptions& options, const Tensor& seed,
                        bool create_graph = false) {
  const Variable y = scaled_dot_product_attention(x[0], x[1], x[2], options);
  GradOptions how;
  how.seeds = {Variable(seed.to(y.dtype()))};
  how.create_graph = create_graph;
  std::vector<Tensor> result{y.value()};
  for (const Variable& gradient : grad({y}, x, how)) result.push_back(gradient.value());
  return result;
}

}  // namespace

TEST_CASE("attention in blocks: fused and composed gradients agree, in float32 as well") {
  manual_seed(9);
  // Several blocks and a remainder; more keys than queries and the reverse.
  for (const Shape& sizes : {Shape{150, 130}, Shape{70, 3000}, Shape{200, 33}, Shape{5, 5}}) {
    const Index queries = sizes[0], keys = sizes[1];
    CAPTURE(queries);
    CAPTURE(keys);
    Tensor some = bernoulli({queries, keys}, 0.7, float64).to(boolean);
    for (Index s = 0; s < keys; ++s) some.mutable_data<bool>()[2 * keys + s] = false;
    const std::vector<AttentionOptions> forms{
        {},
        {.causal = true},
        {.mask = Variable(some)},
        {.mask = Variable(some), .causal = true},
        {.mask = Variable(normal({2, 1, 1, keys}, 0, 1, float64)), .scale = 0.3}};
    for (const AttentionOptions& options : forms) {
      const std::vector<Variable> x = leaves({2, 3, queries, 16}, {2, 3, keys, 16}, {2, 3, keys, 8}, float64);
      const Tensor seed = normal({2, 3, queries, 8}, 0, 1, float64);
      const std::vector<Tensor> fused = run(x, options, seed), composed = run(x, options, seed, true);
      std::vector<Variable> single;
      for (const Variable& tensor : x) single.push_back(leaf(tensor.value().to(float32)));
      const std::vector<Tensor> rounded = run(single, options, seed);
      for (std::size_t i = 0; i < fused.size(); ++i) {
        CAPTURE(i);
        CHECK(allclose(fused[i], composed[i], {.rtol = 1e-11, .atol = 1e-11}));
        CHECK(rounded[i].dtype() == float32);
        CHECK(allclose(rounded[i].to(float64), fused[i], {.rtol = 1e-3, .atol = 1e-3}));
      }
    }
  }
}

TEST_CASE("attention with heads side by side is attention with heads in front, and composed") {
  manual_seed(11);
  struct Sizes {
    Index batch, heads, queries, keys, width;
    DType dtype;
  };
  // Whole vectors and odd widths, one position, several blocks.
  for (const Sizes& s : {Sizes{2, 4, 128, 128, 32, float32}, Sizes{2, 3, 65, 65, 5, float32},
                         Sizes{3, 2, 1, 1, 7, float64}, Sizes{1, 2, 130, 40, 24, float64}}) {
    CAPTURE(s.queries);
    CAPTURE(s.width);
    const double tolerance = s.dtype == float32 ? 2e-5 : 1e-12;
    const Index features = s.heads * s.width;
    Tensor some = bernoulli({s.batch, 1, s.queries, s.keys}, 0.6, float64).to(boolean);
    for (const bool causal : {false, true})
      for (const bool masked : {false, true}) {
        const AttentionOptions options{.mask = masked ? Variable(some) : Variable(), .causal = causal};
        AttentionOptions split_up = options;
        split_up.heads = s.heads;
        const auto x = leaves({s.batch, s.queries, features}, {s.batch, s.keys, features},
                              {s.batch, s.keys, features}, s.dtype);
        const Tensor seed = normal({s.batch, s.queries, features}, 0, 1, s.dtype);
        const std::vector<Tensor> fused = run(x, split_up, seed), composed = run(x, split_up, seed, true);
        const auto in_front = [&](const Variable& v) {
          return transpose(reshape(v, {s.batch, v.size(1), s.heads, s.width}), 1, 2);
        };
        const Variable moved =
            scaled_dot_product_attention(in_front(x[0]), in_front(x[1]), in_front(x[2]), options);
        const Variable back = reshape(transpose(moved, 1, 2), {s.batch, s.queries, features});
        CHECK(bitwise_equal(fused[0], back.value()));
        const std::vector<Variable> apart = grad({back}, x, {.seeds = {Variable(seed)}});
        for (std::size_t i = 0; i < 3; ++i) {
          CHECK(bitwise_equal(fused[i + 1], apart[i].value()));
          CHECK(allclose(fused[i + 1], composed[i + 1], {.rtol = tolerance, .atol = tolerance}));
        }

        if (s.queries != s.keys) continue;
        const Variable packed = leaf(concat({x[0], x[1], x[2]}, -1).value());
        const Variable y = self_attention(packed, split_up);
        CHECK(bitwise_equal(y.value(), fused[0]));
        const Tensor joined =
            concat({Variable(fused[1]), Variable(fused[2]), Variable(fused[3])}, -1).value();
        GradOptions how{.seeds = {Variable(seed)}, .retain_graph = true};
        CHECK(bitwise_equal(grad(y, packed, how).value(), joined));
        how.create_graph = true;
        CHECK(allclose(grad(y, packed, how).value(), joined, {.rtol = tolerance, .atol = tolerance}));
      }
  }
}

TEST_CASE("attention is bitwise the same on any number of threads") {
  manual_seed(12);
  const int before = num_threads();
  const Variable packed = leaf(normal({3, 100, 3 * 48}, 0, 1, float32));
  const Tensor seed = normal({3, 100, 48}, 0, 1, float32);
  std::vector<Tensor> values, gradients;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const Variable y = self_attention(packed, {.causal = true, .heads = 4});
    values.push_back(y.value());
    gradients.push_back(grad(y, packed, {.seeds = {Variable(seed)}}).value());
  }
  set_num_threads(before);
  for (std::size_t i = 1; i < values.size(); ++i) {
    CHECK(bitwise_equal(values[i], values[0]));
    CHECK(bitwise_equal(gradients[i], gradients[0]));
  }
}

TEST_CASE("attention: the value agrees with softmax and matrix products over several blocks") {
  manual_seed(10);
  const std::vector<Variable> x = leaves({2, 150, 16}, {2, 700, 16}, {2, 700, 8}, float64);
  const Variable plain = matmul(softmax(matmul(x[0], x[1], {.transpose_b = true}) / 4.0, -1), x[2]);
  CHECK(allclose(scaled_dot_product_attention(x[0], x[1], x[2]).value(), plain.value(),
                 {.rtol = 1e-12, .atol = 1e-13}));
}

TEST_CASE("attention: a query that may look at nothing gives zeros and gets no gradient") {
  const Tensor mask({{true, true, true}, {false, false, false}}, boolean);
  const Tensor added({{0.0, 0.0, 0.0}, {-infinity, -infinity, -infinity}}, float64);
  for (const Tensor& given : {mask, added})
    for (const bool create_graph : {false, true}) {
      const std::vector<Variable> x = leaves({2, 4}, {3, 4}, {3, 2}, float64);
      const std::vector<Tensor> result =
          run(x, {.mask = Variable(given)}, ones({2, 2}, float64), create_graph);
      CHECK(bitwise_equal(result[0].rows(1, 2), zeros({1, 2}, float64)));
      CHECK(allclose(result[1].rows(1, 2), zeros({1, 4}, float64)));
      for (const Tensor& tensor : result)
        for (const double value : tensor.span<double>()) CHECK(std::isfinite(value));
      // The other query gives each value its weight; the weights add up to 1.
      double total = 0;
      for (Index s = 0; s < 3; ++s) total += result[3].at({s, 0});
      CHECK(total == doctest::Approx(1));
    }
}

TEST_CASE("attention with scores of 1e4 stays finite and exact") {
  const Variable q = leaf(Tensor{{100.0, 0.0}}), k = leaf(Tensor{{100.0, 0.0}, {99.99, 0.0}, {-100.0, 0.0}}),
                 v = leaf(Tensor{{1.0}, {2.0}, {3.0}});
  const Variable y = scaled_dot_product_attention(q, k, v, {.scale = 1.0});
  const double second = 1 / (1 + std::exp(1.0));
  CHECK(y.item() == doctest::Approx(1 + second).epsilon(1e-3));
  y.backward();
  for (const Variable& x : {q, k, v})
    for (const float g : x.grad().value().span<float>()) CHECK(std::isfinite(g));
  CHECK(v.grad().value().at({1, 0}) == doctest::Approx(second).epsilon(1e-3));
}

TEST_CASE("attention stores no matrix of queries by keys") {
  constexpr Index length = 1024;
  const std::vector<Variable> x = leaves({length, 8}, {length, 8}, {length, 8}, float32);
  const auto before = memory_stats().live_bytes;
  const Variable y = scaled_dot_product_attention(x[0], x[1], x[2], {.causal = true});
  const auto kept = memory_stats().live_bytes - before;
  CHECK(kept < length * 32 * sizeof(float));
  CHECK(std::string(y.operation()) == "scaled_dot_product_attention");
}

TEST_CASE("attention: a mask that needs no gradient costs the backward pass no matrix either") {
  constexpr Index length = 1024;
  constexpr std::size_t matrix = length * length * sizeof(float);
  const std::vector<Variable> x = leaves({length, 8}, {length, 8}, {length, 8}, float32);
  for (const bool learned : {false, true}) {
    CAPTURE(learned);
    const Variable mask(zeros({length, length}), {.requires_grad = learned});
    const Variable y = scaled_dot_product_attention(x[0], x[1], x[2], {.mask = mask});
    const auto before = memory_stats().live_bytes;
    reset_peak_memory();
    sum(y).backward();
    CHECK((memory_stats().peak_bytes - before > matrix) == learned);
  }
}

TEST_CASE("attention: dropout keeps the expected value and reaches its bounds") {
  manual_seed(4);
  const std::vector<Variable> x = leaves({300, 4}, {50, 4}, {50, 2}, float64);
  const Tensor exact = scaled_dot_product_attention(x[0], x[1], x[2]).value();
  const auto mean_of = [](const Tensor& tensor) { return mean(abs(Variable(tensor) - 1.0)).item(); };
  const Tensor weights = ones({50, 2}, float64);
  const Tensor sums = scaled_dot_product_attention(x[0], x[1], weights, {.dropout = 0.4}).value();
  CHECK(mean(sums).item() == doctest::Approx(1).epsilon(0.05));
  CHECK(mean_of(sums) > 0.01);
  CHECK(allclose(scaled_dot_product_attention(x[0], x[1], x[2], {.dropout = 1}).value(),
                 zeros({300, 2}, float64)));
  CHECK(bitwise_equal(scaled_dot_product_attention(x[0], x[1], x[2], {.dropout = 0}).value(), exact));

  const Variable packed = leaf(normal({2, 60, 3 * 8}, 0, 1, float64));
  const Tensor whole = self_attention(packed, {.heads = 2}).value();
  Tensor total = zeros(whole.shape(), float64);
  for (int i = 0; i < 200; ++i)
    total = (Variable(total) + self_attention(packed, {.dropout = 0.5, .heads = 2})).value();
  CHECK(mean(abs(Variable(total) / 200.0 - whole)).item() < 0.05);
}

TEST_CASE("attention: errors name the shapes and the caller's line") {
  const Tensor q = zeros({2, 3, 4}), k = zeros({2, 5, 4}), v = zeros({2, 5, 6});
  const auto expects = [](auto f, const std::string& part) {
    const std::string message = message_of([&] { f(); });
    CAPTURE(message);
    CHECK(contains(message, "attention_test.cpp:"));
    CHECK(contains(message, "scaled_dot_product_attention: "));
    CHECK(contains(message, part));
  };
  const auto masked = [&](const Tensor& mask) {
    return [&, mask] { scaled_dot_product_attention(q, k, v, {.mask = Variable(mask)}); };
  };
  expects(
      [&] {
        scaled_dot_product_attention(q, zeros({2, 5, 3}), v);
      },
      "got query (2, 3, 4), key (2, 5, 3), value (2, 5, 6)");
  expects([&] { scaled_dot_product_attention(q, k, zeros({2, 4, 6})); }, "value (2, 4, 6)");
  expects([&] { scaled_dot_product_attention(q, k, v, {.heads = 4}); }, "the number of heads, 4, divides");
  expects([&] { scaled_dot_product_attention(q, k, v, {.heads = 0}); }, "the number of heads, 0, divides");
  expects([&] { scaled_dot_product_attention(zeros({4}), k, v); }, "query (4,)");
  expects([&] { scaled_dot_product_attention(zeros({3, 3, 4}), k, v); }, "(3,)");
  expects(masked(zeros({5, 3}, boolean)),
          "mask of shape (5, 3) does not broadcast to the scores' shape (2, 3, 5)");
  expects(masked(zeros({4, 2, 3, 5}, boolean)), "mask of shape (4, 2, 3, 5)");
  expects(masked(zeros({3, 5}, int64)), "boolean or floating mask");
  expects([&] { scaled_dot_product_attention(q, k, v, {.dropout = 1.5}); }, "dropout in [0, 1]");
  CHECK_THROWS_AS(masked(zeros({5, 3}, boolean))(), ShapeError);
  CHECK_THROWS_AS(masked(zeros({3, 5}, int64))(), DTypeError);
  CHECK_THROWS_AS(scaled_dot_product_attention(Variable(), k, v), GraphError);
}

TEST_CASE("self_attention: errors name the shape and the caller's line") {
  const auto expects = [](auto f, const std::string& part) {
    const std::string message = message_of([&] { f(); });
    CAPTURE(message);
    CHECK(contains(message, "attention_test.cpp:"));
    CHECK(contains(message, "self_attention: "));
    CHECK(contains(message, part));
  };
  const Tensor x = zeros({2, 3, 12});
  expects([] { self_attention(zeros({2, 3, 8})); }, "(..., T, 3 e), got (2, 3, 8)");
  expects([] { self_attention(zeros({12})); }, "got (12,)");
  expects([&] { self_attention(x, {.heads = 3}); }, "the number of heads, 3, divides, got (2, 3, 12)");
  expects([&] { self_attention(x, {.heads = -1}); }, "the number of heads, -1,");
  expects(
      [&] {
        self_attention(x, {.mask = Variable(zeros({2, 3, 3}, boolean)), .heads = 4});
      },
      "does not broadcast to the scores' shape (2, 4, 3, 3)");
  expects([&] { self_attention(x, {.dropout = -1}); }, "dropout in [0, 1]");
}
