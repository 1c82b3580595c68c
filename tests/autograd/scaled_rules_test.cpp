// The checks of the case table are checked: a rule that is off by a factor of 1.001, for any one input of any
// operation, must make a row fail. In front of an input stands an operation that leaves the value alone and
// scales the gradient, which is the same as scaling what the rule gives for that input.
#include "support/cases.hpp"

#include <xgrad/autograd/map.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/math.hpp>
#include <xgrad/autograd/record.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

/// The gradients that are off.
enum class Where { all, plain, recorded, second_order, float32 };
constexpr std::array places{Where::all, Where::plain, Where::recorded, Where::second_order, Where::float32};

const char* name_of(Where where) {
  switch (where) {
    case Where::all:
      return "rule";
    case Where::plain:
      return "fused rule";
    case Where::recorded:
      return "recorded rule";
    case Where::second_order:
      return "second order";
    default:
      return "float32 rule";
  }
}

Variable scaled(const Variable& x, Where where) {
  Op op("test_scaled", x);
  return op.record(op.value(), Rule{Saves{}, [where](Backward& r) {
                                      const Variable& g = r.gradient();
                                      // Its own gradient is off, not its value.
                                      if (where == Where::second_order)
                                        return r.create_graph() ? scaled(g, Where::all) : g;
                                      const bool off = where == Where::all ||
                                                       (where == Where::plain && !r.create_graph()) ||
                                                       (where == Where::recorded && r.create_graph()) ||
                                                       (where == Where::float32 && g.dtype() == float32);
                                      return off ? g * 1.001 : g;
                                    }});
}

Case with_scaled_rule(const Case& row, std::size_t input, Where where) {
  Case result = row;
  result.function = [function = row.function, input, where](std::vector<Variable> x) {
    x[input] = scaled(x[input], where);
    return function(x);
  };
  return result;
}

double largest_of(const Tensor& gradient) {
  double largest = 0;
  if (gradient.defined())
    for (const double g : gradient.span<double>()) largest = std::max(largest, std::abs(g));
  return largest;
}

/// The loops of user-defined formulas, which no operation of the library's own stands for.
std::vector<Case> map_rows() {
  const Tensor a = spread({3, 4}, -2, 2, 1), b = spread({4}, 0.5, 2, 2), c = spread({3, 1}, -1, 1, 3);
  return {
      {"map",
       "one operand",
       [](const auto& x) {
         return map(
             "test_map_one", [](auto v) { return v * sin(v); }, x[0]);
       },
       {a},
       test::elementwise([](double v) { return v * std::sin(v); })},
      {"map",
       "three operands",
       [](const auto& x) {
         return map(
             "test_map_three", [](auto u, auto v, auto w) { return u * v + exp(w * u) / v; }, x[0], x[1],
             x[2]);
       },
       {a, b, c},
       [](const std::vector<Tensor>& x) {
         Tensor y = x[0];
         for (Index i = 0; i < y.count(); ++i) {
           const double u = x[0].data<double>()[i], v = x[1].data<double>()[i % 4],
                        w = x[2].data<double>()[i / 4];
           y.mutable_data<double>()[i] = u * v + std::exp(w * u) / v;
         }
         return y;
       }},
  };
}

}  // namespace

TEST_SUITE("slow") {
  TEST_CASE("every rule scaled by 1.001 is caught") {
    using Key = std::tuple<std::string, std::size_t, Where>;
    std::map<Key, int> caught;  // rows, of those that have a gradient
    std::vector<std::string> missed;
    std::vector<Case> rows = test::all_cases();
    for (Case& row : map_rows()) rows.push_back(std::move(row));
    for (const Case& row : rows) {
      CAPTURE(row.operation);
      CAPTURE(row.name);
      REQUIRE(test::fault_of(row) == "");
      const std::vector<Tensor> gradients = test::gradients_of(row);
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        const double largest = largest_of(gradients[i]);
        if (largest == 0) continue;
        for (const Where where : places) {
          int& count = caught[{row.operation, i, where}];
          if (row.order == test::Order::none) continue;
          const bool noticed = !test::fault_of(with_scaled_rule(row, i, where)).empty();
          count += noticed ? 1 : 0;
          // One row is enough for an operation, but each should do where its gradient is not next to nothing.
          const bool expected = largest > 1e-3 && (where != Where::float32 || row.float32_tolerance == 1e-4);
          if (expected && !noticed)
            missed.push_back(row.operation + ", " + row.name + ": " + name_of(where) + " of input " +
                             std::to_string(i));
        }
      }
    }
    int defects = 0;
    std::set<std::string> operations;
    for (const auto& [key, count] : caught) {
      const auto& [operation, input, where] = key;
      operations.insert(operation);
      ++defects;
      if (count == 0)
        missed.push_back(operation + ": " + name_of(where) + " of input " + std::to_string(input) +
                         ", by every row");
    }
    for (const std::string& text : missed) FAIL_CHECK("missed: ", text);
    MESSAGE("rules scaled by 1.001: ", defects, " of ", operations.size(), " operations, ", missed.size(),
            " missed");
  }

  TEST_CASE("ten thousand random checks of the operations: no false alarm") {
    int checks = 0;
    for (unsigned seed = 1; checks < 10'000; ++seed)
      for (Case row : test::all_cases()) {
        if (row.order != test::Order::second || row.operation == "cast") continue;
        bool drawn = false;
        for (Tensor& input : row.inputs) {
          if (input.dtype() != float64 || input.count() < 2) continue;
          const auto values = input.span<double>();
          const auto [low, high] = std::minmax_element(values.begin(), values.end());
          input = spread(input.shape(), *low, *high, 1000 * seed + static_cast<unsigned>(checks % 1000));
          drawn = true;
        }
        if (!drawn) continue;
        CAPTURE(row.operation);
        CAPTURE(row.name);
        CAPTURE(seed);
        const CheckResult first = gradcheck(row.function, row.inputs, row.check);
        CHECK_MESSAGE(first, first.text);
        const CheckResult second = gradgradcheck(row.function, row.inputs, row.check);
        CHECK_MESSAGE(second, second.text);
        checks += 2;
      }
    MESSAGE("random checks: ", checks);
  }
}
