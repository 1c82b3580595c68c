#include "support/cases.hpp"

#include <xgrad/autograd/record.hpp>
#include <xgrad/autograd/tracking.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>

namespace xgrad::test {
namespace {

std::vector<Case>& table() {
  static std::vector<Case> rows;
  return rows;
}

struct Outcome {
  Tensor value;
  std::vector<Tensor> gradients;  // of the floating inputs
};

// A seed under which gradients do not cancel where outputs have a constant sum.
Tensor uneven(const Tensor& like) {
  Tensor seed = zeros(like.shape(), float64);
  double* out = seed.mutable_data<double>();
  for (Index i = 0; i < seed.count(); ++i) out[i] = 1 + 0.25 * static_cast<double>(i % 5);
  return seed.to(like.dtype());
}

Outcome run(const Case& row, const std::vector<Tensor>& inputs, bool differentiate,
            bool create_graph = false) {
  std::vector<Variable> arguments, leaves;
  for (const Tensor& input : inputs) {
    const bool leaf = differentiate && is_floating(input.dtype());
    arguments.emplace_back(input, VariableOptions{.requires_grad = leaf});
    if (leaf) leaves.push_back(arguments.back());
  }
  const Variable result = row.function(arguments);
  Outcome outcome{result.value(), {}};
  if (leaves.empty() || !result.requires_grad()) return outcome;
  GradOptions options;
  options.seeds = {Variable(uneven(result.value()))};
  options.allow_unused = true;
  options.create_graph = create_graph;
  for (const Variable& gradient : grad({result}, leaves, options))
    outcome.gradients.push_back(gradient.defined() ? gradient.value() : Tensor());
  return outcome;
}

std::vector<Tensor> converted(std::vector<Tensor> inputs, DType from, DType to) {
  for (Tensor& input : inputs)
    if (input.dtype() == from) input = input.to(to);
  return inputs;
}

double largest(const Tensor& tensor) {
  double result = 0;
  for (const double x : tensor.span<double>())
    if (std::isfinite(x)) result = std::max(result, std::abs(x));
  return result;
}

// Rounding scales with the values that were added up, so small elements beside large ones are judged by the
// large ones.
CheckResult close_in_float32(const Tensor& actual, const Tensor& expected, double tolerance) {
  const Tensor real = expected.to(float64);
  return allclose(actual.to(float64), real,
                  {.rtol = tolerance, .atol = tolerance * std::max(largest(real), 1e-3)});
}

// What a fused rule gives against what the composed one gives: they differ by rounding.
std::string recorded_fault(const Case& row) {
  const Outcome plain = run(row, row.inputs, true), recorded = run(row, row.inputs, true, true);
  for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
    const Tensor &one = recorded.gradients[i], &other = plain.gradients[i];
    const std::string name = "recorded gradient " + std::to_string(i);
    if (one.defined() != other.defined()) return name + " is defined in one run alone";
    if (!one.defined()) continue;
    const double scale = std::max(largest(other), 0.1);
    if (const CheckResult close = allclose(one, other, {.rtol = 1e-10, .atol = 1e-12 * scale}); !close)
      return name + ": " + close.text;
  }
  return {};
}

std::string float32_fault(const Case& row) {
  const std::vector<Tensor> single = converted(row.inputs, float64, float32);
  const bool differentiate = row.order != Order::none;
  const Outcome actual = run(row, single, differentiate);
  // From the same rounded inputs, so that only the arithmetic is compared.
  const Outcome expected = run(row, converted(single, float32, float64), differentiate);
  if (const CheckResult close = close_in_float32(actual.value, expected.value, row.float32_tolerance); !close)
    return "float32 value: " + close.text;
  if (actual.gradients.size() != expected.gradients.size()) return "float32: the number of gradients";
  for (std::size_t i = 0; i < actual.gradients.size(); ++i) {
    const Tensor &one = actual.gradients[i], &other = expected.gradients[i];
    const std::string name = "float32 gradient " + std::to_string(i);
    if (one.defined() != other.defined()) return name + " is defined in one type alone";
    if (!one.defined()) continue;
    if (one.dtype() != float32) return name + " is " + std::string(to_string(one.dtype()));
    if (const CheckResult close = close_in_float32(one, other, row.float32_tolerance); !close)
      return name + ": " + close.text;
  }
  return {};
}

std::string row_name(const Shape& a, const Shape& b) { return to_string(a) + " with " + to_string(b); }

}  // namespace

bool add_cases(std::vector<Case> cases) {
  for (Case& row : cases) table().push_back(std::move(row));
  return true;
}

const std::vector<Case>& all_cases() { return table(); }

std::string fault_of(const Case& row) {
  const bool has_reals = std::any_of(row.inputs.begin(), row.inputs.end(),
                                     [](const Tensor& input) { return input.dtype() == float64; });
  try {
    const Tensor value = run(row, row.inputs, false).value;
    const CheckResult close =
        allclose(value.to(float64), row.reference(row.inputs).to(float64), {.rtol = 1e-10, .atol = 1e-12});
    if (!close) return "value: " + close.text;
    if (has_reals && row.order != Order::none)
      if (const CheckResult first = gradcheck(row.function, row.inputs, row.check); !first) return first.text;
    if (has_reals && row.order != Order::none)
      if (const std::string fault = recorded_fault(row); !fault.empty()) return fault;
    if (has_reals && row.order == Order::second)
      if (const CheckResult second = gradgradcheck(row.function, row.inputs, row.check); !second)
        return second.text;
    if (has_reals && row.float32_tolerance > 0)
      if (const std::string fault = float32_fault(row); !fault.empty()) return fault;
    const std::size_t before = memory_stats().live_buffers;
    run(row, row.inputs, row.order != Order::none);
    return memory_stats().live_buffers == before ? "" : "tensor buffers leaked";
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  }
}

