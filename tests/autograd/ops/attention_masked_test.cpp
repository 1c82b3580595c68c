// Attention: what a query may not look at leaves no trace, whatever numbers stand there; what it looks at
// stays.
#include "support/leaf.hpp"
#include "support/reference.hpp"

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/attention.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/attention.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

using namespace xgrad;
using namespace xgrad::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

using Rows = std::set<Index>;

/// x (..., rows, width) with `value` in every element of these rows.
Tensor with_rows(const Tensor& x, const Rows& rows, double value) {
  Tensor result = x.to(float64);
  double* to = result.mutable_data<double>();
  for (Index i = 0; i < x.count(); ++i)
    if (rows.count(i / x.size(-1) % x.size(-2)) != 0) to[i] = value;
  return result.to(x.dtype());
}

/// The elements of these rows of x (..., rows, width), or of the others.
std::vector<double> rows_of(const Tensor& x, const Rows& rows, bool others = false) {
  const Tensor wide = x.to(float64);
  std::vector<double> result;
  for (Index i = 0; i < x.count(); ++i)
    if ((rows.count(i / x.size(-1) % x.size(-2)) != 0) != others) result.push_back(wide.data<double>()[i]);
  return result;
}

std::vector<double> elements(const Tensor& x) {
  const Tensor wide = x.to(float64);
  return {wide.span<double>().begin(), wide.span<double>().end()};
}

bool all_zero(const std::vector<double>& values) {
  for (const double value : values)
    if (value != 0) return false;
  return true;
}

bool all_nan(const std::vector<double>& values) {
  for (const double value : values)
    if (!std::isnan(value)) return false;
  return true;
}

bool close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(a[i] - b[i]) <= tolerance * (1 + std::fabs(b[i])))) return false;
  return true;
}

/// A bool mask as numbers: 0 and -inf.
Tensor added(const Tensor& allowed, DType dtype) {
  return where(Variable(allowed), Variable(zeros(allowed.shape(), dtype)), -infinity).value();
}

/// Pairs at random, where nobody looks at the keys `unseen` and the queries `blind` look at nothing.
Tensor some_pairs(Index queries, Index keys, const Rows& unseen, const Rows& blind) {
  Tensor mask = bernoulli({queries, keys}, 0.7, float64).to(boolean);
  bool* allowed = mask.mutable_data<bool>();
  for (Index t = 0; t < queries; ++t)
    for (Index s = 0; s < keys; ++s) {
      bool& pair = allowed[t * keys + s];
      if (s == 0) pair = true;
      if (unseen.count(s) != 0 || blind.count(t) != 0) pair = false;
    }
  return mask;
}

enum class Way { plain, recorded, mask_gradient, dropped, twice };
constexpr Way ways[] = {Way::plain, Way::recorded, Way::mask_gradient, Way::dropped, Way::twice};

/// The cotangents of the output and of the gradients of query, key and value.
struct Cotangents {
  Tensor output;
  std::vector<Tensor> gradients;
};

/// The output and the gradients of all inputs; taken twice, those of the gradients by inputs and cotangent.
std::vector<Tensor> results(
    const std::function<Variable(const std::vector<Variable>&, const AttentionOptions&)>& f,
    const std::vector<Tensor>& inputs, AttentionOptions options, const Cotangents& given, Way way) {
  std::vector<Variable> x;
  for (const Tensor& input : inputs) x.push_back(leaf(input));
  if (way == Way::dropped) {
    manual_seed(77);
    options.dropout = 0.4;
  }
  std::vector<Variable> by = x;
  if (way == Way::mask_gradient && options.mask.defined() && options.mask.dtype() != boolean) {
    options.mask = leaf(options.mask.value());
    by.push_back(options.mask);
  }
  const Variable y = f(x, options), g = leaf(given.output);
  std::vector<Tensor> found{y.value()};
  const bool recorded = way == Way::recorded || way == Way::twice;
  const std::vector<Variable> first = grad({y}, by, {.seeds = {g}, .create_graph = recorded});
  for (const Variable& gradient : first) found.push_back(gradient.value());
  if (way != Way::twice) return found;
  by.push_back(g);
  std::vector<Variable> seeds;
  for (const Tensor& seed : given.gradients) seeds.emplace_back(seed);
  for (const Variable& gradient : grad(first, by, {.seeds = seeds})) found.push_back(gradient.value());
  return found;
}

