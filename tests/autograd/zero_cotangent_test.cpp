// The law "a zero cotangent contributes zero", over every row of the case table at special values: no slope,
// infinite or NaN, reaches a gradient that nobody asked for; and where the law ends.
#include <xgrad/xgrad.hpp>

#include "support/cases.hpp"
#include "support/reference.hpp"
#include "support/special_values.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>

using namespace xgrad;

namespace {

// Where the law ends: sums of products along an inner size, which have no place to look at a factor in, and
// normalisations, each of whose results depends on all elements of its group.
const std::set<std::string> multiplies_plainly{"batch_norm",
                                               "conv2d",
                                               "conv2d_input_gradient",
                                               "conv2d_weight_gradient",
                                               "conv_transpose2d",
                                               "dot",
                                               "einsum",
                                               "group_norm",
                                               "gru",
                                               "layer_norm",
                                               "linear",
                                               "lstm",
                                               "lstsq",
                                               "matmul",
                                               "pair_products",
                                               "pair_sums",
                                               "rms_norm",
                                               "scaled_dot_product_attention",
                                               "self_attention",
                                               "solve"};

// The first gradient other than zero, or "".
std::string trace(const test::Case& row, const std::vector<Tensor>& inputs) {
  const auto zero = [](const Tensor& value) { return zeros_like(value); };
  for (const bool create_graph : {false, true}) {
    const auto gradients = test::gradients_at(row, inputs, zero, create_graph);
    if (!gradients) return {};
    for (std::size_t k = 0; k < gradients->size(); ++k) {
      const Variable& gradient = (*gradients)[k];
      if (!gradient.defined()) continue;
      for (Index i = 0; i < gradient.count(); ++i)
        if (test::get(gradient.value(), i) != 0)
          return std::string(create_graph ? "recorded" : "plain") + ", input " + std::to_string(k) +
                 ", element " + std::to_string(i) + ": " + std::to_string(test::get(gradient.value(), i)) +
                 "; at" + test::text_of(inputs);
    }
  }
  return {};
}

}  // namespace

TEST_CASE("a zero cotangent contributes zero, whatever the slope") {
  const test::Threads alone(1);  // the rows are small
  std::set<std::string> plain;
  for (const test::Case& row : test::all_cases())
    if (row.order != test::Order::none)
      for (const DType dtype : {float64, float32})
        test::at_special_inputs(row, dtype, test::special_values(dtype), [&](const auto& at) {
          const std::string text = trace(row, at);
          if (text.empty()) return true;
          if (multiplies_plainly.count(row.operation) == 0)
            FAIL_CHECK(row.operation << ": " << row.name << ", " << to_string(dtype) << ": " << text);
          plain.insert(row.operation);
          return false;
        });
  // The list is exact: an operation that keeps the law does not belong to it.
  CHECK(plain == multiplies_plainly);
}
