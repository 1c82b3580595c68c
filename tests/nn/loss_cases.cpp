// The case table's rows for the operation that the losses record themselves.
#include "support/cases.hpp"

#include <xgrad/nn/loss.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>

namespace {

using namespace xgrad;

Tensor shares(const Shape& shape) { return test::spread(shape, 0.05, 0.95, 5); }

const test::Reference reference = test::elementwise([](double p, double t) {
  return -(t * std::max(std::log(p), -100.0) + (1 - t) * std::max(std::log1p(-p), -100.0));
});

test::Case row(const std::string& name, const Tensor& p, const Tensor& t,
               test::Order order = test::Order::second) {
  return {
      "binary_cross_entropy",
      name,
      [](const auto& x) { return nn::binary_cross_entropy(x[0], x[1], {.reduction = nn::Reduction::none}); },
      {p, t},
      reference,
      order};
}

const bool rows = test::add_cases({
    row("matrix", test::spread({3, 4}, 0.05, 0.95), shares({3, 4})),
    row("scalar", test::spread({}, 0.05, 0.95), shares({})),
    row("one element", test::spread({1}, 0.05, 0.95), shares({1})),
    row("empty", zeros({0, 3}, float64), zeros({0, 3}, float64)),
    row("empty middle", zeros({2, 0, 4}, float64), zeros({2, 0, 4}, float64)),
    row("the ends of the domain", Tensor({0.0, 1.0, 0.0, 1.0}, float64),
        Tensor({0.0, 1.0, 1.0, 0.0}, float64), test::Order::none),
});

}  // namespace