Variable attend(const std::vector<Variable>& x, const AttentionOptions& options) {
  return scaled_dot_product_attention(x[0], x[1], x[2], options);
}

Variable attend_packed(const std::vector<Variable>& x, const AttentionOptions& options) {
  return self_attention(x[0], options);
}

double tolerance_of(DType dtype) { return dtype == float32 ? 1e-4 : 1e-11; }

/// Equal, finite results.
void check_equal(const std::vector<Tensor>& found, const std::vector<Tensor>& expected, DType dtype) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    const Tensor a = found[i].to(float64), b = expected[i].to(float64);
    REQUIRE(a.shape() == b.shape());
    CHECK(close(elements(a), elements(b), tolerance_of(dtype)));
  }
}

struct Form {
  const char* name;
  AttentionOptions options;
  Index queries, keys;
  Rows unseen, blind;
};

/// Small and beyond one block of queries and of keys.
std::vector<Form> forms(DType dtype) {
  std::vector<Form> result;
  const auto add = [&](const char* name, AttentionOptions options, Index queries, Index keys, Rows unseen,
                       Rows blind) {
    options.heads = 2;
    result.push_back({name, options, queries, keys, std::move(unseen), std::move(blind)});
  };
  for (const Index queries : {4, 40}) {
    const Index keys = queries == 4 ? 5 : 70;
    const Rows unseen{1, keys - 1}, blind{2};
    const Tensor pairs = some_pairs(queries, keys, unseen, blind);
    Tensor present = ones({2, 1, 1, keys}, boolean);
    for (Index n = 0; n < 2; ++n)
      for (const Index s : unseen) present.mutable_data<bool>()[n * keys + s] = false;
    Rows future;
    for (Index s = queries; s < keys; ++s) future.insert(s);
    add("bool", {.mask = Variable(pairs)}, queries, keys, unseen, blind);
    add("added", {.mask = Variable(added(pairs, dtype))}, queries, keys, unseen, blind);
    add("padding", {.mask = Variable(present)}, queries, keys, unseen, {});
    add("added padding", {.mask = Variable(added(present, dtype))}, queries, keys, unseen, {});
    add("causal", {.causal = true}, queries, keys, future, {});
    Rows both = future;
    both.insert(1);
    add("bool and causal", {.mask = Variable(pairs), .causal = true}, queries, keys, both, blind);
    add("added and causal", {.mask = Variable(added(pairs, dtype)), .causal = true}, queries, keys, both,
        blind);
    add("nothing", {.mask = Variable(zeros({queries, keys}, boolean))}, queries, keys, {0, 1, 2, 3, 4},
        {0, 1, 2, 3});
  }
  return result;
}

}  // namespace

