// Every row of the case table at special values: the gradients of a plain run, by fused loops and kernels,
// are those of a run that is itself recorded.
#include <xgrad/xgrad.hpp>

#include "support/cases.hpp"
#include "support/reference.hpp"
#include "support/special_values.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string>

using namespace xgrad;

namespace {

// Operations whose fused kernels add up products over elements, in an order of their own: near the largest
// number a partial sum overflows in one order and not in another, and a product with a zero gradient stands
// before a sum in one form and behind it in the other. Neither is defined by the derivative, so both are left
// out.
bool sums_elements(const test::Case& row) {
  static const std::set<std::string> names{"batch_norm",
                                           "group_norm",
                                           "layer_norm",
                                           "rms_norm",
                                           "softmax",
                                           "log_softmax",
                                           "scaled_dot_product_attention",
                                           "self_attention"};
  return names.count(row.operation) != 0;
}

// Their gradients are sums over units or steps, in two orders: what cancels is rounded differently.
bool cancels(const test::Case& row) {
  return sums_elements(row) || row.operation == "lstm" || row.operation == "gru";
}

// Some of the outputs have a zero gradient, which is to stop whatever slope they have.
Tensor seed_like(const Tensor& value, bool sums) {
  const std::array<double, 5> pattern{1, 1.25, -1.5, sums ? 0.5 : 0, 0.75};
  Tensor seed = zeros(value.shape(), value.dtype());
  for (Index i = 0; i < seed.count(); ++i) test::set(seed, i, pattern[static_cast<std::size_t>(i) % 5]);
  return seed;
}

bool same(double a, double b, double tolerance) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  return std::isfinite(a) && std::isfinite(b) && (a == 0) == (b == 0) &&
         std::fabs(a - b) <= tolerance * std::fmax(std::fabs(a), std::fabs(b));
}

// The same for a sum of many terms, `scale` the size of the largest: what cancels is judged by what it was
// made of, and the sum of opposite infinities by none of them being finite.
bool same_sum(double a, double b, double tolerance, double scale) {
  if (!std::isfinite(a) || !std::isfinite(b)) return !std::isfinite(a) && !std::isfinite(b);
  return std::fabs(a - b) <= tolerance * std::fmax(scale, 1);
}

double largest(const Tensor& x) {
  double result = 0;
  for (Index i = 0; i < x.count(); ++i)
    if (std::isfinite(test::get(x, i))) result = std::fmax(result, std::fabs(test::get(x, i)));
  return result;
}

// What the two runs differ in, or "".
std::string difference(const test::Case& row, const std::vector<Tensor>& inputs, DType dtype) {
  const auto seed = [&](const Tensor& value) { return seed_like(value, sums_elements(row)); };
  const auto plain = test::gradients_at(row, inputs, seed, false),
             recorded = test::gradients_at(row, inputs, seed, true);
  if (plain.has_value() != recorded.has_value()) return "one of them throws";
  if (!plain) return {};
  const double tolerance = dtype == float32 ? 1e-4 : 1e-10;
  for (std::size_t k = 0; k < plain->size(); ++k) {
    const Variable &a = (*plain)[k], &b = (*recorded)[k];
    if (a.defined() != b.defined()) return "one of them is undefined";
    if (!a.defined()) continue;
    const bool sums = cancels(row);
    const double scale = sums ? largest(a.value()) : 0;
    for (Index i = 0; i < a.value().count(); ++i) {
      const double x = test::get(a.value(), i), y = test::get(b.value(), i);
      if (sums ? same_sum(x, y, tolerance, scale) : same(x, y, tolerance)) continue;
      return "input " + std::to_string(k) + ", element " + std::to_string(i) + ": plain " +
             std::to_string(x) + ", recorded " + std::to_string(y) + "; at" + test::text_of(inputs);
    }
  }
  return {};
}

void check_row(const test::Case& row, DType dtype, std::vector<std::string>& found) {
  std::vector<double> values;
  for (const double value : test::special_values(dtype))
    if (!sums_elements(row) || !(std::fabs(value) > 1e30) || std::isinf(value)) values.push_back(value);
  test::at_special_inputs(row, dtype, values, [&](const std::vector<Tensor>& at) {
    const std::string text = difference(row, at, dtype);
    if (!text.empty())
      found.push_back(row.operation + ": " + row.name + ", " + std::string(to_string(dtype)) + ": " + text);
    return text.empty();
  });
}

}  // namespace

TEST_CASE("special values: a recorded run gives the gradients of a plain one") {
  const test::Threads alone(1);  // the rows are small
  std::vector<std::string> found;
  for (const test::Case& row : test::all_cases())
    if (row.order != test::Order::none)
      for (const DType dtype : {float64, float32}) check_row(row, dtype, found);
  for (const std::string& text : found) FAIL_CHECK(text);
}