void check_case(const Case& row) {
  INFO(row.operation, ": ", row.name);
  const std::string fault = fault_of(row);
  CHECK_MESSAGE(fault.empty(), fault);
}

std::vector<Tensor> gradients_of(const Case& row) {
  std::vector<Tensor> gradients = run(row, row.inputs, true).gradients, result;
  std::size_t next = 0;
  for (const Tensor& input : row.inputs)
    result.push_back(is_floating(input.dtype()) && next < gradients.size() ? gradients[next++] : Tensor());
  return result;
}

std::vector<std::string> operations_without_row() {
  std::set<std::string> known;
  for (const Case& row : all_cases()) known.insert(row.operation);
  std::vector<std::string> missing;
  for (const std::string& name : detail::tracked_operations())
    if (known.count(name) == 0 && name.rfind("test_", 0) != 0) missing.push_back(name);
  return missing;
}

Reference elementwise(double (*f)(double)) {
  return [f](const std::vector<Tensor>& inputs) {
    Tensor result = inputs.at(0).to(float64);
    for (double& x : result.mutable_span<double>()) x = f(x);
    return result;
  };
}

Reference elementwise(double (*f)(double, double)) {
  return [f](const std::vector<Tensor>& inputs) {
    const Tensor a = inputs.at(0).to(float64), b = inputs.at(1).to(float64);
    Shape shape;
    const Index rank = std::max(a.rank(), b.rank());
    const auto size = [&](const Tensor& x, Index axis) {
      const Index own = axis - (rank - x.rank());
      return own < 0 ? 1 : x.shape()[own];
    };
    for (Index axis = 0; axis < rank; ++axis)
      shape.push_back(size(a, axis) == 1 ? size(b, axis) : size(a, axis));
    // Position in x of the element at a row-major position of the result.
    const auto source = [&](const Tensor& x, Index position) {
      Index result = 0, stride = 1;
      for (Index axis = rank; axis-- > 0; position /= shape[axis]) {
        if (size(x, axis) > 1) result += position % shape[axis] * stride;
        stride *= size(x, axis);
      }
      return result;
    };
    Tensor result = zeros(shape, float64);
    double* out = result.mutable_data<double>();
    for (Index i = 0; i < result.count(); ++i)
      out[i] = f(a.data<double>()[source(a, i)], b.data<double>()[source(b, i)]);
    return result;
  };
}

Tensor spread(const Shape& shape, double low, double high, unsigned seed) {
  Tensor result = Tensor::uninitialized(shape, float64);
  const auto count = static_cast<std::size_t>(result.count());
  if (count > 900) throw std::invalid_argument("spread: more elements than the range holds apart");
  std::mt19937_64 generator(seed);
  const auto unit = [&] { return static_cast<double>(generator() >> 11) * 0x1p-53; };
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(unit() * static_cast<double>(i))]);
  // One value in each of `count` equal cells, clear of the cell's ends.
  const double cell = 1.0 / static_cast<double>(std::max<std::size_t>(count, 1));
  double* out = result.mutable_data<double>();
  for (std::size_t i = 0; i < count; ++i) {
    const double position = (static_cast<double>(order[i]) + 0.5) * cell + (unit() - 0.5) * (cell - 1.05e-3);
    out[i] = low + (high - low) * position;
  }
  return result;
}

std::vector<Case> unary_cases(const std::string& operation, std::function<Variable(const Variable&)> function,
                              double (*reference)(double), double low, double high, Order order) {
  std::vector<Case> rows;
  unsigned seed = 1;
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{0, 3}, Shape{1}, Shape{2, 0, 4}})
    rows.push_back({.operation = operation,
                    .name = to_string(shape),
                    .function = [function](const std::vector<Variable>& x) { return function(x[0]); },
                    .inputs = {spread(shape, low, high, seed++)},
                    .reference = elementwise(reference),
                    .order = order});
  return rows;
}

std::vector<Case> binary_cases(const std::string& operation,
                               std::function<Variable(const Variable&, const Variable&)> function,
                               double (*reference)(double, double), double low_a, double high_a, double low_b,
                               double high_b, Order order) {
  std::vector<Case> rows;
  unsigned seed = 1;
  const std::pair<Shape, Shape> shapes[] = {
      {{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{4}, {3, 4}},    {{3, 4}, {3, 1}}, {{3, 1}, {3, 4}},
      {{}, {}},         {{3, 4}, {}},  {{}, {3, 4}},     {{3, 1}, {4}},    {{2, 1, 3}, {4, 1}},
      {{1}, {1}},       {{0, 3}, {3}}, {{1, 3}, {0, 3}}, {{2, 0, 4}, {4}}, {{0}, {0}}};
  for (const auto& [a, b] : shapes) {
    rows.push_back({.operation = operation,
                    .name = row_name(a, b),
                    .function = [function](const std::vector<Variable>& x) { return function(x[0], x[1]); },
                    .inputs = {spread(a, low_a, high_a, seed), spread(b, low_b, high_b, seed + 100)},
                    .reference = elementwise(reference),
                    .order = order});
    ++seed;
  }
  const double low = std::max(low_a, low_b), high = std::min(high_a, high_b);
  if (low < high)
    rows.push_back({.operation = operation,
                    .name = "same operand twice",
                    .function = [function](const std::vector<Variable>& x) { return function(x[0], x[0]); },
                    .inputs = {spread({3, 4}, low, high, seed)},
                    .reference =
                        [reference](const std::vector<Tensor>& x) {
                          Tensor result = x[0];
                          for (double& element : result.mutable_span<double>())
                            element = reference(element, element);
                          return result;
                        },
                    .order = order});
  return rows;
}

}  // namespace xgrad::test