TEST_CASE("attention: what stands in unseen keys and values and in blind queries leaves no trace") {
  // Many small runs, which threads would only wait for.
  const Threads one(1);
  manual_seed(21);
  for (const DType dtype : {float64, float32})
    for (const Form& form : forms(dtype))
      for (const Way way : ways) {
        CAPTURE(form.name);
        CAPTURE(form.keys);
        CAPTURE(static_cast<int>(way));
        const Tensor q = normal({2, form.queries, 6}, 0, 1, dtype),
                     k = normal({2, form.keys, 6}, 0, 1, dtype), v = normal({2, form.keys, 10}, 0, 1, dtype),
                     g = normal({2, form.queries, 10}, 0, 1, dtype);
        const std::vector<Tensor> seeds{normal(q.shape(), 0, 1, dtype), normal(k.shape(), 0, 1, dtype),
                                        normal(v.shape(), 0, 1, dtype)};
        const std::vector<Tensor> expected = results(attend, {q, k, v}, form.options, {g, seeds}, way);
        for (const double value : {not_a_number, infinity, -infinity}) {
          CAPTURE(value);
          const auto unseen = [&](const Tensor& x) { return with_rows(x, form.unseen, value); };
          const auto blind = [&](const Tensor& x) { return with_rows(x, form.blind, value); };
          const std::vector<Tensor> found =
              results(attend, {blind(q), unseen(k), unseen(v)}, form.options,
                      {blind(g), {blind(seeds[0]), unseen(seeds[1]), unseen(seeds[2])}}, way);
          check_equal(found, expected, dtype);
          CHECK(all_zero(rows_of(found[0], form.blind)));
          CHECK(all_zero(rows_of(found[1], form.blind)));
          CHECK(all_zero(rows_of(found[2], form.unseen)));
          CHECK(all_zero(rows_of(found[3], form.unseen)));
        }
      }
}

TEST_CASE("attention: one operand alone that is not finite where nobody looks leaves no trace") {
  manual_seed(30);
  constexpr Index length = 20;
  const Rows idle{0, length - 1};
  const AttentionOptions options{.mask = Variable(some_pairs(length, length, idle, idle)), .heads = 2};
  const Shape shape{2, length, 6};
  for (const DType dtype : {float64, float32})
    for (const Way way : ways) {
      std::vector<Tensor> inputs;
      for (int i = 0; i < 7; ++i) inputs.push_back(normal(shape, 0, 1, dtype));
      const auto run = [&](const std::vector<Tensor>& x) {
        return results(attend, {x[0], x[1], x[2]}, options, {x[3], {x[4], x[5], x[6]}}, way);
      };
      const std::vector<Tensor> expected = run(inputs);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        CAPTURE(i);
        CAPTURE(static_cast<int>(way));
        std::vector<Tensor> spoilt = inputs;
        spoilt[i] = with_rows(inputs[i], idle, not_a_number);
        check_equal(run(spoilt), expected, dtype);
      }
    }
}

TEST_CASE("attention without features of query and key: the same") {
  const Tensor mask({{true, true, false}, {false, false, false}}, boolean),
      q = zeros({2, 0}, float64), k = zeros({3, 0}, float64),
      v = with_rows(ones({3, 2}, float64), {2}, not_a_number),
      g = with_rows(ones({2, 2}, float64), {1}, not_a_number);
  for (const Way way : {Way::plain, Way::recorded}) {
    const std::vector<Tensor> found = results(attend, {q, k, v}, {.mask = Variable(mask)}, {g, {}}, way);
    check_equal(
        {found[0], found[3]},
        {Tensor({{1.0, 1.0}, {0.0, 0.0}}, float64), Tensor({{0.5, 0.5}, {0.5, 0.5}, {0.0, 0.0}}, float64)},
        float64);
  }
}

TEST_CASE("self_attention: a position that neither looks nor is seen leaves no trace") {
  // Many small runs, which threads would only wait for.
  const Threads one(1);
  manual_seed(22);
  for (const DType dtype : {float64, float32})
    for (const Index length : {5, 70})
      for (const bool causal : {false, true})
        for (const bool numbers : {false, true})
          for (const Way way : ways) {
            CAPTURE(length);
            CAPTURE(causal);
            CAPTURE(numbers);
            CAPTURE(static_cast<int>(way));
            const Rows out{1, length - 2};
            const Tensor pairs = some_pairs(length, length, out, out);
            const AttentionOptions options{
                .mask = Variable(numbers ? added(pairs, dtype) : pairs), .causal = causal, .heads = 2};
            const Tensor x = normal({2, length, 18}, 0, 1, dtype), g = normal({2, length, 6}, 0, 1, dtype),
                         seed = normal(x.shape(), 0, 1, dtype);
            const std::vector<Tensor> expected = results(attend_packed, {x}, options, {g, {seed}}, way);
            for (const double value : {not_a_number, infinity, -infinity}) {
              CAPTURE(value);
              const auto spoilt = [&](const Tensor& tensor) { return with_rows(tensor, out, value); };
              const std::vector<Tensor> found =
                  results(attend_packed, {spoilt(x)}, options, {spoilt(g), {spoilt(seed)}}, way);
              check_equal(found, expected, dtype);
              CHECK(all_zero(rows_of(found[0], out)));
              CHECK(all_zero(rows_of(found[1], out)));
            }
          }
}

