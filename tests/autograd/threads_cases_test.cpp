// The rows of the case table at sizes that threads share: value and gradients have the same bits on one
// thread and on three. Rows are made large along one of their sizes after the other, and filled with their
// own values in an order from a fixed seed.
#include "support/cases.hpp"

#include "support/reference.hpp"

#include <xgrad/tensor/memory.hpp>
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <set>

using namespace xgrad;
using namespace xgrad::test;

namespace {

/// Linear equations and factorisations, whose gradients are products of matrices.
const std::set<std::string> of_linear_algebra{"cholesky", "det", "eigh",    "inverse", "lstsq",
                                              "pinverse", "qr",  "slogdet", "solve",   "svd"};

/// Above every number of elements from which threads share the operation's work. Attention, convolutions and
/// linear algebra do much for each element, and threads share it sooner.
Index enough_elements(const std::string& operation) {
  const bool much_each = operation.find("attention") != operation.npos || operation.starts_with("conv") ||
                         of_linear_algebra.contains(operation);
  return much_each ? 20000 : 150000;
}
constexpr std::size_t enough_bytes = std::size_t{1} << 23;

/// The tensor with every axis of `size` longer by `factor`, of values that it holds.
Tensor enlarged(const Tensor& x, Index size, Index factor, RandomTensors& random) {
  Shape shape = x.shape();
  for (Index axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] == size) shape[axis] *= factor;
  if (shape == x.shape()) return x;
  const Tensor source = x.to(float64);
  Tensor result = Tensor::uninitialized(shape, float64);
  const double* from = source.data<double>();
  double* to = result.mutable_data<double>();
  // Runs from random places.
  for (Index i = 0, count = result.count(); i < count;) {
    Index at = random.integer(0, x.count() - 1);
    for (Index run = random.integer(1, 31); run > 0 && i < count;
         --run, ++i, at = at + 1 < x.count() ? at + 1 : 0)
      to[i] = from[at];
  }
  return result.to(x.dtype());
}

std::vector<Tensor> enlarged(const std::vector<Tensor>& inputs, Index size, Index factor) {
  RandomTensors random(11);
  std::vector<Tensor> result;
  for (const Tensor& input : inputs) result.push_back(enlarged(input, size, factor, random));
  return result;
}

/// Value and gradients.
std::vector<Tensor> outcome(const Case& row, const std::vector<Tensor>& inputs) {
  manual_seed(3);
  std::vector<Variable> arguments, leaves;
  for (const Tensor& input : inputs) {
    const bool leaf = row.order != Order::none && is_floating(input.dtype());
    arguments.emplace_back(input, VariableOptions{.requires_grad = leaf});
    if (leaf) leaves.push_back(arguments.back());
  }
  const Variable result = row.function(arguments);
  std::vector<Tensor> all{result.value()};
  if (leaves.empty() || !result.requires_grad()) return all;
  Tensor seed = Tensor::uninitialized(result.shape(), float64);
  double* out = seed.mutable_data<double>();
  for (Index i = 0, count = seed.count(); i < count; ++i) out[i] = 1 + 0.25 * static_cast<double>(i % 5);
  GradOptions options;
  options.seeds = {Variable(seed.to(result.dtype()))};
  options.allow_unused = true;
  for (const Variable& gradient : grad({result}, leaves, options))
    if (gradient.defined()) all.push_back(gradient.value());
  return all;
}

/// The inputs made large along `size`; nothing where the row's function does not take them.
std::optional<std::vector<Tensor>> large(const Case& row, Index size) {
  for (Index factor = 16;; factor *= 2) {
    std::vector<Tensor> inputs;
    std::size_t before = 0;
    Index most = 0;
    try {
      inputs = enlarged(row.inputs, size, factor);
      reset_peak_memory();
      before = memory_stats().live_bytes;
      const NoGrad none;
      manual_seed(3);
      const Variable value = row.function({inputs.begin(), inputs.end()});
      most = value.count();
    } catch (const Error&) {
      return std::nullopt;
    } catch (const std::bad_alloc&) {
      return std::nullopt;
    }
    for (const Tensor& input : inputs) most = std::max(most, input.count());
    if (most >= enough_elements(row.operation) || memory_stats().peak_bytes - before >= enough_bytes)
      return inputs;
  }
}