TEST_CASE("attention: a mask's own number at a pair that causality hides leaves no trace") {
  manual_seed(23);
  for (const Way way : ways) {
    CAPTURE(static_cast<int>(way));
    const Tensor mask = normal({4, 4}, 0, 1, float64), x = normal({4, 9}, 0, 1, float64),
                 g = normal({4, 3}, 0, 1, float64), seed = normal({4, 9}, 0, 1, float64);
    const auto run = [&](double value) {
      Tensor given = mask;
      for (Index t = 0; t < 4; ++t)
        for (Index s = t + 1; s < 4; ++s) given.mutable_data<double>()[t * 4 + s] = value;
      return results(attend_packed, {x}, {.mask = Variable(given), .causal = true}, {g, {seed}}, way);
    };
    for (const double value : {not_a_number, infinity, -infinity}) check_equal(run(value), run(0), float64);
  }
}

TEST_CASE("attention: a key that some queries see spoils those, and no others") {
  manual_seed(24);
  for (const DType dtype : {float64, float32})
    for (const Index length : {5, 70})
      for (const bool masked : {false, true})
        for (const bool in_key : {false, true})
          for (const Way way : {Way::plain, Way::recorded}) {
            CAPTURE(length);
            CAPTURE(masked);
            CAPTURE(in_key);
            CAPTURE(static_cast<int>(way));
            // Seen by the last two queries.
            const Index at = length - 2;
            const Rows spoilt{at}, seeing{at, length - 1};
            Tensor triangle = ones({length, length}, boolean);
            for (Index t = 0; t < length; ++t)
              for (Index s = t + 1; s < length; ++s) triangle.mutable_data<bool>()[t * length + s] = false;
            AttentionOptions options{.causal = !masked};
            if (masked) options.mask = Variable(triangle);
            const Tensor q = normal({2, length, 4}, 0, 1, dtype), k = normal({2, length, 4}, 0, 1, dtype),
                         v = normal({2, length, 4}, 0, 1, dtype), g = normal({2, length, 4}, 0, 1, dtype);
            const std::vector<Tensor> expected = results(attend, {q, k, v}, options, {g, {}}, way);
            const std::vector<Tensor> found =
                in_key ? results(attend, {q, with_rows(k, spoilt, not_a_number), v}, options, {g, {}}, way)
                       : results(attend, {q, k, with_rows(v, spoilt, not_a_number)}, options, {g, {}}, way);
            for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
              CHECK(close(rows_of(found[i], seeing, true), rows_of(expected[i], seeing, true),
                          tolerance_of(dtype)));
              CHECK(all_nan(rows_of(found[i], seeing)));
            }
            // The last key is seen by the last query alone, which is spoilt.
            CHECK(all_nan(rows_of(found[2], {length - 1})));
            if (in_key)
              CHECK(all_nan(rows_of(found[3], {0})));
            else
              check_equal({found[3]}, {expected[3]}, dtype);
          }
}

TEST_CASE("attention: a query whose visible scores are all -inf gives NaN, as softmax of them does") {
  for (const DType dtype : {float64, float32}) {
    const Tensor q = ones({3, 1}, dtype), k = full({2, 1}, -infinity, dtype), v = ones({2, 2}, dtype),
                 g = ones({3, 2}, dtype);
    const Tensor second_blind({{true, true}, {false, false}, {true, false}}, boolean);
    for (const bool masked : {false, true})
      for (const Way way : {Way::plain, Way::recorded, Way::dropped}) {
        CAPTURE(masked);
        CAPTURE(static_cast<int>(way));
        AttentionOptions options;
        if (masked) options.mask = Variable(second_blind);
        const auto run = [&](const Tensor& keys) {
          return results(attend, {q, keys, v}, options, {g, {}}, way);
        };
        const std::vector<Tensor> found = run(k);
        if (way != Way::dropped) {
          CHECK(all_nan(rows_of(found[0], {0, 2})));
          CHECK(all_nan(rows_of(found[1], {0, 2})));
          CHECK(all_nan(rows_of(found[3], {0})));
        }
        if (!masked) continue;
        CHECK(all_zero(rows_of(found[0], {1})));
        CHECK(all_zero(rows_of(found[1], {1})));
      }
    // One finite score takes all the weight.
    Tensor mixed = with_rows(k, {1}, 1);
    CHECK(bitwise_equal(scaled_dot_product_attention(q, mixed, v).value(), ones({3, 2}, dtype)));
  }
}

TEST_CASE("attention: a weight that is dropped leaves no trace of its value") {
  manual_seed(25);
  const Tensor q = normal({3, 4}, 0, 1, float64), k = normal({5, 4}, 0, 1, float64),
               v = normal({5, 2}, 0, 1, float64);
  const std::vector<Variable> x{leaf(q), leaf(k), leaf(with_rows(v, {3}, infinity))};
  const Variable nothing = attend(x, {.dropout = 1});
  CHECK(bitwise_equal(nothing.value(), zeros({3, 2}, float64)));
  for (const Variable& gradient : grad({nothing}, x, {.seeds = {Variable(ones({3, 2}, float64))}}))
    CHECK(all_zero(elements(gradient.value())));

  // Query t drops value 3 in about half of the runs.
  int finite = 0, spoilt = 0;
  for (int run = 0; run < 50; ++run) {
    const Tensor y = attend({q, k, with_rows(v, {3}, not_a_number)}, {.dropout = 0.5}).value();
    for (Index t = 0; t < 3; ++t) (std::isfinite(y.at({t, 0})) ? finite : spoilt)++;
  }
  CHECK(finite > 30);
  CHECK(spoilt > 30);
}

TEST_CASE("MultiheadAttention: what stands in padded rows leaves no trace in outputs and gradients") {
  manual_seed(26);
  constexpr Index queries = 3, keys = 6;
  const Rows padded{4, 5};
  Tensor padding = zeros({2, keys}, boolean);
  for (Index n = 0; n < 2; ++n)
    for (const Index s : padded) padding.mutable_data<bool>()[n * keys + s] = true;
  for (const DType dtype : {float64, float32})
    for (const bool self : {false, true})
      for (const bool causal : {false, true})
        for (const double dropout : {0.0, 0.3})
          for (const bool create_graph : {false, true}) {
            CAPTURE(self);
            CAPTURE(causal);
            CAPTURE(dropout);
            CAPTURE(create_graph);
            nn::MultiheadAttention layer(8, 2, {.dropout = dropout, .dtype = dtype});
            const Tensor tokens = normal({2, queries, 8}, 0, 1, dtype),
                         memory = normal({2, keys, 8}, 0, 1, dtype);
            const auto run = [&](double value) {
              manual_seed(5);
              const Variable key = leaf(with_rows(memory, padded, value)), query = self ? key : leaf(tokens);
              const Variable y =
                  layer(query, key, key, {.key_padding_mask = Variable(padding), .causal = causal});
              Tensor seed = normal(y.shape(), 0, 1, dtype);
              // Nobody asks what a padded position answers.
              if (self) seed = with_rows(seed, padded, 0);
              std::vector<Variable> by{query, key};
              for (const Variable& parameter : layer.parameters()) by.push_back(parameter);
              if (self) by.erase(by.begin());
              std::vector<Tensor> found{self ? with_rows(y.value(), padded, 0) : y.value()};
              for (const Variable& gradient :
                   grad({y}, by, {.seeds = {Variable(seed)}, .create_graph = create_graph}))
                found.push_back(gradient.value());
              CHECK(all_zero(rows_of(found[self ? 1 : 2], padded)));
              return found;
            };
            const std::vector<Tensor> expected = run(0.5);
            for (const double value : {not_a_number, infinity, -infinity})
              check_equal(run(value), expected, dtype);
          }
}