/// The sizes above 1 as the axes have them: outer ones first, along which the cost of most operations is
/// linear.
std::vector<Index> sizes_of(const Case& row) {
  std::vector<Index> sizes;
  for (const Tensor& input : row.inputs) {
    if (input.count() == 0) return {};
    for (const Index n : input.shape())
      if (n > 1 && std::find(sizes.begin(), sizes.end(), n) == sizes.end()) sizes.push_back(n);
  }
  return sizes;
}

/// Rows whose functions know their inputs' sizes, and a formula of the user's.
std::vector<Case> rows_of_our_own() {
  const auto values = [](const Shape& shape) { return uniform(shape, -1, 1, float64); };
  manual_seed(5);
  static const Tensor mask = bernoulli({400, 500}, 0.5).to(boolean);
  return {{.operation = "masked_select",
           .name = "large",
           .function = [](const std::vector<Variable>& x) { return masked_select(x[0], mask); },
           .inputs = {values({400, 500})},
           .reference = {}},
          {.operation = "slice_scatter",
           .name = "large",
           .function =
               [](const std::vector<Variable>& x) {
                 return slice_scatter(x[0], {400, 1100}, 1, {.begin = 1, .end = 1001, .step = 2});
               },
           .inputs = {values({400, 500})},
           .reference = {}},
          {.operation = "avg_pool2d_input_gradient",
           .name = "large",
           .function =
               [](const std::vector<Variable>& x) {
                 return avg_pool2d_input_gradient(x[0], {3, 60, 60, 40}, {.kernel = 3, .stride = 2});
               },
           .inputs = {values({3, 29, 29, 40})},
           .reference = {}},
          {.operation = "test_map",
           .name = "large",
           .function =
               [](const std::vector<Variable>& x) {
                 return map(
                     "test_map", [](const auto& a, const auto& b) { return a * exp(b) + sigmoid(a - b); },
                     x[0], x[1]);
               },
           .inputs = {values({400, 500}), values({500})},
           .reference = {}}};
}

/// Operations that stand on products of matrices, whose bits are those of their sizes when asked for;
/// attention with dropout and for a mask's gradient.
bool by_products(const std::string& operation) {
  static const std::set<std::string> names{"matmul",
                                           "linear",
                                           "einsum",
                                           "conv2d",
                                           "conv2d_input_gradient",
                                           "conv2d_weight_gradient",
                                           "conv_transpose2d",
                                           "lstm",
                                           "gru",
                                           "pair_products",
                                           "pair_sums",
                                           "scaled_dot_product_attention",
                                           "self_attention"};
  return names.contains(operation) || of_linear_algebra.contains(operation);
}

void check_bits(const Case& row, const std::vector<Tensor>& inputs) {
  set_reproducible(by_products(row.operation));
  std::vector<Tensor> alone, together;
  try {
    {
      const Threads one(1);
      alone = outcome(row, inputs);
    }
    const Threads three(3);
    together = outcome(row, inputs);
  } catch (const std::exception& error) {
    FAIL_CHECK("threw: ", std::string(error.what()));
  }
  set_reproducible(false);
  REQUIRE(alone.size() == together.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    CAPTURE(i);
    CHECK(same_bits(alone[i], together[i]));
  }
}

/// Checks one large form of the row, where its function takes one.
bool check_large(const Case& row, DType dtype) {
  Case own = row;
  for (Tensor& input : own.inputs)
    if (input.dtype() == float64) input = input.to(dtype);
  for (const Index size : sizes_of(row)) {
    INFO(row.operation, ": ", row.name, ", long where it was ", size, ", ", to_string(dtype));
    if (const auto inputs = large(own, size)) {
      check_bits(own, *inputs);
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_SUITE("slow") {
  TEST_CASE("threads: one large row of every operation has the same bits on one and three threads") {
    std::set<std::string> all, checked;
    for (const Case& row : all_cases()) {
      all.insert(row.operation);
      if (!checked.contains(row.operation) && check_large(row, float64)) checked.insert(row.operation);
    }
    for (const Case& row : rows_of_our_own()) {
      INFO(row.operation);
      check_bits(row, row.inputs);
      checked.insert(row.operation);
    }
    std::string missing;
    for (const std::string& operation : all)
      if (!checked.contains(operation)) missing += operation + " ";
    CHECK(missing == "");
  }

  TEST_CASE("threads: every row of the case table, made large, has the same bits on one and three threads") {
    for (const Case& row : all_cases()) check_large(row, float32);
  }
}