TEST_CASE("MultiheadAttention: what stands in rows that a mask leaves without use leaves no trace") {
  manual_seed(28);
  constexpr Index length = 5;
  const Rows idle{0, 3};
  const Tensor pairs = some_pairs(length, length, idle, idle);
  for (const DType dtype : {float64, float32})
    for (const bool numbers : {false, true})
      for (const bool self : {false, true})
        for (const bool batched : {false, true}) {
          CAPTURE(numbers);
          CAPTURE(self);
          CAPTURE(batched);
          nn::MultiheadAttention layer(8, 2, {.dtype = dtype});
          const Shape shape = batched ? Shape{2, length, 8} : Shape{length, 8};
          const Tensor tokens = normal(shape, 0, 1, dtype), memory = normal(shape, 0, 1, dtype),
                       seed = normal(shape, 0, 1, dtype);
          const Variable mask(numbers ? added(pairs, dtype) : pairs);
          const auto run = [&](double value) {
            const Variable key = leaf(with_rows(memory, idle, value)),
                           query = self ? key : leaf(with_rows(tokens, idle, value));
            const Variable y = layer(query, key, key, {.mask = mask});
            std::vector<Variable> by{query, key};
            for (const Variable& parameter : layer.parameters()) by.push_back(parameter);
            if (self) by.erase(by.begin());
            std::vector<Tensor> found{y.value()};
            for (const Variable& gradient : grad({y}, by, {.seeds = {Variable(seed)}}))
              found.push_back(gradient.value());
            CHECK(all_zero(rows_of(found[1], idle)));
            return found;
          };
          const std::vector<Tensor> expected = run(0.5);
          for (const double value : {not_a_number, infinity, -infinity})
            check_equal(run(value), expected, dtype);
        }
}

TEST_CASE("MultiheadAttention: a row that is seen, or looks, keeps its NaN") {
  manual_seed(29);
  nn::MultiheadAttention layer(4, 1, {.dtype = float64});
  const Variable x(with_rows(normal({1, 3, 4}, 0, 1, float64), {2}, not_a_number)), copy(x.value());
  // Nobody sees the last row, which looks at the others.
  const Tensor others({{true, true, false}, {true, true, false}, {true, true, false}}, boolean);
  for (const Variable& key : {x, copy}) {
    const Tensor y = layer(x, key, key, {.mask = Variable(others)}).value();
    CHECK(all_nan(rows_of(y, {2})));
    for (const double value : rows_of(y, {0, 1})) CHECK(std::isfinite(value));
  }
  CHECK(all_nan(elements(layer(x, x, x, {.key_padding_mask = Variable(zeros({1, 3}, boolean))}).value())));
}

TEST_CASE("MultiheadAttention: padded rows of finite numbers keep their own answers") {
  manual_seed(27);
  nn::MultiheadAttention layer(4, 1, {.dtype = float64});
  const Variable x(normal({1, 3, 4}, 0, 1, float64)), copy(x.value());
  const nn::AttentionMasks masks{.key_padding_mask = Variable(Tensor({{false, false, true}}, boolean))};
  const Tensor joint = layer(x, x, x, masks).value(), apart = layer(x, copy, copy, masks).value();
  CHECK(allclose(joint, apart, {.rtol = 1e-12, .atol = 1e-13}));
  const Tensor of_zeros = layer(with_rows(x.value(), {2}, 0), copy, copy, masks).value();
  CHECK_FALSE(close(elements(joint), elements(of_zeros), 1e-6));
}
